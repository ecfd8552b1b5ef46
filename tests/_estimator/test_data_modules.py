"""Tests of fitted networks as modules that take samples as the estimator does."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._training.weights import tensors_of
from skae.likelihood import Laplace

X, y = load_digits(return_X_y=True)
X, y = np.float32(X[:200]), y[:200]
IMAGES = X.reshape(-1, 8, 8) / 16
BYTES = np.uint8(IMAGES * 255)
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)
OPTIONS = {"max_epochs": 2, "random_state": 0}
CASES = {
    "dense": (AutoEncoderTransformer(4, **OPTIONS), X),
    "affine": (AutoEncoderTransformer(4, hidden_layer_sizes=(), random_state=0), X),
    "one variance per feature": (
        AutoEncoderTransformer(4, likelihood=Laplace(), **OPTIONS),
        X,
    ),
    **{
        name: (AutoEncoderTransformer(2, likelihood=name, **OPTIONS), X)
        for name in ("poisson", "negative_binomial", "multinomial")
    },
    "not scaled": (
        AutoEncoderTransformer(4, likelihood="bernoulli", **OPTIONS),
        IMAGES,
    ),
    "bytes": (AutoEncoderTransformer(4, architecture="conv", **OPTIONS), BYTES),
    "colors": (DenoisingAutoEncoder(4, architecture="conv", **OPTIONS), COLORS),
    "variational": (VariationalAutoEncoder(4, **OPTIONS), X),
    "colorizer": (
        ColorizationAutoEncoder(4, saturation=0.3, **OPTIONS),
        IMAGES,
        COLORS,
    ),
    "regressor": (ColorizationAutoEncoder(4, **OPTIONS), X, X[:, 0]),
    "classifier": (PseudoLabelClassifier(**OPTIONS), BYTES, y),
}


@pytest.mark.parametrize("name", CASES)
def test_a_module_returns_what_the_estimator_returns(name):
    estimator, *data = CASES[name]
    estimator = clone(estimator).fit(*data)
    module = estimator.to_module()
    assert not module.training
    for method, of_module in module.methods.items():
        samples = data[0][:9]
        if method == "inverse_transform":
            samples = estimator.transform(samples)
        expected = getattr(estimator, method)(samples)
        found = getattr(module, of_module)(torch.from_numpy(samples))
        assert found.dtype == torch.float32
        assert found.shape == expected.shape
        np.testing.assert_allclose(
            found.detach(), expected, rtol=1e-5, atol=1e-5 * abs(expected).max()
        )


def test_images_in_the_unit_that_the_fit_saw():
    estimator = AutoEncoderTransformer(4, image_shape=(8, 8), **OPTIONS)
    module = estimator.fit(BYTES).to_module()
    of_bytes, of_floats = (
        module.encode(torch.from_numpy(x)) for x in (BYTES, np.float32(BYTES / 255))
    )
    torch.testing.assert_close(of_bytes, of_floats)
    # Numbers of bytes that were floats in fit.
    module = clone(estimator).fit(np.float32(BYTES)).to_module()
    x = torch.from_numpy(BYTES)
    torch.testing.assert_close(module.encode(x), module.encode(x.float()))
    # In a table bytes are numbers.
    flat = np.uint8(X)
    module = AutoEncoderTransformer(4, **OPTIONS).fit(flat).to_module()
    x = torch.from_numpy(flat)
    torch.testing.assert_close(module.encode(x), module.encode(x.float()))


def test_numbers_far_from_zero_keep_their_digits():
    far = X.astype(np.float64) + 1e6
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(far)
    codes = estimator.to_module().encode(torch.from_numpy(far)).detach()
    np.testing.assert_allclose(codes, estimator.transform(far), rtol=1e-4, atol=1e-5)


def test_a_module_can_compute_in_float64():
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    module, x = estimator.to_module().double(), X.astype(np.float64)
    codes = module.encode(torch.from_numpy(x)).detach()
    np.testing.assert_allclose(codes, estimator.transform(x), rtol=1e-6, atol=1e-6)


def test_a_module_has_weights_of_its_own():
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    before = copy.deepcopy(tensors_of(estimator.module_))
    module = estimator.to_module()
    module(torch.from_numpy(X)).square().sum().backward()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(weight.grad)
    for weight, old in zip(tensors_of(estimator.module_), before, strict=True):
        assert torch.equal(weight, old)


def test_an_estimator_that_is_not_fitted_has_no_module():
    with pytest.raises(NotFittedError):
        AutoEncoderTransformer().to_module()
