"""What a fit was called with, in words by which its checkpoint knows it again."""

import numpy as np

from skae._common.fingerprint import describe_params, digest
from skae._common.tables import as_array
from skae._training.weights import tensors_of


def identify(estimator, validate, samples, *, continues):
    """Describe the parameters and the samples of a fit.

    Parameters
    ----------
    estimator : BaseTorchEstimator
        The estimator, with its device.
    validate : functools.partial
        As for ``_run_fit``; its arguments are X and, where there is one, y.
    samples : list of Samples
        Inputs, targets and samples to validate on, as validated; None for those that
        there are not.
    continues : bool
        Whether the weights of an earlier fit are trained further.

    Returns
    -------
    dict of str to str
        Descriptions by name.
    """
    names = ("X", "targets", "X_val", "targets of X_val")
    told = {
        "estimator": type(estimator).__name__,
        **describe_params(estimator),
        "device": estimator.device_.type,
    }
    for name, some in zip(names, samples, strict=False):
        if some is not None:
            told[name] = digest(some.rows)
            if some.byte_scale != 1.0:
                told[name] += f" in units of {some.byte_scale:.3g}"
            if some.weight is not None:
                told[f"weight of {name}"] = digest(some.weight)
    for y in validate.args[1:]:
        told["y"] = digest(np.asarray(as_array(y)))
    if continues:
        weights = [digest(t.numpy(force=True)) for t in tensors_of(estimator.module_)]
        told["weights at the start"] = digest(np.array(weights))
    return told
