"""Tests of arrays of other libraries, which scikit-learn dispatches."""

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from skae import (
    AutoEncoderImputer,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    SpectralKMeans,
    VariationalAutoEncoder,
)
from skae._common.array_api import is_foreign, like
from skae.inspection import LatentExplorer, LatentSpaceDisplay

# Fits of two epochs have learned nothing.
pytestmark = pytest.mark.filterwarnings("ignore:The posterior has collapsed")

OPTIONS = {"max_epochs": 2, "random_state": 0}
X = np.random.default_rng(0).random((30, 4))
Y = np.arange(30) % 2
ESTIMATORS = [
    AutoEncoderImputer(random_state=0),
    AutoEncoderOutlierDetector(random_state=0),
    AutoEncoderTransformer(2, **OPTIONS),
    ClusterClassifier(random_state=0),
    # An encoder inside answers in arrays that the classifier can compute with.
    ClusterClassifier(AutoEncoderTransformer(2, **OPTIONS), random_state=0),
    ColorizationAutoEncoder(2, **OPTIONS),
    DenoisingAutoEncoder(2, **OPTIONS),
    PseudoLabelClassifier(**OPTIONS),
    Reconstructor(DenoisingAutoEncoder(2, **OPTIONS)),
    SpectralKMeans(2, random_state=0),
    VariationalAutoEncoder(2, **OPTIONS),
]
NAMES = [type(estimator).__name__ for estimator in ESTIMATORS]
# What each method is called with, beside X.
METHODS = {
    "corrupt": {"random_state": 0},
    "decision_function": {},
    "encode_distribution": {},
    "feature_contributions": {},
    "impute": {},
    "predict": {},
    "predict_log_proba": {},
    "predict_proba": {},
    "reconstruct": {},
    "sample_imputations": {"random_state": 0},
    "score_samples": {},
    "transform": {},
}


def answers(estimator, X, y):
    """Return what each method answers, after two ways to fit."""
    told = {}
    for name in ("fit_transform", "fit_predict"):
        if hasattr(estimator, name):
            told[name] = getattr(clone(estimator), name)(X, y)
    fitted = clone(estimator).fit(X, y)
    for name, arguments in METHODS.items():
        if hasattr(fitted, name):
            told[name] = getattr(fitted, name)(X, **arguments)
    if hasattr(fitted, "inverse_transform"):
        told["inverse_transform"] = fitted.inverse_transform(told["transform"])
    return {
        f"{name}{i}": array
        for name, answer in told.items()
        for i, array in enumerate(answer if isinstance(answer, tuple) else [answer])
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_every_method_answers_in_tensors_under_dispatch(estimator, dtype):
    X_np = X.astype(dtype)
    y_np = X_np if isinstance(estimator, ColorizationAutoEncoder) else Y
    expected = answers(estimator, X_np, y_np)
    tensors = torch.from_numpy(X_np), torch.from_numpy(y_np)
    plain = answers(estimator, *tensors)
    with config_context(array_api_dispatch=True):
        dispatched = answers(estimator, *tensors)
        of_arrays = answers(estimator, X_np, y_np)
    assert expected.keys() == plain.keys() == dispatched.keys() == of_arrays.keys()
    for name, array in expected.items():
        assert isinstance(dispatched[name], torch.Tensor), name
        assert dispatched[name].device == tensors[0].device
        for answer in (dispatched[name].numpy(), plain[name], of_arrays[name]):
            assert isinstance(answer, np.ndarray), name
            assert answer.dtype == array.dtype, name
            np.testing.assert_array_equal(answer, array, err_msg=name)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_scikit_learn_check_of_methods(monkeypatch, estimator):
    # Attributes stay arrays of NumPy, so that they can be loaded without a GPU.
    monkeypatch.setattr(estimator_checks, "vars", lambda _: {}, raising=False)
    estimator_checks.check_array_api_input(
        type(estimator).__name__,
        estimator,
        array_namespace="torch",
        device_name="cpu",
        dtype_name="float32",
        check_values=True,
    )


def test_a_model_takes_arrays_of_another_library_than_in_fit():
    tensor = torch.from_numpy(X)
    with config_context(array_api_dispatch=True):
        fitted = AutoEncoderTransformer(2, **OPTIONS).fit(tensor)
        codes = fitted.transform(X)
        assert isinstance(codes, np.ndarray)
        np.testing.assert_array_equal(fitted.transform(tensor).numpy(), codes)
        weighted = clone(fitted).fit(tensor, sample_weight=torch.ones(30))
        assert weighted.score(tensor, sample_weight=torch.ones(30)) == fitted.score(X)
        # Attributes are loaded where there is no GPU.
        assert isinstance(fitted.mean_, np.ndarray)


def test_what_is_no_tensor_stays():
    tensor, labels = torch.from_numpy(X), np.array(["no", "yes"])[Y]
    with config_context(array_api_dispatch=True):
        model = AutoEncoderTransformer(2, **OPTIONS).set_output(transform="polars")
        frame = model.fit_transform(tensor)
        assert frame.columns == ["autoencodertransformer0", "autoencodertransformer1"]
        named = PseudoLabelClassifier(**OPTIONS).fit(tensor, labels).predict(tensor)
    assert set(named) <= {"no", "yes"}


def test_pipelines_and_searches_of_tensors():
    tensor, labels = torch.from_numpy(X), torch.from_numpy(Y)
    pipeline = make_pipeline(
        AutoEncoderTransformer(2, **OPTIONS), ClusterClassifier(random_state=0)
    )
    search = GridSearchCV(
        pipeline,
        {"autoencodertransformer__n_components": [2, 3]},
        cv=2,
        error_score="raise",
    )
    expected = clone(search).fit(X, Y).best_score_
    with config_context(array_api_dispatch=True):
        search.fit(tensor, labels)
        assert isinstance(search.predict(tensor), torch.Tensor)
    assert search.best_score_ == expected


def test_displays_draw_tensors():
    tensor = torch.from_numpy(X)
    model = AutoEncoderTransformer(2, image_shape=(2, 2), **OPTIONS).fit(X)
    with config_context(array_api_dispatch=True):
        display = LatentSpaceDisplay.from_estimator(model, tensor)
        again = LatentSpaceDisplay(codes=model.transform(tensor)).plot()
        explorer = LatentExplorer.from_estimator(model, tensor, n_steps=2)
    np.testing.assert_array_equal(display.codes, model.transform(X))
    for drawn in (display, again):
        np.testing.assert_allclose(
            np.sort(drawn.scatter_.get_offsets(), axis=0),
            np.sort(model.transform(X), axis=0),
        )
    np.testing.assert_array_equal(explorer.codes, model.transform(X))


class Standard:
    """An array of a library that follows the standard, on a device."""

    def __init__(self, values, device="there"):
        self.values, self.device = values, device

    def __array_namespace__(self):
        return self

    def asarray(self, values, device):
        return Standard(values, device)


def test_arrays_of_the_standard():
    array = Standard(X, "here")
    assert is_foreign(array)
    assert not is_foreign(X)
    assert not is_foreign([[1.0]])
    answer = like(array, X)
    assert answer.values is X
    assert answer.device == "here"
