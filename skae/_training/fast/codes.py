"""What lies between encoder and decoder, with its derivative written out."""

import torch

from skae._common.runtime import draw
from skae._training.fast.numbers import number
from skae._training.objective import weighted_mean
from skae.modules._variational import MAX_LOG_VARIANCE


class PlainCode:
    """Codes that are the encoder's outputs, with an L1 penalty.

    Parameters
    ----------
    objective : ReconstructionObjective
        The objective.
    """

    def __init__(self, objective):
        self.objective = objective

    def forward(self, encoded):
        """Make codes.

        Parameters
        ----------
        encoded : torch.Tensor of shape (n_samples, n_components)
            Outputs of the encoder.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Inputs of the decoder.
        """
        self.code = encoded
        return encoded

    def backward(self, loss, grad, n_features, weight=None, fraction=1.0):
        """Add what the objective says of codes.

        Parameters
        ----------
        loss : torch.Tensor
            Loss of the reconstruction.
        grad : torch.Tensor of shape (n_samples, n_components)
            Its gradient with respect to the codes.
        n_features : int
            Number of features.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.
        fraction : float, default=1.0
            What part of their batch the samples are, where the loss is the mean over
            the part, and its gradient that of the mean over the batch.

        Returns
        -------
        loss : torch.Tensor
            The whole loss.
        grad : torch.Tensor of the shape of the encoder's outputs
            Its gradient with respect to them.
        """
        if not self.objective.l1_penalty:
            return loss, grad
        rate = self.objective.l1_penalty / len(grad)
        sizes, signs = self.code.float(), self.code.sign()
        if weight is not None:
            factor = weight.unsqueeze(1)
            sizes, signs = sizes * factor, signs * factor.to(signs.dtype)
        return loss + rate * sizes.abs().sum(), grad + fraction * rate * signs


class VariationalCode:
    """Codes that are drawn from the distributions of the encoder, with a divergence.

    Parameters
    ----------
    objective : VariationalObjective
        The objective.
    """

    def __init__(self, objective):
        self.objective = objective

    def forward(self, encoded):
        """Draw codes.

        Parameters
        ----------
        encoded : torch.Tensor of shape (n_samples, 2 * n_components)
            Outputs of the encoder.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Inputs of the decoder.
        """
        self.mean, self.log_variance = encoded.float().chunk(2, dim=1)
        self.clamped = self.log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
        self.variance = self.clamped.exp()
        std = self.variance.sqrt()
        shape, device = self.mean.shape, self.mean.device
        noise = draw(torch.randn, shape, self.objective.generator, device)
        self.deviation = noise.mul_(std)
        return (self.mean + self.deviation).to(encoded.dtype)

    def backward(self, loss, grad, n_features, weight=None, fraction=1.0):
        """Add the divergence.

        Parameters
        ----------
        loss : torch.Tensor
            Mean of -log p(x|h).
        grad : torch.Tensor of shape (n_samples, n_components)
            Its gradient with respect to the codes.
        n_features : int
            Number of features.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.
        fraction : float, default=1.0
            What part of their batch the samples are, where the loss is the mean over
            the part, and its gradient that of the mean over the batch.

        Returns
        -------
        loss : torch.Tensor
            The whole loss.
        grad : torch.Tensor of shape (n_samples, 2 * n_components)
            Its gradient with respect to the outputs of the encoder.
        """
        objective, mean, dtype = self.objective, self.mean, grad.dtype
        # Twice the divergence of each component is mean² + excess - log(variance).
        excess = self.variance.sub_(number(1.0, mean.device))
        divergence = torch.addcmul(excess - self.clamped, mean, mean)
        divergence = weighted_mean(divergence, weight)
        divergence.mul_(number(0.5 * mean.shape[1] / n_features, mean.device))
        objective.add_terms(loss, divergence, len(mean), n_features)
        # Its derivatives are mean and, by the logarithm of the variance, excess / 2.
        if weight is not None:
            mean, excess = mean * weight.unsqueeze(1), excess * weight.unsqueeze(1)
        rate = fraction * objective.weight / (len(mean) * n_features)
        grad = grad.float()
        grad_log_variance = excess.mul_(number(0.5 * rate, mean.device))
        grad_log_variance.addcmul_(grad, self.deviation, value=0.5)
        grad_log_variance = torch.ops.aten.hardtanh_backward(
            grad_log_variance, self.log_variance, -MAX_LOG_VARIANCE, MAX_LOG_VARIANCE
        )
        grad = torch.cat([torch.add(grad, mean, alpha=rate), grad_log_variance], dim=1)
        return torch.add(loss, divergence, alpha=objective.weight), grad.to(dtype)
