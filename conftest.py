"""Settings for all tests and doctests."""

import os
import sys

import numpy as np
import pytest

# Otherwise pytest imports a file of it that is named alone without its package.
import skae  # noqa: F401

os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(autouse=True)
def seed_numpy():
    """Let a test that names no seed draw the same numbers in every run."""
    np.random.seed(0)


@pytest.fixture(autouse=True)
def close_figures():
    """Close the figures of a test, since pyplot keeps those that nobody closes."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
