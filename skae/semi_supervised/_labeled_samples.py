"""Training samples with labels, of which some may be missing."""

import numpy as np
from sklearn.utils import check_consistent_length

from skae._common.labels import can_stratify, split_labels, warn_without_unlabeled
from skae._common.sample_weight import attach_weight
from skae._common.validation import Samples, check_samples, require_target
from skae._training.scaling import Scaling, warn_of_units


class LabeledSamplesMixin:
    """Training of a classifier with the parameter ``unlabeled``."""

    def _validate_pairs(self, X, y, sample_weight, *, reset):
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
