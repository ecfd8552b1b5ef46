"""Missing values of samples: what an autoencoder's encoder sees in their place."""

import torch

from skae._common.missing import empty_columns, has_missing
from skae._estimator.fill import learn_fill


class MissingValuesMixin:
    """Missing values of an autoencoder's samples, filled by factor analysis.

    The encoder sees what is expected of a missing value, given those of the sample that
    are present. The loss and everything that is learned from it leave the value out.
    """

    def _learn_fill(self, samples):
        """Learn what is expected of missing values, from training samples."""
        self._fill = learn_fill(samples)

    def _follow_stream(self, inputs, targets, *, continues, partial_fit):
        followed = super()._follow_stream(
            inputs, targets, continues=continues, partial_fit=partial_fit
        )
        # What is expected at first was learned with the scaling. It stays where the
        # sample lacks the samples of a fit, or all values of a feature.
        if partial_fit and continues and self._stream.is_whole:
            rows = followed[0].rows
            if not (has_missing(rows) and empty_columns(rows).any()):
                self._learn_fill(followed[0])
        return followed

    def _in_module_scale(self, fill):
        """Return a function that fills samples in the module's scale."""
        scaling = self._scaling

        def fill_scaled(z):
            filled = scaling.to_module_scale(fill(scaling.to_data_scale(z)))
            return torch.where(z.isnan(), filled, z)

        return fill_scaled
