"""AutoEncoderTransformer through its public face, and the contracts it keeps."""

import copy
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback, EarlyStopping, Freezer
from torch import nn

from skae import AutoEncoderTransformer, ClusterClassifier, VariationalAutoEncoder
from skae._common.runtime import isolated_generators
from skae._common.validation import check_samples
from skae.exceptions import DivergenceError
from skae.likelihood import Gaussian
from skae.modules import Autoencoder

X, y = load_digits(return_X_y=True)
X, y = X[:400], y[:400]


def make(**parameters):
    defaults = {"hidden_layer_sizes": (16,), "max_epochs": 3, "random_state": 0}
    return AutoEncoderTransformer(**({"n_components": 4} | defaults | parameters))


def states():
    numpy_state = np.random.get_state()[1].tolist()
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


class Dropping(Autoencoder):
    """A user's module that draws from torch's global generator."""

    def __init__(self, n_features, n_components):
        encoder = nn.Sequential(
            nn.Linear(n_features, n_components), nn.BatchNorm1d(n_components)
        )
        super().__init__(
            encoder, nn.Sequential(nn.Dropout(0.5), nn.Linear(n_components, n_features))
        )


class Tied(nn.Module):
    """A decoder that shares the encoder's weights."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.first = nn.Linear(n_features, n_components, bias=False)
        self.second = nn.Linear(n_features, n_components, bias=False)
        self.second.weight = self.first.weight

    def encode(self, x):
        return self.first(x)

    def decode(self, h):
        return h @ self.second.weight


class Plain(nn.Module):
    """A user's module, to be varied."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.encoder = nn.Linear(n_features, n_components)
        self.decoder = nn.Linear(n_components, n_features)

    def encode(self, x):
        return self.encoder(x)

    def decode(self, h):
        return self.decoder(h)


class Drawing(Plain):
    """Draws in inference, too."""

    def encode(self, x):
        return super().encode(x) + 0.1 * torch.randn(len(x), 1)


class Remembering(Plain):
    """Keeps what it made of the last batch, and a tensor for each length."""

    def encode(self, x):
        self.code = super().encode(x)
        self.ones = getattr(self, "ones", {})
        ones = self.ones.setdefault(len(x), torch.ones(len(x), 1, dtype=x.dtype))
        return self.code * ones


class Odd(Plain):
    """Has parameters and buffers that are seldom seen."""

    def __init__(self, n_features, n_components):
        super().__init__(n_features, n_components)
        # Not dense: a view of every second column.
        self.more = nn.Parameter(torch.randn(n_features, 2 * n_components)[:, ::2])
        self.register_buffer("low", torch.ones(n_features, dtype=torch.bfloat16))

    def encode(self, x):
        return x * self.low.to(x.dtype) @ self.more

    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        assert state == {"version": 1}


@pytest.mark.parametrize("module", [None, Dropping, Tied, Drawing])
def test_random_state_alone_decides(module):
    plain = make(module=module, skip_connection=False)
    first, second = (clone(plain).fit(X).transform(X) for _ in range(2))
    other = plain.set_params(random_state=1).fit(X).transform(X)
    assert (first == second).all()
    assert (first != other).any()


@pytest.mark.parametrize("module", [None, Dropping, Drawing])
def test_global_generators_stay_as_they_are(module):
    before = states()
    autoencoder = make(module=module, early_stopping=True).fit(X)
    codes = autoencoder.transform(X)
    autoencoder.inverse_transform(codes)
    autoencoder.reconstruct(X)
    autoencoder.score(X)
    autoencoder.sample(2, random_state=0)
    autoencoder.set_params(early_stopping=False).partial_fit(X)
    with pytest.raises(DivergenceError):
        make(module=module, lr=1e6).fit(X)
    with pytest.raises(ValueError, match="infinity"):
        autoencoder.transform(np.full((2, 64), np.inf))
    assert states() == before


def test_draws_of_an_own_module_leave_those_of_a_sample():
    autoencoder = make(module=Drawing).fit(X / 16)
    first, again, other = (autoencoder.sample(3, random_state=s) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("method", ["encode", "decode"])
@pytest.mark.parametrize("layer", [nn.ReLU, nn.Dropout])
def test_a_module_that_works_in_place_is_refused(method, layer):
    # The dropout does so in training only.
    def begin_in_place(n_features, n_components):
        module = Plain(n_features, n_components)
        coder = f"{method}r"
        after = getattr(module, coder)
        setattr(module, coder, nn.Sequential(layer(inplace=True), after))
        return module

    with pytest.raises(ValueError, match=rf"'{method}' changes its input in place"):
        make(module=begin_in_place).fit(X)
    assert make(module=Plain).fit(X).n_epochs_ == 3


def test_modules_that_remember_their_last_batch():
    autoencoder = make(module=Remembering, warm_start=True).fit(X / 16)
    codes = autoencoder.transform(X / 16)
    copied = pickle.loads(pickle.dumps(autoencoder))
    np.testing.assert_array_equal(copied.transform(X / 16), codes)
    small = np.float32(X / 16)[:5]
    autoencoder.transform(small)
    assert autoencoder.fit(small).n_epochs_ == 6


def test_parameters_and_buffers_of_all_kinds():
    odd = make(module=Odd, early_stopping=True).fit(X / 16)
    by_class = make(module=Odd, early_stopping=True, optimizer=torch.optim.Adam)
    np.testing.assert_allclose(
        odd.loss_curve_, by_class.fit(X / 16).loss_curve_, rtol=1e-5
    )
    copied = pickle.loads(pickle.dumps(odd))
    assert copied.module_.low.dtype == torch.bfloat16
    np.testing.assert_array_equal(copied.transform(X), odd.transform(X))


def test_the_module_in_use_decides_how_it_is_treated():
    autoencoder = make(module=Drawing, warm_start=True).fit(X).set_params(module=None)
    before = states()
    first, second = autoencoder.transform(X), autoencoder.transform(X)
    np.testing.assert_array_equal(first, second)
    autoencoder.partial_fit(X)
    autoencoder.fit(X)
    assert states() == before


def test_only_modules_that_draw_answer_one_thread_at_a_time(monkeypatch):
    entered = []

    def isolated(seed, device):
        entered.append(seed)
        return isolated_generators(seed, device)

    drawing, plain = make(module=Drawing).fit(X), make(module=Plain).fit(X)
    monkeypatch.setattr("skae._estimator.inference.isolated_generators", isolated)
    plain.transform(X)
    assert entered == [None]
    drawing.transform(X)
    assert entered[1] is not None


def test_library_callbacks_are_not_the_users(monkeypatch):
    seeds = []

    def isolated(seed, device):
        seeds.append(seed)
        return isolated_generators(seed, device)

    monkeypatch.setattr("skae._estimator.base.isolated_generators", isolated)
    autoencoder = make(early_stopping=True).fit(X)
    assert seeds[1:] == [None] * (len(seeds) - 1)  # the first makes the module
    autoencoder.set_params(early_stopping=False)
    autoencoder.partial_fit(X)
    assert seeds.count(None) == len(seeds) - 1


def test_callbacks_that_go_on_stay_isolated():
    class Noisy(Callback):
        def on_epoch_end(self, net, **kwargs):
            torch.rand(1)

    autoencoder = make(callbacks=[Noisy()]).fit(X).set_params(callbacks=None)
    before = states()
    autoencoder.partial_fit(X)
    assert states() == before


def test_an_own_module_answers_in_the_type_of_the_samples():
    class Single(Plain):
        def encode(self, x):
            return super().encode(x.float())

    with pytest.raises(ValueError, match=r"'encode' fails; .*torch\.float64.*dtype"):
        make(module=Single).fit(X)
    assert make(module=Single).fit(np.float32(X)).n_epochs_ == 3


def test_narrow_integers_are_integers():
    wide = make(batch_size=100, max_epochs=50, max_steps=120).fit(X)
    narrow = make(
        n_components=np.uint8(4),
        hidden_layer_sizes=np.array([16], dtype=np.uint8),
        batch_size=np.uint64(100),
        max_epochs=np.int8(50),
        max_steps=np.uint8(120),
    ).fit(X)
    assert narrow.loss_curve_ == wide.loss_curve_
    assert narrow.n_epochs_ == 30
    images = np.zeros((3, 20, 20))
    shape = np.array([20, 20], dtype=np.uint8)
    convolved = make(architecture="conv", image_shape=shape).fit(images)
    assert convolved.image_shape_ == (20, 20)


def test_a_list_of_images():
    images = X.reshape(-1, 8, 8)
    listed = make().fit(list(images))
    np.testing.assert_array_equal(
        listed.transform(list(images)), make().fit_transform(images)
    )
    assert listed.reconstruct(list(images[:3])).shape == (3, 8, 8)


class Standard(BaseEstimator):
    """A normal density that draws by torch's global generator."""

    def fit(self, X, y=None):
        self.n_components_ = X.shape[1]
        return self

    def sample(self, n_samples=1):
        return torch.randn(n_samples, self.n_components_).numpy()


def test_noise_does_not_repeat_the_draws_of_the_codes():
    autoencoder = make(density=Standard(), n_components=64, max_epochs=1).fit(X)
    noisy, mean = (
        autoencoder.sample(200, random_state=0, noise=noise) for noise in (True, False)
    )
    codes = autoencoder._sample_latent(200, 0)
    correlation = np.corrcoef((noisy - mean).ravel(), codes.ravel())[0, 1]
    assert abs(correlation) < 0.1


class Bootstrap(BaseEstimator):
    """A density that draws codes again, by NumPy's global generator."""

    def fit(self, X, y=None):
        self.codes_ = np.random.permutation(X)
        return self

    def sample(self, n_samples=1):
        return self.codes_[np.random.randint(len(self.codes_), size=n_samples)]


def test_a_density_without_a_seed_is_given_one():
    before = states()
    autoencoder = make(density=Bootstrap()).fit(X)
    first, again, other = (
        autoencoder.sample(5, random_state=seed, noise=False) for seed in (0, 0, 1)
    )
    assert states() == before
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_frozen_weights_stay():
    autoencoder = make(warm_start=True, skip_connection=False).fit(X)
    first = autoencoder.module_.encoder[0].weight.requires_grad_(False)
    before = first.clone()
    bias = autoencoder.module_.encoder[0].bias.clone()
    autoencoder.fit(X)
    assert torch.equal(first, before)
    assert not torch.equal(autoencoder.module_.encoder[0].bias, bias)


def test_optimizers_that_look_at_shapes_see_them():
    parameters = {"optimizer": torch.optim.Adafactor, "lr": 1e-2}
    by_name = make(callbacks=[Freezer("none*")], **parameters).fit(X)
    assert make(**parameters).fit(X).loss_curve_ == by_name.loss_curve_


def test_large_offsets_leave_the_digits_of_float32():
    noise = np.random.default_rng(0).normal(size=(200, 64))
    shifted = np.float32(noise + 1e4)
    autoencoder = make().fit(shifted)
    exact = autoencoder.transform(shifted.astype(float))
    np.testing.assert_allclose(
        autoencoder.transform(shifted), exact, atol=0.01 * exact.std()
    )


@pytest.mark.parametrize("rows", [X[::-1][:1], X[:1][::-1], X[:, :64][::-1][3:4]])
def test_one_row_of_a_reversed_array(rows):
    autoencoder = make().fit(X)
    expected = autoencoder.transform(rows.copy())
    np.testing.assert_array_equal(autoencoder.transform(rows), expected)


def test_threads_don_t_disturb_each_other():
    seeds = range(6)
    alone = [make(random_state=seed).fit(X).transform(X) for seed in seeds]
    with ThreadPoolExecutor(6) as pool:
        fits = [pool.submit(make(random_state=seed).fit, X) for seed in seeds]
        together = [fit.result().transform(X) for fit in fits]
    for codes, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(codes, expected)


def test_eight_threads_get_what_one_gets():
    autoencoder = make().fit(X)
    expected = autoencoder.transform(X)
    with ThreadPoolExecutor(8) as pool:
        for codes in pool.map(autoencoder.transform, [X] * 64):
            np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize(
    ("dtype", "answer"),
    [
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.float16, np.float32),
        (np.uint8, np.float32),
        (np.int64, np.float64),
    ],
)
def test_types_of_answers(dtype, answer):
    given = X.astype(dtype)
    autoencoder = make().fit(given)
    codes = autoencoder.transform(given)
    assert codes.dtype == autoencoder.reconstruct(given).dtype == answer
    np.testing.assert_allclose(codes, make().fit(X).transform(X), atol=1e-4)


def test_float64_does_not_depend_on_the_company():
    autoencoder = make().fit(X)
    codes = autoencoder.transform(X)
    one_by_one = np.concatenate([autoencoder.transform(x[None]) for x in X])
    np.testing.assert_allclose(codes, one_by_one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4)])
def test_images(shape):
    stack = X.reshape(-1, *shape).astype(np.uint8) * 15
    autoencoder = make().fit(stack)
    assert autoencoder.reconstruct(stack).shape == stack.shape
    codes = autoencoder.transform(stack)
    assert autoencoder.inverse_transform(codes).shape == stack.shape
    # Bytes mean 0 to 255, and rows are taken for the images that they are.
    np.testing.assert_allclose(autoencoder.transform(stack / 255), codes, atol=1e-5)
    np.testing.assert_array_equal(autoencoder.transform(stack.reshape(-1, 64)), codes)
    as_rows = make(image_shape=shape).fit(stack.reshape(-1, 64))
    np.testing.assert_array_equal(as_rows.transform(stack.reshape(-1, 64)), codes)
    with pytest.raises(ValueError, match=r"images of shape \(2, 32\)"):
        autoencoder.transform(stack.reshape(-1, 2, 32))


def test_image_shape_must_fit():
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) does not fit"):
        make(image_shape=(8, 9)).fit(X)
    with pytest.raises(ValueError, match=r"image_shape=\(8,\) must be"):
        make(image_shape=(8,)).fit(X)


def test_memory_maps_and_odd_memory(tmp_path):
    expected = make().fit(X).transform(X)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    backwards = np.ascontiguousarray(X[::-1])[::-1]
    for same in (mapped, np.asfortranarray(X), backwards, X.astype(">f8"), X.tolist()):
        np.testing.assert_array_equal(make().fit(same).transform(same), expected)


def test_large_tables_stay_in_the_order_that_they_have(monkeypatch):
    expected = make().fit(X).transform(X)
    monkeypatch.setattr("skae._common.validation.MAX_COPY_SIZE", 0)
    fortran, twice = np.asfortranarray(X), np.repeat(X, 2, axis=1)
    assert np.shares_memory(check_samples(make(), fortran, reset=True).rows, fortran)
    for same in (fortran, pd.DataFrame(X).to_numpy(), twice[:, ::2], X[::-1][::-1]):
        fitted = make().fit(same)
        np.testing.assert_array_equal(fitted.transform(same), expected)
        np.testing.assert_array_equal(fitted.transform(X), expected)


def test_memory_map_larger_than_the_window(tmp_path, monkeypatch):
    monkeypatch.setattr("skae._common.stored.WINDOW_BYTES", 100 * 64 * 4)
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    seen = []

    def note(x, generator):
        seen.append(x.clone())
        return x

    options = {"max_epochs": 1, "batch_size": 32, "skip_connection": False}
    windowed = make(augmentation=note, **options).fit(mapped)
    rows = torch.cat(seen).numpy()
    np.testing.assert_array_equal(
        rows[np.lexsort(rows.T)], mapped[np.lexsort(np.asarray(mapped).T)]
    )
    assert windowed.transform(mapped).shape == (400, 4)


def test_frames_and_output():
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    autoencoder = make().set_output(transform="pandas").fit(frame)
    codes = autoencoder.transform(frame)
    names = [f"autoencodertransformer{i}" for i in range(4)]
    assert list(codes.columns) == list(autoencoder.get_feature_names_out()) == names
    assert autoencoder.inverse_transform(codes).shape == X.shape
    polars = make().set_output(transform="polars").fit_transform(X)
    np.testing.assert_array_equal(polars.to_numpy(), codes.to_numpy())


def test_linear_autoencoder_is_pca():
    for n_components in (2, 8, 16):
        linear = AutoEncoderTransformer(
            n_components,
            hidden_layer_sizes=(),
            activation="identity",
            lr=1e-2,
            max_epochs=300,
            random_state=0,
        ).fit(X)
        pca = PCA(n_components).fit(X)
        error = np.square(X - linear.reconstruct(X)).mean()
        best = np.square(X - pca.inverse_transform(pca.transform(X))).mean()
        assert best * 0.9999 < error < best * 1.02


def test_scores():
    autoencoder = make(max_epochs=30).fit(X)
    error = np.square(X - autoencoder.reconstruct(X))
    assert autoencoder.noise_variance_ == pytest.approx(error.mean(), rel=1e-5)
    variance = autoencoder.noise_variance_
    expected = -0.5 * (error / variance + np.log(2 * np.pi * variance)).sum(axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-6)
    assert autoencoder.score(X) == pytest.approx(expected.mean())
    search = GridSearchCV(make(), {"max_epochs": [1, 60]}, cv=2).fit(X)
    assert search.best_params_ == {"max_epochs": 60}
    laplace = make(likelihood="laplace").fit(X)
    spread = np.abs(X - laplace.reconstruct(X)).mean()
    assert laplace.noise_variance_ == pytest.approx(2 * spread**2, rel=1e-5)
    bernoulli = make(likelihood="bernoulli").fit(X / 16)
    assert not hasattr(bernoulli, "noise_variance_")
    with pytest.raises(ValueError, match=r"X in \[0, 1\]; got values from 0 to 16"):
        make(likelihood="bernoulli").fit(X)


def test_samples_come_from_the_density_of_the_codes():
    autoencoder = make(max_epochs=30).fit(X)
    codes = autoencoder.transform(X)
    np.testing.assert_allclose(autoencoder.density_.mean_, codes.mean(axis=0))
    np.testing.assert_allclose(
        autoencoder.density_.covariance_, np.cov(codes.T, ddof=0)
    )
    means = autoencoder.sample(3000, random_state=0, noise=False)
    np.testing.assert_allclose(means.mean(axis=0), X.mean(axis=0), atol=2)
    drawn = autoencoder.sample(3000, random_state=0)
    variance = autoencoder.noise_variance_
    assert (drawn - means).var() == pytest.approx(variance, rel=0.05)
    np.testing.assert_array_equal(autoencoder.sample(3000, 0), drawn)
    assert (autoencoder.sample(3000, random_state=1) != drawn).any()
    assert autoencoder.sample().shape == (1, 64)
    before = states()
    autoencoder.sample(5, random_state=0)
    assert states() == before


@pytest.mark.parametrize("density", [GaussianMixture(3), KernelDensity()], ids=str)
def test_own_density(density):
    autoencoder = make(density=density).fit(X)
    assert autoencoder.density_ is not density
    assert not hasattr(density, "n_features_in_")
    drawn = autoencoder.sample(50, random_state=0)
    np.testing.assert_array_equal(autoencoder.sample(50, random_state=0), drawn)
    assert (autoencoder.sample(50, random_state=1) != drawn).any()
    again = make(density=density).fit(X)
    np.testing.assert_array_equal(again.sample(50, random_state=0), drawn)
    copied = pickle.loads(pickle.dumps(autoencoder))
    np.testing.assert_array_equal(copied.sample(50, random_state=0), drawn)
    with pytest.raises(ValueError, match="'density' parameter of AutoEncoderTran"):
        make(density=PCA()).fit(X)


def test_seed_of_a_density_is_the_users_or_drawn():
    own = make(density=GaussianMixture(2, random_state=7)).fit(X)
    assert own.density_.random_state == 7
    drawn = make(density=GaussianMixture(2)).fit(X).density_.random_state
    assert isinstance(drawn, int)
    assert drawn == make(density=GaussianMixture(2)).fit(X).density_.random_state


def test_density_follows_the_codes_of_all_samples():
    autoencoder = make().partial_fit(X[:200]).partial_fit(X[200:])
    codes = autoencoder.transform(X)
    np.testing.assert_allclose(autoencoder.density_.mean_, codes.mean(axis=0))
    equal = np.repeat(X[:1], 2, axis=0)
    one = make().partial_fit(equal).set_params(n_components=7).partial_fit(X[:1])
    np.testing.assert_allclose(
        one.sample(1, random_state=0, noise=False), one.reconstruct(X[:1])
    )


def test_interpolation_walks_between_reconstructions():
    autoencoder = make().fit(X)
    walk = autoencoder.interpolate(X[0], X[1], 5)
    ends = autoencoder.reconstruct(X[:2])
    np.testing.assert_allclose(walk[[0, -1]], ends, atol=1e-12)
    middle = autoencoder.transform(X[:2]).mean(axis=0, keepdims=True)
    np.testing.assert_allclose(walk[2:3], autoencoder.inverse_transform(middle))
    stack = X.reshape(-1, 8, 8)
    of_images = make().fit(stack)
    expected = of_images.interpolate(stack[0], stack[1], 5)
    assert expected.shape == (5, 8, 8)
    for x1, x2 in ((stack[:1], stack[1:2]), (X[0], X[1])):
        np.testing.assert_array_equal(of_images.interpolate(x1, x2, 5), expected)
    frame = pd.DataFrame(X).add_prefix("pixel")
    framed = make().set_output(transform="pandas").fit(frame)
    for x1, x2 in ((frame[:1], frame[1:2]), (frame.iloc[0], frame.iloc[1])):
        np.testing.assert_array_equal(framed.interpolate(x1, x2, 5), walk)
    with pytest.raises(ValueError, match=r"x2 must be one sample; .*\(2, 64\)"):
        autoencoder.interpolate(X[0], X[:2])
    with pytest.raises(ValueError, match="n == 1, must be >= 2"):
        autoencoder.interpolate(X[0], X[1], 1)


def test_impute():
    stack = (X * 15).astype(np.float32).reshape(-1, 8, 8) / 255
    autoencoder = make(max_epochs=60, lr=1e-2).fit(stack)
    missing = np.random.default_rng(0).random(stack.shape) < 0.2
    holes = np.where(missing, np.nan, stack).astype(np.float32)
    filled = autoencoder.impute(holes)
    assert filled.shape == stack.shape
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~missing], stack[~missing])
    by_mean = np.broadcast_to(stack.mean(axis=0), stack.shape)
    errors = [((f - stack)[missing] ** 2).mean() for f in (filled, by_mean)]
    assert errors[0] < 0.75 * errors[1]
    np.testing.assert_array_equal(autoencoder.impute(stack), stack)
    as_bytes = make().fit((X * 15).astype(np.uint8).reshape(-1, 8, 8))
    half = as_bytes.impute(np.full((1, 8, 8), np.nan))
    assert 0 < half.mean() < 1
    with pytest.raises(ValueError, match="max_iter == 0"):
        autoencoder.impute(holes, max_iter=0)
    with pytest.raises(ValueError, match="infinity"):
        autoencoder.impute(np.full((1, 64), np.inf))


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_impute_starts_at_the_expectation_and_goes_on_max_iter_times(max_iter):
    autoencoder = make().fit(X)
    missing = np.random.default_rng(0).random(X.shape) < 0.3
    holes = np.where(missing, np.nan, X)
    filled = np.where(missing, autoencoder.reconstruct(holes), X)
    for _ in range(max_iter - 1):
        filled = np.where(missing, autoencoder.reconstruct(filled), X)
    found = autoencoder.impute(holes, max_iter=max_iter)
    np.testing.assert_allclose(found, filled, rtol=1e-10)
    if max_iter == 5:  # fewer are not as good, and more are not the same
        for other in (1, 4, 10):
            assert abs(autoencoder.impute(holes, max_iter=other) - found).max() > 0.01


def test_impute_of_images_that_were_bytes():
    images = np.round(X * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
    autoencoder = make().fit(images)
    clean = images / 255
    missing = np.random.default_rng(0).random(images.shape) < 0.3
    found = autoencoder.impute(np.where(missing, np.nan, clean))
    np.testing.assert_array_equal(found[~missing], clean[~missing])
    errors = [np.square(f - clean)[missing].mean() for f in (found, clean.mean(axis=0))]
    assert errors[0] < 0.75 * errors[1]


def test_a_perfect_fit_leaves_some_noise():
    constant = np.full((50, 5), 3.0)
    for likelihood in ("gaussian", "laplace"):
        autoencoder = make(likelihood=likelihood).fit(constant)
        np.testing.assert_array_equal(autoencoder.reconstruct(constant), constant)
        assert 0 < autoencoder.noise_variance_ < 1e-6
        assert np.isfinite(autoencoder.score(constant))
        assert np.isfinite(autoencoder.sample(3, random_state=0)).all()


def test_early_stopping_stops_and_goes_back():
    autoencoder = make(
        early_stopping=True, max_epochs=500, n_iter_no_change=3, tol=1e-2, lr=1e-2
    ).fit(X)
    curve = autoencoder.validation_loss_curve_
    assert autoencoder.n_epochs_ == len(curve) == len(autoencoder.loss_curve_) < 500
    with pytest.raises(ValueError, match="n_samples=1"):
        make(early_stopping=True).fit(X[:1])


@pytest.mark.parametrize("patience", [1, 4])
def test_early_stopping_counts_what_falls_by_more_than_tol(patience):
    # No loss falls by a hundred times the variance of X: only the first is better than
    # what was before.
    options = {"early_stopping": True, "max_epochs": 8, "n_iter_no_change": patience}
    assert make(tol=100.0, **options).fit(X).n_epochs_ == 1 + patience
    assert make(tol=0.0, **options).fit(X).n_epochs_ == 8


def test_rates_follow_the_schedule():
    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    courses = {}
    for schedule in ("constant", "cosine", "one_cycle"):
        rates = []
        make(lr=0.01, lr_schedule=schedule, max_epochs=20, callbacks=[Watch()]).fit(X)
        courses[schedule] = np.array(rates)
    np.testing.assert_array_equal(courses["constant"], 0.01)
    assert courses["cosine"][0] > 0.0095
    assert (np.diff(courses["cosine"]) < 0).all()
    assert courses["cosine"][-1] < 1e-4
    # Up over 30 % of the steps, then down.
    assert courses["one_cycle"].argmax() in (5, 6)
    assert courses["one_cycle"].max() > 0.0095
    assert (np.diff(courses["one_cycle"][:6]) > 0).all()
    assert (np.diff(courses["one_cycle"][6:]) < 0).all()
    assert max(courses["one_cycle"][0], 100 * courses["one_cycle"][-1]) < 0.002


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_module_judges_the_held_out_samples_in_eval_mode(share):
    class Noting(Plain):
        def encode(self, x):
            if len(x) > 2:  # so many rows are to try it out
                seen.append((len(x), self.training))
            return super().encode(x)

    seen = []
    autoencoder = make(module=Noting, early_stopping=True, validation_fraction=share)
    autoencoder.set_params(batch_size=400, max_epochs=2).fit(X)
    n_held_out = round(400 * share)
    # One batch of each kind an epoch.
    epochs = [(400 - n_held_out, True), (n_held_out, False)] * 2
    start = seen.index(epochs[0])
    assert seen[start : start + 4] == epochs
    assert not any(training for _, training in seen[:start] + seen[start + 4 :])


def test_partial_fit_and_warm_start():
    autoencoder = make(lr_schedule="one_cycle", lr=1e-3, skip_connection=False)
    for _ in range(20):
        autoencoder.partial_fit(X)
    assert autoencoder.n_epochs_ == 20
    assert autoencoder.loss_curve_[-1] < 0.7 * autoencoder.loss_curve_[0]
    assert autoencoder.net_.optimizer_.param_groups[0]["lr"] == autoencoder.lr
    loaded = pickle.loads(pickle.dumps(autoencoder)).partial_fit(X)
    assert loaded.n_epochs_ == 21
    assert loaded.loss_curve_[-1] < 1.05 * autoencoder.loss_curve_[-1]
    warm = make(warm_start=True).fit(X).fit(X)
    assert warm.n_epochs_ == 6
    assert warm.loss_curve_[3] < warm.loss_curve_[0]
    with pytest.raises(ValueError, match="early_stopping=True"):
        make(early_stopping=True).partial_fit(X)


def test_what_goes_on_keeps_its_likelihood():
    autoencoder = make(likelihood="bernoulli").fit(X / 16)
    autoencoder.set_params(likelihood="gaussian")
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\]"):
        autoencoder.partial_fit(X)
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\]"):
        autoencoder.set_params(warm_start=True).fit(X)
    make().fit(X).set_params(likelihood="bernoulli").partial_fit(X)


@pytest.mark.parametrize(
    ("dtype", "factor", "message"),
    [
        (np.float32, 1e20, "squares are infinite; scale X"),
        (np.float32, 1e-24, "too little to be squared; scale X"),
        (np.float64, 1e160, "squares are infinite; scale X"),
        (np.float64, 1e-170, "too little to be squared; scale X"),
    ],
)
def test_samples_that_cannot_be_squared(dtype, factor, message):
    with pytest.raises(ValueError, match=message):
        make().fit((X * factor).astype(dtype))


@pytest.mark.parametrize("factor", [1e17, 1e-17])
def test_samples_of_unusual_size_are_scored(factor):
    scores = [
        make().fit(Z).score(Z) + 64 * np.log(scale)
        for Z, scale in ((X, 1.0), ((X * factor).astype(np.float32), factor))
    ]
    np.testing.assert_allclose(*scores, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_samples_have_no_spread(dtype):
    # The mean of 400 times 0.1 is not 0.1.
    autoencoder = make().fit(np.full((400, 5), 0.1, dtype))
    assert autoencoder.scale_ == 1
    np.testing.assert_array_equal(autoencoder.mean_, np.full(5, dtype(0.1)))


def test_batch_normalization_of_any_number_of_samples():
    def make_module(n_features, n_components):
        return Autoencoder(
            nn.Sequential(nn.Linear(n_features, n_components), nn.BatchNorm1d(4)),
            nn.Linear(n_components, n_features),
        )

    for n_samples in (32, 33, 34):
        make(module=make_module, batch_size=16).fit(X[:n_samples])


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda x, generator: x[:5], r"got \(\(5, 64\), torch.float32"),
        (lambda x, generator: x.double(), "torch.float64"),
        (lambda x, generator: x[:, :3], r"got \(\(128, 3\)"),
        (lambda x, generator: None, "got NoneType"),
    ],
)
def test_own_views_must_look_like_samples(function, got):
    with pytest.raises(ValueError, match=rf"augmentation=.* must return .*{got}"):
        make(augmentation=function).fit(X)


@pytest.mark.parametrize("parameters", [{}, {"activation": "tanh", "optimizer": "sgd"}])
def test_divergence(parameters):
    diverging = make(lr=1e6, max_epochs=5, **parameters)
    with pytest.raises(DivergenceError, match=r"epoch.*Lower lr"):
        diverging.fit(X)
    with pytest.raises(NotFittedError):
        diverging.transform(X)


def test_divergence_with_a_finite_loss():
    with pytest.raises(DivergenceError, match="ended at"):
        make(lr=100.0, max_epochs=5, activation="tanh").fit(X)


def test_failed_calls_leave_the_weights():
    autoencoder = make().fit(X)
    codes = autoencoder.transform(X)
    with pytest.raises(DivergenceError):
        autoencoder.set_params(lr=1e6).partial_fit(X)
    assert not autoencoder.module_.training
    np.testing.assert_array_equal(autoencoder.transform(X), codes)


@pytest.mark.parametrize("module", [None, Dropping, Tied])
def test_copies_answer_the_same(module, tmp_path):
    autoencoder = make(module=module).fit(X)
    codes = autoencoder.transform(X)
    joblib.dump(autoencoder, tmp_path / "ae.joblib")
    copies = [
        pickle.loads(pickle.dumps(autoencoder)),
        copy.deepcopy(autoencoder),
        joblib.load(tmp_path / "ae.joblib", mmap_mode="r"),
    ]
    for same in copies:
        np.testing.assert_array_equal(same.transform(X), codes)
        assert not hasattr(same, "net_")
        if module is None:
            assert joblib.hash(same) == joblib.hash(autoencoder)
        same.partial_fit(X)
    if module is Tied:
        assert copies[0].module_.first.weight is copies[0].module_.second.weight
    n_bytes = sum(p.numel() * 4 for p in autoencoder.module_.parameters())
    # Factor analysis has 32 factors, in float64.
    n_bytes += 8 * 64 * (32 + 2)
    assert len(pickle.dumps(autoencoder)) < n_bytes + 12_000 < X.nbytes
    with pytest.raises(NotFittedError):
        clone(autoencoder).transform(X)


def test_pipeline_memory_and_workers(tmp_path):
    def pipeline():
        steps = [("ae", make()), ("clf", ClusterClassifier(random_state=0))]
        return Pipeline(steps, memory=str(tmp_path))

    first = pipeline().fit(X, y).predict(X)
    np.testing.assert_array_equal(pipeline().fit(X, y).predict(X), first)
    sizes = {"ae__n_components": [2, 8]}
    one, two = (
        GridSearchCV(pipeline(), sizes, cv=2, n_jobs=n).fit(X, y).cv_results_
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one["mean_test_score"], two["mean_test_score"])


class Interrupting(Callback):
    def on_epoch_begin(self, net, **kwargs):
        raise KeyboardInterrupt


def test_training_goes_on_after_an_interrupted_warm_start():
    autoencoder = make(warm_start=True).fit(X)
    codes = autoencoder.transform(X)
    with pytest.raises(KeyboardInterrupt):
        autoencoder.set_params(callbacks=[Interrupting()]).fit(X)
    np.testing.assert_array_equal(autoencoder.transform(X), codes)
    autoencoder.set_params(callbacks=None).partial_fit(X)
    assert np.abs(autoencoder.transform(X) - codes).max() > 1e-4
    assert autoencoder.n_epochs_ == 4


def test_interrupts_get_out():
    with pytest.raises(KeyboardInterrupt):
        make(callbacks=[Interrupting()]).fit(X)
    search = GridSearchCV(make(callbacks=[Interrupting()]), {"lr": [1e-3, 1e-2]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X)
    with pytest.raises(ValueError, match="early_stopping=True"):
        make(callbacks=[EarlyStopping()]).fit(X)


def test_verbose(capfd):
    make(verbose=0).fit(X)
    assert capfd.readouterr() == ("", "")
    make(verbose=1).fit(X)
    assert "3/3" in capfd.readouterr().err


@pytest.mark.parametrize("penalty", ["l1_penalty", "contractive_penalty"])
def test_penalties_do_what_they_say(penalty):
    sizes = [
        abs(make(max_epochs=40, lr=3e-3, **{penalty: weight}).fit_transform(X)).mean()
        for weight in (0.0, 0.01, 0.1, 1.0)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] < 0.95 * sizes[0]
    assert sizes[2] < 0.65 * sizes[0]
    assert sizes[3] < 0.4 * sizes[0]


def test_penalties_are_part_of_the_loss_with_their_weight():
    # A rate of nearly zero: what is measured is the network as it was made. Affine and
    # with one component, its Jacobian is the same everywhere, and nothing is drawn.
    def fit(**penalty):
        return AutoEncoderTransformer(
            1, hidden_layer_sizes=(), max_epochs=1, lr=1e-30, random_state=0, **penalty
        ).fit(X)

    plain = fit(l1_penalty=1e-30)  # without any it is not trained
    codes = plain.transform(X)
    slopes = plain.transform(np.eye(64)) - plain.transform(np.zeros((1, 64)))
    square = np.square(plain.scale_ * slopes).sum()
    for penalty, term in (
        ({"l1_penalty": 0.3}, 0.3 * np.abs(codes).mean()),
        ({"contractive_penalty": 0.3}, 0.3 * square),
    ):
        # In units in which the features have a variance of one.
        added = (fit(**penalty).loss_curve_[0] - plain.loss_curve_[0]) / plain.scale_**2
        assert added == pytest.approx(term, rel=1e-3)


@pytest.mark.parametrize(
    ("optimizer", "shrink"),
    [
        # Decoupled from the gradient: by lr times weight_decay a step.
        ("adamw", lambda w, n: w * (1 - 0.01 * 0.3) ** n),
        (torch.optim.AdamW, lambda w, n: w * (1 - 0.01 * 0.3) ** n),
        (torch.optim.SGD, lambda w, n: w * (1 - 0.01 * 0.3) ** n),
        ("sgd", lambda w, n: descend(w, n)),
    ],
)
def test_weights_that_nothing_pulls_at_decay(optimizer, shrink):
    # Those of a feature that never changes.
    rows = X[:, 20:30].copy()
    rows[:, 3] = 7.0
    free, decayed = (
        make(
            optimizer=optimizer,
            weight_decay=weight_decay,
            skip_connection=False,
            lr=0.01,
            lr_schedule="constant",
            batch_size=100,
        )
        .fit(rows)
        .module_.encoder[0]
        .weight[:, 3]
        .detach()
        .double()
        for weight_decay in (0.0, 0.3)
    )
    assert free.abs().min() > 0
    torch.testing.assert_close(decayed, shrink(free, 3 * 4), rtol=1e-5, atol=1e-7)


def descend(weight, n_steps):
    """Nesterov's steps where the decay is the only gradient."""
    velocity = torch.zeros_like(weight)
    for _ in range(n_steps):
        gradient = 0.3 * weight
        velocity = 0.9 * velocity + gradient
        weight = weight - 0.01 * (gradient + 0.9 * velocity)
    return weight


ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]


@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_activations(kind, architecture, check_that_the_first_alone_is_affine):
    images = X.reshape(-1, 8, 8)
    options = {"architecture": architecture, "max_epochs": 2, "random_state": 0}
    options["skip_connection"] = False
    fitted = [
        kind(3, hidden_layer_sizes=(8,), activation=activation, **options).fit(images)
        for activation in ACTIVATIONS
    ]
    codes = [autoencoder.transform(images) for autoencoder in fitted]
    between = (images[:200] + images[200:]) / 2
    middle = [autoencoder.transform(between) for autoencoder in fitted]
    # Without an activation the encoder is affine.
    check_that_the_first_alone_is_affine(codes, middle)
    # So is the decoder.
    ends = np.random.default_rng(0).normal(size=(2, 3))
    first, middle, last = fitted[0].inverse_transform(np.linspace(*ends, 3))
    np.testing.assert_allclose(middle, (first + last) / 2, atol=1e-9)
    first, middle, last = fitted[3].inverse_transform(np.linspace(*ends, 3))
    assert abs(middle - (first + last) / 2).max() > 1e-4


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", torch.optim.Adagrad])
def test_optimizers(optimizer):
    loss = make(optimizer=optimizer, lr=1e-2, max_epochs=5).fit(X).loss_curve_
    assert loss[-1] < loss[0]


def test_bad_modules_and_devices():
    def narrow(n_features, n_components):
        return Autoencoder(nn.Linear(n_features, 1), nn.Linear(1, n_features))

    with pytest.raises(
        ValueError, match=r"returns \(2, 1\) of.* must .* into \(2, 4\)"
    ):
        make(module=narrow).fit(X)
    with pytest.raises(ValueError, match="without the method 'encode'"):
        make(module=lambda n_features, n_components: nn.Identity()).fit(X)
    weightless = Autoencoder(nn.Flatten(), nn.Flatten())
    with pytest.raises(ValueError, match=r"Autoencoder; it must .* parameters"):
        make(module=lambda n_features, n_components: weightless).fit(X)
    with pytest.raises(ValueError, match="built Linear; pass a class"):
        make(module=nn.Linear(64, 4)).fit(X)

    def fixed(n_features, n_components):
        return Autoencoder(nn.Linear(32, 4), nn.Linear(4, 32))

    with pytest.raises(ValueError, match=r"'encode' fails.*\(2, 64\) into \(2, 4\)"):
        make(module=fixed).fit(X)

    class Pairs(Plain):
        def encode(self, x):
            return super().encode(x), x

    with pytest.raises(ValueError, match=r"'encode' returns a tuple; it must"):
        make(module=Pairs).fit(X)
    with pytest.raises(ValueError, match=r"cannot be called as module\(n_features=64"):
        make(module=lambda width, n_components: Plain(width, n_components)).fit(X)

    def frozen(n_features, n_components):
        return Plain(n_features, n_components).requires_grad_(False)

    with pytest.raises(ValueError, match="parameters to be learned"):
        make(module=frozen).fit(X)
    with pytest.raises(ValueError, match="device='cuda:7' is not available"):
        make(device="cuda:7").fit(X)
    with pytest.raises(ValueError, match=r"'max_epochs' parameter.*Got 0"):
        make(max_epochs=0).fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes=\(8, 0\) must hold"),
        ({"hidden_layer_sizes": (2.5,)}, "positive integers only"),
        ({"hidden_layer_sizes": "a"}, "hidden_layer_sizes"),
        ({"optimizer": dict}, "optimizer=<class 'dict'> must be"),
        ({"optimizer": torch.optim.LBFGS, "weight_decay": 0.1}, "weight_decay=0.1"),
        ({"callbacks": [5]}, "callbacks holds 5"),
        ({"compile": True, "contractive_penalty": 0.1}, "contractive_penalty=0.1"),
        ({"architecture": "conv"}, "architecture='conv' needs images"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters).fit(X)


def test_a_failed_refit_changes_nothing():
    autoencoder = make(likelihood="bernoulli", max_epochs=2).fit(X / 16)
    before = dict(vars(autoencoder))
    codes = autoencoder.transform(X / 16)
    for bad in (X[:, :8], np.full((4, 3), np.nan), X[:, :30].reshape(-1, 5, 6)):
        with pytest.raises(ValueError, match=r"\[0, 1\]|only missing values"):
            autoencoder.fit(bad)
    with pytest.raises(DivergenceError):
        clone(autoencoder).set_params(lr=1e9, activation="identity").fit(X / 16)
    assert dict(vars(autoencoder)) == before
    np.testing.assert_array_equal(autoencoder.transform(X / 16), codes)


def test_weight_decay_zero_is_none():
    by_name, by_class = (
        make(optimizer=optimizer, lr=1e-2, max_epochs=20).fit(X).module_
        for optimizer in ("adam", partial(torch.optim.AdamW, betas=(0.9, 0.99)))
    )
    for ours, torchs in zip(by_name.parameters(), by_class.parameters(), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=1e-4)


def test_a_fit_works_on_copies_of_callbacks():
    class Counting(Callback):
        n_epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.n_epochs += 1

    counting = Counting()
    autoencoder = make(callbacks=[counting]).fit(X)
    assert counting.n_epochs == 0
    assert autoencoder.net_.callbacks_[0][1].n_epochs == 3

    class Listing(Callback):
        def __init__(self):
            self.epochs = []

        def on_epoch_end(self, net, **kwargs):
            self.epochs.append(len(net.history))

    listing = Listing()
    for _ in range(2):
        fitted = make(callbacks=[listing]).fit(X)
        assert fitted.net_.callbacks_[0][1].epochs == [1, 2, 3]
    assert listing.epochs == []

    class Logging(Counting):
        """Holds what cannot be copied, as those do that write to a server."""

        def __init__(self):
            self.lock = threading.Lock()

    twice = Logging()
    autoencoder = make(callbacks=[("a", twice), ("b", twice)]).fit(X)
    (_, first), (_, second) = autoencoder.net_.callbacks_
    assert first is second is not twice
    assert first.lock is twice.lock


def test_numbers_too_large_to_square():
    with pytest.raises(ValueError, match=r"X has values up to 1.6e\+161.*scale X"):
        make(max_epochs=1).fit(X * 1e160)


def test_codes_and_samples_that_are_not_numbers():
    autoencoder = make().fit(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        autoencoder.inverse_transform(np.full((2, 4), np.nan))
    spoiled = X.copy()
    spoiled[-1, -1] = np.inf
    for method in (autoencoder.transform, autoencoder.score_samples):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            method(spoiled)


def test_compute_dtypes_agree():
    exact = make(compute_dtype="float32", max_epochs=30).fit(X)
    rough = make(compute_dtype="bfloat16", max_epochs=30).fit(X)
    assert rough.compute_dtype_ == torch.bfloat16
    assert rough.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=0.02)
    assert all(p.dtype == torch.float32 for p in rough.module_.parameters())


def test_default_beats_pca_on_mnist(mnist):
    X_train, _, X_test, _ = mnist
    X_train, X_test = X_train[:6000] / np.float32(255), X_test / np.float32(255)
    for n_components in (2, 8):
        pca = PCA(n_components, random_state=0).fit(X_train)
        best = np.square(X_test - pca.inverse_transform(pca.transform(X_test))).mean()
        ours = AutoEncoderTransformer(n_components, max_epochs=15, random_state=0)
        error = np.square(X_test - ours.fit(X_train).reconstruct(X_test)).mean()
        assert error < best


def test_a_changed_likelihood_waits_for_the_next_fit():
    X = np.random.default_rng(0).random((100, 8))
    estimator = AutoEncoderTransformer(
        2, likelihood=Gaussian(), max_epochs=2, random_state=0
    ).fit(X)
    expected, score = estimator.reconstruct(X), estimator.score(X)
    estimator.set_params(likelihood__link="logit")
    np.testing.assert_array_equal(estimator.reconstruct(X), expected)
    assert estimator.score(X) == score
    assert estimator.partial_fit(X).loss_curve_[-1] < 2 * estimator.loss_curve_[1]
    assert ((estimator.fit(X).reconstruct(X) - 0.5) ** 2).max() < 0.25


def test_convolutions_need_a_stage():
    X = np.random.default_rng(0).random((10, 4, 4))
    estimator = AutoEncoderTransformer(2, architecture="conv", hidden_layer_sizes=())
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(\) must hold one numb"):
        estimator.fit(X)
