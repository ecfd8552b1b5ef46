"""The best affine map from inputs to targets."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skae.autoencoders import _reduced_rank
from skae.autoencoders._reduced_rank import RIDGE, regress

RNG = np.random.default_rng(0)
TARGET = RNG.normal(size=(20, 3)) @ RNG.normal(size=(3, 50)) + 7
INPUT = TARGET + RNG.normal(size=TARGET.shape)


@pytest.mark.parametrize("weight", [None, RNG.uniform(0.5, 2, 20)])
def test_wide_rows_have_the_same_map_without_its_matrix(weight, monkeypatch):
    narrow, follow_narrow = regress(INPUT, TARGET, weight)
    monkeypatch.setattr(_reduced_rank, "MAX_SLOPES", 0)
    wide, follow_wide = regress(INPUT, TARGET, weight)
    np.testing.assert_allclose(wide, narrow)
    components = RNG.normal(size=(2, 50))
    for found, expected in zip(
        follow_wide(components), follow_narrow(components), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_it_is_a_ridge_regression():
    fitted, _ = regress(INPUT, TARGET, None)
    alpha = RIDGE * 20 * INPUT.var(axis=0).mean()
    expected = Ridge(alpha).fit(INPUT, TARGET).predict(INPUT)
    np.testing.assert_allclose(fitted, expected)
