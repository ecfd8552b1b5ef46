"""The base of the autoencoders whose encoder is a function."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from skae._training.negative_log_likelihood import SMALLEST_ERROR
from skae._training.objective import ReconstructionObjective
from skae.autoencoders._base import BaseAutoEncoder
from skae.autoencoders._principal_components import (
    affine_error,
    fit_pca,
    fit_sparse_pca,
    gather,
    is_too_large,
    total_variance,
)
from skae.autoencoders._reduced_rank import regress
from skae.autoencoders._selection import SelectionMixin

# Share of a feature's variance that training takes for noise at least, where each has a
# scale of its own. A code that copies one feature exactly would otherwise gain more
# and more from that, and nothing would be left for the others.
LEAST_NOISE = 1e-2


class DeterministicAutoEncoder(SelectionMixin, BaseAutoEncoder):
    """Base of the autoencoders whose encoder is a function."""

    _parameter_constraints: dict = {
        **BaseAutoEncoder._parameter_constraints,
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "contractive_penalty": [Interval(Real, 0, None, closed="left")],
    }

    def _make_objective(self, training, generator):
        if self.compile and self.contractive_penalty:
            raise ValueError(
                f"contractive_penalty={self.contractive_penalty!r} must be 0 with "
                "compile=True: torch.compile has no second derivatives."
            )
        objective = ReconstructionObjective(
            self.module_,
            self._likelihood,
            self._scaling.mean_scale,
            self.l1_penalty,
            self.contractive_penalty,
            generator,
            LEAST_NOISE if self._scaling.is_per_feature else SMALLEST_ERROR,
        )
        return self._start_and_regularize(objective, training, generator)

    @property
    def _has_plain_loss(self):
        """Whether nothing but the error of the reconstructions is minimized."""
        return not (
            self.l1_penalty
            or self.contractive_penalty
            or self._likelihood.loss_needs_variance
        )

    def _fit_affine_maps(self, batches):
        """Fit the affine encoder and decoder of the smallest squared error.

        They are the principal components of the samples, or of what the best affine map
        from inputs to targets returns (reduced-rank regression).
        """
        if is_too_large(batches):
            pca, self._affine_error = fit_sparse_pca(
                batches, self._n_features_out, self._seed
            )
            encode = components = self._pad(pca.components_)
            bias = -components @ pca.mean_
            explained = pca.explained_variance_ratio_
        else:
            x, target, weight = gather(batches, self._in_module_scale(self._fill))
            if x is target:
                pca = fit_pca(target, self._n_features_out, weight, self._seed)
                encode = components = self._pad(pca.components_)
                bias = -components @ pca.mean_
            else:
                fitted, follow = regress(x, target, weight)
                pca = fit_pca(fitted, self._n_features_out, weight, self._seed)
                components = self._pad(pca.components_)
                encode, bias = follow(components)
                bias = bias - components @ pca.mean_
            self._affine_error = affine_error(
                x, target, weight, (encode, bias), (components.T, pca.mean_)
            )
            total = total_variance(target, weight)
            explained = pca.explained_variance_ / (total or 1.0)
        self._affine_maps = [
            tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
            for parts in ((encode, bias), (components.T, pca.mean_))
        ]
        self._explained_variance_ratio = self._pad(explained)

    def _pad(self, found):
        """Add zeros for components that the samples do not have."""
        padded = np.zeros((self._n_features_out, *found.shape[1:]))
        padded[: len(found)] = found
        return padded

    def _after_fit(self, inputs, targets, held_out, corrupt=None):
        self._select(inputs, targets, held_out)
        codes, weight = self._learn_variance(inputs, targets, corrupt)
        self._warn_if_dead()
        self._learn_density(codes, weight)
