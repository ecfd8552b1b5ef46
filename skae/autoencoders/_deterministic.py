"""The base of the autoencoders whose encoder is a function."""

from numbers import Real

import numpy as np
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import HasMethods, Interval

from skae._common.runtime import isolated_generators, seed_unset
from skae._common.sample_weight import moments
from skae._training.objective import ReconstructionObjective
from skae.autoencoders._base import BaseAutoEncoder
from skae.autoencoders._density import NormalDensity, fit_density
from skae.autoencoders._principal_components import fit_pca, gather, unbiased
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
        x, target, weight = gather(batches)
        fitted = target
        if x is not target:
            n_samples = len(x) if weight is None else weight.sum()
            alpha = RIDGE * n_samples * float(moments(x, weight)[1].mean())
            ridge = Ridge(alpha).fit(x, target, sample_weight=weight)
            slopes = ridge.coef_.reshape(target.shape[1], -1)
            fitted = x @ slopes.T + ridge.intercept_
        pca = fit_pca(fitted, self._n_features_out, weight, self._seed)
        n_components = pca.n_components_
        components = np.zeros((self._n_features_out, target.shape[1]))
        components[:n_components] = pca.components_
        encode, bias = components, -components @ pca.mean_
        if x is not target:
            bias = bias + components @ ridge.intercept_
            encode = components @ slopes
        self._affine_maps = [
            tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
            for parts in ((encode, bias), (components.T, pca.mean_))
        ]
        reconstruction = (x @ encode.T + bias) @ components + pca.mean_
        squares, total = np.square(reconstruction - target), target.var(axis=0, ddof=1)
        if weight is not None:
            squares = np.average(squares, axis=0, weights=weight)
            total = moments(target, weight)[1] * unbiased(len(target), weight)
        self._affine_error = float(squares.mean())
        explained = np.zeros(self._n_features_out)
        total = total.sum() or 1.0
        explained[:n_components] = pca.explained_variance_ / total
        self._explained_variance_ratio = explained

    def _after_fit(self, inputs, targets, held_out, corrupt=None):
        self._select(inputs, targets, held_out)
        codes, weight = self._learn_variance(inputs, targets, corrupt)
        self._warn_if_dead()
        density = NormalDensity() if self.density is None else clone(self.density)
        seed_unset(density, np.random.RandomState(self._seed))
        with isolated_generators(self._seed, self.device_):
            self.density_ = fit_density(density, codes, weight)
