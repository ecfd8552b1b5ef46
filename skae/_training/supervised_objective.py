"""Losses of predictions: of outputs, and of classes."""

import numpy as np
import torch
import torch.nn.functional as F

from skae._training.objective import Objective, weighted_mean


class PredictionObjective(Objective):
    """Loss of a module's outputs.

    Parameters
    ----------
    module : torch.nn.Module
        The network that is trained.
    likelihood : Likelihood
        p(target|output).
    scale : float, default=1.0
        Scale of the targets, in which losses are reported.
    """

    def __init__(self, module, likelihood, scale=1.0):
        super().__init__()
        self.module = module
        self.likelihood = likelihood
        self.scale = scale

    def forward(self, x, target, weight=None):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Inputs.
        target : torch.Tensor of shape (n_samples, n_outputs)
            What the outputs are compared with.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        losses = self.likelihood.loss(self.module(x).float(), target)
        return weighted_mean(losses, weight)

    def to_data_scale(self, loss):
        return loss * self.scale**self.likelihood.scale_exponent


class ClassificationObjective(Objective):
    """Cross-entropy of a module's scores, with dropout between features and scores.

    Parameters
    ----------
    module : torch.nn.Module
        With ``encode`` to features and ``decode`` to scores.
    labels : LabelCorrection
        The labels of the samples.
    label_smoothing : float, default=0.0
        Share of the target that is spread evenly over all classes.
    dropout : float, default=0.0
        Share of the features that are set to zero in training.
    generator : torch.Generator, default=None
        Source of the random features.
    class_weight : ndarray of shape (n_classes,), default=None
        Weights of the classes; a sample has that of its label.
    """

    not_compiled = ("_draw",)  # a generator cannot be compiled
    evaluates = True  # to correct labels

    def __init__(
        self,
        module,
        labels,
        label_smoothing=0.0,
        dropout=0.0,
        generator=None,
        class_weight=None,
    ):
        super().__init__()
        self.module = module
        self.labels = labels
        self.label_smoothing = label_smoothing
        self.dropout = dropout
        self.generator = generator
        self.class_weight = None
        if class_weight is not None:
            device = next(module.parameters()).device
            self.class_weight = torch.from_numpy(np.float32(class_weight)).to(device)

    def end_epoch(self, epoch, n_epochs):
        self.labels.end_epoch(epoch, n_epochs)
        return {}

    def forward(self, x, target, weight=None):
        """Evaluate the objective on a batch.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Inputs.
        target : torch.Tensor of shape (n_samples, 1)
            Numbers of the samples, by which their labels are found.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        features = self.module.encode(x)
        if self.dropout and self.training:
            kept = 1 - self.dropout
            features = features * (self._draw(features, kept) / kept)
        labels = self.labels.of_samples(target[:, 0], corrected=self.training)
        losses = F.cross_entropy(
            self.module.decode(features).float(),
            labels,
            ignore_index=-1,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        if self.class_weight is not None:
            losses = losses * self.class_weight[labels]  # zero for the label -1
        return weighted_mean(losses.unsqueeze(1), weight)

    def get_extra_state(self):
        """Return the state of the labels, for ``state_dict``.

        Returns
        -------
        dict of str to torch.Tensor
            State of the corrections.
        """
        return self.labels.state_dict()

    def set_extra_state(self, state):
        """Take the state of the labels from a ``state_dict``.

        Parameters
        ----------
        state : dict of str to torch.Tensor
            As :meth:`get_extra_state` returned it.
        """
        self.labels.load_state_dict(state)

    def _draw(self, features, kept):
        # Drawing takes far longer than the rest, so one number of 63 random bits
        # decides on four features: 15 bits of each quarter are random.
        n_features = features.numel()
        device = None if self.generator is None else self.generator.device
        words = torch.empty(-(-n_features // 4), dtype=torch.int64, device=device)
        quarters = words.random_(generator=self.generator).view(torch.int16)
        bits = quarters[:n_features].view(features.shape) & 0x7FFF
        return (bits < round(kept * 2**15)).to(features)
