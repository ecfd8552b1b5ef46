"""Arrays of other libraries under scikit-learn's ``array_api_dispatch``."""

from collections import ChainMap
from functools import wraps
from inspect import isfunction, signature

import numpy as np
import torch
from sklearn import config_context, get_config

from skae._common.tables import as_array

# Kinds of numbers; strings, such as the names of classes, are of NumPy only.
_NUMBERS = "biuf"


def like(array, result):
    """Return what a method computed as the array that it was computed from.

    Parameters
    ----------
    array : array or tensor
        Its library and its device are used.
    result : object
        An array of NumPy, or a tuple of them. Anything else stays as it is, and so do
        arrays that hold no numbers.

    Returns
    -------
    object
        The same numbers, in the same type.
    """
    if isinstance(result, tuple):
        return tuple(like(array, part) for part in result)
    if not isinstance(result, np.ndarray) or result.dtype.kind not in _NUMBERS:
        return result
    if isinstance(array, torch.Tensor):
        return torch.from_numpy(result).to(array.device)
    return array.__array_namespace__().asarray(result, device=array.device)


def is_foreign(X):
    """Return whether X is an array of another library than NumPy.

    Parameters
    ----------
    X : object
        What a method was passed.

    Returns
    -------
    bool
        True of tensors of torch and of arrays that follow the array API standard.
    """
    return isinstance(X, torch.Tensor) or (
        hasattr(X, "__array_namespace__") and not isinstance(X, np.ndarray)
    )


def dispatched(method):
    """Make a method answer in the library and on the device of X, if dispatched.

    Parameters
    ----------
    method : function
        Method of X and further arguments.

    Returns
    -------
    function
        The method, which computes on arrays of NumPy in any case.
    """

    @wraps(method)
    def in_namespace(self, X, *args, **kwargs):
        if not (is_foreign(X) and get_config()["array_api_dispatch"]):
            return method(self, X, *args, **kwargs)
        args = [as_array(value) for value in args]
        kwargs = {name: as_array(value) for name, value in kwargs.items()}
        # Estimators in this one compute on arrays of NumPy, too.
        with config_context(array_api_dispatch=False):
            result = method(self, as_array(X), *args, **kwargs)
        return like(X, result)

    in_namespace._is_dispatched = True
    return in_namespace


class ArrayAPIMixin:
    """Methods that answer in the library and on the device of X.

    They do so under scikit-learn's ``array_api_dispatch=True``, and else return arrays
    of NumPy, as scikit-learn's own estimators do. Attributes are arrays of NumPy in any
    case, so that a model that was fitted on a GPU can be loaded without one. Hence the
    tag ``array_api_support``, which promises otherwise, is not set.
    """

    def __init_subclass__(cls, **kwargs):
        # First scikit-learn's, which puts what transform returns into frames.
        super().__init_subclass__(**kwargs)
        # As written, since `getattr` calls descriptors such as `available_if`.
        for name, method in ChainMap(*map(vars, cls.__mro__)).items():
            if (
                not name.startswith("_")
                and isfunction(method)
                and not hasattr(method, "_is_dispatched")
                and [*signature(method).parameters][1:2] == ["X"]
            ):
                setattr(cls, name, dispatched(method))
