"""The range that the axes show, and their ticks."""

import numpy as np
import pytest

from skae.inspection.explorer._axes import find_range, find_ticks

MINUS = "\N{MINUS SIGN}"


def test_the_range_leaves_out_what_lies_far_out():
    codes = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2))
    low, high = find_range(codes)
    assert (low <= codes.min(axis=0)).all()
    assert (high >= codes.max(axis=0)).all()
    np.testing.assert_allclose([low, high], [[-1.04] * 2, [1.04] * 2], atol=0.01)
    codes[0, 0], codes[1, 1] = 80, -90
    low, high = find_range(codes)
    np.testing.assert_allclose(low, [-1.05, -1.55], atol=0.05)
    np.testing.assert_allclose(high, [1.55, 1.05], atol=0.05)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (-1.3, 1.4, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (-0.004, 0.013, ["0.000", "0.005", "0.010"]),
        (1e3, 6e3, ["1000", "2000", "3000", "4000", "5000", "6000"]),
    ],
)
def test_ticks_are_round_numbers_at_their_places(low, high, texts):
    places, found = zip(*find_ticks(low, high), strict=True)
    assert list(found) == [text.replace("-", MINUS) for text in texts]
    shares = (np.array(texts, dtype=float) - low) / (high - low)
    np.testing.assert_allclose(places, shares, atol=1e-5)
