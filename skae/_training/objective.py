"""Objectives that training minimizes: modules that own the network.

Each is called as ``objective(x, target, weight=None)`` and returns a scalar. It does
not depend on optimizers; the trainer calls it when an epoch begins and ends.
"""

import math
from functools import partial

import torch
from torch import nn

from skae._common.processes import mean_over_shares
from skae._common.runtime import draw
from skae._training.negative_log_likelihood import (
    SMALLEST_ERROR,
    NegativeLogLikelihood,
)


def weighted_mean(losses, weight=None):
    """Mean of the losses of all values, where samples may have weights.

    Parameters
    ----------
    losses : torch.Tensor of shape (n_samples, n_features)
        One loss per value.
    weight : torch.Tensor of shape (n_samples,), default=None
        Weights of the samples, one on average over all batches; None for equal ones.

    Returns
    -------
    torch.Tensor
        A scalar. It is not divided by the weights of the batch: a batch of light
        samples counts less than one of heavy samples, so that the mean over the batches
        is the mean over the samples.
    """
    if weight is None:
        return losses.mean()
    return (losses.mean(dim=1) * weight).mean()


def replace_missing(likelihood, output, target):
    """Replace values that are missing, so that a likelihood can be evaluated at all.

    What it returns for them is to be left out. It is finite, as are its derivatives.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    output : torch.Tensor of shape (n_samples, n_features)
        The decoder's outputs.
    target : torch.Tensor of shape (n_samples, n_features)
        Samples, NaN where a value is missing.

    Returns
    -------
    target : torch.Tensor of shape (n_samples, n_features)
        Samples with their expected values in the place of NaN.
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.
    """
    missing = target.isnan()
    return torch.where(missing, likelihood.mean(output.detach()), target), missing


def evaluate_present(likelihood, function, output, target):
    """Evaluate a function of a likelihood for the values that are present.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    function : callable
        Called with outputs and targets, returns one value per element.
    output : torch.Tensor of shape (n_samples, n_features)
        The decoder's outputs.
    target : torch.Tensor of shape (n_samples, n_features)
        Samples, NaN where a value is missing.

    Returns
    -------
    values : torch.Tensor of shape (n_samples, n_features)
        What the function returns; zero where a value is missing.
    missing : torch.Tensor of shape (n_samples, n_features)
        True there.
    """
    target, missing = replace_missing(likelihood, output, target)
    return function(output, target).masked_fill(missing, 0.0), missing


def inverse_share(missing):
    """Return what turns a mean over all values into one over those that are present.

    Parameters
    ----------
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.

    Returns
    -------
    torch.Tensor
        The number of values for each one that is present.
    """
    present = mean_over_shares((~missing).sum() / missing.numel())
    return 1.0 / present.clamp(min=1.0 / missing.numel())


class Objective(nn.Module):
    """Base of the objectives; each owns the network that is trained, ``module``.

    Attributes
    ----------
    evaluates : bool
        Whether :meth:`end_epoch` evaluates the module, which is then not in training.
    regularization : Regularization or None
        What is done before each training step besides it.
    is_incomplete : bool
        Whether targets may have missing values, NaN. They do not count in the loss.
    """

    evaluates = False
    regularization = None
    is_incomplete = False

    def begin_epoch(self, epoch):
        """Prepare for an epoch.

        Parameters
        ----------
        epoch : int
            Number of epochs that the module has been trained for.
        """

    def end_epoch(self, epoch, n_epochs):
        """Learn from an epoch that has ended.

        Parameters
        ----------
        epoch : int
            Number of this epoch in its run, from 1.
        n_epochs : int
            Number of epochs planned for the run.

        Returns
        -------
        dict
            Values that the history records besides the loss, in X's scale.
        """
        return {}

    def to_data_scale(self, loss):
        """Turn a loss in the module's scale into one in X's.

        Parameters
        ----------
        loss : float
            As :meth:`forward` returns it.

        Returns
        -------
        float
            The loss that users see.
        """
        return loss


def compile_objective(objective):
    """Make ``torch.compile``'s version of an objective.

    Parameters
    ----------
    objective : Objective
        Its methods named in ``not_compiled`` are left out.

    Returns
    -------
    callable
        Called as the objective is.
    """
    # Not by decorators: those import the compiler, which takes a second.
    for name in getattr(objective, "not_compiled", ()):
        setattr(objective, name, torch.compiler.disable(getattr(objective, name)))
    on_cpu = all(p.device.type == "cpu" for p in objective.parameters())
    return torch.compile(objective, mode="default" if on_cpu else "reduce-overhead")


class ReconstructionObjective(Objective):
    """Loss of the likelihood and, in training, penalties of the code.

    Parameters
    ----------
    module : torch.nn.Module
        With ``encode`` and ``decode``.
    likelihood : Likelihood
        p(x|h).
    scale : float, default=1.0
        Scale of X, in which losses are reported.
    l1_penalty : float, default=0.0
        Weight of the mean over the samples of the code's absolute sum.
    contractive_penalty : float, default=0.0
        Weight of the mean over the samples of the squared Frobenius norm of the
        encoder's Jacobian.
    generator : torch.Generator, default=None
        Source of the random directions that the Jacobian is multiplied by.
    smallest_error : float, default=1e-12
        Smallest mean error of a feature where each has a variance of its own.
    """

    def __init__(
        self,
        module,
        likelihood,
        scale=1.0,
        l1_penalty=0.0,
        contractive_penalty=0.0,
        generator=None,
        smallest_error=SMALLEST_ERROR,
    ):
        super().__init__()
        self.module = module
        self.likelihood = likelihood
        self.scale = scale
        self.l1_penalty = l1_penalty
        self.contractive_penalty = contractive_penalty
        self.generator = generator
        self.nll = None
        if likelihood.loss_needs_variance:
            self.nll = NegativeLogLikelihood(likelihood, smallest_error)

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
        contracts = self.contractive_penalty and self.training
        if contracts:
            x = x.detach().requires_grad_()
        code = self.module.encode(x)
        output = self.module.decode(code).float()
        loss = self.mean_loss(output, target, weight)
        if self.l1_penalty and self.training:
            penalty = code.float().abs().sum(dim=1, keepdim=True)
            loss = loss + self.l1_penalty * weighted_mean(penalty, weight)
        if contracts:
            penalty = self._contraction(code, x)
            loss = loss + self.contractive_penalty * weighted_mean(penalty, weight)
        return loss

    def mean_loss(self, output, target, weight=None):
        """Return the mean loss of the values that are present.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        target : torch.Tensor of shape (n_samples, n_features)
            What they are compared with.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        missing = None
        if self.is_incomplete:
            target, missing = replace_missing(self.likelihood, output, target)
        if self.nll is None:
            losses = self.likelihood.loss(output, target)
        else:
            losses = self.nll(output, target, weight, missing)
        if missing is None:
            return weighted_mean(losses, weight)
        losses = losses.masked_fill(missing, 0.0)
        return weighted_mean(losses, weight) * inverse_share(missing)

    def _contraction(self, code, x):
        """Estimate the squared norm of each sample's Jacobian without bias.

        For signs v drawn at random, E[|v'J|²] = |J|² (Hutchinson), which costs one
        backward pass instead of one per component of the code.
        """
        signs = draw(partial(torch.randint, 2), code.shape, self.generator, code.device)
        signs = signs.to(code.dtype) * 2 - 1
        (grad,) = torch.autograd.grad(code, x, signs, create_graph=True)
        return grad.float().square().sum(dim=1, keepdim=True)

    def to_data_scale(self, loss):
        if self.nll is not None:  # the logarithm of a density
            return loss + math.log(self.scale)
        return loss * self.scale**self.likelihood.scale_exponent

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
        torch.Tensor of shape (n_samples, n_components)
            Codes, the argument of :meth:`sample_code`.
        """
        return module.encode(x)

    @staticmethod
    def sample_code(encoded, generator):
        """Return the codes that the decoder sees in training.

        Parameters
        ----------
        encoded : torch.Tensor
            As :meth:`encode` returned it.
        generator : torch.Generator
            Source of the random numbers, where the code is drawn.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes.
        """
        return encoded
