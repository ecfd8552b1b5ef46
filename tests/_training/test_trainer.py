"""Tests of the one training loop."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
    TrainEndCheckpoint,
)
from torch import nn

from skae import AutoEncoderTransformer
from skae._common.runtime import make_generator
from skae._training import (
    OPTIMIZERS,
    Batches,
    ReconstructionObjective,
    Rows,
    TrainingNet,
)
from skae._training.schedules import SCHEDULES
from skae.exceptions import DivergenceError
from skae.likelihood import Gaussian
from skae.modules import DenseAutoencoder

X = np.random.RandomState(0).randn(50, 6).astype(np.float32)


def make_batches(rows=X, batch_size=16):
    return Batches(
        Rows(rows, torch.device("cpu")),
        batch_size=batch_size,
        generator=make_generator(0),
    )


def make_net(callbacks=(), lr=0.01, schedule="constant", module=None, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = module or DenseAutoencoder(6, 2, (4,))
    kwargs.setdefault("optimizer", OPTIMIZERS["adam"])
    kwargs.setdefault("criterion", ReconstructionObjective(Gaussian()))
    net = TrainingNet(module, callbacks=list(callbacks), lr=lr, **kwargs).initialize()
    net.set_course(lr, schedule)
    return net


class Events(Callback):
    """Write down the events of training and epochs."""

    def __init__(self):
        self.events = []

    def on_train_begin(self, net, **kwargs):
        self.events.append("train begin")

    def on_train_end(self, net, **kwargs):
        self.events.append("train end")

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        assert len(dataset_train) == 4
        self.events.append("epoch begin")

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        assert len(dataset_train) == 4
        self.events.append(("epoch end", net.history[-1, "train_loss"]))


class BatchEvents(Events):
    """Write down those of the batches too."""

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.events.append(("batch begin", len(batch[0]), training))

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        rate = net.optimizer_.param_groups[0]["lr"]
        self.events.append(("batch end", len(batch[0]), training, float(loss), rate))

    def on_grad_computed(self, net, named_parameters, batch=None, **kwargs):
        norms = [p.grad.norm() for _, p in named_parameters]
        self.events.append(("grad computed", len(batch[0]), bool(sum(norms) > 0)))


def kinds(events):
    return [event if isinstance(event, str) else event[0] for event in events]


def test_callbacks_get_the_epochs():
    events = Events()
    net = make_net([events]).train(make_batches(), make_batches(), epochs=2)
    epoch = ["epoch begin", "epoch end"]
    assert kinds(events.events) == ["train begin", *epoch, *epoch, "train end"]
    assert [e[1] for e in events.events if e[0] == "epoch end"] == (
        net.history[:, "train_loss"]
    )
    # Nobody asked for the batches: an empty one stands for all.
    assert [epoch["batches"] for epoch in net.history] == [[{}], [{}]]
    assert not net.batch_events_


def test_callbacks_that_ask_get_the_batches():
    events, plain = BatchEvents(), make_net()
    net = make_net([events])
    validation = make_batches(X[:20], batch_size=10)
    for one in (net, plain):
        one.train(make_batches(), validation, epochs=2)
    train = ["batch begin", "grad computed", "batch end"] * 4
    valid = ["batch begin", "batch end"] * 2
    epoch = ["epoch begin", *train, *valid, "epoch end"]
    assert kinds(events.events) == ["train begin", *epoch, *epoch, "train end"]
    begun = [e[1:] for e in events.events if e[0] == "batch begin"]
    sizes = [(16, True)] * 3 + [(2, True)] + [(10, False)] * 2
    assert begun == sizes * 2
    assert all(e[2] for e in events.events if e[0] == "grad computed")

    # The batches' losses stand in the history as skorch has them.
    ended = [e[3] for e in events.events if e[0] == "batch end" and e[2]]
    for k, row in enumerate(net.history):
        trained = [b for b in row["batches"] if "train_loss" in b]
        losses = [b["train_loss"] for b in trained]
        assert losses == ended[4 * k : 4 * k + 4]
        weights = [b["train_batch_size"] for b in trained]
        assert row["train_loss"] == pytest.approx(np.average(losses, weights=weights))
        assert sum("valid_loss" in b for b in row["batches"]) == 2
    # And being watched changes nothing.
    for key in ("train_loss", "valid_loss"):
        assert net.history[:, key] == pytest.approx(plain.history[:, key], rel=1e-6)


def test_history_of_losses():
    net = make_net(lr=0.3).train(make_batches(), make_batches(X[:7]), epochs=12)
    for prefix in ("train", "valid"):
        losses = net.history[:, f"{prefix}_loss"]
        best = np.minimum.accumulate([np.inf, *losses])[:-1]
        assert net.history[:, f"{prefix}_loss_best"] == list(losses < best)
        assert len(set(net.history[:, f"{prefix}_loss_best"])) == 2
    assert not net.module_.training
    with torch.no_grad():
        found = net.module_(torch.from_numpy(X[:7]))
    loss = np.square(found.numpy() - X[:7]).mean()
    assert losses[-1] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rate_follows_the_schedule_over_all_steps(schedule):
    events = BatchEvents()
    net = make_net([events], 0.1, schedule).train(make_batches(), epochs=3)
    rates = [e[4] for e in events.events if e[0] == "batch end"]
    course = SCHEDULES[schedule] or (lambda progress: 1.0)
    assert rates == pytest.approx([0.1 * course(k / 12) for k in range(12)])
    net.set_course(0.02, "constant")
    net.train(make_batches())
    assert {e[4] for e in events.events[-11:] if e[0] == "batch end"} == {0.02}


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS.values(), torch.optim.SGD])
def test_skorchs_rate_scheduler_works(optimizer):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    net = make_net([scheduler], optimizer=optimizer).train(make_batches(), epochs=3)
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(0.01 * 0.1**3)
    plain = make_net(optimizer=optimizer).train(make_batches(), epochs=3)
    losses, plain_losses = (n.history[:, "train_loss"] for n in (net, plain))
    assert losses[0] == plain_losses[0]
    assert losses[2] > plain_losses[2]


class OwnModule(DenseAutoencoder):
    """Goes through autograd."""


@pytest.mark.parametrize("module", [DenseAutoencoder, OwnModule])
def test_skorchs_gradient_clipping_works(module):
    steps = []
    for callbacks in ([], [GradientNormClipping(1e-3)]):
        net = make_net(
            callbacks, lr=1.0, module=module(6, 2, (4,)), optimizer=torch.optim.SGD
        )
        before = [p.detach().clone() for p in net.module_.parameters()]
        net.train(make_batches(batch_size=50))
        changes = zip(net.module_.parameters(), before, strict=True)
        steps.append(sum((p - b).square().sum().item() for p, b in changes) ** 0.5)
    assert steps[0] > 0.01
    assert steps[1] == pytest.approx(1e-3, rel=0.01)


def test_a_callback_stops_the_training():
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.stop_training_ = len(net.history) == 2

    events = Events()
    net = make_net([Stop(), events]).train(make_batches(), epochs=5)
    assert len(net.history) == 2
    assert events.events[-1] == "train end"
    for early_stopping in (False, True):
        ae = AutoEncoderTransformer(
            2, max_epochs=8, callbacks=[Stop()], early_stopping=early_stopping
        )
        assert ae.fit(X).n_epochs_ == 2


class Scripted(nn.Module):
    """An objective that is what the script says, whatever the module does."""

    def __init__(self):
        super().__init__()
        self.value = None

    def forward(self, module, x, target):
        return 0.0 * module.encoder[0].weight.sum() + self.value


class Script(Callback):
    def __init__(self, values):
        self.first, self.values = values[0], iter(values)

    def on_epoch_begin(self, net, **kwargs):
        net.criterion_.value = next(self.values)

    def on_epoch_end(self, net, **kwargs):
        net.criterion_.value = self.first  # for who asks again where it began


def train_by_script(values, lr=0.01):
    net = make_net([Script(values)], criterion=Scripted(), lr=lr)
    net.criterion_.value = values[0]
    return net.train(make_batches(), epochs=len(values))


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0, 0.5],
        [1.0, 2.9],
        [1.0, 100.0, 1.0],  # what counts is where it ends
        [1e-12, 1e-6, 1e-5],  # noise around nothing
        [-1.0, -2.0],  # a density may be larger than one
    ],
)
def test_loss_that_comes_down_is_fine(values):
    net = train_by_script(values)
    assert net.history[:, "train_loss"] == pytest.approx(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, 1.0], "loss is nan in epoch 2"),
        ([np.inf, 1.0], "loss is inf in epoch 1"),
        ([1.0, 2.0, 50.0], "loss ended at 50 and began at 1 in epoch 3"),
    ],
)
def test_divergence_is_an_error_that_says_what_to_lower(values, message):
    with pytest.raises(DivergenceError, match=rf"{message}.*Lower lr \(lr=0\.25\)"):
        train_by_script(values, lr=0.25)


def test_an_easy_first_batch_is_no_divergence():
    # One row in four is large, and none is in the first batch: the loss goes up from
    # there, and down from where all rows began.
    rows = np.ones((64, 6), np.float32)
    rows[16:32] = 100.0
    batches = Batches(Rows(rows, torch.device("cpu")), batch_size=16)
    net = make_net(lr=1e-4).train(batches, epochs=3)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < losses[0]
    assert losses[-1] > 100 * net.first_loss_
    before = net.history[-1, "train_loss"]
    after = torch.stack([net.validation_step(batch) for batch in batches]).mean()
    assert after < before  # the weights are those of the end


@pytest.mark.parametrize("base", [Callback, LRScheduler])
def test_ctrl_c_leaves_fit_and_a_grid_search(base):
    class Interrupt(base):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    ae = AutoEncoderTransformer(
        2, max_epochs=3, lr_schedule="constant", callbacks=[Interrupt()]
    )
    with pytest.raises(KeyboardInterrupt):
        ae.fit(X)
    assert not hasattr(ae, "module_")
    search = GridSearchCV(ae, {"lr": [1e-3, 1e-2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X)
    assert not hasattr(search, "cv_results_")


class OwnEarlyStopping(EarlyStopping):
    pass


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping(monitor="train_loss"),
        EarlyStopping,
        ("stop", EarlyStopping()),
        ("stop", EarlyStopping),
        OwnEarlyStopping(),
    ],
)
def test_skorchs_early_stopping_is_refused(callback):
    ae = AutoEncoderTransformer(2, max_epochs=1, callbacks=[Events(), callback])
    for fit in (ae.fit, ae.partial_fit):
        with pytest.raises(ValueError, match=r"EarlyStopping.*early_stopping=True"):
            fit(X)


@pytest.mark.parametrize(
    ("callback", "advice"),
    [
        (EpochScoring("r2"), "score the fitted estimator instead"),
        (BatchScoring("r2"), "score the fitted estimator instead"),
        (PassthroughScoring("train_loss"), "look at the loss curves"),
        (InputShapeSetter, "made for the width of X anyway"),
        (LRScheduler("StepLR", step_size=1), "set lr_schedule='constant' beside it"),
    ],
)
def test_callbacks_that_would_not_work_are_refused(callback, advice):
    ae = AutoEncoderTransformer(2, max_epochs=1, callbacks=[callback])
    with pytest.raises(ValueError, match=rf"callbacks holds skorch's .*{advice}"):
        ae.fit(X)


def test_schedulers_of_skorch_beside_a_constant_rate():
    rates = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    AutoEncoderTransformer(
        2,
        max_epochs=3,
        lr=1e-3,
        lr_schedule="constant",
        callbacks=[Watch(), LRScheduler("StepLR", step_size=1, gamma=0.1)],
    ).fit(X)
    np.testing.assert_allclose(rates, [1e-3, 1e-4, 1e-5])


def test_parameters_are_found_by_their_names():
    options = {"hidden_layer_sizes": (4,), "max_epochs": 2, "random_state": 0}
    free = AutoEncoderTransformer(2, **options).fit(X)
    start = AutoEncoderTransformer(2, **(options | {"max_epochs": 1, "lr": 1e-30}))
    start = start.fit(X).module_.state_dict()
    frozen = AutoEncoderTransformer(2, callbacks=[Freezer("encoder*")], **options)
    found = frozen.fit(X).module_.state_dict()
    for name, tensor in free.module_.state_dict().items():
        moved = (found[name] - start[name]).abs().max()
        assert (moved < 1e-20) == name.startswith("encoder")
        assert (tensor - start[name]).abs().max() > 1e-5
    zero = Initializer("encoder*", fn=nn.init.zeros_)
    zeroed = AutoEncoderTransformer(2, callbacks=[zero], **options).fit(X)
    assert zeroed.loss_curve_[0] != free.loss_curve_[0]


@pytest.mark.parametrize("kind", [Checkpoint, TrainEndCheckpoint])
def test_checkpoints(kind, tmp_path):
    options = {"monitor": "train_loss_best"} if kind is Checkpoint else {}
    callback = kind(dirname=tmp_path, **options)
    ae = AutoEncoderTransformer(2, max_epochs=2, callbacks=[callback]).fit(X)
    (path,) = tmp_path.glob("*params.pt")
    kept = torch.load(path, weights_only=True)
    for name, tensor in ae.module_.state_dict().items():
        assert torch.equal(kept[name], tensor)


def test_callbacks_that_draw_do_so_by_the_seed():
    drawn = Initializer("encoder*weight", fn=nn.init.normal_)
    ae = AutoEncoderTransformer(2, max_epochs=1, callbacks=[drawn], random_state=0)
    before = torch.get_rng_state()
    losses = [clone(ae).fit(X).loss_curve_ for _ in range(2)]
    assert losses[0] == losses[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_asking_where_training_began_changes_nothing():
    # As in the easy first batch, with a noise that is learned along the way.
    rows = np.ones((64, 6), np.float32)
    rows[16:32] = 100.0
    batches = Batches(Rows(rows, torch.device("cpu")), batch_size=16)
    criterion = ReconstructionObjective(Gaussian(covariance_type="diag"))
    net = make_net(lr=1e-4, criterion=criterion)
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(criterion.weighed.error.clone())

    net.callbacks_.append(("watch", Watch()))
    net.train(batches, epochs=3)
    assert net.history[-1, "train_loss"] > 3 * net.first_loss_
    torch.testing.assert_close(criterion.weighed.error, seen[-1], rtol=0, atol=0)


@pytest.mark.parametrize("given", [Events(), Events, ("events", Events())])
def test_estimators_hand_callbacks_to_the_net(given):
    ae = AutoEncoderTransformer(
        2, max_epochs=2, batch_size=16, callbacks=[given], random_state=0
    ).fit(X)
    (events,) = [c for _, c in ae.net_.callbacks_ if isinstance(c, Events)]
    assert kinds(events.events).count("epoch end") == 2
    assert kinds(events.events)[0] == "train begin"
    silent = AutoEncoderTransformer(2, max_epochs=2, batch_size=16, random_state=0)
    assert silent.fit(X).loss_curve_ == ae.loss_curve_
