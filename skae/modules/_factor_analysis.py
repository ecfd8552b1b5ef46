"""Factor analysis of samples of which some values are missing."""

import numpy as np
import torch
from torch import nn

# The largest number of factors, and of numbers in the products of a step.
MAX_FACTORS, MAX_PRODUCTS = 32, 2**31
# Steps of expectation maximization at most. It ends at a relative change of the noise
# variances below the tolerance.
MAX_STEPS, TOLERANCE = 100, 2e-3
# Factors whose variance falls below this share of the largest are left out.
SMALLEST_SHARE = 1e-4
# Number of values of the common noise variance that each feature's is averaged with.
PRIOR_VALUES = 5.0
# Smallest noise variance, as a share of a feature's variance.
SMALLEST_NOISE = 1e-3


class FactorAnalysis(nn.Module):
    """Fill missing values (NaN) with their expectation given those that are present.

    The model is x = m + W h + ε with independent normal factors h and noise ε, which
    has a variance per feature. Expectation maximization takes every sample with the
    values that it has [1]_. The loadings W have a normal prior, whose variances decide
    how many factors are used [2]_. Without factors values are filled with the means.

    Parameters
    ----------
    mean : torch.Tensor of shape (n_features,)
        Means of the features.
    loadings : torch.Tensor of shape (n_features, n_factors)
        W.
    noise : torch.Tensor of shape (n_features,)
        Variances of ε.
    spread : torch.Tensor of shape (n_features, n_factors, n_factors), default=None
        Covariances of the posterior of the rows of W; None for zero.

    References
    ----------
    .. [1] D. B. Rubin and D. T. Thayer, "EM algorithms for ML factor analysis",
       Psychometrika 47, 1982.
    .. [2] A. Ilin and T. Raiko, "Practical approaches to principal component analysis
       in the presence of missing values", Journal of Machine Learning Research 11,
       2010.

    Examples
    --------
    >>> import math
    >>> import torch
    >>> from skae.modules._factor_analysis import FactorAnalysis
    >>> fill = FactorAnalysis(torch.zeros(2), torch.ones(2, 1), 0.25 * torch.ones(2))
    >>> fill(torch.tensor([[1.0, math.nan], [math.nan, math.nan]]))
    tensor([[1.0000, 0.8000],
            [0.0000, 0.0000]])
    """

    def __init__(self, mean, loadings, noise, spread=None):
        super().__init__()
        squares = loadings[:, :, None] * loadings[:, None, :]
        if spread is not None:
            squares = squares + spread
        self.register_buffer("mean", mean)
        self.register_buffer("loadings", loadings)
        self.register_buffer("noise", noise)
        # What each feature adds to the precision of the factors, one row per feature.
        self.register_buffer("precision", (squares / noise[:, None, None]).flatten(1))

    def __getstate__(self):  # of arrays, which skops can store
        return {name: t.numpy(force=True) for name, t in self.named_buffers()}

    def __setstate__(self, state):
        nn.Module.__init__(self)
        for name, array in state.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    @classmethod
    def of_means(cls, mean):
        """Make the model without factors.

        Parameters
        ----------
        mean : torch.Tensor of shape (n_features,)
            Means of the features.

        Returns
        -------
        FactorAnalysis
            It fills missing values with the means.
        """
        return cls(mean, mean.new_zeros(len(mean), 0), torch.ones_like(mean))

    @classmethod
    @torch.no_grad()
    def fit(cls, x):
        """Learn from samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing. Each feature has at least one value.

        Returns
        -------
        FactorAnalysis
            The model, in float64.
        """
        x = x.double()
        present = ~x.isnan()
        counts = present.sum(dim=0)
        mean = x.nanmean(dim=0)
        centred = torch.where(present, x - mean, 0.0)
        scale = (centred.square().sum(dim=0) / counts).sqrt()
        scale = torch.where(scale > 0.0, scale, 1.0)
        state = _Expectation(centred / scale, present.double(), counts).maximize()
        return cls(
            mean + scale * state.bias,
            scale[:, None] * state.loadings,
            scale.square() * state.noise,
            scale.square()[:, None, None] * state.spread,
        )

    def posterior(self, x):
        """Return the distribution of the factors of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing.

        Returns
        -------
        mean : torch.Tensor of shape (n_samples, n_factors)
            Their expected values.
        precision : torch.Tensor of shape (n_samples, n_factors, n_factors)
            Inverse of their covariance.
        """
        missing, n_factors = x.isnan(), self.loadings.shape[1]
        distance = torch.where(missing, 0.0, x - self.mean)
        precision = (~missing).to(x.dtype) @ self.precision
        precision = precision.view(-1, n_factors, n_factors)
        precision = precision + torch.eye(n_factors, dtype=x.dtype, device=x.device)
        projected = (distance / self.noise) @ self.loadings
        mean = torch.linalg.solve(precision, projected.unsqueeze(2)).squeeze(2)
        return mean, precision

    def forward(self, x):
        """Fill missing values.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            A copy without NaN.
        """
        expected = self.mean
        if self.loadings.shape[1]:
            expected = expected + self.posterior(x)[0] @ self.loadings.t()
        return torch.where(x.isnan(), expected, x)


class _Expectation:
    """State of the expectation maximization of standardized samples.

    Parameters
    ----------
    x : torch.Tensor of shape (n_samples, n_features)
        Samples, zero where a value is missing.
    present : torch.Tensor of shape (n_samples, n_features)
        One where a value is present, else zero.
    counts : torch.Tensor of shape (n_features,)
        Number of values of each feature.
    """

    def __init__(self, x, present, counts):
        self.x, self.present, self.counts = x, present, counts
        n_samples, n_features = x.shape
        n_factors = min(
            *(MAX_FACTORS, n_features - 1, n_samples - 1),
            int((MAX_PRODUCTS / (n_samples * n_features)) ** 0.5),
        )
        n_factors = max(n_factors, 0)
        # The start is PCA of the mean-filled samples.
        values, vectors = torch.linalg.eigh(x.t() @ x / n_samples)
        values = values.flip(0)[:n_factors].clamp(min=SMALLEST_NOISE)
        self.loadings = vectors.flip(1)[:, :n_factors] * values.sqrt()
        self.noise = torch.full_like(x[0], 0.5)
        self.bias = torch.zeros_like(x[0])
        self.spread = x.new_zeros(n_features, n_factors, n_factors)
        self.prior = self.loadings.square().mean(dim=0) + SMALLEST_NOISE

    def maximize(self):
        """Take steps until the noise variances no longer change; return the state."""
        for _ in range(MAX_STEPS if self.loadings.shape[1] else 0):
            before = self.noise
            self._step()
            change = (self.noise - before).abs() / before
            if change.mean() < TOLERANCE:
                break
        return self

    def _step(self):
        (n, d), k = self.x.shape, self.loadings.shape[1]
        present, noise = self.present, self.noise
        squares = self.loadings[:, :, None] * self.loadings[:, None, :] + self.spread
        precision = (present @ (squares / noise[:, None, None]).flatten(1)).view(
            n, k, k
        )
        covariance = torch.cholesky_inverse(
            torch.linalg.cholesky(precision + torch.eye(k, dtype=precision.dtype))
        )
        distance = present * (self.x - self.bias)
        projected = (distance / noise) @ self.loadings
        h = (covariance @ projected.unsqueeze(2)).squeeze(2)

        uncertain = (present.t() @ covariance.flatten(1)).view(d, k, k)
        moments = uncertain + (
            present.t() @ (h[:, :, None] * h[:, None, :]).flatten(1)
        ).view(d, k, k)
        self.spread = torch.cholesky_inverse(
            torch.linalg.cholesky(
                moments / noise[:, None, None] + torch.diag(1.0 / self.prior)
            )
        )
        projected = (distance.t() @ h) / noise[:, None]
        self.loadings = (self.spread @ projected.unsqueeze(2)).squeeze(2)
        expected = h @ self.loadings.t()
        self.bias = (present * (self.x - expected)).sum(dim=0) / self.counts

        error = (present * (self.x - self.bias - expected)).square().sum(dim=0)
        squares = self.loadings[:, :, None] * self.loadings[:, None, :]
        error += (squares * uncertain + self.spread * moments).sum(dim=(1, 2))
        common = error.sum() / self.counts.sum()
        self.noise = (error + PRIOR_VALUES * common) / (self.counts + PRIOR_VALUES)
        self.noise = self.noise.clamp(min=SMALLEST_NOISE)
        spread = self.spread.diagonal(dim1=1, dim2=2)
        self.prior = (self.loadings.square() + spread).mean(dim=0)
        keep = self.prior > SMALLEST_SHARE * self.prior.max()
        if not keep.all():
            self.loadings, self.prior = self.loadings[:, keep], self.prior[keep]
            self.spread = self.spread[:, keep][:, :, keep]
