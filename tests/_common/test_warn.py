"""Warnings point to the line of the user."""

import warnings

import pytest
from sklearn.base import BaseEstimator, _fit_context

from skae._common.warn import warn_user


class Warns(BaseEstimator):
    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self):
        warn_user("look", FutureWarning)


def test_the_line_outside_of_packages_is_named():
    with pytest.warns(FutureWarning, match="look") as told:
        Warns().fit()
    assert told[0].filename == __file__


def test_a_filter_may_turn_it_into_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="look"):
            warn_user("look")
