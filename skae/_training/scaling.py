"""The one place where numbers change scale: from X to the module, and back."""

import math

import numpy as np
import torch

from skae._common.memmap import copy_memmaps

# Types whose numbers are answered in float32; all others in float64.
FLOAT32_ANSWERS = (np.float32, np.float16, np.uint8)
# Types all numbers of which float32 holds exactly.
EXACT_IN_FLOAT32 = {
    *(torch.float32, torch.float16, torch.bfloat16),
    *(torch.uint8, torch.int8, torch.int16, torch.bool),
}
# Statistics of many rows are taken of this many.
MAX_STATISTICS_ROWS = 4096
# Means up to this many times the scale leave float32 digits for one multiply-add.
FUSED_MEAN_LIMIT = 10.0
# Means beyond this many times the scale leave samples in float32 too few digits for a
# corruption or an augmentation to work on: they get float64.
FLOAT32_MEAN_LIMIT = 1e3


def subsample(rows, n_rows=MAX_STATISTICS_ROWS):
    """Return at most ``n_rows`` rows, spread evenly over the array.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The data.
    n_rows : int, default=4096
        Largest number of rows.

    Returns
    -------
    ndarray
        A view; the first row is always there.
    """
    return rows[:: -(-len(rows) // n_rows)]


class Scaling:
    """Affine change of scale, z = (x - mean) / scale, from X to the module.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        What becomes zero.
    scale : float
        What becomes one.
    """

    def __init__(self, mean, scale=1.0):
        self.mean = mean
        self.scale = scale
        self.is_identity = scale == 1.0 and not mean.any()
        # In units of the scale: how many digits of a sample the mean takes away.
        self.distance = float(np.abs(mean).max()) / scale

    def __setstate__(self, state):
        vars(self).update(copy_memmaps(state))

    @classmethod
    def identity(cls, n_features):
        """Leave samples as they are.

        Parameters
        ----------
        n_features : int
            Width of a row.

        Returns
        -------
        Scaling
            With mean 0 and scale 1.
        """
        return cls(np.zeros(n_features))

    @classmethod
    def fit(cls, samples, name="X"):
        """Learn the mean of each feature and one standard deviation over all of them.

        Parameters
        ----------
        samples : Samples
            Of many, at most 4096 are looked at.
        name : str, default="X"
            What an error calls them.

        Returns
        -------
        Scaling
            Its scale is one where the samples do not differ.

        Raises
        ------
        ValueError
            If the samples are too large or too small to be squared.
        """
        some = subsample(samples.rows)
        is_constant = (some == some[0]).all(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            # The mean of equal numbers may differ from them by its rounding.
            mean = np.where(is_constant, some[0], some.mean(axis=0, dtype=np.float64))
            variance = float(np.square(some - mean).mean())
        limits = np.finfo(np.float32 if some.dtype in FLOAT32_ANSWERS else np.float64)
        if not variance < float(limits.max):
            raise ValueError(
                f"{name} has values up to {np.abs(some).max():g}, whose squares are "
                f"infinite; scale {name}."
            )
        if variance < float(limits.tiny) and not is_constant.all():
            raise ValueError(
                f"{name} has values that differ by {np.ptp(some, axis=0).max():g} at "
                f"most, too little to be squared; scale {name}."
            )
        return cls(
            samples.byte_scale * mean, samples.byte_scale * math.sqrt(variance) or 1.0
        )

    def view_dtype(self, dtype):
        """Return the type in which samples are corrupted and augmented.

        Parameters
        ----------
        dtype : torch.dtype
            Type of the samples.

        Returns
        -------
        torch.dtype
            float32, or float64 where float32 would lose what samples differ by.
        """
        is_far = self.distance > FLOAT32_MEAN_LIMIT
        is_exact = dtype in EXACT_IN_FLOAT32
        return torch.float64 if is_far and not is_exact else torch.float32

    def to_module_scale(self, x, byte_scale=1.0):
        """Turn samples into what the module sees.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples of any type. What float32 cannot hold exactly is centred in
            float64, before it is lost.
        byte_scale : float, default=1.0
            What one in x means.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            ``(x * byte_scale - mean) / scale``; x itself where that changes nothing.
        """
        if self.is_identity:
            return x if byte_scale == 1.0 else x.to(torch.float32) * byte_scale
        dtype = torch.float32 if x.dtype in EXACT_IN_FLOAT32 else torch.float64
        if self.distance > FUSED_MEAN_LIMIT:
            x = x.to(dtype) if byte_scale == 1.0 else x.to(dtype) * byte_scale
            return (x - torch.from_numpy(self.mean).to(x.device, dtype)) / self.scale
        shift = torch.from_numpy(-self.mean / self.scale).to(x.device, dtype)
        return torch.add(shift, x, alpha=byte_scale / self.scale)

    def to_data_scale(self, z):
        """Turn what the module answers into samples.

        Parameters
        ----------
        z : torch.Tensor of shape (n_samples, n_features)
            In the module's scale.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            ``z * scale + mean``, in z's type.
        """
        if self.is_identity:
            return z
        mean = torch.from_numpy(self.mean).to(z.device, z.dtype)
        return torch.add(mean, z, alpha=self.scale)
