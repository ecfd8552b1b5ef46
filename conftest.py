"""Settings for all tests and doctests."""

import os
import sys

import pytest

# Otherwise pytest imports a file of it that is named alone without its package.
import skae  # noqa: F401

os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(autouse=True)
def close_figures():
    """Close the figures of a test, since pyplot keeps those that nobody closes."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
