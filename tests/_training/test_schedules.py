"""Tests of the learning rate's course."""

import numpy as np
import pytest
from skae._training.schedules import SCHEDULES

PROGRESS = np.linspace(0, 1, 1001)


def test_constant_changes_nothing():
    assert SCHEDULES["constant"] is None


def test_cosine_falls_from_the_peak_to_nothing():
    factors = np.array([SCHEDULES["cosine"](p) for p in PROGRESS])
    assert factors[0] == 1
    assert factors[-1] == pytest.approx(0, abs=1e-12)
    assert factors[500] == pytest.approx(0.5)
    assert (np.diff(factors) < 0).all()


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    factors = np.array([SCHEDULES["one_cycle"](p) for p in PROGRESS])
    peak = factors.argmax()
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[peak] == pytest.approx(1)
    assert PROGRESS[peak] == pytest.approx(0.3)
    assert factors[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(factors[: peak + 1]) > 0).all()
    assert (np.diff(factors[peak:]) < 0).all()
    assert np.abs(np.diff(factors)).max() < 0.01  # and never jumps
