"""What all autoencoders share: knobs of the network, and samples to validate on."""

import pickle
import random
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder

IMAGES = load_digits().images[:600]
X = IMAGES.reshape(-1, 64)
KINDS = [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
all_kinds = pytest.mark.parametrize("kind", KINDS)


def make(kind=AutoEncoderTransformer, **parameters):
    defaults = {"n_components": 4, "hidden_layer_sizes": (16,), "max_epochs": 4}
    return kind(**defaults | {"random_state": 0} | parameters)


def global_states():
    numpy_state = np.random.get_state()[1].tolist()
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


@all_kinds
@pytest.mark.parametrize("architecture", ["dense", "conv"])
@pytest.mark.parametrize(
    "knobs",
    [
        {"activation": "gelu"},
        {"activation": "silu"},
        {"activation": "leaky_relu"},
        {"activation": nn.RReLU},  # it draws in training
        {"dropout": 0.2},
        {"normalization": "batch_norm"},
        {"normalization": "layer_norm", "dropout": 0.1, "activation": nn.PReLU},
    ],
)
def test_knobs_of_the_hidden_layers(kind, architecture, knobs):
    samples = IMAGES[:200] if architecture == "conv" else X[:200]
    options = {"architecture": architecture, "early_stopping": True, **knobs}
    before = global_states()
    one, other = (make(kind, **options).fit(samples) for _ in range(2))
    assert global_states() == before
    for value, again in zip(
        one.module_.state_dict().values(),
        other.module_.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(value, again)
    codes = one.transform(samples)
    np.testing.assert_array_equal(codes, one.transform(samples))
    np.testing.assert_array_equal(
        codes, pickle.loads(pickle.dumps(one)).transform(samples)
    )
    # It is another network than that without the knob.
    plain = make(kind, architecture=architecture, early_stopping=True).fit(samples)
    assert abs(plain.transform(samples) - codes).max() > 1e-5


def test_the_best_of_early_stopping_has_its_running_statistics():
    ae = make(normalization="batch_norm", early_stopping=True, max_epochs=5).fit(X)
    assert ae.module_.encoder.network[1].num_batches_tracked > 0
    assert min(ae.validation_loss_curve_) < ae.validation_loss_curve_[0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "swish"}, "'activation' parameter"),
        ({"activation": nn.GELU()}, "activation is a built GELU"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"normalization": "batch"}, "'normalization' parameter .*'batch_norm'"),
    ],
)
def test_wrong_knobs_are_refused(parameters, message):
    ae = make(**parameters)
    with pytest.raises(ValueError, match=message):
        ae.fit(X[:100])
    assert not hasattr(ae, "module_")


# -- A validation set of one's own --------------------------------------------------


@all_kinds
def test_early_stopping_looks_at_the_validation_set(kind):
    # Of another kind than X: its loss rises as soon as X is learned.
    other = np.random.default_rng(0).permutation(X.T).T[:100]
    ae = make(kind, early_stopping=True, n_iter_no_change=2, max_epochs=50, lr=1e-2)
    ae.fit(X, X_val=other)
    assert ae.n_epochs_ < 50
    best = int(np.argmin(ae.validation_loss_curve_))
    assert best == ae.n_epochs_ - 3
    if kind is AutoEncoderTransformer:
        error = np.square(ae.reconstruct(other) - other).mean()
        np.testing.assert_allclose(error, ae.validation_loss_curve_[best], rtol=1e-4)


def test_no_sample_is_held_out_beside_a_validation_set():

    ae = make(batch_size=100, early_stopping=True, max_epochs=1).fit(X, X_val=X[:50])
    assert len(ae.net_.history) == 1
    assert ae._trainer.step == 6


@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
def test_the_validation_set_selects(kind):
    generator = np.random.default_rng(0)
    angle = generator.uniform(-2, 2, size=(1500, 1))
    curve = np.hstack([np.sin(angle), np.cos(angle), angle**2])
    curve += 0.01 * generator.normal(size=curve.shape)
    options = {"n_components": 1, "hidden_layer_sizes": (32,), "max_epochs": 60}
    found = make(kind, **options).fit(curve[:1000], X_val=curve[1000:])
    assert not found.is_linear_
    assert len(found.validation_loss_curve_) == found.n_epochs_ == 60
    # Samples on which the network is worse than PCA.
    far = generator.normal(size=(200, 3)) * 20
    assert make(kind, **options).fit(curve[:1000], X_val=far).is_linear_


def test_denoising_validates_on_recorded_pairs():
    noisy = X + np.random.default_rng(0).normal(size=X.shape)
    ae = make(DenoisingAutoEncoder, early_stopping=True)
    ae.fit(X[:400], None, noisy[:400], X_val=X[400:], X_val_corrupted=noisy[400:])
    best = min(ae.validation_loss_curve_)
    error = np.square(ae.reconstruct(noisy[400:]) - X[400:]).mean()
    np.testing.assert_allclose(error, best, rtol=1e-4)
    with pytest.raises(ValueError, match="X_val_corrupted must be passed"):
        ae.fit(X[:400], None, noisy[:400], X_val=X[400:])
    with pytest.raises(ValueError, match="X_val_corrupted must be passed"):
        ae.fit(X[:400], X_val=X[400:], X_val_corrupted=noisy[400:])


@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
def test_a_wrong_validation_set_is_refused_and_changes_nothing(kind):
    ae = make(kind).fit(X)
    before = ae.transform(X)
    with pytest.raises(ValueError, match=r"^X_val cannot .* X has 63 features"):
        ae.fit(X[:100], X_val=X[:, 1:])
    with pytest.raises(ValueError, match=r"^X_val cannot .* infinity"):
        ae.fit(X[:100], X_val=np.full_like(X, np.inf))
    np.testing.assert_array_equal(ae.transform(X), before)


# -- As many components as features -------------------------------------------------


def test_codes_as_wide_as_the_samples_warn():
    fit = partial(make, max_epochs=1, n_components=64)
    with pytest.warns(
        UserWarning, match=r"n_components=64 is not below .* 64:"
    ) as told:
        fit().fit(X)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "n_components")
        fit(n_components=63).fit(X)
        fit(l1_penalty=1e-3).fit(X)
        fit(DenoisingAutoEncoder).fit(X)
        fit(VariationalAutoEncoder).fit(X)


def wide_rows(n_features):
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(8, 5)) @ rng.normal(size=(5, n_features))
    return np.float32(factors + 0.3 * rng.normal(size=(8, n_features)))


def error_beside_pca(model, rows):
    pca = PCA(2).fit(rows)
    of_pca = np.square(rows - pca.inverse_transform(pca.transform(rows))).mean()
    return np.square(rows - model.reconstruct(rows)).mean() / of_pca


def test_training_on_wide_rows_stays_near_pca_at_which_it_starts():
    rows = wide_rows(12_000)
    model = make(n_components=2)
    for _ in range(10):
        model.partial_fit(rows)
    assert error_beside_pca(model, rows) < 1.0
    assert max(model.loss_curve_) < 1.5 * model.loss_curve_[0]


def test_a_stream_of_wide_rows_stays_near_the_start_of_a_noisy_code():
    rows = wide_rows(12_000)
    model = make(VariationalAutoEncoder, n_components=2)
    for _ in range(6):
        assert error_beside_pca(model.partial_fit(rows), rows) < 1.25


@all_kinds
def test_wide_rows_train_from_random_weights(kind):
    rows = wide_rows(6_000)
    model = make(kind, n_components=2, skip_connection=False, max_epochs=200)
    assert error_beside_pca(model.fit(rows), rows) < 1.0


@pytest.mark.parametrize(("n_features", "lr"), [(4096, 1e-3), (10_000, 5e-4)])
def test_the_default_rate_of_wide_rows(n_features, lr):
    model = make(n_components=2, skip_connection=False, max_epochs=1)
    assert model.fit(wide_rows(n_features)).net_.lr == lr
