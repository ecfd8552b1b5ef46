"""Small autoencoders, trained and run as one torch module, and their densities."""

import math

import torch
from torch import nn

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
        return self._encode_decode(z - self.mean)

    def _encode_decode(self, centred):
        hidden = torch.tanh(centred @ self.encoder_hidden + self.encoder_bias)
        codes = (centred @ self.encoder + hidden @ self.encoder_output) * self.is_used
        hidden = torch.tanh(codes @ self.decoder_hidden + self.decoder_bias)
        return codes, centred - codes @ self.decoder - hidden @ self.decoder_output

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
            _, residuals = self._encode_decode(coordinates)
            residuals.square().mean(dim=(1, 2)).sum().backward()
            optimizer.step()
        self.requires_grad_(False)

    def _expand(self, axes):
        """Let the weights take samples where they took coordinates along axes."""
        for name in ("encoder", "encoder_hidden"):
            setattr(self, name, nn.Parameter(axes.mT @ getattr(self, name), False))
        for name in ("decoder", "decoder_output"):
            setattr(self, name, nn.Parameter(getattr(self, name) @ axes, False))

    def fit_densities(self, x, n_rows):
        """Learn how codes and residuals are distributed.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Centred samples.
        n_rows : int
            Number of samples that are encoded at a time.
        """
        all_codes, total = [], 0.0
        for part in x.split(n_rows):
            codes, residuals = self(self.standardize(part))
            all_codes.append(codes.double())
            total = total + residuals.double().square().sum(dim=1, keepdim=True)
        codes = torch.cat(all_codes, dim=1)
        density = _fit_normal(codes, torch.ones(codes.shape[:2], dtype=torch.bool))
        for _ in range(N_REFITS):
            distance = _squared_distance(codes, *density)
            limit = torch.quantile(distance, SHARE_KEPT, dim=1, keepdim=True)
            density = _fit_normal(codes, distance <= limit)
        center, whitening = density
        self.register_buffer("center", center.to(x.dtype))
        self.register_buffer("whitening", whitening.to(x.dtype))
        variance = total / len(x) + RESIDUAL_RIDGE
        self.register_buffer("residual_variance", variance.to(x.dtype))

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

    def log_density(self, x):
        """Return how usual samples are, as a mean over the autoencoders.

        It is a sum of logarithms of densities with heavy tails (those of Student's t,
        up to their exponents): of the code, and of the residuals, averaged over the
        features.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Centred samples.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            At most zero; the lower, the less usual.
        """
        codes, residuals = self(self.standardize(x))
        distance = _squared_distance(codes, self.center, self.whitening)
        unusual = torch.log1p(distance / self.n_components[:, None])
        unusual += torch.log1p(residuals.square() / self.residual_variance).mean(dim=2)
        return -unusual.mean(dim=0)


def _squared_distance(codes, center, whitening):
    """Return squared Mahalanobis distances, never negative by rounding."""
    return ((codes - center) @ whitening).square().sum(dim=2)


def _fit_normal(codes, is_kept):
    """Return the means of codes, and what makes their covariances one."""
    weight = is_kept[..., None].to(codes.dtype)
    n_kept = weight.sum(dim=1, keepdim=True)
    center = (weight * codes).sum(dim=1, keepdim=True) / n_kept
    centred = codes - center
    covariance = centred.mT @ (weight * centred) / n_kept
    ridge = CODE_RIDGE * torch.eye(codes.shape[2], dtype=codes.dtype)
    factor = torch.linalg.cholesky(covariance + ridge)
    return center, torch.linalg.inv(factor).mT
