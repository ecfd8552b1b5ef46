"""Tests of the shares of the colours in gray."""

import pytest

from skae._common.gray import GRAY_WEIGHTS, LUMA


@pytest.mark.parametrize("gray", GRAY_WEIGHTS)
def test_gray_is_a_mean_of_three_colours(gray):
    assert len(GRAY_WEIGHTS[gray]) == 3
    assert sum(GRAY_WEIGHTS[gray]) == pytest.approx(1)


def test_luma_weighs_green_most_as_the_eye_does():
    red, green, blue = LUMA
    assert green > red > blue
