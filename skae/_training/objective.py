"""What training minimizes, as a function of a module and a batch."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from skae._random import draw

# What a batch weighs in the running mean of the errors that noise is learned from.
BATCH_WEIGHT = 0.1
# Smallest mean error, as a share of that of the units: a perfect fit must not make the
# density infinite.
SMALLEST_ERROR = 1e-12


class NegativeLogLikelihood(nn.Module):
    """-log p(x|h) a feature in nats, at a noise that is learned along the way.

    The most likely noise of some outputs is known in closed form. So it needs no
    gradient: it is taken from a running mean of the errors in the batches before.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    """

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood
        self.error = None

    def forward(self, output, target, learn):
        """Evaluate it on a batch.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        target : torch.Tensor of shape (n_samples, n_features)
            What is to come out.
        learn : bool
            Whether the noise learns from this batch.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        noise = None
        if self.likelihood.has_noise:
            if learn:
                self._learn(output.detach(), target)
            noise = self.likelihood.noise(self.error)
        log_prob = self.likelihood.log_prob(target, output, noise)
        return -log_prob.mean() / target.shape[1]

    def _learn(self, output, target):
        error = self.likelihood.error(output, target).mean(dim=0)
        error = error.clamp(min=SMALLEST_ERROR)
        if self.error is not None:
            error = self.error.lerp(error, BATCH_WEIGHT)
        self.error = error


class ReconstructionObjective(nn.Module):
    """-log p(x|h) a feature and, in training, what regularizes the code.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    l1_penalty : float, default=0.0
        Weight of the mean over the samples of the code's absolute sum.
    contractive_penalty : float, default=0.0
        Weight of the mean over the samples of the squared Frobenius norm of the
        encoder's Jacobian.
    generator : torch.Generator, default=None
        Draws the directions in which the Jacobian is probed.
    """

    def __init__(
        self, likelihood, l1_penalty=0.0, contractive_penalty=0.0, generator=None
    ):
        super().__init__()
        self.likelihood = likelihood
        self.l1_penalty = l1_penalty
        self.contractive_penalty = contractive_penalty
        self.generator = generator
        self.weighed = None
        if likelihood.loss_needs_noise:
            self.weighed = NegativeLogLikelihood(likelihood)

    def forward(self, module, x, target):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        module : torch.nn.Module
            With ``encode`` and ``decode``.
        x : torch.Tensor of shape (n_samples, n_features)
            What is encoded.
        target : torch.Tensor of shape (n_samples, n_features)
            What is to come out.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        contracted = self.contractive_penalty and module.training
        if contracted:
            x = x.detach().requires_grad_()
        code = module.encode(x)
        output = module.decode(code).float()
        if self.weighed is None:
            loss = self.likelihood.loss(output, target)
        else:
            loss = self.weighed(output, target, learn=module.training)
        if self.l1_penalty and module.training:
            loss = loss + self.l1_penalty * code.float().abs().sum() / len(code)
        if contracted:
            loss = loss + self.contractive_penalty * self._contraction(code, x)
        return loss

    def _contraction(self, code, x):
        """Estimate the squared norm of the Jacobian without bias.

        For signs v drawn at random, E[|v'J|²] = |J|² (Hutchinson), which costs one
        backward pass instead of one per component of the code.
        """
        signs = draw(partial(torch.randint, 2), code.shape, self.generator, code.device)
        signs = signs.to(code.dtype) * 2 - 1
        (grad,) = torch.autograd.grad(code, x, signs, create_graph=True)
        return grad.float().square().sum() / len(x)


class VariationalObjective(nn.Module):
    """Negative evidence lower bound (ELBO) a feature, in nats.

    -E[log p(x|h)] + weight * KL(p_enc(h|x) || N(0, 1)) with one draw h = mean + std * ε
    a sample (Kingma and Welling 2014), both divided by the number of features. In
    evaluation the weight is ``beta``.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    beta : float
        Weight of the divergence at last.
    generator : torch.Generator, default=None
        Draws ε.

    Attributes
    ----------
    weight : float
        Weight of the divergence in training, which may rise to ``beta``.
    """

    # Neither a generator nor sums that outlive the call are anything to compile.
    not_compiled = ("_draw", "_note_terms")

    def __init__(self, likelihood, beta, generator=None):
        super().__init__()
        self.misfit = NegativeLogLikelihood(likelihood)
        self.beta = self.weight = beta
        self.generator = generator
        self.forget_terms()

    def forward(self, module, x, target):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        module : torch.nn.Module
            With ``encode_distribution`` and ``decode``.
        x : torch.Tensor of shape (n_samples, n_features)
            What is encoded.
        target : torch.Tensor of shape (n_samples, n_features)
            What is to come out.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        mean, std = (part.float() for part in module.encode_distribution(x))
        code = mean + std * self._draw(mean.shape, mean.device)
        output = module.decode(code).float()
        misfit = self.misfit(output, target, learn=module.training)
        divergence = kl_divergence(mean, std).sum() / target.numel()
        if not module.training:
            return misfit + self.beta * divergence
        self._note_terms(misfit.detach(), divergence.detach(), len(x))
        return misfit + self.weight * divergence

    def _draw(self, shape, device):
        return draw(torch.randn, shape, self.generator, device)

    def _note_terms(self, misfit, divergence, n_samples):
        self._n_samples += n_samples
        self._sums = self._sums + n_samples * torch.stack([misfit, divergence])

    def forget_terms(self):
        """Begin to average the two terms anew."""
        self._n_samples, self._sums = 0, 0.0

    def mean_terms(self):
        """Give both terms, averaged over the samples since :meth:`forget_terms`.

        Returns
        -------
        list of float
            -E[log p(x|h)] and the divergence without its weight, a feature.
        """
        return (self._sums / self._n_samples).tolist()


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
        In nats.
    """
    return 0.5 * (mean.square() + std.square() - 1.0) - std.log()


class PredictionObjective(nn.Module):
    """Loss of a module's outputs.

    Parameters
    ----------
    likelihood : Likelihood
        p(target|output).
    """

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, module, x, target):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        module : torch.nn.Module
            What is trained.
        x : torch.Tensor of shape (n_samples, n_features)
            Inputs.
        target : torch.Tensor of shape (n_samples, n_outputs)
            What is to come out.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        return self.likelihood.loss(module(x).float(), target)


class ClassificationObjective(nn.Module):
    """Cross-entropy of a module's scores, with dropout between features and scores.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target that is spread evenly over all classes.
    dropout : float, default=0.0
        Share of the features that are set to zero in training.
    generator : torch.Generator, default=None
        Draws which.
    """

    not_compiled = ("_draw",)  # a generator is nothing to compile

    def __init__(self, label_smoothing=0.0, dropout=0.0, generator=None):
        super().__init__()
        self.label_smoothing = label_smoothing
        self.dropout = dropout
        self.generator = generator

    def forward(self, module, x, target):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        module : torch.nn.Module
            With ``encode`` to features and ``decode`` to scores.
        x : torch.Tensor of shape (n_samples, n_features)
            Inputs.
        target : torch.Tensor of shape (n_samples, 1)
            Numbers of the classes; -1 for a sample that is left out.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        features = module.encode(x)
        if self.dropout and module.training:
            kept = 1 - self.dropout
            features = features * (self._draw(features, kept) / kept)
        losses = F.cross_entropy(
            module.decode(features).float(),
            target[:, 0].long(),
            ignore_index=-1,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        return losses.mean()

    def _draw(self, features, kept):
        # Drawing takes far longer than the rest, so that one number of 63 random bits
        # decides on four features: 15 bits of each quarter are random.
        n_features = features.numel()
        device = None if self.generator is None else self.generator.device
        words = torch.empty(-(-n_features // 4), dtype=torch.int64, device=device)
        quarters = words.random_(generator=self.generator).view(torch.int16)
        bits = quarters[:n_features].view(features.shape) & 0x7FFF
        return (bits < round(kept * 2**15)).to(features)
