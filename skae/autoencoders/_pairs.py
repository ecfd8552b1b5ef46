"""Pairs of gray and colour images, or of a table and its outputs."""

from functools import partial

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from skae._common.sample_weight import attach_weight
from skae._common.validation import check_samples, require_target
from skae._training.scaling import Scaling, warn_of_units
from skae.autoencoders._gray import (
    check_gray_weights,
    check_image_range,
    check_targets,
    into_gamut,
)

# The saturation is one number, of all pixels of so many images.
MAX_SATURATION_SAMPLES = 512


class PairsMixin:
    """Training on gray and colour images, or tables, and what is predicted."""

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on samples, starting from the weights that are there.

        The learning rate is constant at ``lr``. The first samples that the estimator
        sees fix its scaling (``mean_``, ``scale_``). ``lr``, ``batch_size``,
        ``augmentation``, ``forget_factor`` and ``saturation`` may change between two
        calls. Changes of other parameters take effect in the next ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Gray images or rows, as for :meth:`fit`.
        y : array-like of shape (n_samples, n_outputs), (n_samples,) or images
            Colour images or outputs, as for :meth:`fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples among those of this call, as for :meth:`fit`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or a parameter is not valid.
        DivergenceError
            If the loss is not finite or ends far above where it began. The weights
            are then those from before the call.
        """
        validate = partial(self._validate_pairs, X, y, sample_weight=sample_weight)
        return self._run_fit(validate, partial_fit=True)

    def _validate_gray(self, X, *, reset, ensure_all_finite=True):
        """Check X, and that images are gray and in [0, 1]."""
        inputs = check_samples(
            self, X, reset=reset, ensure_all_finite=ensure_all_finite
        )
        if self.image_shape_ is not None:
            if self.image_shape_[2:] not in ((), (1,)):
                raise ValueError(
                    f"X has images of {self.image_shape_[2]} channels; it must be gray "
                    "images of shape (n_samples, height, width). rgb_to_gray makes "
                    "them of colours."
                )
            check_image_range(inputs, "X")
        return inputs

    def _validate_pairs(self, X, y, sample_weight=None, *, reset):
        inputs = self._validate_gray(X, reset=reset)
        require_target(self, y)
        targets, shape = check_targets(y, len(inputs.rows), self.image_shape_)
        if not reset and targets.rows.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {targets.rows.shape[1]} outputs, but {type(self).__name__} was "
                f"fitted on {self.n_outputs_}."
            )
        self._target_shape = shape
        self._check_saturation()
        if self.image_shape_ is not None:
            check_gray_weights(self.gray, inputs, targets)
            if not reset and self.gray != self._gray:
                raise ValueError(
                    f"gray={self.gray!r} must stay {self._gray!r} until the next fit "
                    "without warm_start=True, as the network is built for it."
                )
        (inputs, targets), _ = attach_weight(sample_weight, inputs, targets)
        if reset:
            self._learn_scaling(inputs, targets)
            self._n_features_out = int(self.n_components)
            self.n_outputs_, self._gray = targets.rows.shape[1], self.gray
        return inputs, targets

    def _learn_scaling(self, inputs, targets):
        self._scaling = Scaling.fit(inputs)
        if self.image_shape_ is None:
            self._target_scaling = Scaling.fit(targets, "y")
            warn_of_units(inputs.rows, getattr(self, "feature_names_in_", None))
            warn_of_units(targets.rows, name="y")
            return
        # One mean, so that gray is the same in the scales of gray and of colour.
        mean, scale = self._scaling.mean.mean(), self._scaling.scale
        self._scaling, self._target_scaling = (
            Scaling(np.full(samples.rows.shape[1], mean), scale)
            for samples in (inputs, targets)
        )

    def _check_saturation(self):
        """Check the one parameter that may be changed after the fit."""
        constraint = {"saturation": self._parameter_constraints["saturation"]}
        given = {"saturation": self.saturation}
        validate_parameter_constraints(constraint, given, type(self).__name__)
        if self.image_shape_ is None and self.saturation is not None:
            raise ValueError(
                f"saturation={self.saturation!r} must be None for a table; only images "
                "have colours. Pass X of shape (n_samples, height, width), or set "
                "image_shape."
            )

    def _measure_saturation(self, inputs, targets):
        """Root mean square of the outputs' chroma divided by that of the targets.

        A mean of so many values is exact enough in the types of training.
        """
        dtype = self.compute_dtype_

        def powers(module, x, target):
            with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
                output = module(x)
            # Gray and colour have one scale, in which ratios of chroma are the same.
            gray = x.unsqueeze(2)
            colors = (c.view(len(x), -1, 3) - gray for c in (target, output.float()))
            return torch.stack([c.square().mean(dim=(1, 2)) for c in colors], dim=1)

        some, colors = (
            self._subsample(samples, MAX_SATURATION_SAMPLES)
            for samples in (inputs, targets)
        )
        rows = [
            self._make_rows(some, self._scaling, dtype=torch.float32),
            self._make_rows(colors, self._target_scaling, dtype=torch.float32),
        ]
        both = self._map_chunks(powers, (2,), *rows)
        true, predicted = np.average(both, axis=0, weights=some.weight)
        # Gray targets: nothing is missing.
        return float(np.sqrt(predicted / true)) if true else 1.0

    @property
    def _gain(self):
        """Factor of the chroma that the network predicts."""
        if self.saturation is None or not self.saturation_:
            return 1.0
        return self.saturation / self.saturation_

    def _predict_rows(self, X):
        check_is_fitted(self)
        self._check_saturation()
        gain = self._gain
        inputs = self._validate_gray(X, reset=False, ensure_all_finite=False)

        def predict(module, x):
            outputs = module(self._scaling.to_module_scale(x))
            colors = self._target_scaling.to_data_scale(outputs)
            if self.image_shape_ is None:
                return colors
            gray = x.unsqueeze(2)
            chroma = colors.view(len(x), -1, 3) - gray
            return into_gamut(gray, gray + gain * chroma).flatten(1)

        rows = self._make_data_rows(inputs)
        return self._map_chunks(predict, (self.n_outputs_,), rows)
