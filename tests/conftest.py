"""Settings and data for all tests."""

import os
from itertools import combinations

# Before anything imports SciPy: without it scikit-learn leaves out the array API check.
os.environ["SCIPY_ARRAY_API"] = "1"

import pytest


def fetch_or_skip(fetch):
    """Fetch ``(X_train, y_train, X_test, y_test)`` where the file is at hand."""
    if not os.environ.get("SKAE_DATA"):
        pytest.skip("the environment variable SKAE_DATA names no data folder")
    try:
        train, test = (
            fetch(subset=subset, download_if_missing=False, return_X_y=True)
            for subset in ("train", "test")
        )
    except OSError as error:
        pytest.skip(str(error))
    return *train, *test


@pytest.fixture(scope="session")
def mnist():
    """MNIST as ``(X_train, y_train, X_test, y_test)``, uint8 rows; or skips."""
    from skae.datasets import fetch_mnist

    return fetch_or_skip(fetch_mnist)


@pytest.fixture(scope="session")
def cifar10():
    """CIFAR-10 as ``(X_train, y_train, X_test, y_test)``, uint8 rows; or skips."""
    from skae.datasets import fetch_cifar10

    return fetch_or_skip(fetch_cifar10)


@pytest.fixture
def check_that_the_first_alone_is_affine():
    """Compare maps by their values at points, and halfway between pairs of these."""

    def check(values, middle):
        bend = [
            abs(m - (v[: len(m)] + v[len(m) :]) / 2).max()
            for m, v in zip(middle, values, strict=True)
        ]
        assert bend[0] < 1e-9
        assert min(bend[1:]) > 1e-4
        for one, other in combinations(values, 2):
            assert abs(one - other).max() > 1e-3

    return check
