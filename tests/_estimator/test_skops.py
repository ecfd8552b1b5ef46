"""Tests of files of skops, and of files that were tampered with."""

import io
import json
import zipfile
from functools import cache
from pickle import UnpicklingError

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import euclidean_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException
from torch import nn

import skae
from skae import TRUSTED_TYPES
from skae._estimator import pickling
from skae.corruption import (
    Binarize,
    Chain,
    Grayscale,
    ImagesOrRows,
    Masking,
    RandomAffine,
    RandomErasing,
    RandomFlip,
    SaltAndPepper,
    SwapNoise,
)
from skae.likelihood import Bernoulli, Categorical, Gaussian, Laplace, Mixed
from skae.modules import Autoencoder
from skae.modules._hidden import ACTIVATIONS

X, y = load_digits(return_X_y=True)
X, y = X[:150] / 16, y[:150]
IMAGES = np.float32(X.reshape(-1, 8, 8))
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)
OPTIONS = {"max_epochs": 1, "random_state": 0}
ALL_CORRUPTIONS = Chain(
    [
        ("affine", RandomAffine()),
        ("erasing", RandomErasing()),
        ("flip", RandomFlip()),
        ("salt", SaltAndPepper()),
        ("swap", ImagesOrRows(Masking(), SwapNoise())),
        ("binarize", Binarize()),
    ]
)
TABLE = np.column_stack([X[:, 20:22], X[:, 27] > 0.5, np.eye(3)[y % 3]])
MIXED = Mixed(
    [
        ("gaussian", Gaussian(), [0]),
        ("laplace", Laplace(), [1]),
        ("bernoulli", Bernoulli(), [2]),
        ("categorical", Categorical(), [3, 4, 5]),
    ]
)
CASES = {
    "dense": (skae.AutoEncoderTransformer(4, **OPTIONS), X),
    "missing values": (
        skae.AutoEncoderTransformer(4, **OPTIONS),
        np.where(X > 0.9, np.nan, X),
    ),
    **{
        name: (
            skae.AutoEncoderTransformer(2, likelihood=name, **OPTIONS),
            (16 * X).round(),
        )
        for name in ("poisson", "negative_binomial", "multinomial")
    },
    "affine": (
        skae.AutoEncoderTransformer(4, hidden_layer_sizes=(), random_state=0),
        X,
    ),
    "convolutional": (
        skae.AutoEncoderTransformer(
            4, architecture="conv", normalization="layer_norm", dropout=0.1, **OPTIONS
        ),
        IMAGES,
    ),
    "batch norm": (
        skae.AutoEncoderTransformer(
            4, architecture="conv", normalization="batch_norm", **OPTIONS
        ),
        IMAGES,
    ),
    "layer norm": (
        skae.AutoEncoderTransformer(4, normalization="layer_norm", **OPTIONS),
        X,
    ),
    "mixed": (skae.AutoEncoderTransformer(2, likelihood=MIXED, **OPTIONS), TABLE),
    "denoising": (
        skae.DenoisingAutoEncoder(
            4, ALL_CORRUPTIONS, normalization="batch_norm", **OPTIONS
        ),
        IMAGES,
    ),
    "default corruption": (skae.DenoisingAutoEncoder(4, **OPTIONS), X),
    "gray": (
        skae.DenoisingAutoEncoder(4, Grayscale(), **OPTIONS),
        COLORS,
    ),
    "variational": (
        skae.VariationalAutoEncoder(4, architecture="conv", **OPTIONS),
        IMAGES,
    ),
    "colors": (skae.ColorizationAutoEncoder(4, **OPTIONS), IMAGES, COLORS),
    "outputs": (skae.ColorizationAutoEncoder(4, **OPTIONS), X, X[:, :3]),
    "labels of images": (skae.PseudoLabelClassifier(**OPTIONS), IMAGES, y),
    "spectral": (skae.SpectralKMeans(10, random_state=0), X),
    "spectral, of distances": (
        skae.SpectralKMeans(10, metric="precomputed", random_state=0),
        euclidean_distances(X),
    ),
    "clusters": (
        skae.ClusterClassifier(
            skae.AutoEncoderTransformer(4, **OPTIONS),
            skae.SpectralKMeans(),
            refiner=skae.PseudoLabelClassifier(**OPTIONS),
            random_state=0,
        ),
        X,
        y,
    ),
    "reconstructor": (
        skae.Reconstructor(skae.AutoEncoderTransformer(4, **OPTIONS)),
        X,
    ),
    "outliers": (skae.AutoEncoderOutlierDetector(random_state=0), X),
    "outliers of an autoencoder": (
        skae.AutoEncoderOutlierDetector(skae.AutoEncoderTransformer(4, **OPTIONS)),
        X,
    ),
    "imputer": (
        skae.AutoEncoderImputer(random_state=0),
        np.where(X > 0.9, np.nan, X),
    ),
    "imputer of an autoencoder": (
        skae.AutoEncoderImputer(
            skae.DenoisingAutoEncoder(4, max_epochs=1), random_state=0
        ),
        np.where(X > 0.9, np.nan, X),
    ),
    "pipeline": (
        make_pipeline(StandardScaler(), skae.AutoEncoderTransformer(4, **OPTIONS)),
        X,
    ),
    **{
        name: (skae.AutoEncoderTransformer(2, activation=name, **OPTIONS), X)
        for name in ACTIVATIONS
    },
}


def assert_alike(one, other, samples):
    names = [
        name
        for name in ("transform", "reconstruct", "predict", "predict_proba")
        if hasattr(one, name)
    ]
    assert names
    for name in names:
        np.testing.assert_array_equal(
            getattr(one, name)(samples), getattr(other, name)(samples)
        )


@cache
def fit(name):
    """Fit an estimator; return it and a file of it."""
    estimator, *data = CASES[name]
    estimator = clone(estimator).fit(*data)
    return estimator, skops.io.dumps(estimator)


@pytest.mark.parametrize("name", CASES)
def test_every_estimator_is_saved_and_loaded(name):
    (estimator, saved), (_, *data) = fit(name), CASES[name]
    loaded = skops.io.loads(saved, trusted=list(TRUSTED_TYPES))
    assert_alike(loaded, estimator, data[0])
    # It can be trained, and saved again.
    assert skops.io.get_untrusted_types(data=skops.io.dumps(loaded)) == (
        skops.io.get_untrusted_types(data=saved)
    )
    loaded.fit(*data)
    assert_alike(loaded, estimator, data[0])


def test_the_list_of_trusted_types_holds_nothing_else():
    found = set()
    for name in CASES:
        found |= set(skops.io.get_untrusted_types(data=fit(name)[1]))
    stream = skae.AutoEncoderTransformer(4, **OPTIONS).partial_fit(X)
    found |= set(skops.io.get_untrusted_types(data=skops.io.dumps(stream)))
    assert sorted(found) == sorted(TRUSTED_TYPES)


def test_without_trust_nothing_is_loaded(saved):
    with pytest.raises(UntrustedTypesFoundException, match="AutoEncoderTransformer"):
        skops.io.loads(saved)


class OwnModule(Autoencoder):
    def __init__(self, n_features, n_components):
        layer = nn.Linear(n_features, n_components)
        super().__init__(layer, nn.Linear(n_components, n_features))


def test_a_module_of_the_user_has_to_be_trusted_by_its_name():
    estimator = skae.AutoEncoderTransformer(2, module=OwnModule, **OPTIONS).fit(X)
    saved = skops.io.dumps(estimator)
    unknown = skops.io.get_untrusted_types(data=saved)
    own = [name for name in unknown if name not in TRUSTED_TYPES]
    assert own == [f"{OwnModule.__module__}.OwnModule"]
    loaded = skops.io.loads(saved, trusted=[*TRUSTED_TYPES, *own])
    assert_alike(loaded, estimator, X)


# -- Files that were tampered with --------------------------------------------------


def tamper(saved, change):
    """Change the description in a file of skops."""
    source, target = zipfile.ZipFile(io.BytesIO(saved)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema)
            out.writestr(name, data)
    return target.getvalue()


def find(node, name):
    """Yield the nodes of a type in a description."""
    if isinstance(node, dict):
        if node.get("__class__") == name:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from find(part, name)


@pytest.fixture
def saved():
    return fit("dense")[1]


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")],
)
def test_functions_and_types_of_others_are_refused(saved, module, name):
    def change(schema):
        for node in find(schema, "ReLU"):
            node.update(__class__=name, __module__=module)

    with pytest.raises(UntrustedTypesFoundException, match=f"{module}.{name}"):
        skops.io.loads(tamper(saved, change), trusted=list(TRUSTED_TYPES))


def test_a_trusted_type_in_the_place_of_a_layer_is_refused(saved):
    def change(schema):
        for node in find(schema, "ReLU"):
            node.update(__class__="Masking", __module__="skae.corruption._noise")

    with pytest.raises(TypeError, match=r"Masking.* is not a module"):
        skops.io.loads(tamper(saved, change), trusted=list(TRUSTED_TYPES))


def test_another_format_is_refused_in_words(saved, monkeypatch):
    monkeypatch.setattr(pickling, "FORMAT", 3)
    with pytest.raises(UnpicklingError, match="format 2, and this version reads form"):
        skops.io.loads(saved, trusted=list(TRUSTED_TYPES))


def test_a_file_that_ends_too_early_is_refused(saved):
    with pytest.raises(zipfile.BadZipFile):
        skops.io.loads(saved[:-100], trusted=list(TRUSTED_TYPES))


def test_other_types_of_numbers_are_refused():
    estimator = skae.AutoEncoderTransformer(4, **OPTIONS).fit(X)
    state = estimator.__getstate__()
    for name in ("load", "nn", "torch.hub", "missing"):
        changed = {**state, "_dtypes": [name] * len(state["_dtypes"])}
        with pytest.raises(UnpicklingError, match=f"names '{name}' as a type"):
            skae.AutoEncoderTransformer().__setstate__(changed)
    skae.AutoEncoderTransformer().__setstate__({**state, "device_": "cuda:7"})
    assert estimator.device_ == torch.device("cpu")
