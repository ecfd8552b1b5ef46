"""The base of the autoencoders whose encoder is a function."""

from numbers import Real

import numpy as np
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import HasMethods, Interval

from skae._common.runtime import isolated_generators, seed_unset
from skae._training.objective import ReconstructionObjective
from skae.autoencoders._affine import gather
from skae.autoencoders._base import BaseAutoEncoder
from skae.autoencoders._density import NormalDensity
from skae.autoencoders._selection import SelectionMixin

# Penalty of the best affine map from corrupted samples, in units of their variance.
RIDGE = 1e-3


class DeterministicAutoEncoder(SelectionMixin, BaseAutoEncoder):
    """Base of the autoencoders whose encoder is a function."""

    _parameter_constraints: dict = {
        **BaseAutoEncoder._parameter_constraints,
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "contractive_penalty": [Interval(Real, 0, None, closed="left")],
        "density": [HasMethods(["fit", "sample"]), None],
    }

    def _make_objective(self, training, generator):
        if self.compile and self.contractive_penalty:
            raise ValueError(
                f"contractive_penalty={self.contractive_penalty!r} must be 0 with "
                "compile=True: torch compiles no derivative of a derivative."
            )
        objective = ReconstructionObjective(
            self.module_,
            self._likelihood,
            self.scale_,
            self.l1_penalty,
            self.contractive_penalty,
            generator,
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
        x, target = gather(batches)
        fitted = target
        if x is not target:
            ridge = Ridge(alpha=RIDGE * len(x) * float(x.var(axis=0).mean()))
            ridge.fit(x, target)
            slopes = ridge.coef_.reshape(target.shape[1], -1)
            fitted = x @ slopes.T + ridge.intercept_
        pca, n_components = self._fit_pca(fitted)
        components = np.zeros((self._n_features_out, target.shape[1]))
        components[:n_components] = pca.components_
        weight, bias = components, -components @ pca.mean_
        if x is not target:
            bias = bias + components @ ridge.intercept_
            weight = components @ slopes
        self._affine_maps = [
            tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
            for parts in ((weight, bias), (components.T, pca.mean_))
        ]
        reconstruction = (x @ weight.T + bias) @ components + pca.mean_
        self._affine_error = float(np.square(reconstruction - target).mean())
        explained = np.zeros(self._n_features_out)
        total = target.var(axis=0, ddof=1).sum() or 1.0
        explained[:n_components] = pca.explained_variance_ / total
        self._explained_variance_ratio = explained

    def _after_fit(self, inputs, targets, held_out, corrupt=None):
        self._select(inputs, targets, held_out)
        codes = self._learn_variance(inputs, targets, corrupt)
        self._warn_if_dead()
        density = NormalDensity() if self.density is None else clone(self.density)
        seed_unset(density, np.random.RandomState(self._seed))
        with isolated_generators(self._seed, self.device_):
            self.density_ = density.fit(codes)
