"""Small autoencoders, trained and run as one torch module, and their densities."""

import math

import torch
from torch import nn

from skae._common.sample_weight import weighted_quantile

# Width of the hidden layers beside the principal components.
HIDDEN_WIDTH = 16
# Training: full batches, Adam; the learning rate warms up and then falls to zero.
N_STEPS, N_WARM_UP_STEPS, LR = 60, 10, 1e-2
# Smallest standard deviation of a principal component that codes are divided by.
MIN_COMPONENT_STD = 1e-3
# Smallest spreads of codes and residuals, in units of a standardized feature.
CODE_RIDGE, RESIDUAL_RIDGE = 1e-3, 1e-4
# The density of the codes is that of all rows, then again and again that of the rows
# that are most usual under it, this share of all.
SHARE_KEPT, N_REFITS = 0.7, 3
# How much more a residual counts per mean logarithm of its feature, which is 0.5 for
# normal residuals and smaller for those of heavier tails.
LIGHT_TAIL_GAIN = 1.5
# Numbers that all autoencoders take at a time: the residuals then fit into the cache.
CHUNK_SIZE = 2**20
# Numbers further from zero than this are as far: their squares must stay finite.
FAR = 1e8


class AutoencoderEnsemble(nn.Module):
    """Autoencoders trained on random rows, with random numbers of components.

    Encoder and decoder of each are the principal components of its rows, plus a hidden
    layer of tanh units that starts with no output.

    Parameters
    ----------
    scale : torch.Tensor of shape (n_features,)
        Standard deviation of each feature of the samples, which are centred.
    subsets : torch.Tensor of shape (n_estimators, n_rows, n_features)
        Standardized rows on which each autoencoder is trained.
    n_components : torch.Tensor of shape (n_estimators,)
        Number of components of each.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(self, scale, subsets, n_components, generator):
        super().__init__()
        n_estimators, n_rows, _ = subsets.shape
        mean = subsets.mean(dim=1, keepdim=True)
        left, size, axes = torch.linalg.svd(subsets - mean, full_matrices=False)
        std = (size / math.sqrt(n_rows)).clamp_min(MIN_COMPONENT_STD)
        n_axes = std.shape[1]
        width = min(int(n_components.max()), n_axes)
        is_used = torch.arange(width) < n_components[:, None]

        def normal(*shape):
            return torch.randn(n_estimators, *shape, generator=generator)

        def zeros(*shape):
            return torch.zeros(n_estimators, *shape)

        self.register_buffer("scale", scale)
        self.register_buffer("n_components", n_components)
        self.register_buffer("mean", mean)
        self.register_buffer("is_used", is_used[:, None].to(mean.dtype))
        norm = torch.linalg.vector_norm(std, dim=1)[:, None, None]
        diagonal, std = torch.eye(n_axes, width), std[:, :width]
        weights = {
            "encoder": diagonal / std[:, None],
            "encoder_hidden": normal(n_axes, HIDDEN_WIDTH) / norm,
            "encoder_bias": zeros(1, HIDDEN_WIDTH),
            "encoder_output": zeros(HIDDEN_WIDTH, width),
            "decoder": diagonal.T * std[..., None],
            "decoder_hidden": normal(width, HIDDEN_WIDTH) / math.sqrt(width),
            "decoder_bias": normal(1, HIDDEN_WIDTH) / 2,
            "decoder_output": zeros(HIDDEN_WIDTH, n_axes),
        }
        for name, weight in weights.items():
            self.register_parameter(name, nn.Parameter(weight))
        self._fit_weights(left * size[:, None])
        self._expand(axes)

    def forward(self, z):
        """Encode and decode standardized samples.

        Parameters
        ----------
        z : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        codes : torch.Tensor of shape (n_estimators, n_samples, width)
            Codes; what is beyond the components of an autoencoder is zero.
        residuals : torch.Tensor of shape (n_estimators, n_samples, n_features)
            Samples less their reconstructions.
        """
        centred = z - self.mean
        codes = self._encode(centred)
        return codes, self._residuals(centred, codes)

    def _encode(self, centred):
        hidden = torch.tanh(centred @ self.encoder_hidden + self.encoder_bias)
        return (centred @ self.encoder + hidden @ self.encoder_output) * self.is_used

    def _residuals(self, centred, codes):
        hidden = torch.tanh(codes @ self.decoder_hidden + self.decoder_bias)
        return centred - codes @ self.decoder - hidden @ self.decoder_output

    def _fit_weights(self, coordinates):
        """Train all autoencoders on the squared error of their rows.

        The rows are given by coordinates in the space that they span. Its dimension is
        that of the samples or, for wide tables, the number of rows.
        """
        optimizer = torch.optim.Adam(self.parameters(), lr=LR, fused=True)
        for step in range(N_STEPS):
            rate = min(1.0, (step + 1) / N_WARM_UP_STEPS)
            rate *= (1 + math.cos(math.pi * step / N_STEPS)) / 2
            optimizer.param_groups[0]["lr"] = LR * rate
            optimizer.zero_grad()
            residuals = self._residuals(coordinates, self._encode(coordinates))
            residuals.square().mean(dim=(1, 2)).sum().backward()
            optimizer.step()
        self.requires_grad_(False)

    def _expand(self, axes):
        """Let the weights take samples where they took coordinates along axes."""
        for name in ("encoder", "encoder_hidden"):
            setattr(self, name, nn.Parameter(axes.mT @ getattr(self, name), False))
        for name in ("decoder", "decoder_output"):
            setattr(self, name, nn.Parameter(getattr(self, name) @ axes, False))

    def _chunk_length(self):
        """Return the number of samples that all autoencoders take at a time."""
        return max(1, CHUNK_SIZE // (len(self.mean) * self.mean.shape[2]))

    def fit_densities(self, z, weight=None, is_missing=None):
        """Learn how codes and residuals are distributed.

        Parameters
        ----------
        z : torch.Tensor of shape (n_samples, n_features)
            Standardized samples.
        weight : ndarray of shape (n_samples,), default=None
            Weights of the samples.
        is_missing : torch.Tensor of shape (n_samples, n_features), default=None
            True where a value was filled: its residual does not count.
        """
        share = None
        if weight is not None or is_missing is not None:
            share = torch.ones(z.shape, dtype=torch.float64)
            if weight is not None:
                share *= torch.from_numpy(weight)[:, None]
            if is_missing is not None:
                share[is_missing] = 0.0
        count = len(z) if share is None else share.sum(dim=0)
        chunks = torch.arange(len(z)).split(self._chunk_length())
        codes = torch.cat([self._encode(z[rows] - self.mean) for rows in chunks], dim=1)

        def mean_over_samples(function):
            total = 0.0
            for rows in chunks:
                values = function(self._residuals(z[rows] - self.mean, codes[:, rows]))
                if share is not None:
                    values = values * share[rows]
                total += values.sum(dim=1, keepdim=True, dtype=torch.float64)
            return (total / count).to(z.dtype)

        variance = mean_over_samples(torch.square) + RESIDUAL_RIDGE
        self.register_buffer("residual_variance", variance)
        usual = mean_over_samples(self._unusualness)
        # Transposed in use alone: strides of copies would differ, and so the rounding.
        self.register_buffer("residual_weight", 1.0 + LIGHT_TAIL_GAIN * usual)
        codes = codes.double()
        density = _fit_normal(
            codes, torch.ones(codes.shape[:2], dtype=torch.bool), weight
        )
        for _ in range(N_REFITS):
            distance = _squared_distance(codes, *density)
            density = _fit_normal(codes, _are_usual(distance, weight), weight)
        center, whitening = density
        self.register_buffer("center", center.to(z.dtype))
        self.register_buffer("whitening", whitening.to(z.dtype))

    def _unusualness(self, residuals):
        return torch.log1p(residuals.square() / self.residual_variance)

    def standardize(self, x):
        """Divide centred samples by the standard deviations of their features.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Centred samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Numbers whose squares are finite.
        """
        return (x / self.scale).clamp(-FAR, FAR)

    def log_density(self, z, is_missing=None):
        """Return how usual samples are, as a mean over the autoencoders.

        It is a sum of logarithms of densities with heavy tails, those of Student's t up
        to their exponents. The exponent of a code is its number of components. That of
        a residual is larger for a feature with lighter tails. Residuals are averaged
        over the features.

        Parameters
        ----------
        z : torch.Tensor of shape (n_samples, n_features)
            Standardized samples.
        is_missing : torch.Tensor of shape (n_samples, n_features), default=None
            True where a value was filled: its residual does not count.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            At most zero; the lower, the less usual.
        """
        scores = torch.empty(len(z), dtype=z.dtype)
        for rows in torch.arange(len(z)).split(self._chunk_length()):
            missing = None if is_missing is None else is_missing[rows]
            scores[rows] = self._log_density(z[rows], missing)
        return scores

    def _log_density(self, z, is_missing):
        codes, residuals = self(z)
        n_components = self.n_components[:, None]
        distance = _squared_distance(codes, self.center, self.whitening)
        of_codes = n_components * torch.log1p(distance / n_components)
        of_residuals, n_present = self._unusualness(residuals), z.shape[1]
        if is_missing is not None:
            of_residuals = of_residuals.masked_fill(is_missing, 0.0)
            n_present = (~is_missing).sum(dim=1).clamp_min(1)
        of_residuals = (of_residuals @ self.residual_weight.mT).squeeze(2)
        return -(
            of_codes.sum(dim=0) / n_components.sum()
            + of_residuals.mean(dim=0) / n_present
        )


def _squared_distance(codes, center, whitening):
    """Return squared Mahalanobis distances, never negative by rounding."""
    return ((codes - center) @ whitening).square().sum(dim=2)


def _are_usual(distance, weight):
    """Return which samples are among those with the smallest distances."""
    if weight is None:
        return distance <= torch.quantile(distance, SHARE_KEPT, dim=1, keepdim=True)
    limits = [weighted_quantile(row, SHARE_KEPT, weight) for row in distance.numpy()]
    return distance <= torch.tensor(limits)[:, None]


def _fit_normal(codes, is_kept, weight):
    """Return the means of codes, and what makes their covariances one."""
    share = is_kept[..., None].to(codes.dtype)
    if weight is not None:
        share *= torch.from_numpy(weight)[:, None]
    total = share.sum(dim=1, keepdim=True)
    center = (share * codes).sum(dim=1, keepdim=True) / total
    centred = codes - center
    covariance = centred.mT @ (share * centred) / total
    ridge = CODE_RIDGE * torch.eye(codes.shape[2], dtype=codes.dtype)
    factor = torch.linalg.cholesky(covariance + ridge)
    return center, torch.linalg.inv(factor).mT
