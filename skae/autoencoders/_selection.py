"""Selection between a trained autoencoder and the affine one that it started from."""

import copy
import math

import numpy as np
import torch
from sklearn.model_selection import KFold

from skae._common.runtime import default_modes, isolated_generators
from skae._common.sample_weight import moments
from skae._training.objective import evaluate_present

N_FOLDS = 4
# A module is selected if its errors are lower in a one-sided test at this value of
# Student's t, which a few samples far from the others make blunt, or at most this share
# of PCA's; and if they are lower for most samples, by a sign test at this value of z.
T_LIMIT, SMALL_RATIO, SIGN_LIMIT = 2.0, 0.5, 2.0


def compare(losses, baseline, weight=None):
    """Test whether losses of held-out samples are lower than others.

    Parameters
    ----------
    losses : ndarray of shape (n_samples,)
        Losses of a module.
    baseline : ndarray of shape (n_samples,)
        Losses of the one that is kept in doubt.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples. They count as many as equal ones of the same variance of
        the mean would (Kish's effective sample size).

    Returns
    -------
    t : float
        Student's t of the mean difference; positive where the losses are lower.
    z : float
        Statistic of the sign test; positive where most losses are lower.
    """
    gain = baseline - losses
    if weight is None:
        mean, std, n_samples = gain.mean(), gain.std(), len(gain)
    else:
        mean, variance = moments(gain, weight)
        std, n_samples = math.sqrt(variance), weight.sum() ** 2 / (weight**2).sum()
    t = mean * math.sqrt(n_samples - 1) / (std or 1.0)
    z = np.average(np.sign(gain), weights=weight) * math.sqrt(n_samples)
    return float(t), float(z)


def judge(losses, baseline, weight=None, *, is_clear, t_limit=T_LIMIT):
    """Judge a module by losses of held-out samples.

    Parameters
    ----------
    losses, baseline, weight : ndarray of shape (n_samples,)
        As for :func:`compare`.
    is_clear : bool
        Whether the gain is so large that its mean needs no test.
    t_limit : float, default=2.0
        Value of Student's t from which on means differ.

    Returns
    -------
    int
        1 for a better module, -1 for a worse one, 0 in doubt.
    """
    t, z = compare(losses, baseline, weight)
    if (t > t_limit or is_clear) and z > SIGN_LIMIT:
        return 1
    return -1 if t < -t_limit and z < -SIGN_LIMIT else 0


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
                    verdict = self._judge_held_out(inputs, targets, held_out)
                else:
                    for terms in self._cross_fitted_terms(inputs, targets):
                        verdict = self._judge(*terms)
                        if verdict < 0:  # the fits on other parts would not change it
                            break
                self.is_linear_ = verdict <= 0
            if self.is_linear_ and (not self._is_solved or held_out is not None):
                batches = self._make_batches(inputs, targets, self._trainer.generators)
                self._fit_affine_maps(batches)
                self.module_.start_at(*self._affine_maps, alone=True)
        if self.is_linear_:
            self.explained_variance_ratio_ = self._explained_variance_ratio
        self.__dict__.pop("_affine_maps", None)

    def _row_terms(self, module, x, target):
        """Return what samples are judged by, here their errors."""
        likelihood = self._likelihood
        losses, _ = evaluate_present(likelihood, likelihood.loss, module(x), target)
        return losses.mean(dim=1)

    def _judge(self, errors, baseline, weight):
        """Judge the module by its terms and those of its start."""
        means = (np.average(terms, weights=weight) for terms in (errors, baseline))
        self.error_ratio_ = float(np.divide(*means))
        is_clear = self.error_ratio_ < SMALL_RATIO
        return judge(errors, baseline, weight, is_clear=is_clear)

    def _judge_held_out(self, inputs, targets, held_out):
        """Judge the module by samples that were held out."""
        return self._judge(*self._held_out_terms(held_out))

    def _start_module(self):
        """Make the module of the affine maps alone."""
        start = copy.deepcopy(self.module_)
        start.start_at(*self._affine_maps, alone=True)
        return start

    def _held_out_terms(self, batches):
        """Return the terms of samples, of the module and of its start, and weights."""
        start, n_rows, terms = self._start_module(), 0, None
        with default_modes(self.device_), torch.no_grad():
            for x, target, *_ in batches:
                both = [self._row_terms(m, x, target) for m in (self.module_, start)]
                both = torch.stack(both).double().cpu()
                if terms is None:
                    # One array: of wide samples, small ones between the large ones
                    # would leave memory in pieces.
                    shape = 2, batches.n_samples, *both.shape[2:]
                    terms = np.empty(shape)
                terms[:, n_rows : n_rows + len(x)] = both
                n_rows += len(x)
        weight = batches.weight
        return *terms, weight if weight is None else weight[batches.row_numbers]

    def _cross_fitted_terms(self, inputs, targets):
        """Yield the terms of ever more samples by modules trained on the others.

        Few samples are too precious not to train on, and too few to decide by a part.
        """
        parts = []
        folds = KFold(N_FOLDS, shuffle=True, random_state=self._seed)
        for train, test in folds.split(inputs.rows):
            parts.append(self._terms_without(inputs, targets, train, test))
            *terms, weights = zip(*parts, strict=True)
            weight = None if inputs.weight is None else np.concatenate(weights)
            yield *map(np.concatenate, terms), weight

    def _terms_without(self, inputs, targets, train, test):
        """Return the terms of some samples by a module trained on others."""
        part = copy.copy(self)
        part.callbacks, part.verbose, part.compile = None, 0, False
        part.random_state = self._seed
        samples, others = (
            (inputs.take(part_of), targets and targets.take(part_of))
            for part_of in (train, test)
        )
        part._initialize(*samples)
        part._selects = False  # it is trained in any case
        part._train(*samples)
        batches = part._make_batches(
            *others, {**part._trainer.generators, "order": None}
        )
        return part._held_out_terms(batches)
