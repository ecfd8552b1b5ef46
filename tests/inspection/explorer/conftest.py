"""Data and helpers for the tests of the explorer."""

import json
import re

import numpy as np
import pytest


class Plane:
    """A transformer that decodes every code with a function of its two components."""

    def __init__(self, codes, decode):
        self.codes = np.asarray(codes, dtype=float)
        self.decode = decode

    def transform(self, X):
        return self.codes

    def inverse_transform(self, codes):
        return self.decode(*np.asarray(codes).T)


def make_waves(x, y):
    """Colour images of 5 x 7 pixels from 0 to 1 whose values bend with the code."""
    phases = np.arange(5 * 7 * 3).reshape(5, 7, 3) / 10
    x, y = (part[:, np.newaxis, np.newaxis, np.newaxis] for part in (x, y))
    return 0.5 + np.sin(x + phases) * np.cos(2 * y - phases) / 2


@pytest.fixture(scope="session")
def make_plane():
    """Make a transformer from codes and a function of their two components."""
    return Plane


@pytest.fixture(scope="session")
def waves():
    """Return the function that makes colour images of two components."""
    return make_waves


@pytest.fixture
def colored():
    """A transformer of colour images, and its samples."""
    codes = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
    return Plane(codes, make_waves), make_waves(*codes.T)


@pytest.fixture(scope="session")
def data_of():
    """Return the function that reads what a page's script gets."""

    def read(page):
        pattern = r'<script type="application/json" id="data">(.*?)</script>'
        return json.loads(re.search(pattern, page, re.DOTALL)[1])

    return read
