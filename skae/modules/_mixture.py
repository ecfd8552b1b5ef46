"""Mixtures of factor analyses of samples of which some values are missing."""

import math

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import nn

from skae._common.runtime import draw
from skae.modules._principal_axes import (
    MAX_PRODUCTS,
    SMALLEST_NOISE,
    largest_rank,
    principal_axes,
    shrunk_factors,
)
from skae.modules._stored_arrays import StoredArrays

# Steps of expectation maximization. It ends when the mean log-likelihood per feature
# rises by less than the tolerance, but not before the fewest steps.
MIN_STEPS, MAX_STEPS, TOLERANCE = 4, 8, 1e-3
# ... where one component is all there is, and its variances matter, too.
MAX_STEPS_OF_ONE, TOLERANCE_OF_ONE = 40, 1e-4
# Steps of k-means, which only starts the mixture.
CLUSTER_STEPS = 20
# Share that each sample has at first in clusters that are not its own.
FIRST_SHARE = 0.01
# Number of values of the common noise variance that each feature's is averaged with,
# and of the mean of all samples that each component's is.
PRIOR_VALUES, PRIOR_MEAN = 5.0, 1e-6
# Smallest variance of the prior of the loadings.
SMALLEST_PRIOR = 1e-4
# Smallest noise variance to start at.
FIRST_NOISE = 0.02
# Number of samples that are filled at a time: each needs a matrix of the factors.
CHUNK_LENGTH = 4096


class FactorMixture(StoredArrays):
    """Fill missing values (NaN) by a mixture of linear autoencoders.

    Each component is a factor analysis x = m + W h + ε, with a code h of its own. A
    sample belongs to a component with the probability that its present values tell
    [1]_, and is filled with the mean of what the components expect. Expectation
    maximization takes every sample with the values that it has [2]_. The loadings W
    have a normal prior, whose variances decide how many factors are used [3]_. One
    component alone is factor analysis; without factors it fills with the means.

    Parameters
    ----------
    mean : torch.Tensor of shape (n_mixed, n_features)
        Means of the components.
    loadings : torch.Tensor of shape (n_mixed, n_features, n_factors)
        W of each component.
    noise : torch.Tensor of shape (n_mixed, n_features)
        Variances of ε.
    log_share : torch.Tensor of shape (n_mixed,)
        Logarithms of the shares of the components.
    spread : torch.Tensor of shape (n_mixed, n_features, n_factors, n_factors), \
default=None
        Covariances of the posterior of the rows of W; None for zero.

    References
    ----------
    .. [1] Z. Ghahramani and G. E. Hinton, "The EM algorithm for mixtures of factor
       analyzers", University of Toronto, CRG-TR-96-1, 1996.
    .. [2] Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via
       an EM approach", NeurIPS 1994.
    .. [3] A. Ilin and T. Raiko, "Practical approaches to principal component analysis
       in the presence of missing values", Journal of Machine Learning Research 11,
       2010.

    Examples
    --------
    >>> import math
    >>> import torch
    >>> from skae.modules._mixture import FactorMixture
    >>> fill = FactorMixture(
    ...     mean=torch.tensor([[0.0, 0.0], [9.0, 9.0]]),
    ...     loadings=torch.ones(2, 2, 1),
    ...     noise=0.25 * torch.ones(2, 2),
    ...     log_share=torch.zeros(2),
    ... )
    >>> fill(torch.tensor([[1.0, math.nan], [math.nan, 10.0]]))
    tensor([[ 1.0000,  0.8000],
            [ 9.8000, 10.0000]])
    """

    def __init__(self, mean, loadings, noise, log_share, spread=None):
        super().__init__()
        self.register_buffer("mean", mean)
        # In C order, which the arrays of a copy have, so that its hash is the same.
        self.register_buffer("loadings", loadings.contiguous())
        self.register_buffer("noise", noise)
        self.register_buffer("log_share", log_share)
        self.register_buffer("spread", spread)
        self.register_buffer("precision", self._make_precision())

    def __getstate__(self):
        arrays = super().__getstate__()
        del arrays["precision"]  # large, and made of the others
        return arrays

    def _make_precision(self):
        """Return what each feature adds to the precision of the factors."""
        squares = self.loadings.unsqueeze(3) * self.loadings.unsqueeze(2)
        if self.spread is not None:
            squares = squares + self.spread
        return (squares / self.noise[:, :, None, None]).flatten(2)

    @classmethod
    @torch.no_grad()
    def fit(
        cls,
        x,
        n_mixed,
        n_factors,
        seed,
        *,
        start=None,
        weight=None,
        max_iter=MAX_STEPS,
        tol=TOLERANCE,
    ):
        """Learn from standardized samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples in float64, NaN where a value is missing.
        n_mixed : int
            Number of components.
        n_factors : int
            Numbers of the code of each component.
        seed : int
            Seed of the clusters that the components start as.
        start : torch.Tensor of shape (n_samples, n_features), default=None
            The samples without NaN: what to start at. With None they are filled with
            the mean.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.
        max_iter : int, default=8
            Most steps of expectation maximization.
        tol : float, default=1e-3
            Smallest rise of the mean log-likelihood per feature that is not the end.

        Returns
        -------
        FactorMixture
            The model.
        """
        number = torch.ones(len(x), dtype=x.dtype)  # of equal samples
        if weight is not None:
            # Light samples are samples, too.
            number = weight.to(x.dtype) / weight.mean().clamp(max=1.0)
        if start is None:
            # Scaled, so that what is filled does not lower the variances.
            share = number @ (~x.isnan()).to(x.dtype) / number.sum()
            start = x.nan_to_num(0.0) / share.sqrt().clamp(min=1e-3)
        member = number.unsqueeze(0)
        if n_mixed > 1:
            kmeans = KMeans(
                n_mixed, n_init=1, max_iter=CLUSTER_STEPS, random_state=seed
            )
            kmeans.fit(start.numpy(), sample_weight=number.numpy())
            label = torch.from_numpy(kmeans.labels_).long()
            member = nn.functional.one_hot(label, n_mixed).t() + FIRST_SHARE
            member = member * number
        made = cls._around(start, member, n_factors)
        rows, before = _Rows(x), -math.inf
        for step in range(max_iter):
            h, covariance, log_prob = made._expect(rows)
            level = log_prob.logsumexp(dim=0)
            member = number * (log_prob - level).exp()
            made._maximize(rows, member, h, covariance)
            level = (number @ level).item() / (number.sum().item() * x.shape[1])
            if step >= MIN_STEPS - 1 and level - before < tol:
                break
            before = level
        return made

    @classmethod
    @torch.no_grad()
    def fit_one(cls, x, weight=None):
        """Learn one component from samples of any scale.

        Without missing values it is probabilistic PCA of the standardized samples,
        which takes one step.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, NaN where a value is missing. Each feature has at least one value.
            In float64 they are overwritten, since they may be large.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        FactorMixture
            The model, in float64.
        """
        x = x.double()
        n, d = x.shape
        number = torch.ones(n, dtype=x.dtype)
        if weight is not None:
            number = weight.double()
            n = max(n, round(number.sum().item()))  # of equal samples
        # A sum shows NaN, and reads what may be large only once.
        if is_complete := not x.sum().isnan():
            counts = number.sum().expand(d)
            mean = number @ x / counts
        else:
            counts = number @ (~x.isnan()).double()
            mean = number @ x.nan_to_num(0.0) / counts
        z = x.sub_(mean)
        known = z if is_complete else z.nan_to_num(0.0)
        scale = (number @ known.square() / counts).sqrt()
        # What rounding of the mean makes of equal numbers is not a variance.
        rounding = n * torch.finfo(x.dtype).eps * mean.abs()
        scale = torch.where(scale > rounding, scale, 1.0)
        z, n_factors = z.div_(scale), largest_rank(n, d)
        if is_complete:
            # Smaller numbers would change the smallest noise only in its fourth digit.
            rows = z.mul_((number / counts[0]).sqrt().unsqueeze(1)).float()
            loadings, noise = shrunk_factors(rows, n, n_factors)
            noise = torch.full_like(mean, noise)
            return cls._of_parts(mean, scale, loadings, noise)
        n_factors = min(n_factors, int((MAX_PRODUCTS / x.numel()) ** 0.5))
        made = cls.fit(
            z,
            1,
            n_factors,
            0,
            weight=weight,
            max_iter=MAX_STEPS_OF_ONE,
            tol=TOLERANCE_OF_ONE,
        )
        mean = mean + scale * made.mean[0]
        return cls._of_parts(mean, scale, made.loadings[0], made.noise[0], made.spread)

    @classmethod
    def _of_parts(cls, mean, scale, loadings, noise, spread=None):
        """Make one component of what was learned of standardized samples."""
        loadings, noise = scale[:, None] * loadings, scale.square() * noise
        if spread is not None:
            spread = scale.square()[:, None, None] * spread
        return cls(mean[None], loadings[None], noise[None], mean.new_zeros(1), spread)

    @classmethod
    def _around(cls, x, member, n_factors):
        """Start at principal components of each cluster."""
        share = member / member.sum(dim=1, keepdim=True)
        mean, (n_mixed, d) = share @ x, (len(member), x.shape[1])
        loadings = x.new_zeros(n_mixed, d, n_factors)
        noise = x.new_zeros(n_mixed, d)
        for k in range(n_mixed):
            z = share[k].sqrt().unsqueeze(1) * (x - mean[k])
            values, vectors, _ = principal_axes(z, n_factors)
            found = vectors * values.sqrt()
            loadings[k, :, : found.shape[1]] = found
            noise[k] = z.square().sum(dim=0) - found.square().sum(dim=1)
        spread = x.new_zeros(n_mixed, d, n_factors, n_factors)
        log_share = (member.sum(dim=1) / member.sum()).log()
        return cls(mean, loadings, noise.clamp(min=FIRST_NOISE), log_share, spread)

    def _expect(self, rows):
        """Return codes, their covariances per pattern, and log-likelihoods.

        Samples are the last dimension of all but the covariances: torch is slow where
        it is as short as codes and samples of few features are.
        """
        (n_mixed, _, k), n_patterns = self.loadings.shape, len(rows.patterns)
        precision = (rows.patterns @ self.precision).view(n_mixed, n_patterns, k, k)
        eye = torch.eye(k, dtype=precision.dtype)
        factor = torch.linalg.cholesky(precision + eye)
        covariance = torch.cholesky_inverse(factor)
        distance = rows.present * (rows.x - self.mean.unsqueeze(2))
        scaled = distance / self.noise.unsqueeze(2)
        projected = self.loadings.mT @ scaled
        h = covariance[:, rows.index] @ projected.mT.unsqueeze(3)
        h = h.squeeze(3).mT.contiguous()
        volume = 2.0 * factor.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        volume = volume + self.noise.log() @ rows.patterns.t()
        volume = volume + math.log(2.0 * math.pi) * rows.patterns.sum(dim=1)
        length = (scaled * distance).sum(dim=1) - (projected * h).sum(dim=1)
        log_prob = self.log_share.unsqueeze(1) - (length + volume[:, rows.index]) / 2.0
        return h, covariance, log_prob

    def _maximize(self, rows, member, h, covariance):
        """Fit each component to the samples that are its members."""
        n_mixed, d, k = self.loadings.shape
        share = member.unsqueeze(1) * rows.present
        counts = share.sum(dim=2)
        by_pattern = rows.sum_by_pattern(member)
        uncertain = (by_pattern.unsqueeze(2) * rows.patterns).mT @ covariance.flatten(2)
        products = (h.unsqueeze(2) * h.unsqueeze(1)).flatten(1, 2)
        moments = uncertain + share @ products.mT
        uncertain, moments = (m.view(n_mixed, d, k, k) for m in (uncertain, moments))
        spread = self.spread.diagonal(dim1=2, dim2=3)
        prior = (self.loadings.square() + spread).mean(dim=1) + SMALLEST_PRIOR
        precision = moments / self.noise[:, :, None, None]
        precision = precision + torch.diag_embed(1.0 / prior).unsqueeze(1)
        self.spread = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        distance = share * (rows.x - self.mean.unsqueeze(2))
        projected = (distance @ h.mT) / self.noise.unsqueeze(2)
        self.loadings = (self.spread @ projected.unsqueeze(3)).squeeze(3)
        rest = rows.x - self.loadings @ h
        self.mean = (share * rest).sum(dim=2) / (counts + PRIOR_MEAN)
        error = (share * (rest - self.mean.unsqueeze(2)).square()).sum(dim=2)
        squares = self.loadings.unsqueeze(3) * self.loadings.unsqueeze(2)
        error += (squares * uncertain + self.spread * moments).sum(dim=(2, 3))
        common = (error.sum(dim=1) / counts.sum(dim=1)).unsqueeze(1)
        self.noise = (error + PRIOR_VALUES * common) / (counts + PRIOR_VALUES)
        self.noise = self.noise.clamp(min=SMALLEST_NOISE)
        share = member.sum(dim=1) + 1.0
        self.log_share = (share / share.sum()).log()
        self.precision = self._make_precision()

    @torch.no_grad()
    def with_drawn_loadings(self, generator):
        """Draw a model from the posterior of the loadings.

        What is drawn from it also differs by what few samples leave unknown of them.

        Parameters
        ----------
        generator : torch.Generator
            Source of random numbers.

        Returns
        -------
        FactorMixture
            A model whose loadings are known; this one where they are so already.
        """
        if self.spread is None:
            return self
        factor = torch.linalg.cholesky(self.spread)
        shape, device = (*self.loadings.shape, 1), self.loadings.device
        noise = draw(torch.randn, shape, generator, device).to(self.loadings.dtype)
        loadings = self.loadings + (factor @ noise).squeeze(3)
        return FactorMixture(self.mean, loadings, self.noise, self.log_share)

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
        rows = _Rows(x)
        h, covariance, log_prob = self._expect(rows)
        member = log_prob.softmax(dim=0)
        if generator is None:
            found = self.mean.unsqueeze(2) + self.loadings @ h
            found = (member.unsqueeze(1) * found).sum(dim=0).t()
        else:
            chosen = torch.multinomial(member.t(), 1, generator=generator).squeeze(1)
            of_row = torch.arange(len(x))
            covariance = covariance[:, rows.index][chosen, of_row]
            factor = torch.linalg.cholesky(covariance)
            h = h[chosen, :, of_row]
            noise = draw(torch.randn, h.shape, generator, x.device).to(x.dtype)
            h = h + (factor @ noise.unsqueeze(2)).squeeze(2)
            found = (self.loadings[chosen] @ h.unsqueeze(2)).squeeze(2)
            noise = draw(torch.randn, x.shape, generator, x.device).to(x.dtype)
            found = self.mean[chosen] + found + self.noise[chosen].sqrt() * noise
        return torch.where(x.isnan(), found, x)


class _Rows:
    """Samples as columns, and the patterns of present values that they have.

    What depends on the pattern alone is computed once for all samples that share it,
    if many do.
    """

    def __init__(self, x):
        is_present = ~x.isnan()
        self.x = x.nan_to_num(0.0).t().contiguous()
        self.present = is_present.t().to(x.dtype).contiguous()
        packed = np.packbits(is_present.numpy(), axis=1)
        keys = packed.view(f"V{packed.shape[1]}").ravel()
        _, first, index = np.unique(keys, return_index=True, return_inverse=True)
        self.is_grouped = 2 * len(first) < len(x)
        if self.is_grouped:
            self.patterns = self.present[:, torch.from_numpy(first)].t()
            self.index = torch.from_numpy(index.ravel())
        else:
            self.patterns, self.index = self.present.t(), slice(None)

    def sum_by_pattern(self, values):
        """Return sums over the samples of each pattern, for rows of values."""
        if not self.is_grouped:
            return values
        out = values.new_zeros(len(values), len(self.patterns))
        return out.index_add_(1, self.index, values)
