"""Fitted networks as torch modules that take samples as the estimator does."""

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._common.runtime import default_modes
from skae._estimator.pickling import copy_with_tensors
from skae._training.scaling import FUSED_MEAN_LIMIT
from skae._training.weights import snapshot


class DataModule(nn.Module):
    """Base of the modules that scale samples themselves.

    Parameters
    ----------
    estimator : BaseTorchEstimator
        A fitted estimator; its network is copied.

    Attributes
    ----------
    network : torch.nn.Module
        The network, which works in its own scale.
    """

    # Methods of the estimator, and those of the module that compute the same.
    methods: dict = {}

    def __init__(self, estimator):
        super().__init__()
        module = estimator.module_
        self.network = copy_with_tensors(module, snapshot(module))
        scaling = estimator._scaling
        # Of numbers far from zero float32 loses the digits that differ.
        is_far = scaling.distance > FUSED_MEAN_LIMIT
        mean = torch.from_numpy(scaling.mean).to(estimator.device_)
        self.register_buffer("mean", mean.double() if is_far else mean.float())
        if scaling.is_per_feature:
            self.register_buffer("scale", torch.from_numpy(scaling.scale).to(self.mean))
        else:
            self.scale = float(scaling.scale)
        self.sample_shape = estimator._sample_shape
        self.byte_scale = None
        if estimator.image_shape_ is not None:
            self.byte_scale, _ = estimator._bytes
        self.eval()

    def scaled(self, x):
        """Scale samples for the network.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples, as the estimator takes them.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Rows in the type of the network.
        """
        rows = self._rows(x)
        return ((rows - self.mean) / self.scale).to(self._dtype)

    def _rows(self, x):
        rows = x.flatten(1).to(self.mean.dtype)
        if x.dtype == torch.uint8 and self.byte_scale is not None:
            rows = rows * self.byte_scale
        return rows

    @property
    def _dtype(self):
        return next(self.network.parameters()).dtype


class ToModuleMixin:
    """Export of the fitted network of an estimator."""

    def to_module(self):
        """Return a torch module that computes on samples as they are.

        ``module_`` works in a scale of its own, whose mean and scale are easily left
        out. This module takes samples in the unit and the shape of X, also images of
        uint8, and returns what the estimator returns, in float32.

        Returns
        -------
        torch.nn.Module
            With a copy of the weights, on the device of the estimator, in evaluation
            mode. An autoencoder's has ``encode``, ``decode`` and ``log_prob``, and
            called it reconstructs; a colorizer's has ``encode``, and called it
            predicts; a classifier's returns probabilities. It neither checks samples
            nor fills missing values.
        """
        check_is_fitted(self)
        with default_modes(self.device_):
            return self._data_module(self)
