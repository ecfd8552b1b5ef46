"""Programs of torch as ONNX models."""

import logging
import warnings
from contextlib import contextmanager

import numpy as np
import torch

from skae.export._program import N_SAMPLES, to_program

# Names of what goes in and of the second output of classifiers.
INPUT, LABEL = "X", "label"
# Version of ONNX's operators, the one that torch writes.
OPSET = 20


def make_graph(estimator, method, dtype):
    """Make an ONNX model of a method of an estimator that has a torch module.

    Parameters
    ----------
    estimator : estimator
        As for :func:`~skae.export.to_program`.
    method : str
        As for :func:`~skae.export.to_program`.
    dtype : str
        As for :func:`~skae.export.to_program`.

    Returns
    -------
    onnx.ModelProto
        With the input "X", an output named like the method, and the output "label" of
        "predict_proba".
    """
    model = convert(to_program(estimator, method, dtype=dtype), method)
    if method == "predict_proba":
        add_labels(model, estimator.classes_)
    return model


def convert(program, output):
    """Convert a program.

    Parameters
    ----------
    program : torch.export.ExportedProgram
        With one input and one output.
    output : str
        Name of the output.

    Returns
    -------
    onnx.ModelProto
        With the input "X".
    """
    with _quiet_torch():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[output],
            opset_version=OPSET,
            verbose=False,
        )
    model = exported.model_proto
    _name_samples(model.graph)
    return model


@contextmanager
def _quiet_torch():
    """Hide what torch warns and logs of how it exports, such as absent packages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _name_samples(graph):
    """Name the number of samples, which torch has numbered."""
    number = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == number:
                dim.dim_param = N_SAMPLES


def encode_classes(classes):
    """Return the names of classes in a type that ONNX has.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Their names.

    Returns
    -------
    ndarray of shape (n_classes,)
        Strings, as objects, int64 or float64.
    """
    if classes.dtype.kind in "OUT":
        return np.array([str(name) for name in classes], object)
    return classes.astype(np.int64 if classes.dtype.kind in "iub" else np.float64)


def add_labels(model, classes):
    """Add the output "label", the most probable class.

    Parameters
    ----------
    model : onnx.ModelProto
        Its only output are the probabilities of the classes.
    classes : ndarray of shape (n_classes,)
        Their names.
    """
    from onnx import helper, numpy_helper

    graph, probabilities = model.graph, model.graph.output[0].name
    names = numpy_helper.from_array(encode_classes(classes), "classes")
    graph.initializer.append(names)
    graph.node.extend(
        [
            helper.make_node(
                "ArgMax", [probabilities], ["class_number"], "best", axis=1, keepdims=0
            ),
            helper.make_node("Gather", ["classes", "class_number"], [LABEL], "name"),
        ]
    )
    label = helper.make_tensor_value_info(LABEL, names.data_type, [N_SAMPLES])
    graph.output.append(label)
