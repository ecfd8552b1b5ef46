"""The report of a fit to scikit-learn's callbacks: one task per epoch."""

import warnings
from contextlib import contextmanager
from functools import cache, partial

import numpy as np
import torch
from sklearn.utils import _safe_indexing

from skae._estimator.pickling import copy_with_tensors
from skae._training.callbacks import EpochTasks
from skae._training.weights import snapshot


class FitReport:
    """Reports a fit to the callbacks that ``set_callbacks`` set.

    The fit is a task, and each epoch is a task in it. Where samples are held out for
    early stopping, a task "validation" with these follows each epoch. Callbacks get
    samples and a fitted estimator only if they ask, since both are copies.

    Parameters
    ----------
    estimator : BaseTorchEstimator
        The estimator that is fitted.
    fitted : functools.partial
        Its arguments are X and, where there is one, y: an autoencoder's target is X.
        Its keywords are what ``fit`` and ``score`` take besides, one per sample.
    held_out : functools.partial or None
        The same for samples that the user holds out.
    """

    def __init__(self, estimator, fitted, held_out):
        self.estimator = estimator
        self.fitted, self.held_out = fitted, held_out
        self.is_heard = hasattr(estimator, "_skl_callbacks")

    @contextmanager
    def epochs(self, trainer, n_epochs, samples, batches):
        """Report the epochs that are trained inside.

        Parameters
        ----------
        trainer : Trainer
            What trains.
        n_epochs : int
            Number of epochs that are planned.
        samples : tuple
            Inputs and targets as validated.
        batches : list of Batches
            To train on and, if there are such, to validate on.
        """
        if not self.is_heard:
            yield
            return
        self.parts = [self._part(self.fitted, batches[0])]
        for validation in batches[1:]:
            self.parts.append(self._part(self.held_out or self.fitted, validation))
        self.context = self.estimator._init_callback_context(
            max_subtasks=n_epochs * len(batches)
        ).call_on_fit_task_begin(estimator=self.estimator, **self.parts[0])
        # The name is skorch's way to tell callbacks apart.
        entry = ("scikit-learn", EpochTasks(self._begin, partial(self._end, samples)))
        trainer.net.callbacks_.append(entry)
        try:
            yield
        finally:  # it holds the samples
            trainer.net.callbacks_.remove(entry)

    def end(self):
        """Report that the estimator is fitted."""
        if self.is_heard:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, **self.parts[0], reconstruction_attributes={}
            )

    def _part(self, samples, batches):
        """Return functions that select the samples in batches."""
        numbers, weight = batches.row_numbers, samples.keywords.get("sample_weight")
        n_samples = batches.n_rows
        if weight is not None:  # samples of weight zero were left out
            numbers, n_samples = np.flatnonzero(weight)[numbers], len(weight)
        if self.estimator._has_target is not None:
            numbers = numbers[self.estimator._has_target[numbers]]

        @cache
        def take(position):
            data, is_all = samples.args[position], len(numbers) == n_samples
            return data if is_all else _safe_indexing(data, numbers)

        metadata = {
            name: _safe_indexing(values, numbers)
            for name, values in samples.keywords.items()
            if values is not None
        }
        return {"X": partial(take, 0), "y": partial(take, -1), "metadata": metadata}

    def _begin(self):
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.parts[0])

    def _end(self, samples):
        """Report the end of an epoch, and return whether to stop."""
        fitted = cache(partial(self._fitted_attributes, *samples))
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            **self.parts[0],
            reconstruction_attributes=fitted,
        )
        for part in self.parts[1:]:
            task = self.context.subcontext(task_name="validation")
            task.call_on_fit_task_begin(estimator=self.estimator, **part)
            stop |= task.call_on_fit_task_end(
                estimator=self.estimator, **part, reconstruction_attributes=fitted
            )
        return stop

    @torch.inference_mode(False)
    def _fitted_attributes(self, inputs, targets):
        """Return the attributes of the estimator if it were fitted now.

        They are those of the network as it is: not of the best one so far, and not of
        principal components where these are better.
        """
        estimator = self.estimator
        fitted = object.__new__(type(estimator))
        vars(fitted).update(vars(estimator))
        module = estimator.module_
        fitted.module_ = copy_with_tensors(module, snapshot(module))
        fitted._record_curves()
        fitted._selects = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the last epoch are enough
            fitted._after_fit(inputs, targets, None)
        for name in ("_trainer", "net_"):
            del vars(fitted)[name]
        return vars(fitted)
