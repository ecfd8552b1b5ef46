"""Mean losses and their derivatives, written out."""

import math
from functools import partial

import torch

from skae._training.fast.numbers import number
from skae._training.objective import inverse_share, weighted_mean
from skae.likelihood import Bernoulli, Gaussian, Laplace


def _mean_square(error):
    flat = error.view(-1)
    return flat.dot(flat).div_(number(flat.numel(), flat.device))


def _mean_size(error):
    return error.abs().mean()


def _gaussian_loss(likelihood, output, x):
    mean = likelihood.mean(output)
    error = mean - x
    loss = _mean_square(error)
    grad = error.mul_(number(2.0 / error.numel(), error.device))
    return loss, _grad_of_output(likelihood, grad, mean)


def _laplace_loss(likelihood, output, x):
    mean = likelihood.mean(output)
    error = mean - x
    loss = _mean_size(error)
    return loss, _grad_of_output(likelihood, error.sign_().div_(error.numel()), mean)


def _bernoulli_loss(likelihood, output, x):
    grad = torch.sigmoid(output).sub_(x).div_(output.numel())
    return likelihood.loss(output, x).mean(), grad


def _grad_of_output(likelihood, grad, mean):
    """Turn the derivative with respect to the mean into that of the output."""
    if likelihood.link == "identity":
        return grad
    return torch.ops.aten.sigmoid_backward(grad, mean)


# Mean loss and its derivative with respect to the outputs; of these very classes, since
# one derived from them may have another loss.
LOSSES = {
    Gaussian: _gaussian_loss,
    Laplace: _laplace_loss,
    Bernoulli: _bernoulli_loss,
}


def _normal(difference, error, variance):
    """Return the parts of -log p(x|h), and its derivative by the mean."""
    numbers = partial(number, device=error.device)
    half = numbers(0.5)
    grad = difference.div_(variance * numbers(difference.numel()))
    loss = (error / variance).mul_(half)
    return loss, (variance * numbers(2.0 * math.pi)).log_().mul_(half), grad


def _double_exponential(difference, error, variance):
    scale = (variance / 2.0).sqrt()
    grad = difference.sign_().div_(scale * difference.numel())
    return error / scale, (2.0 * scale).log(), grad


# What the error is of the difference from the mean, and its mean; mean loss,
# normalization and derivative of -log p(x|h) for the difference, the mean error and the
# variance.
DENSITIES = {
    Gaussian: (torch.square, _mean_square, _normal),
    Laplace: (torch.abs, _mean_size, _double_exponential),
}


def mean_loss(likelihood, output, target, weight=None, missing=None):
    """Evaluate the mean loss of a batch and its derivative.

    Parameters
    ----------
    likelihood : Likelihood
        Of a class in ``LOSSES``.
    output : torch.Tensor of shape (n_samples, n_features)
        The decoder's outputs.
    target : torch.Tensor of shape (n_samples, n_features)
        What they are compared with.
    weight : torch.Tensor of shape (n_samples,), default=None
        Weights of the samples.
    missing : torch.Tensor of shape (n_samples, n_features), default=None
        True where a value is missing.

    Returns
    -------
    loss : torch.Tensor
        A scalar, the mean over the values that are present.
    grad : torch.Tensor of shape (n_samples, n_features)
        Its derivative with respect to the outputs.
    """
    loss, grad = _mean_over_all(likelihood, output, target, weight, missing)
    if missing is None:
        return loss, grad
    factor = inverse_share(missing)
    return loss * factor, grad * factor


def _mean_over_all(likelihood, output, target, weight, missing):
    """Evaluate the mean loss over all values, where missing ones have none."""
    loss, grad = LOSSES[type(likelihood)](likelihood, output, target)
    if weight is None and missing is None:
        return loss, grad
    losses = likelihood.loss(output, target)
    if missing is not None:
        losses, grad = losses.masked_fill(missing, 0.0), grad.masked_fill(missing, 0.0)
    if weight is not None:
        grad = grad * weight.unsqueeze(1)
    return weighted_mean(losses, weight), grad


def mean_nll(nll, output, target, weight=None, missing=None):
    """Evaluate the mean of -log p(x|h), whose variance learns from the batch.

    Parameters
    ----------
    nll : NegativeLogLikelihood
        Of a likelihood of a class in ``LOSSES``, with one variance at most.
    output : torch.Tensor of shape (n_samples, n_features)
        The decoder's outputs.
    target : torch.Tensor of shape (n_samples, n_features)
        What they are compared with; the mean where a value is missing.
    weight : torch.Tensor of shape (n_samples,), default=None
        Weights of the samples.
    missing : torch.Tensor of shape (n_samples, n_features), default=None
        True where a value is missing.

    Returns
    -------
    loss : torch.Tensor
        A scalar, the mean over all values, to which missing ones add nothing.
    grad : torch.Tensor of shape (n_samples, n_features)
        Its derivative with respect to the outputs.
    """
    likelihood = nll.likelihood
    if not likelihood.has_variance:
        return _mean_over_all(likelihood, output, target, weight, missing)
    error_of, mean_error_of, density = DENSITIES[type(likelihood)]
    mean = likelihood.mean(output)
    difference = mean - target  # zero where a value is missing
    if weight is None and missing is None:
        error = mean_error_of(difference)
        nll.learn_mean(error)
    else:
        error = nll.learn(error_of(difference), weight, missing).mean()
    variance = likelihood.variance(nll.error)
    loss, constant, grad = density(difference, error, variance)
    if missing is not None:
        constant = constant * weighted_mean((~missing).float(), weight)
    elif weight is not None:
        constant = constant * weight.mean()
    if weight is not None:
        grad = grad.mul_(weight.unsqueeze(1))
    return loss + constant, _grad_of_output(likelihood, grad, mean)


def nll_grad(likelihood, output, target, variance, missing):
    """Evaluate the derivative of -log p(x|h), summed, with respect to the outputs.

    Parameters
    ----------
    likelihood : Likelihood
        Of a class in ``LOSSES``.
    output : torch.Tensor of shape (n_samples, n_features)
        The decoder's outputs.
    target : torch.Tensor of shape (n_samples, n_features)
        Samples.
    variance : float, torch.Tensor of shape (n_features,) or None
        Variance of p(x|h), None where it has none.
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_features)
        The derivative; zero where a value is missing.
    """
    mean = likelihood.mean(output)
    grad = (mean - target).masked_fill_(missing, 0.0)
    if not likelihood.has_variance:  # Bernoulli, whose outputs are logits
        return grad
    if isinstance(likelihood, Laplace):
        grad = grad.sign_().div_((variance / 2.0) ** 0.5)
    else:
        grad = grad.div_(variance)
    return _grad_of_output(likelihood, grad, mean)
