"""Tests of what Ctrl-C leaves: the estimator as of the last whole epoch."""

import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._training.weights import tensors_of
from skae.corruption import Masking

X, y = load_digits(return_X_y=True)
X, y = X[:150].astype(np.float32), y[:150]
# Nothing that depends on the number of epochs that are planned.
OPTIONS = {
    "batch_size": 32,
    "lr": 1e-3,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "random_state": 0,
}


class Interrupt(Callback):
    """Press Ctrl-C in the third batch of an epoch, as the operating system does."""

    def __init__(self, epoch=3):
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        self.n_batches = 0

    def on_batch_end(self, net, training=None, **kwargs):
        self.n_batches += 1
        if self.n_batches == 3 and len(net.history) == self.epoch:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def fit(estimator, X=X):
    if isinstance(estimator, PseudoLabelClassifier):
        return estimator.fit(X, y)
    if isinstance(estimator, ColorizationAutoEncoder):
        images = X.reshape(-1, 8, 8) / 16
        return estimator.fit(
            images, np.stack([images, images / 2, 1 - images], axis=-1)
        )
    return estimator.fit(X)


def fit_without_selection(estimator):
    """Fit, but leave out the comparison with the start, as ``partial_fit`` does."""
    own = estimator._train

    def train(*args, **kwargs):
        estimator._selects = False
        return own(*args, **kwargs)

    estimator._train = train
    return fit(estimator)


def interrupt(estimator, epoch=3):
    with pytest.raises(KeyboardInterrupt):
        fit(estimator.set_params(callbacks=[Interrupt(epoch)]))
    return estimator.set_params(callbacks=None)


@pytest.mark.parametrize(
    "estimator",
    [
        AutoEncoderTransformer(4),
        AutoEncoderTransformer(4, l1_penalty=1e-3, optimizer="sgd"),
        AutoEncoderTransformer(4, architecture="conv", image_shape=(8, 8)),
        DenoisingAutoEncoder(4, corruption=Masking(0.2)),
        VariationalAutoEncoder(4),
        ColorizationAutoEncoder(4),
        PseudoLabelClassifier(confidence=None),
    ],
    ids=lambda e: type(e).__name__,
)
def test_ctrl_c_leaves_the_last_whole_epoch(estimator):
    stopped = interrupt(clone(estimator).set_params(max_epochs=9, **OPTIONS))
    assert stopped.n_epochs_ == len(stopped.loss_curve_) == 2
    assert len(stopped.net_.history) == 2
    assert not stopped.module_.training
    whole = clone(estimator).set_params(max_epochs=2, **OPTIONS)
    fit_without_selection(whole)
    assert whole.loss_curve_ == stopped.loss_curve_
    tensors = [tensors_of(e.module_) for e in (whole, stopped)]
    for a, b in zip(*tensors, strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())
    if isinstance(estimator, PseudoLabelClassifier):
        np.testing.assert_array_equal(stopped.labels_, whole.labels_)
        assert stopped.predict(X).shape == (150,)
    elif not isinstance(estimator, ColorizationAutoEncoder):
        assert np.isfinite(stopped.score_samples(X)).all()
        np.testing.assert_array_equal(stopped.noise_variance_, whole.noise_variance_)


def make(**options):
    return AutoEncoderTransformer(
        4, hidden_layer_sizes=(16,), **{"max_epochs": 3} | OPTIONS | options
    )


def test_ctrl_c_in_the_first_epoch_leaves_what_was_there():
    with pytest.raises(NotFittedError):
        interrupt(make(), epoch=1).transform(X)
    ae = make().fit(X)
    codes, attributes = ae.transform(X), set(vars(ae))
    interrupt(ae, epoch=1)
    np.testing.assert_array_equal(ae.transform(X), codes)
    assert attributes == set(vars(ae))


def test_ctrl_c_in_a_warm_start_keeps_its_whole_epochs():
    ae = make(warm_start=True).fit(X)
    curve = ae.loss_curve_
    interrupt(ae)
    assert ae.n_epochs_ == 5
    assert ae.loss_curve_[:3] == curve
    codes = ae.transform(X)
    ae.partial_fit(X)  # with a new optimizer
    assert ae.n_epochs_ == 6
    assert np.abs(ae.transform(X) - codes).max() > 1e-5


def test_ctrl_c_during_early_stopping_leaves_the_best_weights():
    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.weights = getattr(self, "weights", [])
            weight = net.module_.encoder.network[0].weight
            self.weights.append(weight.detach().clone().numpy())

    watch = Watch()
    ae = make(early_stopping=True, lr=0.3, max_epochs=30, n_iter_no_change=30)
    with pytest.raises(KeyboardInterrupt):
        ae.set_params(callbacks=[watch, Interrupt(12)]).fit(X)
    (_, watch), _ = ae.net_.callbacks_
    assert len(ae.validation_loss_curve_) == ae.n_epochs_ == 11
    best = int(np.argmin(ae.validation_loss_curve_))
    assert best < 10
    weight = ae.module_.encoder.network[0].weight.detach().numpy()
    np.testing.assert_array_equal(weight, watch.weights[best])


def test_ctrl_c_during_the_selection_leaves_the_trained_module(monkeypatch):
    expected = fit_without_selection(make(max_epochs=2)).transform(X)

    def press(*args):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(AutoEncoderTransformer, "_held_out_terms", press)
    ae = make(max_epochs=2)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(X)
    np.testing.assert_array_equal(ae.transform(X), expected)
    assert not ae.is_linear_
    assert not hasattr(ae, "error_ratio_")


def test_other_failures_leave_the_earlier_fit():
    class Fail(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise RuntimeError("disk full")

    ae = make(warm_start=True).fit(X)
    codes = ae.transform(X)
    with pytest.raises(RuntimeError, match="disk full"):
        ae.set_params(callbacks=[Fail()]).fit(X)
    np.testing.assert_array_equal(ae.transform(X), codes)
    assert ae.n_epochs_ == 3
