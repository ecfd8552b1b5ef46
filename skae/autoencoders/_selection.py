"""Selection between a trained autoencoder and the affine one that it started from."""

import copy
import math

import numpy as np
import torch
from sklearn.model_selection import KFold

from skae._common.runtime import default_modes, isolated_generators
from skae._common.validation import Samples

N_FOLDS = 4
# A module is selected if its errors are lower in a one-sided test at this value of
# Student's t, which a few samples far from the others make blunt, or at most this share
# of PCA's; and if they are lower for most samples, by a sign test at this value of z.
T_LIMIT, SMALL_RATIO, SIGN_LIMIT = 2.0, 0.5, 2.0


def compare(losses, baseline):
    """Test whether losses of held-out samples are lower than others.

    Parameters
    ----------
    losses : ndarray of shape (n_samples,)
        Losses of a module.
    baseline : ndarray of shape (n_samples,)
        Losses of the one that is kept in doubt.

    Returns
    -------
    t : float
        Student's t of the mean difference; positive where the losses are lower.
    z : float
        Statistic of the sign test; positive where most losses are lower.
    """
    gain = baseline - losses
    t = gain.mean() * math.sqrt(len(gain) - 1) / (gain.std() or 1.0)
    return float(t), float(np.sign(gain).mean() * math.sqrt(len(gain)))


class SelectionMixin:
    """Selection by an estimator whose module starts at ``_affine_maps``."""

    def _select(self, inputs, targets, held_out):
        """Keep the trained module or go back to the affine maps, of all samples."""
        for learned in ("error_ratio_", "elbo_gain_", "explained_variance_ratio_"):
            self.__dict__.pop(learned, None)
        self.is_linear_ = self._is_solved
        with isolated_generators(self._user_seed(), self.device_):
            if self._selects and not self._is_solved:
                if held_out is not None:
                    terms = self._held_out_terms(held_out)
                else:
                    terms = self._cross_fitted_terms(inputs, targets)
                self.is_linear_ = not self._is_better_than_start(*terms)
            if self.is_linear_ and (not self._is_solved or held_out is not None):
                batches = self._make_batches(inputs, targets, self._trainer.generators)
                self._fit_affine_maps(batches)
                self.module_.start_at(*self._affine_maps, alone=True)
        if self.is_linear_:
            self.explained_variance_ratio_ = self._explained_variance_ratio
        self.__dict__.pop("_affine_maps", None)

    def _row_terms(self, module, x, target):
        """Return what samples are judged by, here their errors."""
        return self._likelihood.loss(module(x), target).mean(dim=1)

    def _is_better_than_start(self, errors, baseline):
        """Whether the module is better, by its terms and those of its start."""
        self.error_ratio_ = float(errors.mean() / baseline.mean())
        t, z = compare(errors, baseline)
        return (t > T_LIMIT or self.error_ratio_ < SMALL_RATIO) and z > SIGN_LIMIT

    @torch.no_grad()
    def _held_out_terms(self, batches):
        """Return the terms of samples, of the module and of its start."""
        start = copy.deepcopy(self.module_)
        start.start_at(*self._affine_maps, alone=True)
        with default_modes(self.device_):
            terms = [
                torch.stack(
                    [self._row_terms(m, x, target) for m in (self.module_, start)]
                )
                for x, target in batches
            ]
        return torch.cat(terms, dim=1).double().cpu().numpy()

    def _cross_fitted_terms(self, inputs, targets):
        """Return the terms of all samples by modules that are trained on the others.

        Few samples are too precious not to train on, and too few to decide by a part.
        """
        terms = []
        folds = KFold(N_FOLDS, shuffle=True, random_state=self._seed)
        for train, test in folds.split(inputs.rows):
            part = copy.copy(self)
            part.callbacks, part.verbose, part.compile = None, 0, False
            part.random_state = self._seed
            samples = _take(inputs, train), _take(targets, train)
            part._initialize(*samples)
            part._selects = False  # it is trained in any case
            part._train(*samples)
            batches = part._make_batches(
                _take(inputs, test),
                _take(targets, test),
                {**part._trainer.generators, "order": None},
            )
            terms.append(part._held_out_terms(batches))
        return np.concatenate(terms, axis=1)


def _take(samples, index):
    """Take samples by number."""
    if samples is None:
        return None
    return Samples(samples.rows[index], samples.byte_scale)
