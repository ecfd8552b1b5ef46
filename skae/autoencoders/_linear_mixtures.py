"""Missing values filled by an average of mixtures of linear autoencoders."""

import numpy as np
import torch
from scipy.optimize import nnls
from sklearn.base import BaseEstimator

from skae._common.runtime import default_modes, make_generator, seeds_of
from skae.modules._mixture import FactorMixture
from skae.modules._nearest import NearestSamples
from skae.modules._principal_axes import MAX_PAIRS

# Numbers of components of the mixtures. Where samples are few, each mixture is noisy,
# and an average over more of them is better.
N_MIXED, N_MIXED_FEW = (1, 4), (1, 2, 4, 8)
# So many samples are few. A component needs so many.
FEW_SAMPLES, SAMPLES_PER_COMPONENT = 500, 10
# Numbers of all codes together. Wider tables also have the nearest samples.
MAX_FACTORS = 24
# Mixtures are learned from so many samples per feature at most, within bounds.
SAMPLES_PER_FEATURE, MAX_SAMPLES = 100, 2000
# Share of the present values that is hidden to learn the weights by, and the number of
# further samples to hide them in, where mixtures do not need all samples.
HIDDEN_SHARE, N_HELD_OUT = 0.2, 500
# Draws are not scaled where this makes them worse by so many standard errors.
WORSE_LIMIT = 2.0
# Number of values by which all weights, and the spreads compared, are equal.
PRIOR_VALUES = 50.0


class LinearMixtures(BaseEstimator):
    """Fill missing values of standardized samples by mixtures of linear autoencoders.

    Mixtures of several sizes, and the nearest samples of a wide table, are averaged.
    Their weights are those that restore hidden values best [1]_. What is drawn differs
    from the average by as much as the hidden values do [2]_. It is not scaled if this
    makes draws of hidden values worse by the continuous ranked probability score [3]_:
    where a few values are far from the average, and all others near to it.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Seed of a fit.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        Weight of each mixture, and of the nearest samples.
    spread_ : float
        Mean distance of hidden values from the average, over that of values drawn from
        the members, which are less certain than the average; or 1.

    References
    ----------
    .. [1] L. Breiman, "Stacked regressions", Machine Learning 24, 1996.
    .. [2] V. Kuleshov, N. Fenner and S. Ermon, "Accurate uncertainties for deep
       learning using calibrated regression", ICML 2018.
    .. [3] T. Gneiting and A. E. Raftery, "Strictly proper scoring rules, prediction,
       and estimation", Journal of the American Statistical Association 102, 2007.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X):
        """Learn from standardized incomplete samples.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Samples, NaN where a value is missing.

        Returns
        -------
        self : LinearMixtures
            The fitted estimator.
        """
        order_seed, hiding_seed, self._seed, spread_seed = seeds_of(
            self.random_state, 4
        )
        with default_modes(torch.device("cpu")):
            # Of float64, as the samples of the other methods.
            x = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float64))
            self._low, self._high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
            n, d = x.shape
            self._sizes = N_MIXED_FEW if n <= FEW_SAMPLES else N_MIXED
            n_used = min(n, max(FEW_SAMPLES, min(SAMPLES_PER_FEATURE * d, MAX_SAMPLES)))
            order = np.random.default_rng(order_seed).permutation(n)
            order = torch.from_numpy(order)
            has_others = n >= n_used + N_HELD_OUT
            used = x[order[:n_used]] if n_used < n else x
            seen = x[order[n_used : n_used + N_HELD_OUT]] if has_others else used
            rng = np.random.default_rng(hiding_seed)
            hidden = torch.from_numpy(rng.random(seen.shape) < HIDDEN_SHARE)
            hidden &= ~seen.isnan()
            x_hidden = torch.where(hidden, torch.nan, seen)
            self._learn(used if has_others else x_hidden)
            truth, rows = seen[hidden].numpy(), hidden.any(dim=1)
            x_hidden, hidden = x_hidden[rows], hidden[rows]
            found = self._expected(x_hidden)[:, hidden].numpy()
            self.weights_ = self._weigh(found, truth)
            average = self.weights_ @ found
            drawn = self._draw(torch.cat([x_hidden, x_hidden]), spread_seed)
            drawn = drawn.view(2, *x_hidden.shape)[:, hidden].numpy()
            self.spread_ = self._compare(truth - average, drawn - average)
            if not has_others:
                self._learn(used)
        return self

    def _learn(self, x):
        """Learn the mixtures, and keep samples for the nearest."""
        n, d = x.shape
        filled, self._mixtures, self._nearest = None, [], None
        for n_mixed in self._sizes:
            if n_mixed > 1 and n < SAMPLES_PER_COMPONENT * n_mixed:
                break
            n_factors = min(d - 1, round(MAX_FACTORS / n_mixed**0.5))
            n_factors = max(1, min(n_factors, int((MAX_PAIRS / (n_mixed * d)) ** 0.5)))
            fill = FactorMixture.fit(x, n_mixed, n_factors, self._seed, start=filled)
            self._mixtures.append(fill)
            if n_mixed == 1:
                filled = fill(x)
        if d > MAX_FACTORS + 1:
            self._nearest = NearestSamples(x, filled)

    def _expected(self, x):
        """Return what each member fills x with."""
        out = [fill(x) for fill in self._mixtures]
        if self._nearest is not None:
            out.append(self._nearest(x, out[0]))
        return torch.stack(out)

    def _weigh(self, found, truth):
        """Return weights by least squares of hidden values, not negative."""
        n_members = len(found)
        prior = np.sqrt(PRIOR_VALUES * np.square(truth).mean()) if truth.size else 1.0
        rows = np.vstack([found.T, prior * np.eye(n_members)])
        aims = np.append(truth, np.full(n_members, prior / n_members))
        return nnls(rows, aims)[0]

    def _compare(self, true, drawn):
        """Return the mean size of the true distances over that of two draws, or 1."""
        if not drawn.any():
            return 1.0
        sizes = np.array([np.abs(true).mean(), np.abs(drawn).mean()])
        prior = PRIOR_VALUES / len(true) * sizes.mean()
        spread = np.divide(*(sizes + prior))
        scaled, as_drawn = (
            np.abs(scale * drawn - true).mean(axis=0)
            - scale * np.abs(np.subtract(*drawn)) / 2.0
            for scale in (spread, 1.0)
        )
        loss = scaled - as_drawn
        is_worse = loss.mean() > WORSE_LIMIT * loss.std() / np.sqrt(len(loss))
        return 1.0 if is_worse else float(spread)

    def impute(self, X, *, max_iter=1):
        """Fill missing values.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Standardized samples in float64, NaN where a value is missing.
        max_iter : int, default=1
            Ignored. What is filled would not change.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            A copy without NaN. What is filled is within the range of its feature.
        """
        with default_modes(torch.device("cpu")):
            x = torch.from_numpy(np.ascontiguousarray(X))
            weights = torch.from_numpy(self.weights_)
            found = torch.tensordot(weights, self._expected(x), dims=1).numpy()
        return np.where(np.isnan(X), found.clip(self._low, self._high), X)

    def sample_imputations(self, X, n_draws=5, *, random_state=None):
        """Draw missing values from their distribution given those that are present.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Standardized samples in float64, NaN where a value is missing.
        n_draws : int, default=5
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_draws, n_samples, n_features)
            Copies without NaN. For each sample and draw one of the members is drawn by
            its weight, and its distance from the average is scaled by ``spread_``.
        """
        average = self.impute(X)
        with default_modes(torch.device("cpu")):
            x = torch.from_numpy(np.ascontiguousarray(X))
            seeds = seeds_of(random_state, n_draws)
            drawn = np.stack([self._draw(x, seed).numpy() for seed in seeds])
        # Present values are equal in both.
        return average + self.spread_ * (drawn - average)

    def _draw(self, x, seed):
        generator = make_generator(seed)
        weights = torch.from_numpy(self.weights_) + 1e-12
        chosen = torch.multinomial(weights, len(x), True, generator=generator)
        out = x.clone()
        for member in range(len(self.weights_)):
            rows = x[chosen == member]
            if not len(rows):
                continue
            if member < len(self._mixtures):
                mixture = self._mixtures[member].with_drawn_loadings(generator)
                drawn = mixture(rows, generator)
            else:
                drawn = self._nearest(rows, self._mixtures[0](rows), generator)
            out[chosen == member] = drawn
        return out
