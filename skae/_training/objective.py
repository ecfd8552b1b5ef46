"""What training minimizes, as a function of a module and a batch."""

import torch
import torch.nn.functional as F
from torch import nn


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
        loss = self.likelihood.loss(module.decode(code).float(), target)
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
        shape, device = code.shape, code.device
        signs = torch.randint(2, shape, generator=self.generator, device=device)
        signs = signs.to(code.dtype) * 2 - 1
        (grad,) = torch.autograd.grad(code, x, signs, create_graph=True)
        return grad.float().square().sum() / len(x)


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
            mask = torch.empty(features.shape, device=x.device)
            mask.bernoulli_(kept, generator=self.generator)
            features = features * (mask / kept).to(features.dtype)
        losses = F.cross_entropy(
            module.decode(features).float(),
            target[:, 0].long(),
            ignore_index=-1,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        return losses.mean()
