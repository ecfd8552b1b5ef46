"""The evidence lower bound."""

import math

import torch

from skae._common.processes import mean_over_shares
from skae._common.runtime import draw
from skae._training.negative_log_likelihood import NegativeLogLikelihood
from skae._training.objective import (
    Objective,
    replace_missing,
    weighted_mean,
)

# Draws of few samples are decoded together, as a batch of about so many rows.
MAX_ROWS = 1024
# ... and at most so many numbers.
MAX_NUMBERS = 2**22


class VariationalObjective(Objective):
    """Negative evidence lower bound (ELBO) per feature, in nats.

    -E[log p(x|h)] + weight * KL(p_enc(h|x) || N(0, 1)) with one draw h = mean + std * ε
    per sample (Kingma and Welling 2014), both divided by the number of features. In
    evaluation the weight is ``beta``.

    Parameters
    ----------
    module : torch.nn.Module
        With ``encode_distribution`` and ``decode``.
    likelihood : Likelihood
        p(x|h).
    scale : float, default=1.0
        Scale of X, in which losses are reported.
    beta : float, default=1.0
        Final weight of the divergence.
    beta_warm_up : int, default=0
        Epochs over which the weight rises from zero to ``beta``.
    generator : torch.Generator, default=None
        Source of ε.

    Attributes
    ----------
    weight : float
        Weight of the divergence in this epoch.
    """

    # Neither a generator nor sums that outlive the call can be compiled.
    not_compiled = ("_draw", "add_terms")

    def __init__(
        self, module, likelihood, scale=1.0, beta=1.0, beta_warm_up=0, generator=None
    ):
        super().__init__()
        self.module = module
        self.likelihood = likelihood
        self.nll = NegativeLogLikelihood(likelihood)
        self.scale = scale
        self.beta = self.weight = beta
        self.beta_warm_up = beta_warm_up
        self.generator = generator
        self._n_samples, self._sums = 0, None

    def begin_epoch(self, epoch):
        share = min(1.0, epoch / self.beta_warm_up) if self.beta_warm_up else 1.0
        self.weight = share * self.beta
        self._n_samples, self._sums = 0, None

    def end_epoch(self, epoch, n_epochs):
        nll, self.divergence = (self._sums / self._n_samples).tolist()
        return {
            "reconstruction_loss": self.to_data_scale(nll),
            "kl_divergence": self.n_features * self.divergence,
        }

    def forward(self, x, target, weight=None):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input of the encoder.
        target : torch.Tensor of shape (n_samples, n_features)
            What the reconstruction is compared with.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        mean, std = (part.float() for part in self.module.encode_distribution(x))
        code = mean + std * self._draw(mean.shape, mean.device)
        output, missing = self.module.decode(code).float(), None
        if self.is_incomplete:
            target, missing = replace_missing(self.nll.likelihood, output, target)
        # Missing values add nothing to log p(x|h), also not to what it is divided by.
        nll = weighted_mean(self.nll(output, target, weight, missing), weight)
        divergence = kl_divergence(mean, std).sum(dim=1, keepdim=True)
        divergence = weighted_mean(divergence, weight) / target.shape[1]
        if not self.training:
            return nll + self.beta * divergence
        self.add_terms(nll.detach(), divergence.detach(), len(x), target.shape[1])
        return nll + self.weight * divergence

    def _draw(self, shape, device):
        return draw(torch.randn, shape, self.generator, device)

    def add_terms(self, nll, divergence, n_samples, n_features):
        """Add the terms of a batch to those of the epoch.

        Parameters
        ----------
        nll : torch.Tensor
            Mean of -log p(x|h).
        divergence : torch.Tensor
            Mean divergence, divided by the number of features.
        n_samples : int
            Samples in the batch.
        n_features : int
            Number of features.
        """
        self.n_features = n_features
        self._n_samples += n_samples
        terms = mean_over_shares(torch.stack([nll, divergence]))
        if self._sums is None:
            self._sums = torch.zeros_like(terms)
        self._sums.add_(terms, alpha=n_samples)

    def to_data_scale(self, loss):
        # The logarithm of a density changes with the scale, unlike a probability's.
        # It is one where X is not scaled.
        return self.n_features * (loss + math.log(self.scale))

    @staticmethod
    def encode(module, x):
        """Encode samples.

        Parameters
        ----------
        module : torch.nn.Module
            The objective's module, or a copy of it in another type.
        x : torch.Tensor of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, 2, n_components)
            Means and standard deviations of p_enc(h|x).
        """
        return torch.stack(module.encode_distribution(x), dim=1)

    @staticmethod
    def sample_code(encoded, generator):
        """Draw codes, h = mean + std * ε.

        Parameters
        ----------
        encoded : torch.Tensor of shape (n_samples, 2, n_components)
            As :meth:`encode` returned it.
        generator : torch.Generator
            Source of ε.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes.
        """
        mean, std = encoded.unbind(dim=1)
        return mean + std * draw(torch.randn, mean.shape, generator, mean.device)


def kl_divergence(mean, std):
    """Kullback-Leibler divergence of normal distributions from N(0, 1).

    Parameters
    ----------
    mean : torch.Tensor
        Their means.
    std : torch.Tensor of the shape of mean
        Their standard deviations.

    Returns
    -------
    torch.Tensor of the shape of mean
        Divergences in nats.
    """
    return 0.5 * (mean.square() + std.square() - 1.0) - std.log()


def log_ratio(h, noise, std):
    """Logarithm of p_enc(h|x) / p(h) for p(h) = N(0, 1), of each component.

    Parameters
    ----------
    h : torch.Tensor
        Codes, mean + std * noise.
    noise : torch.Tensor of the shape of h
        The draws of N(0, 1) that they were made of.
    std : torch.Tensor of the shape of h
        Standard deviations of p_enc(h|x).

    Returns
    -------
    torch.Tensor of the shape of h
        Logarithms; their expectation is the divergence.
    """
    return 0.5 * (h.square() - noise.square()) - std.log()


def importance_bound(module, x, target, log_prob, draws):
    """Bound log p(x) by the mean of importance weights p(x|h) p(h) / p_enc(h|x).

    Parameters
    ----------
    module : torch.nn.Module
        With ``encode_distribution`` and ``decode``.
    x : torch.Tensor of shape (n_samples, n_features)
        Samples to encode.
    target : torch.Tensor of shape (n_samples, n_features)
        The same with NaN where a value is missing.
    log_prob : callable
        Returns log p(x|h) of samples from ``target`` and the decoder's outputs.
    draws : torch.Tensor of shape (n_draws, n_components)
        Draws of N(0, 1), the same for all samples.

    Returns
    -------
    torch.Tensor of shape (n_samples,)
        Bounds in nats.
    """
    mean, std = module.encode_distribution(x)
    total = torch.full_like(mean[:, 0], -math.inf)
    max_rows = min(MAX_ROWS, MAX_NUMBERS // target.shape[1])
    for noise in draws.to(mean.device, mean.dtype).split(max(1, max_rows // len(x))):
        noise = noise.unsqueeze(1)  # the same for all samples
        h = mean + std * noise
        # Not copied for one draw.
        repeated = target.expand(len(noise), *target.shape).flatten(0, 1)
        log_p = log_prob(repeated, module.decode(h.flatten(0, 1))).view(h.shape[:2])
        log_weight = log_p - log_ratio(h, noise, std).sum(dim=2)
        total = torch.logaddexp(total, log_weight.logsumexp(dim=0))
    return total - math.log(len(draws))
