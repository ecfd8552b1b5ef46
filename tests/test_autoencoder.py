"""Tests of AutoEncoderTransformer at its work; test_base.py has what all share."""

import functools
import pickle
import shutil

import numpy as np
import pytest
import torch
from joblib import parallel_backend
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from torch.func import jacrev, vmap

from skae import AutoEncoderTransformer
from skae.modules import DenseAutoencoder

compiles = pytest.mark.filterwarnings(
    "ignore:`torch.jit:DeprecationWarning",  # torch's own, on its way to the compiler
)


@pytest.fixture(scope="module")
def digits():
    return load_digits().data.astype(np.float32)


def make(n_components=3, **params):
    params = {
        "hidden_layer_sizes": (8,),
        "lr": 0.01,
        "batch_size": 32,
        "max_epochs": 3,
        "random_state": 0,
    } | params
    return AutoEncoderTransformer(n_components, **params)


def error(estimator, X):
    reconstruction = estimator.inverse_transform(estimator.transform(X))
    return np.square(X - reconstruction).mean()


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
@pytest.mark.parametrize("n_components", [2, 8, 16])
def test_linear_autoencoder_is_as_good_as_pca(digits, n_components, schedule):
    ae = AutoEncoderTransformer(
        n_components,
        hidden_layer_sizes=(),
        activation="identity",
        lr=0.01,
        lr_schedule=schedule,
        max_epochs=100,
        random_state=0,
    ).fit(digits)
    best = error(PCA(n_components).fit(digits), digits)
    assert best * 0.9999 < error(ae, digits) < 1.02 * best
    assert ae.noise_variance_ == pytest.approx(error(ae, digits), rel=1e-3)


def test_hidden_layers_do_better_than_pca(digits):
    X, others = digits[:1200], digits[1200:]
    ae = AutoEncoderTransformer(2, max_epochs=40, lr=3e-3, random_state=0).fit(X)
    assert error(ae, others) < 0.9 * error(PCA(2).fit(X), others)


# -- What regularizes ---------------------------------------------------------------------


def weight_norm(ae, X):
    return sum(p.square().sum().item() for p in ae.module_.parameters())


def code_size(ae, X):
    return np.abs(ae.transform(X)).mean()


def contraction(ae, X):
    rows = torch.from_numpy((X[:50] - ae.offset_) / ae.scale_).float()
    module = ae.module_
    return vmap(jacrev(lambda x: module.encode(x[None])[0]))(rows).square().sum().item()


@pytest.mark.parametrize(
    ("penalty", "measure"),
    [
        ({"weight_decay": 0.01}, weight_norm),
        ({"weight_decay": 1.0, "optimizer": "adamw"}, weight_norm),
        ({"l1_penalty": 0.05}, code_size),
        ({"contractive_penalty": 0.05}, contraction),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_penalties_shrink_what_they_are_for(digits, penalty, measure):
    X = digits[:400]
    plain = make(optimizer=penalty.get("optimizer", "adam"), max_epochs=10).fit(X)
    penalized = make(max_epochs=10, **penalty).fit(X)
    assert measure(penalized, X) < 0.6 * measure(plain, X)
    # It still learns.
    assert error(penalized, X) < 0.9 * np.square(X - X.mean(axis=0)).mean()


# -- In scikit-learn's tools ----------------------------------------------------------------


def test_score_is_the_mean_of_score_samples(digits):
    X, others = digits[:300], digits[300:500]
    ae = make().fit(X)
    assert ae.score(others) == pytest.approx(ae.score_samples(others).mean(), rel=1e-5)
    assert ae.score(others) > ae.score(others[:, ::-1])  # no digits


def test_grid_search_picks_the_better_fit_in_every_number_of_processes(digits):
    X = digits[:300]
    pipe = Pipeline([("ae", make())])
    grid = {"ae__max_epochs": [20, 1], "ae__n_components": [1, 8]}
    serial = GridSearchCV(pipe, grid, cv=3).fit(X)
    assert serial.best_params_ == {"ae__max_epochs": 20, "ae__n_components": 8}
    scores = serial.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[:2].min() > scores[2:].max()

    parallel = GridSearchCV(pipe, grid, cv=3, n_jobs=2).fit(X)
    for split in range(3):
        np.testing.assert_allclose(
            parallel.cv_results_[f"split{split}_test_score"],
            serial.cv_results_[f"split{split}_test_score"],
            rtol=1e-6,
        )
    assert parallel.best_params_ == serial.best_params_
    assert np.array_equal(
        parallel.best_estimator_.transform(X), serial.best_estimator_.transform(X)
    )


def test_cross_validation_in_threads(digits):
    X, ae = digits[:300], make()
    serial = cross_val_score(ae, X, cv=3)
    with parallel_backend("threading", n_jobs=3):
        assert np.array_equal(cross_val_score(ae, X, cv=3), serial)


def test_pipeline_with_memory_takes_the_fitted_one(digits, tmp_path, monkeypatch):
    X = digits[:200]
    steps = [make(max_epochs=2), KMeans(3, n_init=1, random_state=0)]
    expected = make_pipeline(*steps).fit(X)
    first = make_pipeline(*steps, memory=str(tmp_path)).fit(X)

    def train(self, *args):
        raise AssertionError("trained again")

    monkeypatch.setattr(AutoEncoderTransformer, "_train", train)
    second = make_pipeline(*steps, memory=str(tmp_path)).fit(X)
    for pipe in (first, second):
        assert np.array_equal(pipe[:-1].transform(X), expected[:-1].transform(X))
        assert np.array_equal(pipe.predict(X), expected.predict(X))
        assert pipe[0].loss_curve_ == expected[0].loss_curve_


# -- torch.compile ---------------------------------------------------------------------------


def check_compiled(compiled, plain, X):
    assert compiled.loss_curve_ == pytest.approx(plain.loss_curve_, rel=1e-4)
    np.testing.assert_allclose(
        compiled.transform(X), plain.transform(X), rtol=1e-2, atol=1e-2
    )
    assert type(compiled.module_) is DenseAutoencoder
    assert list(compiled.module_.state_dict()) == list(plain.module_.state_dict())
    pickled = pickle.dumps(compiled)
    assert b"_orig_mod" not in pickled
    assert b"dynamo" not in pickled
    assert len(pickled) < len(pickle.dumps(plain)) + 100
    loaded = pickle.loads(pickled)
    assert np.array_equal(loaded.transform(X), compiled.transform(X))


@compiles
def test_compile_leaves_no_trace(digits, monkeypatch):
    X = digits[:96]
    eager = functools.partial(torch.compile, backend="eager")
    calls = []
    monkeypatch.setattr(torch, "compile", lambda f, mode: calls.append(f) or eager(f))
    params = {"early_stopping": True, "l1_penalty": 0.01, "validation_fraction": 1 / 3}
    plain, compiled = make(**params).fit(X), make(compile=True, **params).fit(X)
    assert len(calls) == 1
    check_compiled(compiled, plain, X)


@compiles
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compile_with_the_compiler(digits):
    X = digits[:64]
    check_compiled(
        make(compile=True, max_epochs=2).fit(X), make(max_epochs=2).fit(X), X
    )


@compiles
def test_compile_refuses_what_cannot_be_compiled(digits):
    # The penalty's gradient is a second derivative, which torch.compile has not.
    ae = make(compile=True, contractive_penalty=0.1)
    with pytest.raises(ValueError, match=r"contractive_penalty.*compile"):
        ae.fit(digits[:64])
