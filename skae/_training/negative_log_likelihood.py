"""-log p(x|h), with a variance that is learned in training."""

import torch
from torch import nn

from skae._common.processes import mean_over_shares

# Weight of a batch in the running mean of the errors that the variance is learned from.
BATCH_WEIGHT = 0.1
# Smallest mean error, as a share of the squared scale: a perfect fit must not make the
# density infinite.
SMALLEST_ERROR = 1e-12


class NegativeLogLikelihood(nn.Module):
    """-log p(x|h) per value in nats, with a variance that is learned in training.

    The most likely variance for given outputs is known in closed form. So it needs no
    gradient: it is computed from a running mean of the errors in earlier batches.

    Parameters
    ----------
    likelihood : Likelihood
        p(x|h).
    smallest_error : float, default=1e-12
        Smallest mean error of a feature that the variance is computed from.
    """

    def __init__(self, likelihood, smallest_error=SMALLEST_ERROR):
        super().__init__()
        self.likelihood = likelihood
        self.smallest_error = smallest_error
        self.error = None

    def forward(self, output, target, weight=None, missing=None):
        """Evaluate it on a batch; in training the variance learns from the batch.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        target : torch.Tensor of shape (n_samples, n_features)
            What the outputs are compared with.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples in what the variance learns.
        missing : torch.Tensor of shape (n_samples, n_features), default=None
            True where a value is missing; the variance does not learn from it.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            One value per element, differentiable; zero where a value is missing.
        """
        variance = None
        if self.likelihood.has_variance:
            if self.training:
                error = self.likelihood.error(output.detach(), target)
                self.learn(error, weight, missing)
            variance = self.likelihood.variance(self.error)
        nll = -self.likelihood.log_prob(target, output, variance)
        return nll if missing is None else nll.masked_fill(missing, 0.0)

    def learn(self, error, weight=None, missing=None):
        """Let the variance learn from the errors of a batch.

        Parameters
        ----------
        error : torch.Tensor of shape (n_samples, n_features)
            Errors of the likelihood, without a gradient.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.
        missing : torch.Tensor of shape (n_samples, n_features), default=None
            True where a value is missing.

        Returns
        -------
        torch.Tensor of shape (n_features,)
            Mean of the weighted errors over all samples, where those of missing values
            are zero.
        """
        if weight is not None:
            error = error * weight.unsqueeze(1)
        if missing is None:
            mean = learned = error.mean(dim=0)
        else:
            share = (~missing).to(error.dtype)
            if weight is not None:
                share = share * weight.unsqueeze(1)
            total = error.masked_fill(missing, 0.0).sum(dim=0)
            n_values = share.sum(dim=0)
            known = self.error
            if known is None:
                known = total.sum() / n_values.sum()
            learned = torch.where(n_values > 0, total / n_values, known)
            mean = total / len(error)
        self.learn_mean(learned)
        return mean

    def learn_mean(self, error):
        """Let the variance learn from the mean error of a batch.

        Parameters
        ----------
        error : torch.Tensor of shape (n_features,) or ()
            The mean over the samples, or over all values if they share a variance.
        """
        learned = mean_over_shares(error).clamp(min=self.smallest_error)
        if self.error is not None:
            learned = self.error.lerp(learned, BATCH_WEIGHT)
        self.error = learned

    def get_extra_state(self):
        """Return the running mean of the errors, for ``state_dict``.

        Returns
        -------
        torch.Tensor of shape (n_features,) or (), or None
            None before the first batch.
        """
        return self.error

    def set_extra_state(self, state):
        """Take the running mean of the errors from a ``state_dict``.

        Parameters
        ----------
        state : torch.Tensor of shape (n_features,) or None
            As :meth:`get_extra_state` returned it.
        """
        self.error = state
