"""ONNX models of fitted estimators."""

import os
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from skae._common.atomic_write import write_atomically
from skae.export._graph import make_graph
from skae.export._skl2onnx import make_pipeline_graph


def to_onnx(estimator, file, method="transform", *, dtype="float32"):
    """Write a method of a fitted estimator as an ONNX model.

    Parameters
    ----------
    estimator : estimator
        As for :func:`to_program`. Also a pipeline, a search, or another estimator of
        scikit-learn that has estimators of skae in it, and a
        :class:`~skae.ClusterClassifier` of estimators of scikit-learn. These are
        converted by `skl2onnx <https://onnx.ai/sklearn-onnx>`_, which must know the
        estimators of scikit-learn. The model has one input, an array: of a pipeline
        whose first step selects columns by name, pass the steps after it.
    file : str, os.PathLike or binary file
        What to write to.
    method : str, default="transform"
        As for :func:`to_program`; of a pipeline the method of its last step. With
        "predict_proba" the model has a second output, "label", the classes as the
        estimator names them.
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

    Examples
    --------
    >>> import io
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skae import AutoEncoderTransformer
    >>> from skae.export import to_onnx
    >>> X, _ = load_digits(return_X_y=True)
    >>> pipeline = make_pipeline(
    ...     MinMaxScaler(), AutoEncoderTransformer(4, max_epochs=1, random_state=0)
    ... ).fit(X)
    >>> model = to_onnx(pipeline, io.BytesIO())
    >>> [output.name for output in model.graph.output]
    ['transform']
    """
    import onnx

    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    has_module = hasattr(estimator, "to_module")
    make = make_graph if has_module else make_pipeline_graph
    model = make(estimator, method, dtype)
    onnx.checker.check_model(model)
    if isinstance(file, str | os.PathLike):
        write_atomically(Path(file), model.SerializeToString())
    else:
        onnx.save_model(model, file)
    return model
