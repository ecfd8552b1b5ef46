"""Selection between a trained autoencoder and the affine one that it started from."""

import copy
import math

import numpy as np
import torch
from sklearn.model_selection import KFold

from skae._common.runtime import default_modes
from skae._common.validation import Samples

N_FOLDS = 4
# An autoencoder is selected if its error is lower in a one-sided test at this value of
# Student's t, which a few samples far from the others make blunt, or at most this share
# of PCA's; and if it is lower on most samples by a sign test at this value of z.
T_LIMIT, SMALL_RATIO, SIGN_LIMIT = 2.0, 0.5, 2.0


def is_better(errors, baseline):
    """Whether errors of held-out samples are lower than others, and not by chance.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Errors of an estimator.
    baseline : ndarray of shape (n_samples,)
        Errors of the one that is kept in doubt.

    Returns
    -------
    bool
        Whether they are lower on average and on most samples.
    """
    difference = errors - baseline
    n_samples = len(difference)
    deviation = difference.std(ddof=1) / math.sqrt(n_samples)
    lower_mean = (
        difference.mean() < -T_LIMIT * deviation
        or errors.mean() < SMALL_RATIO * baseline.mean()
    )
    sign = (np.mean(difference < 0) - np.mean(difference > 0)) * math.sqrt(n_samples)
    return bool(lower_mean and sign > SIGN_LIMIT)


class SelectionMixin:
    """Selection by an estimator whose module starts at ``_affine_maps``."""

    def _select(self, inputs, targets, held_out):
        """Keep the trained module or go back to the affine maps, of all samples."""
        for learned in ("error_ratio_", "explained_variance_ratio_"):
            self.__dict__.pop(learned, None)
        self.is_linear_ = self._is_solved
        if self._selects and not self._is_solved:
            if held_out is not None:
                errors, baseline = self._held_out_errors(held_out)
            else:
                errors, baseline = self._cross_fitted_errors(inputs, targets)
            self.error_ratio_ = float(errors.mean() / baseline.mean())
            self.is_linear_ = not is_better(errors, baseline)
        if self.is_linear_:
            if not self._is_solved or held_out is not None:
                self._fit_affine_maps(
                    self._make_batches(inputs, targets, self._trainer.generators)
                )
                self.module_.start_at(*self._affine_maps, alone=True)
            self.explained_variance_ratio_ = self._explained_variance_ratio
        self.__dict__.pop("_affine_maps", None)

    @torch.no_grad()
    def _held_out_errors(self, batches):
        """Return the errors of samples, of the module and of its start."""
        start = copy.deepcopy(self.module_)
        start.start_at(*self._affine_maps, alone=True)
        modules, loss = (self.module_, start), self._likelihood.loss
        with default_modes(self.device_):
            errors = [
                torch.stack([loss(m(x), target).mean(dim=1) for m in modules])
                for x, target in batches
            ]
        return torch.cat(errors, dim=1).double().cpu().numpy()

    def _cross_fitted_errors(self, inputs, targets):
        """Return the errors of all samples by modules that are trained on the others.

        Few samples are too precious not to train on, and too few to decide by a part.
        """
        errors = np.empty((2, len(inputs.rows)))
        folds = KFold(N_FOLDS, shuffle=True, random_state=self._seed)
        for train, test in folds.split(inputs.rows):
            part = copy.copy(self)
            part.callbacks, part.verbose, part.compile = None, 0, False
            part.random_state = self._seed
            part._initialize(_take(inputs, train), _take(targets, train))
            part._train(_take(inputs, train), _take(targets, train))
            batches = part._make_batches(
                _take(inputs, test),
                _take(targets, test),
                {**part._trainer.generators, "order": None},
            )
            errors[:, test] = part._held_out_errors(batches)
        return errors


def _take(samples, index):
    """Take samples by number."""
    if samples is None:
        return None
    return Samples(samples.rows[index], samples.byte_scale)
