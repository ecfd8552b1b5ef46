"""Tests of the one training loop, its state, and skorch's callbacks in it."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
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
    PrintLog,
    TrainEndCheckpoint,
)
from torch import nn

from skae import AutoEncoderTransformer, PseudoLabelClassifier, VariationalAutoEncoder
from skae._common.runtime import STREAMS, default_modes
from skae._common.validation import Samples
from skae._training.batches import Batches, Rows
from skae._training.objective import ReconstructionObjective
from skae._training.optimizers import OPTIMIZERS
from skae._training.scaling import Scaling
from skae._training.schedules import SCHEDULES
from skae._training.trainer import Trainer, fast
from skae._training.weights import tensors_of
from skae.exceptions import DivergenceError
from skae.likelihood import Gaussian
from skae.modules import DenseAutoencoder

CPU = torch.device("cpu")
# Far from standardized: what users see is in the scale of these.
X = (5 + 3 * np.random.RandomState(0).randn(50, 6)).astype(np.float32)


def make(callbacks=None, **parameters):
    """Make an autoencoder that is trained in four batches per epoch."""
    return AutoEncoderTransformer(
        2,
        callbacks=callbacks,
        **{
            "hidden_layer_sizes": (4,),
            "skip_connection": False,
            "batch_size": 16,
            "max_epochs": 2,
            "lr_schedule": "constant",
            "random_state": 0,
        }
        | parameters,
    )


def make_trainer(objective, callbacks=(), lr=0.01, n_epochs=1, **options):
    """Make a trainer of an objective alone, planned for four batches per epoch."""
    trainer = Trainer(
        objective,
        {name: torch.Generator() for name in STREAMS},
        0,
        OPTIMIZERS["adam"],
        {"lr": lr},
        callbacks,
        **options,
    )
    trainer.plan(n_epochs, 4, lr, "constant")
    return trainer


def make_module():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DenseAutoencoder(6, 2, (4,))


def in_order(rows):
    """Batches of rows as they are, always in the same order."""
    samples = Samples(rows)
    return Batches(Rows(samples, Scaling.identity(6), CPU), batch_size=16)


def callback_of(estimator, kind):
    """Return the copy of a callback that took part in the fit."""
    (found,) = [c for _, c in estimator.net_.callbacks_ if isinstance(c, kind)]
    return found


class UserModule(DenseAutoencoder):
    """Goes through autograd."""

    def __init__(self, n_features, n_components):
        super().__init__(n_features, n_components, (4,))


# -- Events and the history -------------------------------------------------------


class Events(Callback):
    """Write down the events of training and epochs."""

    def __init__(self):
        self.events = []

    def on_train_begin(self, net, **kwargs):
        self.events.append("train begin")

    def on_train_end(self, net, **kwargs):
        self.events.append("train end")

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.events.append(("epoch begin", len(dataset_train)))

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
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


@pytest.mark.parametrize("given", [Events(), Events, ("events", Events())])
def test_callbacks_get_the_epochs(given):
    ae = make([given]).fit(X)
    events = callback_of(ae, Events).events
    epoch = ["epoch begin", "epoch end"]
    assert kinds(events) == ["train begin", *epoch, *epoch, "train end"]
    assert [e[1] for e in events if e[0] == "epoch end"] == ae.loss_curve_
    assert [e[1] for e in events if e[0] == "epoch begin"] == [4, 4]
    # Nobody listens to the batches: an empty one stands for all.
    assert [epoch["batches"] for epoch in ae.net_.history] == [[{}], [{}]]
    assert make().fit(X).loss_curve_ == ae.loss_curve_


@pytest.mark.parametrize("module", [None, UserModule])
def test_callbacks_that_listen_to_batches_get_them(module):
    options = {
        "module": module,
        "early_stopping": True,
        "validation_fraction": 0.4,
    }
    ae, plain = make([BatchEvents()], **options).fit(X), make(**options).fit(X)
    events = callback_of(ae, BatchEvents).events
    train = ["batch begin", "grad computed", "batch end"] * 2
    valid = ["batch begin", "batch end"] * 2
    epoch = ["epoch begin", *train, *valid, "epoch end"]
    assert kinds(events) == ["train begin", *epoch, *epoch, "train end"]
    begun = [e[1:] for e in events if e[0] == "batch begin"]
    assert begun == [(16, True), (14, True), (16, False), (4, False)] * 2
    assert all(e[2] for e in events if e[0] == "grad computed")

    # The batches' losses are in the history as skorch has them, in X's scale.
    ended = [e[3] for e in events if e[0] == "batch end"]
    for k, row in enumerate(ae.net_.history):
        for prefix, part in (("train", slice(0, 2)), ("valid", slice(2, 4))):
            of_batches = [b for b in row["batches"] if f"{prefix}_loss" in b]
            losses = [b[f"{prefix}_loss"] for b in of_batches]
            weights = [b[f"{prefix}_batch_size"] for b in of_batches]
            in_x = np.array(ended[4 * k : 4 * k + 4][part]) * ae.scale_**2
            np.testing.assert_allclose(losses, in_x, rtol=1e-6)
            assert row[f"{prefix}_loss"] == pytest.approx(
                np.average(losses, weights=weights), rel=1e-6
            )
    # And being watched changes nothing.
    np.testing.assert_allclose(ae.loss_curve_, plain.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(
        ae.validation_loss_curve_, plain.validation_loss_curve_, rtol=1e-6
    )


def test_history_of_losses():
    ae = make(max_epochs=12, lr=0.3, early_stopping=True, n_iter_no_change=99).fit(X)
    history = ae.net_.history
    assert history[:, "train_loss"] == ae.loss_curve_
    assert history[:, "valid_loss"] == ae.validation_loss_curve_
    for prefix in ("train", "valid"):
        losses = history[:, f"{prefix}_loss"]
        best = np.minimum.accumulate([np.inf, *losses])[:-1]
        assert history[:, f"{prefix}_loss_best"] == list(losses < best)
        assert len(set(history[:, f"{prefix}_loss_best"])) == 2
    assert not ae.module_.training


def test_losses_are_in_the_scale_of_x():
    class Measure(Callback):
        def on_epoch_begin(self, net, **kwargs):
            z = (torch.from_numpy(X) - self.mean) / self.scale
            with torch.no_grad():
                error = (net.module_(z) - z).square().mean().item()
            self.found = error * self.scale**2

    # Of one batch the loss is that of the weights before the step.
    Measure.mean = torch.from_numpy(X.mean(axis=0))
    Measure.scale = float(np.sqrt(np.square(X - X.mean(axis=0)).mean()))
    ae = make([Measure()], batch_size=50, max_epochs=3).fit(X)
    found = callback_of(ae, Measure).found
    assert ae.loss_curve_[-1] == pytest.approx(found, rel=1e-5)


def test_print_log_prints(capsys):
    make([PrintLog()], max_epochs=3).fit(X)
    header, line, *rows = capsys.readouterr().out.strip().splitlines()
    assert header.split() == ["epoch", "train_loss"]
    assert set(line) <= {"-", " "}
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


class CompareGradients(Callback):
    """Take the gradients by autograd too."""

    def on_grad_computed(self, net, named_parameters, batch=None, **kwargs):
        names, parameters = zip(*named_parameters, strict=True)
        own = dict(net.module_.named_parameters())
        assert list(names) == list(own)
        assert all(p is own[name] for name, p in named_parameters)
        with torch.enable_grad():
            grads = torch.autograd.grad(net.criterion_(*batch), parameters)
        for parameter, grad in zip(parameters, grads, strict=True):
            torch.testing.assert_close(parameter.grad, grad, rtol=1e-4, atol=1e-6)
        self.n_seen = getattr(self, "n_seen", 0) + 1


@pytest.mark.parametrize("module", [None, UserModule])
@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD])
def test_gradients_are_seen_by_the_names_of_the_modules_own(module, optimizer):
    ae = make([CompareGradients()], module=module, optimizer=optimizer, lr=0.01).fit(X)
    assert (ae._trainer.dense_step is None) == (module is UserModule)
    assert callback_of(ae, CompareGradients).n_seen == 8


# -- Rates and optimizers ---------------------------------------------------------

PROGRESS = np.linspace(0, 1, 1001)


def test_cosine_falls_from_the_peak_to_nothing():
    factors = np.array([SCHEDULES["cosine"](p) for p in PROGRESS])
    assert factors[0] == 1
    assert factors[-1] == pytest.approx(0, abs=1e-12)
    assert factors[500] == pytest.approx(0.5)
    assert (np.diff(factors) < 0).all()


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    factors = np.array([SCHEDULES["one_cycle"](p) for p in PROGRESS])
    peak = factors.argmax()
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[peak] == pytest.approx(1)
    assert PROGRESS[peak] == pytest.approx(0.3)
    assert factors[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(factors[: peak + 1]) > 0).all()
    assert (np.diff(factors[peak:]) < 0).all()
    assert np.abs(np.diff(factors)).max() < 0.01  # and never jumps


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rate_follows_the_schedule_over_all_steps(schedule):
    ae = make([BatchEvents()], lr=0.1, lr_schedule=schedule, max_epochs=3).fit(X)
    events = callback_of(ae, BatchEvents).events
    rates = [e[4] for e in events if e[0] == "batch end"]
    factor = SCHEDULES[schedule] or (lambda progress: 1.0)
    assert rates == pytest.approx([0.1 * factor(k / 12) for k in range(12)])
    ae.set_params(lr=0.02).partial_fit(X)
    assert callback_of(ae, BatchEvents).events is events
    rates = [e[4] for e in events if e[0] == "batch end"]
    assert rates[12:] == [0.02] * 4


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, torch.optim.SGD])
def test_skorchs_rate_scheduler_works(optimizer):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    options = {"optimizer": optimizer, "lr": 0.01, "max_epochs": 3}
    ae, plain = make([scheduler], **options).fit(X), make(**options).fit(X)
    rate = ae.net_.optimizer_.param_groups[0]["lr"]
    assert rate == pytest.approx(0.01 * 0.1**3)
    assert ae.loss_curve_[0] == plain.loss_curve_[0]
    assert ae.loss_curve_[2] > plain.loss_curve_[2]


def test_schedulers_of_skorch_beside_a_constant_rate():
    rates = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    make([Watch(), scheduler], max_epochs=3, lr=1e-3).fit(X)
    np.testing.assert_allclose(rates, [1e-3, 1e-4, 1e-5])


def test_options_of_a_partial_optimizer_count():
    curves = [
        make(optimizer=optimizer, lr=0.05, max_epochs=4).fit(X).loss_curve_
        for optimizer in (
            partial(torch.optim.SGD, momentum=0.5),
            partial(torch.optim.SGD, momentum=0.0),
            torch.optim.SGD,
        )
    ]
    assert curves[1] == curves[2]
    assert curves[0][-1] < curves[1][-1]


class ReloadOptimizer(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.optimizer_.load_state_dict(copy.deepcopy(net.optimizer_.state_dict()))


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, torch.optim.Adam])
@pytest.mark.parametrize("module", [None, UserModule])
def test_loading_the_state_of_the_optimizer_leaves_the_schedule(optimizer, module):
    options = {
        "optimizer": optimizer,
        "module": module,
        "lr_schedule": "one_cycle",
        "max_epochs": 6,
        "lr": 0.01,
    }
    undisturbed, reloaded = make(**options), make([ReloadOptimizer()], **options)
    assert reloaded.fit(X).loss_curve_ == undisturbed.fit(X).loss_curve_


class ReplaceOptimizer(Callback):
    """Replace the optimizer by another one, as skorch's ``set_params`` does."""

    def on_train_begin(self, net, **kwargs):
        net.initialize_optimizer()


class Wrapped(torch.optim.Optimizer):
    """An optimizer around another, whose step returns nothing."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    state = property(lambda self: self.optimizer.state)
    param_groups = property(lambda self: self.optimizer.param_groups)

    def zero_grad(self, set_to_none=True):
        self.optimizer.zero_grad(set_to_none)

    def step(self, closure=None):
        self.optimizer.step(closure)


class WrapOptimizer(Callback):
    def on_train_begin(self, net, **kwargs):
        net.optimizer_ = Wrapped(net.optimizer_)


@pytest.mark.parametrize("kind", [ReplaceOptimizer, WrapOptimizer])
@pytest.mark.parametrize("module", [None, UserModule])
def test_a_replaced_optimizer_follows_the_schedule(kind, module):
    options = {"module": module, "lr_schedule": "one_cycle", "max_epochs": 6}
    plain, replaced = make(**options), make([kind()], **options)
    plain.fit(X), replaced.fit(X)
    np.testing.assert_allclose(replaced.loss_curve_, plain.loss_curve_, rtol=1e-5)


class AddGroup(Callback):
    """Let the optimizer train a parameter beside the module."""

    def __init__(self):
        self.parameter = nn.Parameter(torch.ones(3))

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 1:
            net.optimizer_.add_param_group({"params": [self.parameter]})


def test_groups_of_parameters_may_be_added():
    added, plain = make([AddGroup()], max_epochs=3), make(max_epochs=3)
    added.fit(X), plain.fit(X)
    np.testing.assert_allclose(added.loss_curve_, plain.loss_curve_, rtol=1e-5)


class ForgetGradients(Callback):
    def on_batch_begin(self, net, **kwargs):
        net.optimizer_.zero_grad()


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD])
def test_a_callback_may_set_the_gradients_to_none(optimizer):
    options = {"optimizer": optimizer, "lr": 0.01, "max_epochs": 3}
    disturbed, plain = make([ForgetGradients()], **options), make(**options)
    assert disturbed.fit(X).loss_curve_ == plain.fit(X).loss_curve_


class ForgetState(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.optimizer_.state.clear()


@pytest.fixture
def without_written_out_step(monkeypatch):
    """Return a function from which on every gradient is autograd's."""
    return lambda: monkeypatch.setattr(fast, "make_step", lambda *args: None)


def test_a_callback_may_let_the_optimizer_begin_again(without_written_out_step):
    ae = make([ForgetState()], max_epochs=4)
    losses = ae.fit(X).loss_curve_
    assert losses != make(max_epochs=4).fit(X).loss_curve_
    without_written_out_step()
    np.testing.assert_allclose(ae.fit(X).loss_curve_, losses, rtol=1e-5)


class FreezeLate(Callback):
    """Freeze the encoder in the third epoch, and release it in the fifth."""

    def on_epoch_begin(self, net, **kwargs):
        for parameter in net.module_.encoder.parameters():
            parameter.requires_grad_(len(net.history) not in (3, 4))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weights_may_be_frozen_on_the_way(without_written_out_step, optimizer):
    ae = make([FreezeLate()], max_epochs=6, lr=0.01, optimizer=optimizer)
    losses = ae.fit(X).loss_curve_
    assert losses != make(max_epochs=6, lr=0.01, optimizer=optimizer).fit(X).loss_curve_
    without_written_out_step()
    np.testing.assert_allclose(ae.fit(X).loss_curve_, losses, rtol=1e-5)


# -- skorch's callbacks -----------------------------------------------------------


class Start(Callback):
    """Remember the weights of the start."""

    def on_train_begin(self, net, **kwargs):
        self.weights = copy.deepcopy(net.module_.state_dict())


@pytest.mark.parametrize("module", [None, UserModule])
def test_skorchs_gradient_clipping_works(module):
    steps = []
    for callbacks in ([], [GradientNormClipping(1e-3)]):
        ae = make(
            [Start(), *callbacks],
            module=module,
            lr=1.0,
            optimizer=torch.optim.SGD,
            batch_size=50,
            max_epochs=1,
        ).fit(X)
        before = callback_of(ae, Start).weights
        after = ae.module_.state_dict()
        changes = [(after[name] - before[name]).square().sum() for name in before]
        steps.append(float(sum(changes)) ** 0.5)
    assert steps[0] > 0.01
    assert steps[1] == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_callback_stops_the_training(early_stopping):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.stop_training_ = len(net.history) == 2

    callbacks = [Stop(), Events()]
    ae = make(callbacks, max_epochs=8, early_stopping=early_stopping).fit(X)
    assert ae.n_epochs_ == len(ae.net_.history) == 2
    assert callback_of(ae, Events).events[-1] == "train end"


def test_parameters_are_found_by_their_names():
    options = {"max_epochs": 2}
    free = make([Start()], **options).fit(X)
    start = callback_of(free, Start).weights
    frozen = make([Freezer("encoder*")], **options).fit(X)
    found = frozen.module_.state_dict()
    for name, tensor in free.module_.state_dict().items():
        assert torch.equal(found[name], start[name]) == name.startswith("encoder")
        assert (tensor - start[name]).abs().max() > 1e-5
    zero = Initializer("encoder*", fn=nn.init.zeros_)
    zeroed = make([zero], **options).fit(X)
    assert zeroed.loss_curve_[0] != free.loss_curve_[0]


@pytest.mark.parametrize("kind", [Checkpoint, TrainEndCheckpoint])
def test_checkpoints(kind, tmp_path):
    options = {"monitor": "train_loss_best"} if kind is Checkpoint else {}
    ae = make([kind(dirname=tmp_path, **options)]).fit(X)
    (path,) = tmp_path.glob("*params.pt")
    kept = torch.load(path, weights_only=True)
    for name, tensor in ae.module_.state_dict().items():
        assert torch.equal(kept[name], tensor)


def test_callbacks_that_draw_do_so_by_the_seed():
    ae = make([Initializer("encoder*weight", fn=nn.init.normal_)])
    before = torch.get_rng_state()
    losses = [clone(ae).fit(X).loss_curve_ for _ in range(2)]
    assert losses[0] == losses[1]
    assert torch.equal(torch.get_rng_state(), before)


class UserEarlyStopping(EarlyStopping):
    pass


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping(monitor="train_loss"),
        EarlyStopping,
        ("stop", EarlyStopping()),
        ("stop", EarlyStopping),
        UserEarlyStopping(),
    ],
)
def test_skorchs_early_stopping_is_refused(callback):
    ae = make([Events(), callback])
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
        (LRScheduler("StepLR", step_size=1), "set lr_schedule='constant' with it"),
    ],
)
def test_callbacks_that_would_not_work_are_refused(callback, advice):
    ae = make([callback], lr_schedule="one_cycle")
    with pytest.raises(ValueError, match=rf"callbacks holds skorch's .*{advice}"):
        ae.fit(X)


# -- Divergence, Ctrl-C -----------------------------------------------------------


class Scripted(ReconstructionObjective):
    """An objective that is what the script says, whatever the module does."""

    def __init__(self, module, value):
        super().__init__(module, Gaussian())
        self.value, self.validation_value = value, None

    def forward(self, x, target, weight=None):
        value = self.value if self.training else self.validation_value
        return 0.0 * self.module.encoder[0].weight.sum() + value


class Script(Callback):
    def __init__(self, values):
        self.first, self.values = values[0], iter(values)

    def on_epoch_begin(self, net, **kwargs):
        net.criterion_.value = next(self.values)

    def on_epoch_end(self, net, **kwargs):
        net.criterion_.value = self.first  # for who evaluates again where it began


def train_by_script(values, lr=0.01):
    objective = Scripted(make_module(), values[0])
    trainer = make_trainer(objective, [Script(values)], lr, len(values))
    return trainer.run(in_order(X))


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
    assert train_by_script(values).loss_curve == pytest.approx(values)


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


@pytest.fixture
def easy_first():
    """Rows one in four of which is large, and none in the first batch."""
    rows = np.ones((64, 6), np.float32)
    rows[16:32] = 100.0
    return rows


def test_an_easy_first_batch_is_not_divergence(easy_first):
    # The loss goes up from the first batch, and down from where all rows began.
    batches = in_order(easy_first)
    objective = ReconstructionObjective(make_module(), Gaussian())
    trainer = make_trainer(objective, lr=1e-4, n_epochs=3).run(batches)
    losses = trainer.loss_curve
    assert losses[-1] < losses[0]
    assert losses[-1] > 100 * trainer.first_loss
    with torch.no_grad():
        after = torch.stack([objective(*batch) for batch in batches]).mean()
    assert after < losses[-1]  # the weights are those of the end


def test_evaluating_the_beginning_again_changes_nothing(easy_first):
    # As above, with a variance that is learned along the way.
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(net.criterion_.nll.error.clone())

    objective = ReconstructionObjective(make_module(), Gaussian(covariance_type="diag"))
    trainer = make_trainer(objective, [Watch()], lr=1e-4, n_epochs=3)
    trainer.run(in_order(easy_first))
    assert trainer.last_loss > 3 * trainer.first_loss
    torch.testing.assert_close(objective.nll.error, seen[-1], rtol=0, atol=0)


@pytest.mark.parametrize("base", [Callback, LRScheduler])
def test_ctrl_c_leaves_fit_and_a_grid_search(base):
    class Interrupt(base):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    ae = make([Interrupt()], max_epochs=3)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(X)
    assert ae.n_epochs_ == 2
    search = GridSearchCV(ae, {"lr": [1e-3, 1e-2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X)
    assert not hasattr(search, "cv_results_")


# -- The best weights -------------------------------------------------------------


class ValidationScript(Callback):
    """Say the validation losses, and fill a weight with each."""

    def __init__(self, values):
        self.values = iter(values)

    def on_epoch_begin(self, net, **kwargs):
        net.criterion_.validation_value = value = next(self.values)
        with torch.no_grad():
            net.module_.encoder[0].bias.fill_(value)


@pytest.mark.parametrize(
    ("patience", "tol", "losses", "n_epochs"),
    [
        (2, 0.0, [3, 2, 2.5, 1, 1.5, 1.2, 0.1], 6),
        (1, 0.0, [3, 2, 2, 1], 3),
        (2, 0.5, [3, 2.8, 2.2, 2.0, 1.9, 0], 5),
        (9, 0.0, [3, 1, 2], 3),
        (2, 0.0, [1e-3, 2, 3], 3),
    ],
)
def test_stops_when_stale_and_goes_back_to_the_best(patience, tol, losses, n_epochs):
    objective = Scripted(make_module(), 1.0)
    script = ValidationScript([*losses[:n_epochs], 100.0])
    trainer = make_trainer(
        objective, [script], n_epochs=len(losses), patience=patience, tol=tol
    )
    trainer.run(in_order(X), in_order(X))
    assert trainer.validation_loss_curve == pytest.approx(losses[:n_epochs])
    bias = objective.module.encoder[0].bias
    assert (bias == min(losses[:n_epochs])).all()
    # A second training starts from the beginning: what was best no longer counts.
    trainer.plan(1, 4, 0.01, "constant")
    trainer.run(in_order(X), in_order(X))
    assert (bias == 100).all()


# -- Its state --------------------------------------------------------------------

DIGITS = load_digits().data[:200]


def build(estimator, callbacks=None, X=DIGITS, averages=False):
    """Make trainer and batches as ``fit`` makes them."""
    estimator = clone(estimator).set_params(callbacks=callbacks)
    estimator._averages_weights = averages
    inputs, targets = estimator._validate_training(X, reset=True)
    estimator._initialize(inputs, targets)
    with default_modes(CPU):
        generators = estimator._generators()
        training = estimator._make_batches(inputs, targets, generators)
        validation = None
        if estimator.early_stopping:
            split = partial(train_test_split, test_size=0.1, random_state=0)
            training, validation = training.split(split)
        estimator._make_trainer(training, generators, 0.01, "one_cycle")
    return estimator._trainer, training, validation


class StopAndKeep(Callback):
    """Keep the trainer's state after the second epoch, and stop."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            self.state = copy.deepcopy(self.trainer.state_dict())
            net.stop_training_ = True


@pytest.mark.parametrize("averages", [False, True])
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (AutoEncoderTransformer, {"hidden_layer_sizes": (33, 7)}),
        (AutoEncoderTransformer, {"optimizer": "sgd", "lr": 0.01}),
        (AutoEncoderTransformer, {"early_stopping": True, "lr": 0.05}),
        (AutoEncoderTransformer, {"contractive_penalty": 0.1}),
        (VariationalAutoEncoder, {"hidden_layer_sizes": (33, 7)}),
    ],
)
def test_a_run_goes_on_from_its_state_as_if_undisturbed(kind, parameters, averages):
    options = {"lr_schedule": "one_cycle", "batch_size": 32, "random_state": 0}
    estimator = kind(4, **options | parameters)
    whole, *data = build(estimator, averages=averages)
    whole.plan(6, len(data[0]), whole.net.lr, "one_cycle")
    whole.run(*data)

    stopped, *data = build(estimator, [StopAndKeep()], averages=averages)
    ((_, keeper),) = stopped.net.callbacks_
    keeper.trainer = stopped
    stopped.plan(6, len(data[0]), whole.net.lr, "one_cycle")
    stopped.run(*data)
    assert stopped.loss_curve == whole.loss_curve[:2]

    resumed, *data = build(estimator, averages=averages)
    with torch.no_grad():
        for parameter in resumed.objective.module.parameters():
            parameter.zero_()
    resumed.load_state_dict(keeper.state)
    resumed.run(*data)
    assert resumed.epoch == 6
    assert resumed.loss_curve == whole.loss_curve
    assert resumed.validation_loss_curve == whole.validation_loss_curve
    for tensor, expected in zip(
        tensors_of(resumed.objective.module),
        tensors_of(whole.objective.module),
        strict=True,
    ):
        assert torch.equal(tensor, expected)


def test_training_goes_on_from_the_weights_not_from_their_average(monkeypatch):
    X, y = load_digits(return_X_y=True)
    classifier = PseudoLabelClassifier(confidence=None, max_epochs=4, random_state=0)
    averaged = classifier.fit(X, y).predict_proba(X)
    losses = classifier.loss_curve_
    monkeypatch.setattr(PseudoLabelClassifier, "_averages_weights", False)
    last = classifier.fit(X, y).predict_proba(X)
    assert classifier.loss_curve_ == losses
    assert np.abs(averaged - last).max() > 1e-3
