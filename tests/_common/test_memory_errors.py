"""Tests of what a lack of memory says."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._common.memory_errors import explained_memory_errors

X = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)
# Weights of 10**16 bytes: no machine has them.
LARGE = 5 * 10**13


class Parameters(BaseEstimator):
    def __init__(self, batch_size=8, n_components=2):
        self.batch_size = batch_size
        self.n_components = n_components


@pytest.mark.parametrize(
    ("estimator", "parameter"),
    [
        (AutoEncoderTransformer(hidden_layer_sizes=(LARGE,)), "hidden_layer_sizes"),
        (AutoEncoderTransformer(LARGE, hidden_layer_sizes=(9,)), "n_components"),
        (
            AutoEncoderTransformer(
                architecture="conv", image_shape=(5, 10), hidden_layer_sizes=(LARGE,)
            ),
            "hidden_layer_sizes",
        ),
        (DenoisingAutoEncoder(hidden_layer_sizes=(LARGE,)), "hidden_layer_sizes"),
        (VariationalAutoEncoder(hidden_layer_sizes=(LARGE,)), "hidden_layer_sizes"),
        (PseudoLabelClassifier(hidden_layer_sizes=(LARGE,)), "hidden_layer_sizes"),
        (ColorizationAutoEncoder(hidden_layer_sizes=(LARGE,)), "hidden_layer_sizes"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore:n_components=")
def test_a_network_that_is_too_large_names_its_parameter(estimator, parameter):
    value = getattr(estimator, parameter)
    message = rf"{type(estimator).__name__} ran out of memory: \d+ bytes \(.* GiB\)"
    with pytest.raises(MemoryError, match=message) as caught:
        estimator.fit(X, X[:, 0] > 0)
    assert f"{parameter}={value!r}" in str(caught.value)
    assert not hasattr(estimator, "module_")


def test_a_fit_that_runs_out_leaves_the_earlier_one():
    ae = AutoEncoderTransformer(2, max_epochs=1, random_state=0).fit(X)
    codes = ae.transform(X)
    with pytest.raises(MemoryError, match=r"Lower batch_size=\d+ or n_components=2 or"):
        ae.set_params(hidden_layer_sizes=(LARGE,)).fit(X)
    np.testing.assert_array_equal(ae.transform(X), codes)


@pytest.mark.parametrize(
    ("error", "size"),
    [
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 3000000000 bytes. Error code 12"),
            r"3000000000 bytes \(2.79 GiB\)",
        ),
        (
            torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total"
            ),
            "2.50 GiB",
        ),
        (
            MemoryError("Unable to allocate 29.8 GiB for an array with shape (1, 4)"),
            "29.8 GiB",
        ),
        (MemoryError(), "more than there is"),
    ],
    ids=["CPU", "GPU", "NumPy", "Python"],
)  # fmt: skip
def test_errors_of_all_kinds(error, size):
    told = rf"Parameters ran out of memory: {size} could not be allocated. Lower batch_"
    with (
        pytest.raises(MemoryError, match=told + "size=8 or n_components=2") as caught,
        explained_memory_errors(Parameters(), "batch_size", "n_components", "n_none"),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_other_errors_stay():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as caught, explained_memory_errors(Parameters()):
        raise error
    assert caught.value is error
