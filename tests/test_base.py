"""Tests of what all autoencoder estimators share, on AutoEncoderTransformer."""

import contextlib
import copy
import io
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from scipy import stats
from skorch.callbacks import Callback, LRScheduler
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from torch import nn

from skae import AutoEncoderTransformer, _base
from skae._training import batches
from skae.exceptions import DivergenceError
from skae.likelihood import Gaussian
from skae.modules import Autoencoder, DenseAutoencoder

CODES = ("transform", "reconstruct", "score_samples")


@pytest.fixture(scope="module")
def X():
    """Digits as rows of float64."""
    return np.ascontiguousarray(load_digits().data[:200])


@pytest.fixture(scope="module")
def images(X):
    """Digits as images of bytes."""
    return (X * 15).astype(np.uint8).reshape(-1, 8, 8)


def make(**params):
    params = {
        "hidden_layer_sizes": (8,),
        "lr": 0.01,
        "batch_size": 32,
        "max_epochs": 3,
        "random_state": 0,
    } | params
    return AutoEncoderTransformer(3, **params)


class Dropping(Autoencoder):
    """Draws from the global generator, has buffers and a layer that is used twice."""

    def __init__(self, n_features, n_components):
        inner = nn.Linear(8, 8)
        encoder = nn.Sequential(
            *(nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.Dropout(0.3)),
            *(nn.Tanh(), inner, nn.Linear(8, n_components)),
        )
        decoder = nn.Sequential(
            *(nn.Linear(n_components, 8), nn.Linear(8, 8), nn.Linear(8, n_features)),
        )
        decoder[1].weight = inner.weight
        super().__init__(encoder, decoder)


def noisy(x, generator):
    """An augmentation that draws from every generator there is."""
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return x + 0.1 * noise + 0.01 * (random.random() + np.random.rand() + torch.rand(1))


OWN_CODE = {"module": Dropping, "augmentation": noisy}


def answers(ae, X):
    return [getattr(ae, name)(X) for name in CODES]


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@contextlib.contextmanager
def untouched_generators():
    def states():
        return (
            random.getstate(),
            pickle.dumps(np.random.get_state()),
            torch.get_rng_state().tolist(),
        )

    before = states()
    yield
    assert states() == before


# -- Randomness -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True, "l1_penalty": 0.1, "contractive_penalty": 0.1},
        OWN_CODE,
    ],
)
def test_int_random_state_alone_decides(X, params):
    first = make(**params).fit(X)
    second = make(**params)
    random.seed(random.random())  # the global generators stand elsewhere now
    np.random.rand(), torch.rand(1)
    second.fit(X)
    assert same(answers(first, X), answers(second, X))
    assert first.loss_curve_ == second.loss_curve_
    # A refit forgets what was before, and another seed is another result.
    assert same(answers(second.fit(X), X), answers(first, X))
    other = make(**params | {"random_state": 1}).fit(X)
    assert not np.allclose(other.transform(X), first.transform(X))


def test_random_state_none_draws_its_seed_from_numpy(X):
    before = np.random.get_state()
    try:
        np.random.seed(0)
        first, second = (make(random_state=None).fit(X) for _ in range(2))
        np.random.seed(0)
        third = make(random_state=None).fit(X)
    finally:
        np.random.set_state(before)
    assert same(answers(first, X), answers(third, X))
    assert not same(answers(first, X), answers(second, X))


@pytest.mark.parametrize("params", [{}, OWN_CODE])
def test_global_generators_are_untouched(X, params):
    with untouched_generators():
        ae = make(**params).fit(X)
        ae.partial_fit(X)
        ae.inverse_transform(ae.transform(X))
        ae.score(X)
        answers(ae, X)
        pickle.loads(pickle.dumps(ae))
        clone(ae).set_params(warm_start=True, early_stopping=True).fit(X).fit(X)


def test_global_generators_are_untouched_on_errors(X):
    def broken(n_features, n_components):
        raise OSError(f"{torch.rand(1)} {np.random.rand()} {random.random()}")

    def breaking(x, generator):
        raise OSError(f"{torch.rand(1)} {np.random.rand()} {random.random()}")

    with untouched_generators():
        for params, error in [
            ({"module": broken}, OSError),
            ({"augmentation": breaking}, OSError),
            ({"module": Dropping, "lr": 1e20}, DivergenceError),
            ({"callbacks": [Interrupt()]}, KeyboardInterrupt),
            ({"device": "cuda:99"}, ValueError),
        ]:
            for method in ("fit", "partial_fit"):
                with pytest.raises(error):
                    getattr(make(**params), method)(X)
        with pytest.raises(ValueError, match="NaN"):
            make(module=Dropping).fit(np.full((3, 3), np.nan))


class Interrupt(Callback):
    """Ctrl-C at the end of an epoch."""

    armed = True

    def on_epoch_end(self, net, **kwargs):
        if self.armed:
            raise KeyboardInterrupt


def test_concurrent_fits_do_not_disturb_each_other(X):
    kinds = [{}, OWN_CODE, {"module": Dropping}, {"early_stopping": True}]
    estimators = [make(random_state=i // 4, **kinds[i % 4]) for i in range(12)]
    serial = [answers(clone(ae).fit(X), X) for ae in estimators]
    with untouched_generators(), ThreadPoolExecutor(6) as pool:
        fitted = list(pool.map(lambda ae: ae.fit(X), estimators))
    for ae, expected in zip(fitted, serial, strict=True):
        assert same(answers(ae, X), expected)


@pytest.mark.parametrize("module", [None, Dropping])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_threads_may_ask_one_estimator(X, module, dtype):
    ae, X = make(module=module).fit(X), X.astype(dtype)
    expected, codes = answers(ae, X), ae.transform(X)
    decoded = ae.inverse_transform(codes)
    start = threading.Barrier(8)

    def ask(_):
        start.wait(10)
        return [(answers(ae, X), ae.inverse_transform(codes)) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    for several in found:
        for found_answers, found_decoded in several:
            assert same(found_answers, expected)
            assert np.array_equal(found_decoded, decoded)


# -- Arrays ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "answer"),
    [
        *((np.float64, np.float64), (np.int64, np.float64), (np.int8, np.float64)),
        *((np.uint16, np.float64), (bool, np.float64), (np.float32, np.float32)),
        *((np.float16, np.float32), (np.uint8, np.float32)),
    ],
)
def test_dtypes_of_answers(X, dtype, answer):
    X = X.astype(dtype)
    ae, reference = make().fit(X), make().fit(X.astype(np.float64))
    expected = answers(reference, X.astype(np.float64))
    for found, exact in zip(answers(ae, X), expected, strict=True):
        assert found.dtype == answer
        np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-3)
    codes = ae.transform(X)
    assert ae.inverse_transform(codes).dtype == answer


@pytest.mark.parametrize("module", [None, Dropping])
def test_float64_does_not_depend_on_the_other_rows(X, module, monkeypatch):
    ae = make(module=module).fit(X)
    whole = answers(ae, X)
    single = [np.concatenate(rows) for rows in zip(*(answers(ae, x[None]) for x in X))]  # noqa: B905
    monkeypatch.setattr(_base, "MAX_CHUNK", 7)
    chunked = answers(ae, X)
    for a, b, c in zip(whole, single, chunked, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-12)
    decoded = ae.inverse_transform(whole[0])
    np.testing.assert_allclose(decoded, whole[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_far_from_zero_is_as_good_as_near(X, dtype):
    near, far = make().fit(X), make().fit((X + 1e9).astype(dtype))
    assert far.loss_curve_ == pytest.approx(near.loss_curve_, rel=1e-3)
    codes = far.transform((X + 1e9).astype(dtype))
    np.testing.assert_allclose(codes, near.transform(X), rtol=1e-2, atol=1e-2)


def test_units_of_X_do_not_matter(X):
    plain, scaled = make().fit(X), make().fit(1e-6 * X)
    np.testing.assert_allclose(
        plain.transform(X), scaled.transform(1e-6 * X), atol=1e-3
    )
    assert scaled.loss_curve_ == pytest.approx(1e-12 * np.array(plain.loss_curve_))
    assert scaled.scale_ == pytest.approx(1e-6 * plain.scale_)
    np.testing.assert_allclose(plain.offset_, X.mean(axis=0))
    assert plain.scale_ == pytest.approx(np.sqrt(X.var(axis=0).mean()))


def test_constant_samples():
    X = np.full((20, 4), 0.1)
    for dtype in (np.float32, np.float64):
        ae = make().fit(X.astype(dtype))
        np.testing.assert_allclose(ae.reconstruct(X.astype(dtype)), X, rtol=1e-5)
        assert np.isfinite(ae.transform(X.astype(dtype))).all()
        assert np.isfinite(ae.score(X.astype(dtype)))


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda X: X[::-1].copy()[::-1],
        lambda X: np.hstack([X, X])[:, : X.shape[1]],
        lambda X: X[:, ::-1].copy()[:, ::-1],
        lambda X: X.astype(X.dtype.newbyteorder(">")),
        lambda X: X.tolist(),
        pd.DataFrame,
        lambda X: pl.from_numpy(X),
        lambda X: torch.from_numpy(X),
    ],
    ids=["F", "row strides", "view", "strides", "endian", "list", "pd", "pl", "torch"],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_layouts_of_X(X, layout):
    laid_out = layout(X)
    expected, ae = make().fit(X), make().fit(laid_out)
    assert same(answers(ae, laid_out), answers(expected, X))
    assert same(answers(ae, X), answers(expected, X))


def test_images_with_strides(images):
    flipped = images[:, :, ::-1]
    expected = make().fit(flipped.copy())
    ae = make().fit(flipped)
    assert same(answers(ae, flipped), answers(expected, flipped.copy()))
    assert same(answers(ae, np.asfortranarray(flipped)), answers(ae, flipped))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("as_images", [False, True])
def test_read_only_memory_maps(X, dtype, as_images, tmp_path, monkeypatch):
    X = X.astype(dtype).reshape((-1, 8, 8) if as_images else (-1, 64))
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = make().fit(X)
    assert same(answers(make().fit(mapped), mapped), answers(expected, X))

    # Through a window: another order of the samples, but as good.
    monkeypatch.setattr(batches, "WINDOW_BYTES", X.nbytes // 3)
    windowed = make(max_epochs=20).fit(mapped)
    in_memory = make(max_epochs=20).fit(X)
    assert windowed.net_.n_steps_ == in_memory.net_.n_steps_
    assert windowed.loss_curve_ != in_memory.loss_curve_
    assert windowed.loss_curve_[-1] == pytest.approx(in_memory.loss_curve_[-1], rel=0.1)
    again = make(max_epochs=20).fit(mapped)
    assert same(answers(again, X), answers(windowed, X))
    windowed.set_params(early_stopping=True).fit(mapped)
    assert np.isfinite(windowed.validation_loss_curve_).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(-1, 64), (-1, 8, 8), (-1, 4, 4, 4)])
def test_X_is_not_copied(X, dtype, shape, monkeypatch):
    X = X.astype(dtype).reshape(shape)
    X.flags.writeable = False
    seen = []

    class Watched(batches.Rows):
        def __init__(self, array, *args, **kwargs):
            seen.append(np.shares_memory(array, X))
            super().__init__(array, *args, **kwargs)

    monkeypatch.setattr(_base, "Rows", Watched)
    before = X.copy()
    ae = make().fit(X)
    answers(ae, X)
    assert seen == [True] * len(seen)
    assert len(seen) >= 4
    assert np.array_equal(X, before)


# -- Images ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (4, 4, 4), (2, 32), (64, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_images_come_back_in_their_shape(images, shape, dtype):
    stack = images.reshape(-1, *shape).astype(dtype)
    ae = make().fit(stack)
    codes = ae.transform(stack)
    assert ae.image_shape_ == shape
    assert ae.n_features_in_ == 64
    assert codes.shape == (len(stack), 3)
    assert ae.reconstruct(stack).shape == stack.shape
    assert ae.inverse_transform(codes).shape == stack.shape
    np.testing.assert_allclose(
        ae.inverse_transform(codes), ae.reconstruct(stack), rtol=1e-4, atol=1e-5
    )
    # Their rows are taken too, bytes in the same meaning.
    assert same(answers(ae, stack.reshape(-1, 64)), answers(ae, stack))


def test_images_of_bytes_are_scaled(images):
    scaled = images.astype(np.float32) / 255
    ae, reference = make().fit(images), make().fit(scaled)
    assert ae.loss_curve_ == pytest.approx(reference.loss_curve_, rel=1e-4)
    for found, same_model, other_model in zip(
        answers(ae, images),
        answers(ae, scaled),
        answers(reference, scaled),
        strict=True,
    ):
        np.testing.assert_allclose(found, same_model, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found, other_model, rtol=1e-2, atol=1e-2)
    assert abs(ae.reconstruct(images).mean() - scaled.mean()) < 0.1
    # 0 to 255 is a probability once it is scaled.
    make(likelihood="bernoulli").fit(images)


def test_bytes_in_a_table_are_numbers(images):
    table = images.reshape(-1, 64)
    plain, shaped = make().fit(table), make(image_shape=(8, 8)).fit(table)
    floats = make().fit(table.astype(np.float32))
    assert plain.loss_curve_ == pytest.approx(floats.loss_curve_)
    assert plain.loss_curve_[0] == pytest.approx(
        255**2 * shaped.loss_curve_[0], rel=0.01
    )
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\]; got values from 0 to"):
        make(likelihood="bernoulli").fit(table)


def test_image_shape_reads_rows_as_images(images):
    table = images.reshape(-1, 64)
    by_shape, by_stack = make(image_shape=(8, 8)).fit(table), make().fit(images)
    assert np.array_equal(by_shape.transform(images), by_stack.transform(table))
    assert by_shape.image_shape_ == (8, 8)
    assert by_shape.reconstruct(table).shape == table.shape  # as fit saw them
    assert by_shape.reconstruct(images).shape == table.shape
    assert by_stack.reconstruct(table).shape == images.shape
    make(image_shape=[8, 8]).fit(images)


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((7, 9), r"image_shape=\(7, 9\) does not fit X"),
        ((4, 16), r"image_shape=\(4, 16\) does not fit X, whose samples have \(8, 8\)"),
        ((64,), r"image_shape=\(64,\) must be \(height, width\)"),
        ((8, -8), r"image_shape=\(8, -8\) must be .* positive integers"),
        ((8.0, 8.0), r"image_shape=\(8\.0, 8\.0\) must be"),
    ],
)
def test_wrong_image_shape(images, image_shape, message):
    with pytest.raises(ValueError, match=message):
        make(image_shape=image_shape).fit(images)


def test_images_of_another_shape(images, X):
    of_images, of_a_table = make().fit(images), make().fit(X)
    for method in (*CODES, "partial_fit"):
        with pytest.raises(ValueError, match=r"\(4, 16\).*fitted with \(8, 8\)"):
            getattr(of_images, method)(images.reshape(-1, 4, 16))
        with pytest.raises(ValueError, match=r"\(8, 8\).*fitted with a table"):
            getattr(of_a_table, method)(images)
        with pytest.raises(ValueError, match="has 32 features"):
            getattr(of_images, method)(images.reshape(-1, 32))


@pytest.mark.parametrize("form", ["table", "images", "colour"])
def test_augmentation_sees_images_in_their_own_units(images, form):
    shape = {"table": (64,), "images": (8, 8), "colour": (4, 4, 4)}[form]
    X = images.reshape(-1, *shape)
    seen = []

    def augmentation(x, generator):
        seen.append((x.dtype, tuple(x.shape[1:]), float(x.min()), float(x.max())))
        assert isinstance(generator, torch.Generator)
        return x.flip(1)  # images of the data, mirrored

    ae = make(augmentation=augmentation, max_epochs=60).fit(X)
    largest = X.max() if form == "table" else X.max() / 255
    assert {one[:2] for one in seen} == {(torch.float32, shape)}
    assert min(one[2] for one in seen) == 0
    assert max(one[3] for one in seen) == pytest.approx(largest)
    # Both input and target were mirrored: so it learned mirrored ones.
    assert ae.score(X[:, ::-1].copy()) > ae.score(X)


# -- Errors ---------------------------------------------------------------------------

BAD_ARRAYS = {
    "sparse": (sp.csr_array(np.eye(64)), TypeError, "[Ss]parse data was passed"),
    "complex": (np.eye(64) * 1j, ValueError, "Complex data not supported"),
    "strings": (np.full((5, 64), "a", object), ValueError, "could not convert string"),
    "NaN": (np.full((5, 64), np.nan), ValueError, "Input X contains NaN"),
    "NaN32": (np.full((5, 64), np.nan, np.float32), ValueError, "X contains NaN"),
    "inf": (np.full((5, 64), np.inf), ValueError, "Input X contains infinity"),
    "empty": (np.zeros((0, 64)), ValueError, r"Found array with 0 sample\(s\)"),
    "no features": (np.zeros((5, 0)), ValueError, r"Found array with 0 feature\(s\)"),
    "no images": (np.zeros((0, 8, 8)), ValueError, r"Found array with 0 sample\(s\)"),
    "NaN image": (np.full((2, 8, 8), np.nan), ValueError, "Input X contains NaN"),
    "1-D": (np.zeros(64), ValueError, "Expected 2D array, got 1D array instead"),
    "5-D": (np.zeros((2, 2, 2, 2, 2)), ValueError, "dim 5"),
}


@pytest.mark.parametrize("bad", BAD_ARRAYS)
def test_bad_arrays_get_scikit_learns_words(images, bad):
    X, error, message = BAD_ARRAYS[bad]
    fitted = make().fit(images)
    weights = pickle.dumps(fitted)
    methods = [make().fit, make().partial_fit, fitted.partial_fit]
    if bad != "no features":
        methods += [getattr(fitted, name) for name in CODES]
    for method in methods:
        with pytest.raises(error, match=message):
            method(X)
    if X.ndim == 2 and bad != "no features":
        with pytest.raises(error, match=message):
            fitted.inverse_transform(X[:, :3])
    assert pickle.dumps(fitted) == weights


def test_wrong_width(X):
    ae = make().fit(X)
    message = "X has 63 features, but AutoEncoderTransformer is expecting 64 features"
    for method in (*CODES, "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(ae, method)(X[:, :63])
    with pytest.raises(ValueError, match="4 features.*n_components=3"):
        ae.inverse_transform(X[:, :4])


def test_not_fitted(X):
    ae = make()
    for method in (*CODES, "inverse_transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(ae, method)(X)
    with pytest.raises(NotFittedError):
        ae.get_feature_names_out()


class WithoutEncode(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()

    def decode(self, h):
        return h


def wrong_code(n_features, n_components):
    return Autoencoder(nn.Linear(n_features, 5), nn.Linear(5, n_features))


def wrong_row(n_features, n_components):
    return Autoencoder(nn.Linear(n_features, 3), nn.Linear(3, n_features + 1))


def fixed_width(n_features, n_components):
    return Autoencoder(nn.Linear(784, 3), nn.Linear(3, 784))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, r"'n_components'.*\[1, inf\).*Got 0"),
        ({"n_components": 2.5}, "'n_components'.*Got 2.5"),
        ({"hidden_layer_sizes": 100}, "'hidden_layer_sizes'.*Got 100"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes=\(8, 0\)"),
        ({"hidden_layer_sizes": (-3,)}, r"hidden_layer_sizes=\(-3,\)"),
        ({"hidden_layer_sizes": (2.5,)}, r"hidden_layer_sizes=\(2\.5,\)"),
        ({"hidden_layer_sizes": ("a",)}, r"hidden_layer_sizes=\('a',\)"),
        ({"activation": "elu"}, "'activation'.*'tanh'.*Got 'elu'"),
        ({"likelihood": "poisson"}, "'likelihood'.*'laplace'.*Got 'poisson'"),
        ({"module": "dense"}, "'module'.*callable.*Got 'dense'"),
        ({"weight_decay": -1}, "'weight_decay'.*Got -1"),
        ({"l1_penalty": -0.1}, "'l1_penalty'.*Got -0.1"),
        ({"contractive_penalty": "a"}, "'contractive_penalty'.*Got 'a'"),
        ({"augmentation": 3}, "'augmentation'.*Got 3"),
        ({"optimizer": "lion"}, "'optimizer'.*'adamw'.*Got 'lion'"),
        ({"optimizer": dict}, "optimizer.*dict"),
        ({"lr": 0}, r"'lr'.*\(0.0, inf\).*Got 0"),
        ({"lr": np.nan}, "'lr'.*Got nan"),
        ({"lr_schedule": "step"}, "'lr_schedule'.*'one_cycle'.*Got 'step'"),
        ({"batch_size": 0}, "'batch_size'.*Got 0"),
        ({"max_epochs": 0}, "'max_epochs'.*Got 0"),
        ({"early_stopping": "yes"}, "'early_stopping'.*Got 'yes'"),
        ({"validation_fraction": 1.0}, "'validation_fraction'.*Got 1.0"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change'.*Got 0"),
        ({"tol": -1e-4}, "'tol'.*Got -0.0001"),
        ({"callbacks": "disable"}, "'callbacks'.*Got 'disable'"),
        ({"device": 0}, "'device'.*Got 0"),
        ({"device": "nonsense"}, "device='nonsense' is not a device"),
        ({"device": "cuda:99"}, "device='cuda:99' is not available here.*cpu"),
        ({"device": torch.device("meta")}, "not available here.*cpu"),
        ({"compute_dtype": "float16"}, "'compute_dtype'.*'bfloat16'.*Got 'float16'"),
        ({"random_state": "a"}, "'random_state'.*Got 'a'"),
        ({"verbose": -1}, "'verbose'.*Got -1"),
        (
            {"module": WithoutEncode},
            "module.*WithoutEncode without the method 'encode'",
        ),
        ({"module": wrong_code}, r"module.*'encode'.*\(2, 5\).*must be \(2, 3\)"),
        ({"module": wrong_row}, r"module.*'decode'.*\(2, 65\).*must be \(2, 64\)"),
        ({"module": lambda n_features, n_components: 3}, "module.*'encode'"),
        ({"module": fixed_width}, r"module.*'encode'.*\(2, 64\)"),
        ({"module": wrong_code(64, 3)}, "module.*class or"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_parameters_are_named_with_value_and_what_is_allowed(X, params, message):
    ae = make().set_params(**params)
    for fit in (ae.fit, ae.partial_fit):
        with pytest.raises(ValueError, match=message):
            fit(X)
    with pytest.raises(NotFittedError):
        ae.transform(X)


def test_one_sample(X):
    ae = make().fit(X[:1])
    np.testing.assert_allclose(ae.reconstruct(X[:1]), X[:1], atol=1e-3)
    with pytest.raises(ValueError, match="n_samples=1"):
        make(early_stopping=True).fit(X[:1])


# -- Divergence and what is left after an error ------------------------------------------


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({}, "is nan"),
        ({"activation": "tanh"}, "ended at .* and began at"),
        ({"activation": "tanh", "likelihood": "bernoulli"}, "ended at .* and began at"),
        ({"activation": "tanh", "optimizer": "sgd"}, ""),
        ({"module": Dropping}, ""),
    ],
)
def test_divergence_is_an_error_and_leaves_no_model(X, params, what):
    ae = make(lr=1e6, max_epochs=5, lr_schedule="constant", **params)
    for fit in (ae.fit, ae.partial_fit):
        with pytest.raises(DivergenceError, match=rf"{what}.*epoch \d.*lr=1e\+06"):
            fit(X / 16)
        with pytest.raises(NotFittedError):
            ae.transform(X)
        assert not hasattr(ae, "net_")


def test_divergence_is_told_from_samples_that_differ():
    # One wild sample makes the loss: which batch it is in says nothing of the fit.
    rng = np.random.RandomState(0)
    X = rng.randn(1000, 5)
    X[777] = 1e4
    for seed in range(3):
        ae = make(random_state=seed).fit(X)
        assert ae.loss_curve_[-1] < ae.loss_curve_[0]
    # Samples that come later may have another spread than the first.
    ae = make().partial_fit(rng.randn(100, 5)).partial_fit(10 * rng.randn(100, 5))
    assert ae.n_epochs_ == 2


def learned(ae):
    """What was learned beside the module, in a form that can be compared."""
    kept = {k: v for k, v in vars(ae).items() if k.endswith("_")}
    return {k: repr(v) for k, v in kept.items() if k not in ("net_", "module_")}


@pytest.mark.parametrize("module", [None, Dropping])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("lr", [0.01, 1e20], ids=["interrupted", "diverging"])
def test_failure_leaves_what_was_before(X, module, method, lr, monkeypatch):
    monkeypatch.setattr(Interrupt, "armed", False)
    params = {"module": module, "warm_start": True, "callbacks": [Interrupt()]}
    ae = make(**params).fit(X)
    expected = answers(ae, X)
    before = learned(ae)
    ae.set_params(lr=lr)
    monkeypatch.setattr(Interrupt, "armed", lr == 0.01)
    for _ in range(2):
        with pytest.raises((DivergenceError, KeyboardInterrupt)):
            getattr(ae, method)(X)
        assert same(answers(ae, X), expected)
        assert not ae.module_.training
    assert learned(ae) == before
    # And it goes on from there as one that never failed, but for the optimizer's state.
    monkeypatch.setattr(Interrupt, "armed", False)
    ae.set_params(lr=0.01).partial_fit(X)
    again = pickle.loads(pickle.dumps(make(**params).fit(X))).partial_fit(X)
    assert same(answers(ae, X), answers(again, X))


# -- Going on -------------------------------------------------------------------------


def test_partial_fit_goes_on(X):
    ae = make()
    losses = [ae.partial_fit(X).loss_curve_[-1] for _ in range(6)]
    assert losses == sorted(losses, reverse=True)
    assert ae.loss_curve_ == losses
    assert ae.n_epochs_ == 6
    assert ae.validation_loss_curve_ == []
    # In another process it goes on too, though the optimizer starts afresh.
    loaded = pickle.loads(pickle.dumps(ae))
    loaded.partial_fit(X)
    loaded.partial_fit(X)
    assert loaded.loss_curve_[:6] == losses
    assert loaded.loss_curve_[-1] < losses[-1]
    assert loaded.n_epochs_ == 8
    # After a fit as well.
    fitted = make().fit(X)
    before = fitted.loss_curve_[-1]
    fitted.partial_fit(X)
    assert fitted.partial_fit(X).loss_curve_[-1] < before
    assert fitted.n_epochs_ == 5


def test_partial_fit_is_repeatable_and_has_a_constant_rate(X):
    codes = []
    for schedule in ("constant", "one_cycle", "cosine"):
        ae = make(lr_schedule=schedule)
        for part in (X[:100], X[100:], X):
            ae.partial_fit(part)
            assert ae.net_.optimizer_.param_groups[0]["lr"] == 0.01
        codes.append(ae.transform(X))
    assert same(codes[:1] * 3, codes)
    ae.set_params(lr=0.002).partial_fit(X)
    assert ae.net_.optimizer_.param_groups[0]["lr"] == 0.002


def test_partial_fit_keeps_the_optimizers_state(X):
    one_by_one = make(lr_schedule="constant")
    steps = [one_by_one.partial_fit(X).net_ for _ in range(3)]
    assert steps[0] is steps[2]
    together = make(lr_schedule="constant", max_epochs=3).fit(X)
    # The same but for the order of the samples.
    assert one_by_one.loss_curve_[0] == together.loss_curve_[0]
    assert one_by_one.loss_curve_ == pytest.approx(together.loss_curve_, rel=0.05)


def test_first_samples_decide_the_units(X):
    ae = make().partial_fit(X[:100])
    offset, scale = ae.offset_, ae.scale_
    ae.partial_fit(X[100:])
    assert np.array_equal(ae.offset_, X[:100].mean(axis=0))
    assert ae.offset_ is offset
    assert ae.scale_ == scale


def test_partial_fit_and_early_stopping(X):
    with pytest.raises(ValueError, match="early_stopping=True; set it to False"):
        make(early_stopping=True).partial_fit(X)
    ae = make(early_stopping=True, max_epochs=5).fit(X)
    loss = ae.loss_curve_[-1]
    ae.set_params(early_stopping=False)
    for _ in range(3):
        ae.partial_fit(X)
    assert ae.loss_curve_[-1] < loss
    assert len(ae.validation_loss_curve_) == 5


def test_warm_start_goes_on(X):
    ae = make(warm_start=True, max_epochs=4, lr_schedule="constant").fit(X)
    first, net = list(ae.loss_curve_), ae.net_
    ae.fit(X)
    assert ae.loss_curve_[:4] == first
    assert ae.loss_curve_[4] < first[3]
    assert len(ae.loss_curve_) == ae.n_epochs_ == 8
    assert ae.net_ is not net
    # Two and two is repeatable, and different from starting afresh.
    again = make(warm_start=True, max_epochs=4, lr_schedule="constant").fit(X).fit(X)
    assert same(answers(again, X), answers(ae, X))
    ae.set_params(warm_start=False).fit(X)
    assert ae.loss_curve_ == first
    assert ae.n_epochs_ == 4


def test_refit_forgets(X, images):
    ae = make(early_stopping=True).fit(images)
    ae.set_params(likelihood="bernoulli", early_stopping=False).fit(X[:, :32] / 16)
    fresh = make(likelihood="bernoulli").fit(X[:, :32] / 16)
    assert vars(ae).keys() - {"net_"} == vars(fresh).keys() - {"net_"}
    assert ae.image_shape_ is None
    assert ae.validation_loss_curve_ == []
    assert ae.n_features_in_ == 32
    assert same(answers(ae, X[:, :32] / 16), answers(fresh, X[:, :32] / 16))


# -- Likelihood ------------------------------------------------------------------------


def test_noise_variance_and_scores_of_the_gaussian(X):
    ae = make().fit(X)
    error = X - ae.reconstruct(X)
    assert ae.noise_variance_ == pytest.approx(np.mean(error**2), rel=1e-5)
    expected = stats.norm(0, np.sqrt(ae.noise_variance_)).logpdf(error).sum(axis=1)
    np.testing.assert_allclose(ae.score_samples(X), expected)
    np.testing.assert_allclose(
        ae.score_samples(X.astype(np.float32)), expected, rtol=1e-4
    )
    assert ae.score(X) == pytest.approx(expected.mean())
    by_object = make(likelihood=Gaussian()).fit(X)
    assert same(answers(by_object, X), answers(ae, X))


def test_noise_variance_and_scores_of_the_laplace(X):
    ae = make(likelihood="laplace").fit(X)
    error = X - ae.reconstruct(X)
    assert ae.noise_variance_ == pytest.approx(2 * np.mean(abs(error)) ** 2, rel=1e-5)
    expected = stats.laplace(0, np.mean(abs(error))).logpdf(error).sum(axis=1)
    np.testing.assert_allclose(ae.score_samples(X), expected, rtol=1e-4)
    assert ae.score(X) == pytest.approx(expected.mean(), rel=1e-4)
    # The loss is in the units of X.
    more = make(likelihood="laplace").fit(10 * X)
    assert more.loss_curve_ == pytest.approx(10 * np.array(ae.loss_curve_), rel=1e-4)


def test_scores_of_the_bernoulli(X):
    X = X / 16
    ae = make(likelihood="bernoulli").fit(X)
    assert not hasattr(ae, "noise_variance_")
    p = ae.reconstruct(X)
    assert (p > 0).all()
    assert (p < 1).all()
    expected = (X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1)
    np.testing.assert_allclose(ae.score_samples(X), expected)
    assert ae.score(X) == pytest.approx(expected.mean())
    with pytest.raises(ValueError, match=r"X in \[0, 1\]; got values from 0 to 16"):
        ae.fit(16 * X)


# -- Kept, copied and sent ---------------------------------------------------------------


def by_joblib(ae, tmp_path):
    joblib.dump(ae, tmp_path / "ae.joblib")
    return joblib.load(tmp_path / "ae.joblib", mmap_mode="r")


WAYS = {
    "pickle": lambda ae, tmp_path: pickle.loads(pickle.dumps(ae)),
    "joblib": by_joblib,
    "deepcopy": lambda ae, tmp_path: copy.deepcopy(ae),
    "twice": lambda ae, tmp_path: copy.deepcopy(pickle.loads(pickle.dumps(ae))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("module", [None, Dropping])
def test_copies_answer_alike(X, tmp_path, way, module):
    ae = make(module=module).fit(X)
    other = WAYS[way](ae, tmp_path)
    for dtype in (np.float32, np.float64):
        assert same(answers(other, X.astype(dtype)), answers(ae, X.astype(dtype)))
    assert other.loss_curve_ == ae.loss_curve_
    assert not hasattr(other, "net_")
    assert joblib.hash(other) == joblib.hash(ae)
    # The copy is its own: training it changes nothing here.
    expected = answers(ae, X)
    other.partial_fit(X)
    assert not same(answers(other, X), expected)
    assert same(answers(ae, X), expected)


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_own_modules_keep_ties_and_buffers(X, tmp_path, way):
    ae = make(module=Dropping).fit(X)
    other = WAYS[way](ae, tmp_path)
    assert other.module_.encoder[1].num_batches_tracked == 21
    for _ in range(2):
        encoder, decoder = other.module_.encoder, other.module_.decoder
        assert type(other.module_) is Dropping
        assert encoder[4].weight is decoder[1].weight
        assert encoder[4].bias is not decoder[1].bias
        assert len(list(other.module_.parameters())) == 13
        assert len(list(other.module_.buffers())) == 3
        assert all(p.requires_grad for p in other.module_.parameters())
        assert all(p.is_leaf and not p.is_meta for p in other.module_.parameters())
        other.partial_fit(X)
    assert other.module_.encoder[1].num_batches_tracked == 35


class Recording(Callback):
    """Keeps what it can get hold of."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.net, self.X = net, X


@pytest.mark.parametrize(
    "callbacks", [None, [LRScheduler("StepLR", step_size=1), Recording()]]
)
def test_pickle_holds_the_weights_and_no_more(X, callbacks):
    ae = make(
        hidden_layer_sizes=(300,), max_epochs=50, batch_size=5, callbacks=callbacks
    )
    hash_before = joblib.hash(ae.get_params())
    ae.fit(X)
    ae.partial_fit(X)
    weights = sum(p.numel() * 4 for p in ae.module_.parameters())
    assert weights < len(pickle.dumps(ae)) < weights + 12_000
    assert joblib.hash(ae.get_params()) == hash_before  # fit changes no parameter
    with io.BytesIO() as file:
        joblib.dump(ae, file)
        assert file.tell() < weights + 12_000


def test_fitted_on_a_gpu_that_is_not_here(X):
    ae = make().fit(X)
    state = ae.__getstate__() | {"device_": torch.device("cuda", 99)}
    other = AutoEncoderTransformer.__new__(AutoEncoderTransformer)
    other.__setstate__(state)
    assert other.device_ == torch.device("cpu")
    assert np.array_equal(other.transform(X), make().fit(X).transform(X))


def test_clone_is_not_fitted(X):
    ae = make(likelihood=Gaussian(), module=Dropping, device=torch.device("cpu")).fit(X)
    other = clone(ae)
    assert not hasattr(other, "module_")
    assert joblib.hash(other.get_params()) == joblib.hash(ae.get_params())
    assert same(answers(other.fit(X), X), answers(ae, X))


# -- scikit-learn's face ---------------------------------------------------------------


def test_data_frames_and_names(X):
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    ae, plain = make().fit(frame), make().fit(X)
    assert list(ae.feature_names_in_) == list(frame.columns)
    assert same(answers(ae, frame), answers(plain, X))
    names = [f"autoencodertransformer{i}" for i in range(3)]
    assert list(ae.get_feature_names_out()) == names
    with pytest.raises(ValueError, match="feature names should match"):
        ae.transform(frame.iloc[:, ::-1])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        ae.transform(X)

    ae.set_output(transform="pandas")
    codes = ae.transform(frame)
    assert isinstance(codes, pd.DataFrame)
    assert list(codes.columns) == names
    np.testing.assert_array_equal(codes, plain.transform(X))
    np.testing.assert_allclose(ae.inverse_transform(codes), plain.reconstruct(X))
    ae.set_output(transform="polars")
    codes = ae.transform(pl.from_pandas(frame))
    assert isinstance(codes, pl.DataFrame)
    assert codes.columns == names


def test_images_and_data_frames_of_codes(images):
    ae = make().set_output(transform="pandas")
    codes = ae.fit_transform(images)
    assert codes.shape == (len(images), 3)
    assert ae.inverse_transform(codes).shape == images.shape


# -- Optimizers, types and modules ---------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw"},
        {"optimizer": "adamw", "weight_decay": 0.1, "module": Dropping},
        {"optimizer": "sgd", "lr": 0.1},
        {"optimizer": "sgd", "weight_decay": 1e-4, "module": Dropping},
        {"optimizer": torch.optim.AdamW},
        {"optimizer": torch.optim.Adagrad, "lr": 0.1},
        {"optimizer": torch.optim.RMSprop, "weight_decay": 1e-4},
        {"optimizer": torch.optim.LBFGS, "lr": 0.1, "batch_size": 1000},
        {"optimizer": torch.optim.NAdam, "lr_schedule": "cosine"},
        {"compute_dtype": "bfloat16"},
        {"compute_dtype": "bfloat16", "module": Dropping, "contractive_penalty": 1e-4},
    ],
    ids=str,
)
def test_every_optimizer_learns(X, params):
    ae = make(**{"max_epochs": 15} | params).fit(X)
    assert ae.loss_curve_[-1] < 0.8 * ae.loss_curve_[0]
    assert all(p.dtype == torch.float32 for p in ae.module_.parameters())
    assert ae.compute_dtype_ == getattr(torch, params.get("compute_dtype", "float32"))
    optimizer = params.get("optimizer", "adam")
    if isinstance(optimizer, type):
        assert type(ae.net_.optimizer_) is optimizer
    (group,) = ae.net_.optimizer_.param_groups
    assert group.get("weight_decay", 0) == params.get("weight_decay", 0)


def test_module_by_class_or_factory(X):
    def factory(n_features, n_components):
        return DenseAutoencoder(n_features, n_components, (8,))

    class Own(DenseAutoencoder):
        def __init__(self, n_features, n_components):
            super().__init__(n_features, n_components, (8,))

    by_factory, by_class = make(module=factory).fit(X), make(module=Own).fit(X)
    assert type(by_class.module_) is Own
    assert not by_class.module_.training
    # It gets X as it is.
    assert by_class.scale_ == 1
    assert not by_class.offset_.any()
    with torch.no_grad():
        codes = by_class.module_.encode(torch.from_numpy(X).float()).numpy()
    np.testing.assert_array_equal(by_class.transform(X.astype(np.float32)), codes)
    np.testing.assert_allclose(
        by_class.transform(X), by_factory.transform(X), rtol=1e-3
    )


def test_answers_come_from_the_module_without_its_randomness(X):
    ae = make(module=Dropping).fit(X)
    assert same(answers(ae, X), answers(ae, X))
    before = {k: v.clone() for k, v in ae.module_.state_dict().items()}
    answers(ae, X)
    after = ae.module_.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
