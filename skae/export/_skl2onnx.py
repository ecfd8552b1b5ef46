"""Estimators of skae inside those of scikit-learn, which skl2onnx converts."""

from types import SimpleNamespace

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skae._common.linked import LinkedEstimator
from skae.autoencoders import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    Reconstructor,
    VariationalAutoEncoder,
)
from skae.export._graph import (
    INPUT,
    LABEL,
    OPSET,
    add_labels,
    convert,
    make_graph,
)
from skae.export._program import N_SAMPLES, check_dtype, check_method, export_module
from skae.semi_supervised import ClusterClassifier, PseudoLabelClassifier
from skae.semi_supervised._cluster_module import deciding_part, make_head

ESTIMATORS = (
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    VariationalAutoEncoder,
)
# What skl2onnx gives two outputs, the first of which is the prediction.
TWO_OUTPUTS = ("classifier", "clusterer", "density_estimator", "outlier_detector")
# Name of the second one where it is left out.
REST = "scores"


def make_pipeline_graph(estimator, method, dtype):
    """Make an ONNX model of an estimator that is or has one of scikit-learn.

    Parameters
    ----------
    estimator : estimator
        Fitted, with estimators that skl2onnx knows or that have a torch module.
    method : str
        Its method.
    dtype : {"float32", "float64", "uint8"}
        Type of the samples.

    Returns
    -------
    onnx.ModelProto
        With the input "X", an output named like the method, and the output "label" of
        "predict_proba".

    Raises
    ------
    ValueError
        If there is no such method, or it cannot be exported.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    check_dtype(dtype)
    last = estimator
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    if isinstance(last, LinkedEstimator) and not isinstance(last, ESTIMATORS):
        names = ", ".join(each.__name__ for each in ESTIMATORS)
        raise ValueError(
            f"{type(last).__name__} cannot be exported; these of skae's estimators can "
            f"be: {names}."
        )
    known = ["transform", "predict", "predict_proba"]
    if isinstance(last, ESTIMATORS):
        known.append("score_samples")
    check_method(estimator, method, [m for m in known if hasattr(estimator, m)])
    _register()
    names, options = [method], {}
    if isinstance(last, ESTIMATORS):
        options[id(last)] = {"method": method}
        if method == "predict_proba":
            names = [LABEL, method]
    elif get_tags(last).estimator_type in TWO_OUTPUTS:
        names = [method, REST] if method == "predict" else [LABEL, method]
        if is_classifier(last):  # its probabilities are an array, not one dict a sample
            options[id(last)] = {"zipmap": False}
    first = estimator
    while isinstance(first, Pipeline):
        first = first.steps[0][1]
    shape = getattr(first, "_sample_shape", (first.n_features_in_,))
    samples = _types()[dtype]([None, *shape])
    try:
        model = convert_sklearn(
            estimator,
            initial_types=[(INPUT, samples)],
            final_types=[(name, None) for name in names],
            target_opset={"": OPSET, "ai.onnx.ml": 3},
            options=options,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be exported: skl2onnx does not know an "
            f"estimator in it. {error}"
        ) from error
    except RuntimeError as error:
        hint = ""
        if hasattr(estimator, "feature_names_in_"):
            hint = (
                " The input of the model is one array without names of columns. If a "
                "step selects columns by name, export the steps after it, such as "
                "pipeline[1:], and pass the model what the first steps return."
            )
        raise ValueError(
            f"{type(estimator).__name__} cannot be exported: skl2onnx failed. {error}"
            f"{hint}"
        ) from error
    outputs = {value.name: value for value in model.graph.output}
    kept = [method, LABEL] if method == "predict_proba" else [method]
    del model.graph.output[:]
    model.graph.output.extend(outputs[name] for name in kept)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = N_SAMPLES
    return model


def _types():
    """Return skl2onnx's type of arrays of each type of NumPy."""
    from skl2onnx.common import data_types

    return {
        "float32": data_types.FloatTensorType,
        "float64": data_types.DoubleTensorType,
        "uint8": data_types.UInt8TensorType,
        "int64": data_types.Int64TensorType,
        "object": data_types.StringTensorType,
    }


def _register():
    """Tell skl2onnx how estimators of skae are converted."""
    from skl2onnx import update_registered_converter

    for kind in ESTIMATORS:
        update_registered_converter(
            kind,
            f"Skae{kind.__name__}",
            _infer_types,
            _convert,
            parser=_parse,
            # Pipelines pass the second to all classifiers; it changes nothing here.
            options={"method": None, "zipmap": [True, False]},
        )


def _parse(scope, estimator, inputs, custom_parsers=None):
    """Declare the outputs of an estimator of skae."""
    from skl2onnx import get_model_alias

    types = _types()
    operator = scope.declare_local_operator(get_model_alias(type(estimator)), estimator)
    operator.inputs = inputs
    method = _method_of(operator)
    if method == "predict_proba":
        operator.outputs.append(scope.declare_local_variable(LABEL, types["int64"]()))
    operator.outputs.append(scope.declare_local_variable(method, types["float32"]()))
    return operator.outputs


def _method_of(operator):
    if len(operator.outputs) == 2:  # also where another than `_parse` declared them
        return "predict_proba"
    options = {"method": "transform"}
    return operator.scope_inst.get_options(operator.raw_operator, options)["method"]


def _infer_types(operator):
    """Make the graph of an estimator of skae, and take types and shapes from it."""
    from onnx import helper

    estimator, types = operator.raw_operator, _types()
    method = _method_of(operator)
    if method == "predict_proba" and not hasattr(estimator, "to_module"):
        operator.graph = _make_head_graph(estimator)
    else:
        given = type(operator.inputs[0].type)
        (dtype,) = (name for name, kind in types.items() if kind is given)
        operator.graph = make_graph(estimator, method, dtype)
    outputs = operator.graph.graph.output
    for variable, value in zip(operator.outputs, outputs[::-1], strict=True):
        tensor = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        shape = [None, *(dim.dim_value for dim in tensor.shape.dim[1:])]
        variable.set_type(types[str(dtype)](shape))


def _convert(scope, operator, container):
    """Add the graph of an estimator of skae to that of skl2onnx."""
    from skl2onnx.helpers import add_onnx_graph

    inputs = operator.inputs
    if not hasattr(operator.raw_operator, "to_module"):
        inputs = [_add_part(scope, container, operator.raw_operator, inputs)]
    whole = SimpleNamespace(inputs=inputs, outputs=operator.outputs[::-1])
    add_onnx_graph(scope, whole, container, operator.graph)


def _add_part(scope, container, classifier, inputs):
    """Add the part of a `ClusterClassifier` that is scikit-learn's."""
    from skl2onnx import get_model_alias

    part, method = deciding_part(classifier)
    if not hasattr(part, method):
        raise ValueError(
            f"refiner={part} cannot be exported; it must have predict_proba."
        )
    operator = scope.declare_local_operator(get_model_alias(type(part)), part)
    operator.inputs = inputs
    types = _types()
    if method == "predict_proba":
        scope.add_options(id(part), {"zipmap": False})
        container.add_options(id(part), {"zipmap": False})
        operator.outputs.append(scope.declare_local_variable(LABEL, types["int64"]()))
    variable = scope.declare_local_variable(method, types["float32"]())
    operator.outputs.append(variable)
    return variable


def _make_head_graph(classifier):
    """Make the graph from the part's output to classes."""
    means = classifier._clusters.means
    width = means.shape[not classifier.refined_]
    program = export_module(make_head(classifier), "forward", (width,))
    graph = convert(program, "predict_proba")
    add_labels(graph, classifier.classes_)
    return graph
