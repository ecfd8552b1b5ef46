"""Mean losses and their derivatives, written out."""

import torch

from skae.likelihood import Bernoulli, Gaussian, Laplace


def _gaussian_loss(likelihood, output, x):
    mean = likelihood.mean(output)
    error = mean - x
    flat = error.view(-1)
    loss = flat.dot(flat).div_(flat.numel())
    return loss, _grad_of_output(likelihood, error.mul_(2.0 / flat.numel()), mean)


def _laplace_loss(likelihood, output, x):
    mean = likelihood.mean(output)
    error = mean - x
    loss = error.abs().mean()
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
