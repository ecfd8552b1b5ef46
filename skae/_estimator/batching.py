"""Batches of training samples: filled, augmented and scaled."""

from functools import partial

import numpy as np
import torch

from skae._common.missing import has_missing
from skae._training.batches import Batches, Rows
from skae._training.scaling import Scaling


class BatchingMixin:
    """Batches for an estimator with ``_scaling`` and the hook ``_make_augment``."""

    def _make_batches(self, inputs, targets, generators):
        """Make batches of all samples."""
        augment = self._make_augment(generators["augment"])
        # What is missing is filled for the encoder, but is not a target.
        is_filled = self._fill is not None and has_missing(inputs.rows)
        if is_filled and targets is None:
            targets = inputs
            if augment is not None and self.image_shape_ is None:
                augment = partial(_augment_table, augment)
        samples = [inputs] if targets is None else [inputs, targets]
        scalings = [self._scaling, self._target_scaling][: len(samples)]
        transform, dtypes = None, [torch.float32] * len(samples)
        if augment is not None:
            transform = partial(_augment_and_scale, augment, scalings)
            dtypes = [
                scaling.view_dtype(torch.from_numpy(np.empty(0, some.rows.dtype)).dtype)
                for scaling, some in zip(scalings, samples, strict=True)
            ]
            scalings = [Scaling.identity(some.rows.shape[1]) for some in samples]
        if self._target_dtype is not None:
            dtypes[-1] = self._target_dtype
        rows = [
            Rows(some, scaling, self.device_, dtype)
            for some, scaling, dtype in zip(samples, scalings, dtypes, strict=True)
        ]
        if is_filled:
            rows[0] = rows[0].filled(self._fill, at_once=True)
        return Batches(
            *rows,
            batch_size=int(self.batch_size),
            generator=generators["order"],
            transform=transform,
            weight=inputs.weight,
        )


def _augment_table(augment, x, target):
    """Augment filled rows; what is missing of them is not a target afterwards."""
    x, view = augment(x)
    return x, view.masked_fill(target.isnan(), torch.nan)


def _augment_and_scale(augment, scalings, *batch):
    """Augment a batch in X's scale, then scale it for the module."""
    x, target = augment(*batch)
    scaled = scalings[-1].to_module_scale(target)
    if scaled.is_floating_point():
        scaled = scaled.to(torch.float32)
    if x is target:
        return scaled, scaled
    return scalings[0].to_module_scale(x).to(torch.float32), scaled
