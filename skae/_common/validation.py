"""Checks of samples and parameters that several estimators share."""

import math
from inspect import isclass
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import validate_data

from skae._common import stored
from skae._common.channels import refuse_channels_first
from skae._common.images import (
    check_byte_scale,
    check_image_shape,
    find_byte_scale,
)
from skae._common.sparse import as_csr, dense_blocks
from skae._common.stored import DTYPES, StoredRows, open_stored, refuse_unreadable
from skae._common.tables import (
    as_array,
    is_frame,
    naming_text,
    numbers_of_frame,
    refuse_dates,
)

_DTYPES = set(map(np.dtype, DTYPES))
# Of a table of at most this many numbers that does not lie row by row, such as most
# frames, a copy is made that does: rows are then gathered several times as fast.
MAX_COPY_SIZE = 2**24


class Instance(HasMethods):
    """A constraint of parameters: an object with these methods, not its class.

    Parameters
    ----------
    methods : str or list of str
        Names of the methods.
    """

    def is_satisfied_by(self, val):
        return not isclass(val) and super().is_satisfied_by(val)

    def __str__(self):
        return super().__str__().replace("object", "instance (not a class)", 1)


class Samples(NamedTuple):
    """Samples as flat rows, checked.

    Parameters
    ----------
    rows : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        The numbers.
    byte_scale : float
        What one in the rows means: 1/255 for images of bytes, else 1.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples; None where all count the same.
    """

    rows: np.ndarray
    byte_scale: float = 1.0
    weight: np.ndarray | None = None

    @property
    def in_data_scale(self):
        """The numbers in X's scale: bytes become float32 numbers in [0, 1]."""
        if self.byte_scale == 1.0:
            return self.rows
        return self.rows * np.float32(self.byte_scale)

    def take(self, index):
        """Take some of the samples.

        Parameters
        ----------
        index : slice or ndarray
            Their numbers, or a mask.

        Returns
        -------
        Samples
            These samples and their weights.
        """
        weight = None if self.weight is None else self.weight[index]
        return self._replace(rows=self.rows[index], weight=weight)


def check_sizes(sizes, *, are_channels):
    """Check the ``hidden_layer_sizes`` parameter.

    Parameters
    ----------
    sizes : sequence
        Widths of layers.
    are_channels : bool
        Whether they are channels of convolutions, of which there must be one.

    Returns
    -------
    tuple of int
        The widths.

    Raises
    ------
    ValueError
        If one is not a positive integer, or if there is no convolution.
    """
    sizes = tuple(sizes)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size <= 0:
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} must hold positive integers only."
            )
    if are_channels and not sizes:
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must hold one number or more: the channels "
            "of each convolution."
        )
    return tuple(map(int, sizes))


def refuse_class(name, function):
    """Refuse a class where one of its objects is meant, which is callable too.

    Parameters
    ----------
    name : str
        Name of the parameter.
    function : object
        Its value.

    Raises
    ------
    ValueError
        If it is a class.
    """
    if isclass(function):
        raise ValueError(
            f"{name} is the class {function.__name__}; pass an object, "
            f"{name}={function.__name__}(...)."
        )


def require_target(estimator, y):
    """Refuse a missing target in scikit-learn's words.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    y : array-like or None
        Its target.

    Raises
    ------
    ValueError
        If it is None.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but "
            "the target y is None."
        )


def is_plain_table(X, dtypes):
    """Return whether X is a table of numbers that no check would convert.

    Parameters
    ----------
    X : object
        The samples, or their codes.
    dtypes : collection of dtype
        The types that are allowed.

    Returns
    -------
    bool
        Whether it is an array with rows, of one of these types.
    """
    return type(X) is np.ndarray and X.ndim == 2 and X.size > 0 and X.dtype in dtypes


def find_plain_rows(estimator, X):
    """Return X as rows if checks would only find out that it needs none.

    They take 50 µs for an array, as long as a small network takes for a row, and 1 ms
    for a frame. What they might convert, refuse or warn about is left to them.

    Parameters
    ----------
    estimator : estimator
        It is fitted.
    X : object
        Samples.

    Returns
    -------
    ndarray of shape (n_samples, n_features) or None
        None if X has to be checked. The numbers may not be finite.
    """
    if getattr(estimator, "image_shape_", None) is not None:
        return None
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        X = numbers_of_frame(X, names)
    if (
        is_plain_table(X, _DTYPES)
        and X.shape[1] == estimator.n_features_in_
        and X.nbytes <= stored.WINDOW_BYTES  # larger ones may lie in a file
        and (X.flags.c_contiguous or X.size <= MAX_COPY_SIZE)
    ):
        return np.ascontiguousarray(X)
    return None


def _check_finite(rows, name, ensure_all_finite=True, estimator_name=None):
    """Refuse NaN and infinity in stored rows in scikit-learn's words."""
    if ensure_all_finite is False or rows.dtype.kind != "f":
        return
    for _, block in dense_blocks(rows):
        assert_all_finite(
            block,
            allow_nan=ensure_all_finite == "allow-nan",
            estimator_name=estimator_name,
            input_name=name,
        )


def check_table(estimator, X, *, reset, **options):
    """Check X as scikit-learn does, refuse dates, and keep the type of the numbers.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``.
    X : array-like or StoredRows
        The samples.
    reset : bool
        Whether X decides what later samples must look like.
    **options : dict
        Passed to :func:`sklearn.utils.check_array`.

    Returns
    -------
    ndarray, StoredRows, or sparse rows in CSR format
        X, not copied where that is possible.
    """
    if isinstance(X, StoredRows):
        named = getattr(X.array, "header", X)
        validate_data(estimator, named, reset=reset, skip_check_array=True)
        _check_finite(X, "X", options["ensure_all_finite"], type(estimator).__name__)
        return X
    array = X
    if type(X) is not np.ndarray or X.dtype.kind not in "fiub":
        refuse_unreadable(X)
        refuse_dates(X)
        array = as_array(X)
        # scikit-learn turns pandas' nullable types, which name NumPy's, into float64.
        dtypes = X.dtypes if is_frame(X) else ()
        types = {getattr(t, "numpy_dtype", t) for t in dtypes}
        if types == {np.dtype(np.float32)} and isinstance(options["dtype"], list):
            options["dtype"] = np.float32
    with naming_text(X):
        if array is X or not is_frame(X):
            return validate_data(estimator, array, reset=reset, **options)
        validate_data(estimator, X, reset=reset, skip_check_array=True)  # its names
        return check_array(array, estimator=estimator, input_name="X", **options)


def check_samples(estimator, X, *, reset, ensure_all_finite=True, accept_sparse=None):
    """Check X as scikit-learn does, and flatten images.

    Sets ``n_features_in_``, ``feature_names_in_`` and, where X decides them,
    ``image_shape_`` and what images mean.

    Parameters
    ----------
    estimator : estimator
        With the parameter ``image_shape``.
    X : array-like
        A table or images.
    reset : bool
        Whether X decides what later samples must look like.
    ensure_all_finite : bool or "allow-nan", default=True
        Whether NaN and infinity are refused; False leaves that to later.
    accept_sparse : bool, default=None
        Whether X may be sparse; None for what the estimator says of itself.

    Returns
    -------
    Samples
        X as rows, not copied where that is possible.
    """
    if not (reset or ensure_all_finite):
        rows = find_plain_rows(estimator, X)
        if rows is not None:
            return Samples(rows)
    shape = None
    X = open_stored(X)
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) > 1:
        X = np.asarray(X)  # a list of images
    if isinstance(X, StoredRows):
        shape = X.sample_shape if len(X.sample_shape) > 1 else None
    elif getattr(X, "ndim", 2) in (3, 4):
        X = np.asarray(as_array(X))
        shape = tuple(X.shape[1:])
    if not reset:
        _check_shape(estimator, getattr(X, "shape", ()), shape)
    if isinstance(X, np.ndarray) and X.ndim > 2:
        X = X.reshape(X.shape[0], int(np.prod(shape)))
    if isinstance(X, np.ndarray) and not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))
    if accept_sparse is None:
        accept_sparse = getattr(estimator, "_accepts_sparse", False)
    is_small = math.prod(getattr(X, "shape", ())) <= MAX_COPY_SIZE
    rows = check_table(
        estimator,
        X,
        reset=reset,
        dtype=DTYPES,
        order="C" if is_small else None,
        ensure_all_finite=ensure_all_finite,
        accept_sparse="csr" if accept_sparse else False,
    )
    if issparse(rows):
        # What is not stored is zero, and nothing is missing.
        name = type(estimator).__name__
        assert_all_finite(rows.data, input_name="X", estimator_name=name)
        rows = as_csr(rows)
    if reset:
        estimator._sample_shape = shape or (rows.shape[1],)
        estimator.image_shape_ = shape
        if estimator.image_shape is not None:
            estimator.image_shape_ = check_image_shape(
                estimator.image_shape, rows.shape[1], shape
            )
        if estimator.image_shape_ is not None:
            refuse_channels_first(estimator.image_shape_)
            estimator._bytes = (find_byte_scale(rows), rows.dtype == np.uint8)
    if estimator.image_shape_ is None:
        return Samples(rows)
    return Samples(rows, check_byte_scale(rows, estimator._bytes))


def _check_shape(estimator, shape_of_all, shape):
    """Refuse one image alone, and images of another shape than those of the fit."""
    expected = estimator.image_shape_
    if shape is None and shape_of_all[1:] == (estimator.n_features_in_,):
        return  # flat rows
    if shape_of_all == expected:
        raise ValueError(
            f"X has the shape {expected} of one image, without an axis of samples; "
            "pass X[np.newaxis]."
        )
    if shape not in (None, expected):
        raise ValueError(
            f"X has images of shape {shape}, but {type(estimator).__name__} was "
            f"fitted with {expected or 'a table'}."
        )


def check_other(values, name, **options):
    """Check what fits samples row by row, such as targets.

    Parameters
    ----------
    values : array-like
        The values.
    name : str
        What errors call them.
    **options : dict
        Passed to :func:`sklearn.utils.check_array`.

    Returns
    -------
    ndarray or StoredRows
        The values, not copied where that is possible.
    """
    values = open_stored(values, name)
    if isinstance(values, StoredRows):
        _check_finite(values, name, options.get("ensure_all_finite", True))
        return values
    refuse_dates(values, name)
    return check_array(as_array(values), dtype=DTYPES, input_name=name, **options)


def check_corrupted_samples(estimator, X_corrupted, n_samples):
    """Check recorded corrupted samples.

    Parameters
    ----------
    estimator : estimator
        It has seen the clean samples.
    X_corrupted : array-like
        One corrupted sample for each clean one.
    n_samples : int
        Number of the clean samples.

    Returns
    -------
    Samples
        X_corrupted as rows.

    Raises
    ------
    ValueError
        If X_corrupted does not fit the clean samples.
    """
    # Under its own name first; then as X, whose columns it must have.
    checked = check_other(
        X_corrupted,
        "X_corrupted",
        allow_nd=True,
        accept_sparse="csr",
        ensure_all_finite="allow-nan",
    )
    n_features = estimator.n_features_in_
    if (checked.shape[0], np.prod(checked.shape[1:])) != (n_samples, n_features):
        raise ValueError(
            f"X_corrupted has the shape {checked.shape}; it must hold one sample for "
            f"each of X's {n_samples}, of its {n_features} features."
        )
    return check_samples(
        estimator, X_corrupted, reset=False, ensure_all_finite="allow-nan"
    )
