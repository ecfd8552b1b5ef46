"""Training samples with labels, of which some may be missing."""

from functools import partial

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import _check_partial_fit_first_call

from skae._common.labels import can_stratify, split_labels, warn_without_unlabeled
from skae._common.sample_weight import attach_weight, check_class_weight, class_totals
from skae._common.validation import Samples, check_samples, require_target
from skae._estimator.stream import StreamSample
from skae._training.batches import Rows
from skae._training.label_correction import LabelCorrection
from skae._training.scaling import Scaling, warn_of_units


class LabeledSamplesMixin:
    """Training of a classifier with the parameter ``unlabeled``."""

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on samples, starting from the weights that are there.

        The labels are not corrected: a sample of a stream is seen once. The learning
        rate is constant at ``lr``. The first samples that the classifier sees fix its
        scaling (``mean_``, ``scale_``); a warning says where it does not suit later
        ones. ``lr``, ``batch_size`` and ``augmentation`` may change between two calls.
        Changes of other parameters take effect in the next ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples, as for :meth:`fit`.
        y : array-like of shape (n_samples,)
            Their classes; the value ``unlabeled`` marks samples without one. At least
            one sample must have a label.
        classes : array-like of shape (n_classes,), default=None
            All classes that the stream may have. Needed in the first call, unless
            ``fit`` was called before.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples among those of this call, as for :meth:`fit`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X, y, classes or a parameter is not valid.
        DivergenceError
            If the loss is not finite or ends far above where it began. The weights
            are then those from before the call.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced', for which all "
                "labels must be known; pass a dict of weights."
            )
        validate = partial(
            self._validate_pairs,
            X,
            y,
            sample_weight=sample_weight,
            classes=classes,
            is_chunk=True,
        )
        return self._run_fit(validate, partial_fit=True)

    def _validate_pairs(
        self, X, y, sample_weight, *, reset, classes=None, is_chunk=False
    ):
        inputs = check_samples(self, X, reset=reset)
        require_target(self, y)
        is_labeled, known = split_labels(y, self.unlabeled)
        warn_without_unlabeled(is_labeled, self.unlabeled)
        check_consistent_length(inputs.rows, is_labeled)
        if self.early_stopping and not is_labeled.all():
            raise ValueError(
                f"early_stopping={self.early_stopping!r} must be False if some samples "
                f"have no label (unlabeled={self.unlabeled!r}), because the loss of "
                "held-out samples needs their labels."
            )
        labels = np.full(len(is_labeled), -1)
        if is_chunk:  # which need not have all classes
            _check_partial_fit_first_call(self, classes)
            classes = self.classes_
            # Not by NumPy, which compares numbers with strings as strings.
            unknown = sorted({*known.tolist()} - {*classes.tolist()})
            if unknown:
                raise ValueError(
                    f"y has the labels {unknown}, which are not in classes={classes}."
                )
            labels[is_labeled] = np.searchsorted(classes, known)
        else:
            classes, labels[is_labeled] = np.unique(known, return_inverse=True)
        if reset:
            self.classes_ = classes
        elif not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y has the classes {classes}, but {type(self).__name__} was fitted on "
                f"{self.classes_}; with warm_start=True they must stay the same."
            )
        every = inputs
        (inputs,), kept = attach_weight(sample_weight, inputs)
        labels = labels[kept]
        if reset:
            self._scaling = Scaling.fit(inputs)
            if self.image_shape_ is None:
                warn_of_units(inputs.rows, getattr(self, "feature_names_in_", None))
            else:
                # A feature must look the same wherever it is, and black like the
                # border that convolutions put around an image.
                self._scaling = Scaling(
                    np.zeros_like(self._scaling.mean), self._scaling.scale
                )
            self._target_scaling = Scaling.identity(1)
        self._training_set = inputs, labels, (every, kept)
        self._has_target = is_labeled
        if can_stratify(labels, self.validation_fraction):
            self._strata = labels
        # The targets are the numbers of the samples, whose labels may be corrected.
        numbers = np.arange(len(labels)).reshape(-1, 1)
        return inputs, Samples(numbers, weight=inputs.weight)

    def _weight_of_classes(self):
        """Return the weights of the classes for the training samples, or None."""
        inputs, labels, _ = self._training_set
        return check_class_weight(
            self.class_weight, self.classes_, labels, inputs.weight
        )

    def _follow_stream(self, inputs, targets, *, continues, partial_fit):
        """Make the labels of a training; those of a stream are not corrected.

        No sample of a stream is kept: nothing but the module learns from it.
        """
        samples, labels, _ = self._training_set
        # As in training: in float32 whatever X is, and products in its type.
        self._training_rows = Rows(samples, self._scaling, self.device_)
        frequencies = class_totals(labels, len(self.classes_), samples.weight)
        class_weight = self._weight_of_classes()
        if class_weight is not None:
            frequencies = frequencies * class_weight
        self._label_correction = LabelCorrection(
            labels,
            frequencies,
            None if partial_fit else self.confidence,
            lambda: self._probabilities(self._training_rows, self.compute_dtype_),
            self.device_,
        )
        if self._stream is None or not continues:  # it only remembers the warning
            none = Samples(np.empty((0, self.n_features_in_)))
            self._stream = StreamSample([none], 0)
        if partial_fit and continues:
            if hasattr(self, "_trainer"):  # else its objective is made with them
                self._trainer.objective.labels = self._label_correction
            self._warn_of_scale([inputs])
        return inputs, targets
