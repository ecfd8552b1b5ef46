"""Members are weighted by hidden values, and their mean fills what is missing."""

import numpy as np
import pytest

from skae.autoencoders._linear_mixtures import LinearMixtures


def standardize(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def hide(X, share, seed=0):
    missing = np.random.default_rng(seed).random(X.shape) < share
    return np.where(missing, np.nan, X), missing


def two_lines(n):
    """Samples on two lines that cross: linearly, the columns say nothing."""
    rng = np.random.default_rng(0)
    sign = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    a = rng.normal(size=n)
    X = np.stack([a, sign * a, -sign * a, 2.0 * sign], axis=1)
    return standardize(X + 0.05 * rng.normal(size=X.shape))


@pytest.mark.parametrize("n", [300, 700, 1600])  # few, enough, and more than are used
def test_the_member_that_is_right_gets_the_weight(n):
    X, missing = hide(two_lines(n), 0.2)
    model = LinearMixtures(0).fit(X)
    assert model.weights_[0] < 0.5 * model.weights_[1:].sum()
    assert model.weights_.sum() == pytest.approx(1.0, abs=0.2)
    error = np.square(model.impute(X) - two_lines(n))[missing].mean()
    assert error < 0.3


def test_columns_that_tell_nothing_are_filled_near_the_mean():
    X, missing = hide(standardize(np.random.default_rng(0).normal(size=(400, 6))), 0.3)
    filled = LinearMixtures(0).fit(X).impute(X)
    assert np.abs(filled[missing]).mean() < 0.2
    assert np.square(filled[missing]).mean() < 0.1


def test_wide_tables_have_nearest_samples():
    rng = np.random.default_rng(0)
    X = standardize(np.repeat(rng.normal(size=(20, 40)), 10, axis=0))
    holes, missing = hide(X, 0.3)
    model = LinearMixtures(0).fit(holes)
    assert len(model.weights_) == 5
    assert np.square(model.impute(holes) - X)[missing].mean() < 0.01


def test_filled_values_are_in_the_range_of_their_feature():
    X, missing = hide(two_lines(300), 0.3)
    model = LinearMixtures(0).fit(X)
    X_far = np.where(missing, np.nan, 20.0 * X)
    filled = model.impute(X_far)
    low, high = (np.broadcast_to(f(X, axis=0), X.shape) for f in (np.nanmin, np.nanmax))
    assert (filled[missing] >= low[missing]).all()
    assert (filled[missing] <= high[missing]).all()


def test_draws_differ_by_what_is_not_known():
    found, ranks = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        a = rng.normal(size=1000)
        X = standardize(np.stack([a, a + 0.5 * rng.normal(size=1000)], axis=1))
        holes, missing = hide(X, 0.3)
        model = LinearMixtures(0).fit(holes)
        draws = model.sample_imputations(holes, 40, random_state=0)
        np.testing.assert_array_equal(draws[:, ~missing], np.tile(X[~missing], (40, 1)))
        known = missing[:, 1] & ~missing[:, 0]
        rho = np.corrcoef(X.T)[0, 1]
        found.append(draws[:, known, 1].var(axis=0).mean() / (1 - rho**2))
        ranks.append((draws[:, known, 1] < X[known, 1]).mean(axis=0))
    assert np.mean(found) == pytest.approx(1.0, rel=0.15)
    # The truth is like one more draw.
    rank = np.concatenate(ranks)
    assert abs(rank.mean() - 0.5) < 0.07
    assert np.quantile(rank, 0.9) - np.quantile(rank, 0.1) == pytest.approx(
        0.8, abs=0.1
    )


def test_draws_are_not_scaled_where_it_makes_them_worse():
    # Pairs of equal columns of zeros and a few ones, far from the mean.
    ones = np.random.default_rng(0).random((400, 30)) < 0.05
    X = standardize(np.hstack([ones, ones]).astype(float))
    holes, missing = hide(X, 0.2)
    model = LinearMixtures(0).fit(holes)
    draws = model.sample_imputations(holes, 2, random_state=0)[:, missing]
    average, truth = model.impute(holes)[missing], X[missing]
    scale = np.abs(truth - average).mean() / np.abs(draws - average).mean()
    assert scale < 0.7
    assert model.spread_ == 1.0

    def score(draws):
        error = np.abs(draws - truth).mean()
        return error - np.abs(np.subtract(*draws)).mean() / 2

    assert score(draws) < 0.95 * score(average + scale * (draws - average))


def test_one_sample_and_one_feature():
    assert LinearMixtures(0).fit(np.zeros((1, 3))).impute([[np.nan, 1, 0]])[0, 0] == 0.0
    X = np.array([[0.5], [-0.5], [np.nan]])
    assert abs(LinearMixtures(0).fit(X).impute(X)[2, 0]) < 0.1


@pytest.mark.parametrize(("n", "d", "k"), [(2500, 40, 20), (120, 12, 3)])
def test_draws_are_as_far_from_the_average_as_the_truth_is(n, d, k):
    # The members of many factors draw too wide, those of few samples too narrow.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, k)) @ rng.normal(size=(k, d)) + rng.normal(size=(n, d))
    X = standardize(X)
    sizes, covered = [], []
    for seed in range(3):
        holes, missing = hide(X, 0.3, seed)
        model = LinearMixtures(0).fit(holes)
        average, truth = model.impute(holes)[missing], X[missing]
        draws = model.sample_imputations(holes, 19, random_state=0)[:, missing]
        sizes.append([np.abs(draws - average).mean(), np.abs(truth - average).mean()])
        between = (draws.min(axis=0) < truth) & (truth < draws.max(axis=0))
        covered.append(between.mean())
    drawn, true = np.sum(sizes, axis=0)
    assert drawn == pytest.approx(true, rel=0.06)
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)
