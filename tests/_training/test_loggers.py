"""skorch's logging callbacks: they send the losses of each epoch in the units of X."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from skorch.callbacks import MlflowLogger, TensorBoard, WandbLogger

from skae import AutoEncoderTransformer

X = np.random.default_rng(0).normal(size=(100, 6)) * 30


def fit(callback=None, **params):
    callbacks = None if callback is None else [callback]
    ae = AutoEncoderTransformer(2, callbacks=callbacks, max_epochs=4, random_state=0)
    return ae.set_params(**params).fit(X)


def test_the_event_files_of_tensorboard_have_the_loss_curves(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    from torch.utils.tensorboard import SummaryWriter

    ae = fit(TensorBoard(SummaryWriter(tmp_path)), early_stopping=True)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    for tag, curve in {
        "Loss/train_loss": ae.loss_curve_,
        "Loss/valid_loss": ae.validation_loss_curve_,
    }.items():
        assert [event.value for event in events.Scalars(tag)] == pytest.approx(curve)


def test_tensorboard_writes_each_epoch_and_closes():
    sent = []
    writer = SimpleNamespace(
        add_scalar=lambda tag, scalar_value, global_step: sent.append(
            (tag, scalar_value, global_step)
        ),
        close=lambda: sent.append("closed"),
    )
    curve = fit(TensorBoard(writer)).loss_curve_
    expected = [("Loss/train_loss", loss, n) for n, loss in enumerate(curve, 1)]
    assert sent == [*expected, "closed"]


def test_mlflow_gets_losses_and_weights():
    sent, files, ended = [], [], []
    client = SimpleNamespace(
        log_metric=lambda run, key, value, step: sent.append((run, key, value, step)),
        log_artifact=lambda run, path: files.append((path.name, path.stat().st_size)),
        set_terminated=ended.append,
    )
    run = SimpleNamespace(info=SimpleNamespace(run_id="first"))
    curve = fit(MlflowLogger(run, client)).loss_curve_
    assert sent == [("first", "train_loss", loss, n) for n, loss in enumerate(curve, 1)]
    assert {name for name, size in files if size} == {
        *("criterion.pth", "history.json", "optimizer.pth", "params.pth")
    }
    assert ended == ["first"]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_wandb_gets_losses_and_leaves_the_network_as_it_was(early_stopping, tmp_path):
    sent, watched = [], []
    run = SimpleNamespace(dir=tmp_path, log=sent.append, watch=watched.append)
    ae = fit(WandbLogger(run, save_model=early_stopping), early_stopping=early_stopping)
    assert [row["train_loss"] for row in sent] == ae.loss_curve_
    if early_stopping:
        assert [row["valid_loss"] for row in sent] == ae.validation_loss_curve_
        assert (tmp_path / "best_model.pth").stat().st_size
    assert watched == [ae.module_]
    assert np.array_equal(
        fit(early_stopping=early_stopping).transform(X), ae.transform(X)
    )


def test_an_estimator_whose_callback_cannot_be_saved_is_saved_without_it():
    writer = SimpleNamespace(add_scalar=lambda *_, **__: None, close=lambda: None)
    ae = fit(TensorBoard(writer))
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(ae)
    loaded = pickle.loads(pickle.dumps(ae.set_params(callbacks=None)))
    assert np.array_equal(loaded.transform(X), ae.transform(X))
