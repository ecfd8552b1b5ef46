"""Factor analysis of samples of which some values are missing."""

import math

import torch
from scipy.linalg import eigh

from skae._common.runtime import draw
from skae.modules._stored_arrays import StoredArrays

# The largest number of factors, of numbers in the products of a step, and of numbers
# that the features have for pairs of factors.
MAX_FACTORS, MAX_PRODUCTS, MAX_PAIRS = 32, 2**31, 2**22
# Steps of expectation maximization at most. It ends at a relative change of the noise
# variances below the tolerance.
MAX_STEPS, TOLERANCE = 100, 2e-3
# Factors whose variance falls below this share of the largest are left out.
SMALLEST_SHARE = 1e-4
# Number of values of the common noise variance that each feature's is averaged with.
PRIOR_VALUES = 5.0
# Smallest noise variance, as a share of a feature's variance.
SMALLEST_NOISE = 1e-3
# Number of samples that are filled at a time: each needs a matrix of the factors.
CHUNK_LENGTH = 4096


class FactorAnalysis(StoredArrays):
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
        self.register_buffer("spread", spread)
        # What each feature adds to the precision of the factors, one row per feature.
        self.register_buffer("precision", (squares / noise[:, None, None]).flatten(1))

    def __getstate__(self):
        arrays = super().__getstate__()
        del arrays["precision"]  # large, and made of the others
        return arrays

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
    def fit(cls, x, weight=None):
        """Learn from samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing. Each feature has at least one value.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        FactorAnalysis
            The model, in float64.
        """
        x = x.double()
        share = (~x.isnan()).double()
        if weight is not None:
            # Integers are numbers of equal samples; light samples are samples too.
            share = share * (weight / weight.mean().clamp(max=1.0)).unsqueeze(1)
        counts = share.sum(dim=0)
        mean = (share * x.nan_to_num(0.0)).sum(dim=0) / counts
        centred = torch.where(x.isnan(), 0.0, x - mean)
        scale = ((share * centred.square()).sum(dim=0) / counts).sqrt()
        scale = torch.where(scale > 0.0, scale, 1.0)
        state = _Expectation(centred / scale, ~x.isnan(), share).maximize()
        return cls(
            mean + scale * state.bias,
            scale[:, None] * state.loadings,
            scale.square() * state.noise,
            scale.square()[:, None, None] * state.spread,
        )

    @classmethod
    @torch.no_grad()
    def fit_complete(cls, x, weight=None):
        """Learn from samples without missing values, in one step.

        They are standardized. The model is then probabilistic PCA [1]_ of their
        covariance, which is shrunk to a multiple of the identity matrix as far as few
        samples require it [2]_.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples; in float64 they are overwritten, since they may be large.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        FactorAnalysis
            The model, in float64.

        References
        ----------
        .. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component
           analysis", Journal of the Royal Statistical Society B 61, 1999.
        .. [2] Y. Chen, A. Wiesel, Y. C. Eldar and A. O. Hero, "Shrinkage algorithms for
           MMSE covariance estimation", IEEE Transactions on Signal Processing 58, 2010.
        """
        x = x.double()
        n, d = x.shape
        share = torch.full((n,), 1.0 / n, dtype=x.dtype)
        if weight is not None:
            share = weight.double() / weight.sum()
        mean = share @ x
        z = x.sub_(mean).mul_(share.sqrt().unsqueeze(1))
        scale = torch.linalg.vector_norm(z, dim=0)
        # What rounding of the mean makes of equal numbers is not a variance.
        rounding = n * torch.finfo(x.dtype).eps * mean.abs()
        scale = torch.where(scale > rounding, scale, 1.0)
        z = z.div_(scale)
        n_factors = _largest_rank(n, d)
        values, vectors, mean_square = _principal_axes(z, n_factors)
        total = z.square().sum()
        common = total / d
        shrinkage = _oracle_shrinkage(common, mean_square, n, d)
        rest = (total - values.sum()).clamp(min=0.0) / (d - n_factors)
        noise = torch.lerp(rest, common, shrinkage).clamp(min=SMALLEST_NOISE)
        found = torch.lerp(values, common, shrinkage)
        loadings = vectors * (found - noise).clamp(min=0.0).sqrt()
        return cls(mean, scale[:, None] * loadings, scale.square() * noise)

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
        factor : torch.Tensor of shape (n_samples, n_factors, n_factors)
            Cholesky factor of the inverse of their covariance.
        """
        missing, n_factors = x.isnan(), self.loadings.shape[1]
        distance = torch.where(missing, 0.0, x - self.mean)
        precision = (~missing).to(x.dtype) @ self.precision
        precision = precision.view(-1, n_factors, n_factors)
        precision = precision + torch.eye(n_factors, dtype=x.dtype, device=x.device)
        factor = torch.linalg.cholesky(precision)
        projected = (distance / self.noise) @ self.loadings
        mean = torch.cholesky_solve(projected.unsqueeze(2), factor).squeeze(2)
        return mean, factor

    @torch.no_grad()
    def forward(self, x, generator=None):
        """Fill missing values.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing.
        generator : torch.Generator, default=None
            Source of random numbers: values are then drawn from their distribution
            given those that are present, instead of being expected.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            A copy without NaN, or x itself where nothing is missing.
        """
        if not x.is_floating_point() or math.isfinite(x.sum()):
            return x
        incomplete = x.isnan().any(dim=1).nonzero().squeeze(1)
        if not len(incomplete):
            return x
        out = x.clone()
        for index in incomplete.split(CHUNK_LENGTH):
            rows = x[index].to(self.mean.device, self.mean.dtype)
            out[index] = self._fill(rows, generator).to(x.device, x.dtype)
        return out

    def _fill(self, x, generator):
        found = self.mean
        if self.loadings.shape[1]:
            h, factor = self.posterior(x)
            if generator is not None:
                noise = draw(torch.randn, h.shape, generator, x.device).to(x.dtype)
                h = h + torch.linalg.solve_triangular(
                    factor.mT, noise.unsqueeze(2), upper=True
                ).squeeze(2)
            found = found + h @ self.loadings.t()
        if generator is not None:
            noise = draw(torch.randn, x.shape, generator, x.device).to(x.dtype)
            found = found + self.noise.sqrt() * noise
        return torch.where(x.isnan(), found, x)


def _principal_axes(z, n_axes):
    """Return the largest eigenvalues of z'z and their eigenvectors, the largest first.

    There are ``n_axes``, or as many as z has rows or columns. The third value is the
    sum of the squares of all eigenvalues, divided by the square of their number.
    """
    rows = z.numpy()  # whose product with itself takes half the time of torch's
    is_tall = len(rows) >= rows.shape[1]
    product = rows.T @ rows if is_tall else rows @ rows.T
    mean_square = torch.tensor((product**2).sum() / rows.shape[1] ** 2)
    if not n_axes:
        return z.new_zeros(0), z.new_zeros(rows.shape[1], 0), mean_square
    last = len(product) - 1
    first = max(0, last - n_axes + 1)
    found = eigh(product, subset_by_index=(first, last))
    values, vectors = map(torch.from_numpy, found)
    if not is_tall:
        vectors = torch.nn.functional.normalize(z.t() @ vectors, dim=0)
    return values.flip(0).clamp(min=0.0), vectors.flip(1), mean_square


def _largest_rank(n_samples, n_features):
    """Return the number of factors that samples and memory allow."""
    by_memory = int((MAX_PAIRS / n_features) ** 0.5)
    return max(0, min(MAX_FACTORS, n_features - 1, n_samples - 1, by_memory))


def _oracle_shrinkage(common, mean_square, n_samples, n_features):
    """Return by how much to shrink a covariance, from means of its eigenvalues."""
    rest = (n_samples + 1.0) * (mean_square - common.square() / n_features)
    return ((mean_square + common.square()) / rest.clamp(min=1e-300)).clamp(max=1.0)


class _Expectation:
    """State of the expectation maximization of standardized samples.

    Parameters
    ----------
    x : torch.Tensor of shape (n_samples, n_features)
        Samples, zero where a value is missing.
    present : torch.Tensor of shape (n_samples, n_features)
        True where a value is present.
    share : torch.Tensor of shape (n_samples, n_features)
        Weight of each value, zero where it is missing.
    """

    def __init__(self, x, present, share):
        self.x, self.present, self.share = x, present.to(x.dtype), share
        self.counts = share.sum(dim=0)
        n_samples, n_features = x.shape
        n_factors = min(
            _largest_rank(n_samples, n_features),
            int((MAX_PRODUCTS / (n_samples * n_features)) ** 0.5),
        )
        # The start is PCA of the mean-filled samples.
        z = share.sqrt() * x / share.amax(dim=1).sum().sqrt()
        values, vectors, _ = _principal_axes(z, n_factors)
        self.loadings = vectors * values.clamp(min=SMALLEST_NOISE).sqrt()
        self.noise = torch.full_like(x[0], 0.5)
        if not n_factors:
            variance = (share * x.square()).sum(dim=0) / self.counts
            self.noise = variance.clamp(min=SMALLEST_NOISE)
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
        present, share, noise = self.present, self.share, self.noise
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

        uncertain = (share.t() @ covariance.flatten(1)).view(d, k, k)
        moments = uncertain + (
            share.t() @ (h[:, :, None] * h[:, None, :]).flatten(1)
        ).view(d, k, k)
        self.spread = torch.cholesky_inverse(
            torch.linalg.cholesky(
                moments / noise[:, None, None] + torch.diag(1.0 / self.prior)
            )
        )
        projected = ((share * distance).t() @ h) / noise[:, None]
        self.loadings = (self.spread @ projected.unsqueeze(2)).squeeze(2)
        expected = h @ self.loadings.t()
        self.bias = (share * (self.x - expected)).sum(dim=0) / self.counts

        error = (share * (self.x - self.bias - expected).square()).sum(dim=0)
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
