"""Programs of ``torch.export``."""

from itertools import chain

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

# Name of the number of samples.
N_SAMPLES = "n_samples"


class _Call(nn.Module):
    """A method of a module as a module."""

    def __init__(self, module, method):
        super().__init__()
        self.module = module
        self.method = method

    def forward(self, x):
        return getattr(self.module, self.method)(x)


def to_program(estimator, method="transform", *, dtype="float32"):
    """Export a method of a fitted estimator by ``torch.export``.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder, colorizer, :class:`~skae.PseudoLabelClassifier`, or
        :class:`~skae.ClusterClassifier` with such a refiner, or without one of codes of
        an autoencoder and k-means.
    method : str, default="transform"
        Its method: "transform", "inverse_transform", "reconstruct" or "score_samples"
        of autoencoders (the last not of :class:`~skae.VariationalAutoEncoder`, whose
        score is random), "transform" or "predict" of colorizers, "predict_proba" of
        classifiers.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        Type of the samples that the program takes. Images of uint8 are scaled as by the
        estimator. Outputs are float32.

    Returns
    -------
    torch.export.ExportedProgram
        Called by ``program.module()(x)`` with any number of samples, of the shape that
        ``fit`` saw.

    Raises
    ------
    ValueError
        If there is no such method, or it cannot be exported.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoEncoderTransformer
    >>> from skae.export import to_program
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoEncoderTransformer(4, max_epochs=1, random_state=0).fit(X)
    >>> program = to_program(ae)
    >>> x = torch.from_numpy(X[:3]).float()
    >>> codes = torch.from_numpy(ae.transform(X[:3])).float()
    >>> torch.allclose(program.module()(x), codes, rtol=1e-4, atol=1e-4)
    True
    """
    if not hasattr(estimator, "to_module"):
        raise ValueError(
            f"{type(estimator).__name__} cannot be exported; export the estimators in "
            "it that have the method to_module."
        )
    check_is_fitted(estimator)
    module = estimator.to_module()
    check_method(estimator, method, module.methods)
    check_dtype(dtype)
    shape = module.sample_shape
    if method == "inverse_transform":
        shape = (estimator._n_features_out,)
    return export_module(module, module.methods[method], shape, dtype)


def check_method(estimator, method, known):
    """Refuse a method that cannot be exported.

    Parameters
    ----------
    estimator : estimator
        The estimator.
    method : str
        The parameter of the functions of this module.
    known : iterable of str
        The methods of the estimator that can be exported.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if method not in known:
        raise ValueError(
            f"method={method!r} of {type(estimator).__name__} cannot be exported; it "
            f"must be one of {', '.join(map(repr, known))}."
        )


def check_dtype(dtype):
    """Refuse a type that samples cannot have.

    Parameters
    ----------
    dtype : str
        The parameter of the functions of this module.

    Raises
    ------
    ValueError
        If it is another than "float32", "float64" or "uint8".
    """
    if dtype not in ("float32", "float64", "uint8"):
        raise ValueError(f"dtype={dtype!r} must be 'float32', 'float64' or 'uint8'.")


def export_module(module, method, shape, dtype="float32"):
    """Export a method of a module for any number of samples.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    method : str
        Its method, called with one tensor.
    shape : tuple of int
        Shape of one sample.
    dtype : str, default="float32"
        Type of the samples.

    Returns
    -------
    torch.export.ExportedProgram
        The program.
    """
    device = next(chain(module.parameters(), module.buffers())).device
    # Two samples: torch.export takes a single one for a special case.
    example = torch.zeros(2, *shape, dtype=getattr(torch, dtype), device=device)
    with torch.no_grad():
        return torch.export.export(
            _Call(module, method).eval(),
            (example,),
            dynamic_shapes=({0: torch.export.Dim(N_SAMPLES, min=1)},),
        )
