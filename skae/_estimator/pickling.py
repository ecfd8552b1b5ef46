"""The state that is saved: arrays, the module as a tree, the version of the format."""

import copy
import sys
from pickle import UnpicklingError
from types import ModuleType

import numpy as np
import torch
from torch import nn

from skae._common.memmap import copy_memmaps
from skae._common.runtime import available_devices
from skae._estimator.module_trees import put_together, take_apart
from skae._training.weights import tensors_of

# Increased whenever the attributes of a fitted estimator change their meaning.
FORMAT = 2
# Modules of estimators before the first release; their pickles name these classes.
UNRELEASED = {
    "_autoencoder": "AutoEncoderTransformer",
    "_cluster_classifier": "ClusterClassifier",
    "_colorization": "ColorizationAutoEncoder",
    "_denoising": "DenoisingAutoEncoder",
    "_density": "NormalDensity",
    "_pseudo_label": "PseudoLabelClassifier",
    "_reconstructor": "Reconstructor",
    "_spectral_kmeans": "SpectralKMeans",
    "_variational": "VariationalAutoEncoder",
}


def _refuse(reason):
    return UnpicklingError(
        f"This file {reason}. Load it with the version that wrote it, or fit the "
        "estimator again."
    )


class _Unreleased:
    """Stands for a class that was removed, and refuses its pickles clearly."""

    def __new__(cls, *args):
        raise _refuse("was written by skae before its first release")


for _module, _name in UNRELEASED.items():
    _gone = sys.modules[f"skae.{_module}"] = ModuleType(f"skae.{_module}")
    setattr(_gone, _name, _Unreleased)


def copy_with_tensors(module, tensors):
    """Copy a module with other tensors as its parameters and buffers.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    tensors : list of torch.Tensor
        The new parameters and buffers, in that order.

    Returns
    -------
    torch.nn.Module
        The copy.
    """
    memo = {}
    for part in module.modules():
        for value in vars(part).values():
            # A tensor that is kept from the last batch cannot be copied with its graph.
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach()
    for old, new in zip(tensors_of(module), tensors, strict=True):
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(new, requires_grad=old.requires_grad)
        memo[id(old)] = new
    return copy.deepcopy(module, memo)


class PicklingMixin:
    """The saved state of an estimator with the attributes ``module_`` and ``device_``.

    pickle, joblib and skops all take it. It holds no history, no optimizer and no
    device that may be absent where it is loaded. It holds data only if a user's module
    keeps some, or after ``partial_fit``: a random sample of the stream.
    """

    @torch.inference_mode(False)  # its tensors could not be trained later
    def __getstate__(self):
        state = dict(super().__getstate__())
        state["_skae_format"] = FORMAT
        state.pop("_trainer", None)
        state.pop("net_", None)
        if not getattr(state.get("_stream"), "is_stream", False):
            state.pop("_stream", None)
        for name in {"device_", "compute_dtype_"} & state.keys():
            state[name] = str(state[name])  # which skops has no types for
        if "module_" in state:
            tensors = tensors_of(self.module_)
            state["module_"] = take_apart(self.module_) or copy_with_tensors(
                self.module_, [torch.empty_like(t, device="meta") for t in tensors]
            )
            state["_dtypes"] = [str(t.dtype) for t in tensors]
            # NumPy has no bfloat16, and float32 holds all its numbers.
            state["_weights"] = [
                (t.float() if t.dtype == torch.bfloat16 else t)
                .detach()
                .cpu()
                .numpy()
                .copy()
                for t in tensors
            ]
        return state

    @torch.inference_mode(False)
    def __setstate__(self, state):
        state = copy_memmaps(state)
        found = state.pop("_skae_format", None)
        if found != FORMAT:
            raise _refuse(
                f"has skae's format {found}, and this version reads format {FORMAT}"
            )
        weights, dtypes = state.pop("_weights", None), state.pop("_dtypes", None)
        if "device_" in state:
            device = torch.device(state["device_"])
            is_there = str(device) in available_devices()
            state["device_"] = device if is_there else torch.device("cpu")
        if "compute_dtype_" in state:
            state["compute_dtype_"] = _dtype(state["compute_dtype_"])
        if weights is not None:
            tensors = [
                torch.from_numpy(np.array(w)).to(state["device_"], _dtype(dtype))
                for w, dtype in zip(weights, dtypes, strict=True)
            ]
            module = state["module_"]
            make = put_together if isinstance(module, dict) else copy_with_tensors
            state["module_"] = make(module, tensors)
        super().__setstate__(state)


def _dtype(name):
    """Return a type of torch by its name."""
    dtype = getattr(torch, str(name).removeprefix("torch."), None)
    if not isinstance(dtype, torch.dtype):
        raise _refuse(f"names {name!r} as a type of numbers")
    return dtype
