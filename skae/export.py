"""Fitted estimators for other runtimes: ``torch.export`` and ONNX.

Scaling, the unit of images and the names of classes are inside, and any number of
samples can be computed at once. ONNX needs the packages of ``pip install skae[onnx]``.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._common.atomic_write import write_atomically

# Names of what goes in and what comes out.
INPUT, LABEL, N_SAMPLES = "X", "label", "n_samples"


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
        A fitted autoencoder, colorizer or :class:`~skae.PseudoLabelClassifier`.
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
    if method not in module.methods:
        raise ValueError(
            f"method={method!r} of {type(estimator).__name__} cannot be exported; it "
            f"must be one of {', '.join(map(repr, module.methods))}."
        )
    if dtype not in ("float32", "float64", "uint8"):
        raise ValueError(f"dtype={dtype!r} must be 'float32', 'float64' or 'uint8'.")
    shape = module.sample_shape
    if method == "inverse_transform":
        shape = (estimator._n_features_out,)
    device = module.mean.device
    # Two samples: torch.export takes a single one for a special case.
    example = torch.zeros(2, *shape, dtype=getattr(torch, dtype), device=device)
    with torch.no_grad():
        return torch.export.export(
            _Call(module, module.methods[method]).eval(),
            (example,),
            dynamic_shapes=({0: torch.export.Dim(N_SAMPLES, min=1)},),
        )


def to_onnx(estimator, file, method="transform", *, dtype="float32"):
    """Write a method of a fitted estimator as an ONNX model.

    Parameters
    ----------
    estimator : estimator
        As for :func:`to_program`.
    file : str, os.PathLike or binary file
        What to write to.
    method : str, default="transform"
        As for :func:`to_program`. With "predict_proba" the model has a second output,
        "label", the classes as the estimator names them.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        As for :func:`to_program`.

    Returns
    -------
    onnx.ModelProto
        The model, with the input "X" and an output named like the method.

    Raises
    ------
    ValueError
        If there is no such method, or it cannot be exported.
    """
    import onnx

    program = to_program(estimator, method, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of how it exports
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[method],
            verbose=False,
        )
    model = exported.model_proto
    _name_samples(model.graph)
    if method == "predict_proba":
        _add_labels(model, estimator.classes_, method)
    onnx.checker.check_model(model)
    if isinstance(file, str | os.PathLike):
        write_atomically(Path(file), model.SerializeToString())
    else:
        onnx.save_model(model, file)
    return model


def _name_samples(graph):
    """Name the number of samples, which torch has numbered."""
    number = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == number:
                dim.dim_param = N_SAMPLES


def _add_labels(model, classes, probabilities):
    """Add the output of the most probable classes."""
    from onnx import TensorProto, helper, numpy_helper

    if classes.dtype.kind in "OUT":
        classes, kind = np.array([str(name) for name in classes], object), "STRING"
    elif classes.dtype.kind in "iub":
        classes, kind = classes.astype(np.int64), "INT64"
    else:
        classes, kind = classes.astype(np.float64), "DOUBLE"
    graph, kind = model.graph, getattr(TensorProto, kind)
    graph.initializer.append(numpy_helper.from_array(classes, "classes"))
    graph.node.extend(
        [
            helper.make_node(
                "ArgMax", [probabilities], ["class_number"], axis=1, keepdims=0
            ),
            helper.make_node("Gather", ["classes", "class_number"], [LABEL]),
        ]
    )
    graph.output.append(helper.make_tensor_value_info(LABEL, kind, [N_SAMPLES]))
