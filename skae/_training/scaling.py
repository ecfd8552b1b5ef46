"""The one place where numbers change scale: from X to the module, and back."""

import math

import numpy as np
import torch
from scipy.sparse import issparse

from skae._common.memmap import copy_memmaps
from skae._common.missing import empty_columns, has_missing
from skae._common.sample_weight import feature_means, moments
from skae._common.sparse import column_range
from skae._common.warn import warn_user

# Types of X for which results are in float32; for all others they are in float64.
FLOAT32_ANSWERS = (np.float32, np.float16, np.uint8)
# Types all numbers of which float32 holds exactly.
EXACT_IN_FLOAT32 = {
    *(torch.float32, torch.float16, torch.bfloat16),
    *(torch.uint8, torch.int8, torch.int16, torch.bool),
}
# Statistics are computed from at most this many rows.
MAX_STATISTICS_ROWS = 4096
# Means up to this many times the scale leave float32 digits for one multiply-add.
FUSED_MEAN_LIMIT = 10.0
# Means beyond this many times the scale leave samples in float32 too few digits for a
# corruption or an augmentation to work on: they get float64.
FLOAT32_MEAN_LIMIT = 1e3
# Columns whose widths, from the lowest to the highest value, differ by more than this
# factor have different units; a warning names at most so many of them.
MAX_WIDTH_RATIO, MAX_NAMES = 1e3, 5


def subsample(rows, n_rows=MAX_STATISTICS_ROWS):
    """Return at most ``n_rows`` rows, spread evenly over the array.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        The data.
    n_rows : int, default=4096
        Largest number of rows to return.

    Returns
    -------
    ndarray or csr_array
        They always have the first row. Of an array it is a view.
    """
    return rows[:: -(-rows.shape[0] // n_rows)]


def warn_of_units(rows, names=None, name="X"):
    """Warn of columns that one scale for all of them cannot suit.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        The columns of a table, of which at most 4096 rows are used.
    names : sequence of str, default=None
        Names of the columns, where they have names.
    name : str, default="X"
        Name of the table.
    """
    some = subsample(rows)
    low, high = column_range(some)
    with np.errstate(over="ignore", invalid="ignore"):
        widths = high.astype(np.float64) - low
    largest = np.fmax.reduce(widths)
    is_small = (widths > 0) & (widths < largest / MAX_WIDTH_RATIO)
    if not is_small.any():
        return

    def told(columns):
        some = [repr(str(names[i])) if names is not None else str(i) for i in columns]
        return ", ".join(some[:MAX_NAMES]) + (", ..." if len(some) > MAX_NAMES else "")

    wide = np.flatnonzero(widths >= largest / MAX_WIDTH_RATIO)
    wide = wide[np.argsort(-widths[wide], kind="stable")]
    small = np.flatnonzero(is_small)
    scaler = "MaxAbsScaler" if issparse(rows) else "StandardScaler"
    warn_user(
        f"The columns {told(small)} of {name} span less than a thousandth of what "
        f"{told(wide)} span, and will hardly be learned beside them. Put a "
        f"{scaler} before the estimator."
    )


def _mean_and_squares(rows, weight):
    """Return the mean of each feature, and squared distances from it.

    They are one per value; averaged over the rows where these are sparse or weighted.
    """
    low, high = column_range(rows)
    # The mean of equal numbers may differ from them by its rounding.
    is_constant = low == high
    if issparse(rows):
        mean, squares = moments(rows, weight)
        return np.where(is_constant, low, mean), np.where(is_constant, 0.0, squares)
    mean = np.where(is_constant, low, feature_means(rows, weight))
    squares = rows - mean
    np.square(squares, out=squares)
    if weight is not None or has_missing(rows):
        squares = feature_means(squares, weight)
    return mean, squares


def _scale_of_each(mean, variance, n_rows):
    """Return the standard deviation of each feature; one where it is constant."""
    # What rounding of the mean makes of equal numbers is not a variance.
    rounding = np.square(n_rows * np.finfo(np.float64).eps * mean)
    return np.where(variance > rounding, np.sqrt(variance), 1.0)


class Scaling:
    """Affine change of scale, z = (x - mean) / scale, from X to the module.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Values of the features that become zero.
    scale : float or ndarray of shape (n_features,)
        Difference that becomes one, the same for all features or one for each.
    """

    def __init__(self, mean, scale=1.0):
        self.mean = mean
        self.scale = scale
        self.is_identity = bool(np.all(scale == 1.0)) and not mean.any()
        # Relative to the scale: the larger, the fewer digits are left for differences.
        self.distance = float((np.abs(mean) / scale).max())
        self._vectors = {}

    @property
    def is_per_feature(self):
        """Whether each feature has a scale of its own."""
        return isinstance(self.scale, np.ndarray)

    @property
    def mean_scale(self):
        """Geometric mean of the scales, by whose logarithm log-densities change."""
        if not self.is_per_feature:
            return self.scale
        return math.exp(np.log(self.scale).mean())

    def log_volume(self, like, missing=None):
        """Return by how much log-densities are lower in X's scale.

        Parameters
        ----------
        like : torch.Tensor of shape (n_samples, n_features)
            Samples in the module's scale.
        missing : torch.Tensor of shape (n_samples, n_features), default=None
            True where a value is missing, which does not count.

        Returns
        -------
        float or torch.Tensor of shape () or (n_samples,)
            Sum of the logarithms of the scales.
        """
        if not self.is_per_feature:
            n_present = like.shape[1]
            if missing is not None:
                n_present = (n_present - missing.sum(dim=1)).to(like.dtype)
            return n_present * math.log(self.scale)
        logs = self._vector("scale", like.device, like.dtype).log()
        return logs.sum() if missing is None else (~missing).to(like.dtype) @ logs

    def __getstate__(self):
        return {**vars(self), "_vectors": {}}

    def __setstate__(self, state):
        vars(self).update(copy_memmaps(state))
        self._vectors = {}  # which older pickles lack

    def _vector(self, name, device, dtype):
        """Return the mean, the scales or the shift of scaled numbers as a tensor."""
        key = name, device, dtype
        if key not in self._vectors:
            is_shift = name == "shift"
            vector = -self.mean / self.scale if is_shift else getattr(self, name)
            self._vectors[key] = torch.from_numpy(vector).to(device, dtype)
        return self._vectors[key]

    @classmethod
    def identity(cls, n_features):
        """Make the scaling that leaves samples as they are.

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
    def fit(cls, samples, name="X", scaled=None):
        """Learn the mean of each feature and one standard deviation over all of them.

        Parameters
        ----------
        samples : Samples
            The samples, of which at most 4096 are used. NaN is a missing value.
        name : str, default="X"
            Name of the samples in error messages.
        scaled : ndarray of bool of shape (n_features,), default=None
            Features that get a standard deviation of their own; the others stay as
            they are. None for one of all features.

        Returns
        -------
        Scaling
            Its scale is one where the samples do not differ.

        Raises
        ------
        ValueError
            If the samples are too large or too small to be squared.
        """
        some, weight = subsample(samples.rows), samples.weight
        if weight is not None:
            weight = subsample(weight)
        if has_missing(some) and empty_columns(some).any():
            some, weight = samples.rows, samples.weight  # no value of a feature in some
        with np.errstate(over="ignore", invalid="ignore"):
            mean, squares = _mean_and_squares(some, weight)
            if scaled is None:
                variance = float(squares.mean())
            else:
                variance = np.atleast_2d(squares).mean(axis=0)
                mean, variance = mean * scaled, np.where(scaled, variance, 0.0)
        limits = np.finfo(np.float32 if some.dtype in FLOAT32_ANSWERS else np.float64)
        largest = np.max(variance)
        if not largest < float(limits.max):
            low, high = column_range(some)
            raise ValueError(
                f"{name} has values up to {np.fmax(abs(low), abs(high)).max():g}, "
                f"whose squares are infinite; scale {name}."
            )
        if largest < float(limits.tiny):
            low, high = column_range(some)
            difference = float((high.astype(np.float64) - low).max())
            if difference:
                raise ValueError(
                    f"{name} has values that differ by {difference:g} at most, too "
                    f"little to be squared; scale {name}."
                )
        if scaled is not None:
            return cls(mean, _scale_of_each(mean, variance, some.shape[0]))
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
            float32, or float64 where float32 would lose differences between samples.
        """
        is_far = self.distance > FLOAT32_MEAN_LIMIT
        is_exact = dtype in EXACT_IN_FLOAT32
        return torch.float64 if is_far and not is_exact else torch.float32

    def to_module_scale(self, x, byte_scale=1.0):
        """Scale samples for the module.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples of any type. What float32 cannot hold exactly is centred in
            float64, before it is lost.
        byte_scale : float, default=1.0
            Value of one in x: 1/255 for images of bytes.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            ``(x * byte_scale - mean) / scale``; x itself where that changes nothing.
        """
        if self.is_identity:
            return x if byte_scale == 1.0 else x.to(torch.float32) * byte_scale
        dtype = torch.float32 if x.dtype in EXACT_IN_FLOAT32 else torch.float64
        if self.distance > FUSED_MEAN_LIMIT or self.is_per_feature:
            x = x.to(dtype) if byte_scale == 1.0 else x.to(dtype) * byte_scale
            scale = self.scale
            if self.is_per_feature:
                scale = self._vector("scale", x.device, dtype)
            return (x - self._vector("mean", x.device, dtype)) / scale
        return torch.add(
            self._vector("shift", x.device, dtype), x, alpha=byte_scale / self.scale
        )

    def to_data_scale(self, z):
        """Scale outputs of the module to samples.

        Parameters
        ----------
        z : torch.Tensor of shape (n_samples, n_features)
            Outputs in the module's scale.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            ``z * scale + mean``, in z's type.
        """
        if self.is_identity:
            return z
        mean = self._vector("mean", z.device, z.dtype)
        if self.is_per_feature:
            return torch.addcmul(mean, z, self._vector("scale", z.device, z.dtype))
        return torch.add(mean, z, alpha=self.scale)
