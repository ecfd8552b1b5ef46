"""scikit-learn's checks over every estimator, with default parameters, none excused."""

import pickle
from contextlib import contextmanager
from unittest import SkipTest

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import (
    check_estimator,
    estimator_checks_generator,
    parametrize_with_checks,
)

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
from skae.modules import DenseAutoencoder

# Many checks fit noise, or train for a few steps: nothing to encode, and it says so.
# Those of weights cluster two distinct samples.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The posterior has collapsed"),
    pytest.mark.filterwarnings("ignore:X has . distinct samples"),
]

ESTIMATORS = [
    AutoEncoderImputer(),
    AutoEncoderImputer(DenoisingAutoEncoder(max_epochs=5), random_state=0),
    AutoEncoderOutlierDetector(),
    AutoEncoderTransformer(),
    ClusterClassifier(),
    ColorizationAutoEncoder(),
    DenoisingAutoEncoder(),
    PseudoLabelClassifier(),
    SpectralKMeans(),
    VariationalAutoEncoder(),
    # The one that needs to be told what it wraps.
    Reconstructor(DenoisingAutoEncoder(max_epochs=5, random_state=0)),
]
# Checks of scikit-learn that check_estimator does not yield.
UNLISTED = [
    "check_dataframe_column_names_consistency",
    "check_param_validation",
    "check_inplace_ensure_writeable",
]
UNLISTED_OF_TRANSFORMERS = [
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"the check skips itself: {reason}")


def _unlisted():
    for estimator in ESTIMATORS:
        names = UNLISTED
        if hasattr(estimator, "transform"):
            names = names + UNLISTED_OF_TRANSFORMERS
        for name in names:
            yield pytest.param(estimator, name, id=f"{type(estimator).__name__}-{name}")


# The checks themselves give arrays to what they fitted on data frames, and vice versa.
@pytest.mark.filterwarnings("ignore:X .*feature names")
@pytest.mark.parametrize(("estimator", "name"), list(_unlisted()))
def test_unlisted_scikit_learn_check(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_no_check_is_left_out(estimator):
    # The fewest are those of a clusterer in scikit-learn 1.6.
    assert len(list(estimator_checks_generator(estimator))) >= 45


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


class Ones(DenseAutoencoder):
    """A user's module that makes a tensor without saying where."""

    def encode(self, x):
        return super().encode(x) * torch.ones(1)


DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = np.float32(DIGITS[:200] / 16), LABELS[:200]
COLORS = np.random.default_rng(0).random((200, 8, 8, 3), dtype=np.float32)
IMAGES = DIGITS.reshape(-1, 8, 8)
TRAINED = {
    "dense": (AutoEncoderTransformer(2), IMAGES, None),
    "low": (AutoEncoderTransformer(2, compute_dtype="bfloat16"), IMAGES, None),
    "conv": (AutoEncoderTransformer(2, architecture="conv"), IMAGES, None),
    "own": (AutoEncoderTransformer(2, module=Ones), IMAGES, None),
    "radam": (AutoEncoderTransformer(2, optimizer=torch.optim.RAdam), IMAGES, None),
    "denoising": (DenoisingAutoEncoder(2), DIGITS, None),
    "variational": (VariationalAutoEncoder(2), DIGITS, None),
    "labels": (PseudoLabelClassifier(compute_dtype="bfloat16"), IMAGES, LABELS),
    "colors": (ColorizationAutoEncoder(2, compute_dtype="bfloat16"), IMAGES, COLORS),
}


# What of torch a caller may have set around a call, and none of it may be noticed. No
# tensor that computes can be on the device "meta".
@pytest.mark.parametrize(
    "surroundings",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode,
        torch.no_grad,
        lambda: default_dtype(torch.float64),
        lambda: default_device("meta"),
    ],
    ids=["autocast", "inference_mode", "no_grad", "default_dtype", "default_device"],
)
@pytest.mark.parametrize(("estimator", "X", "y"), TRAINED.values(), ids=TRAINED)
def test_modes_of_torch_around_a_call_change_nothing(estimator, X, y, surroundings):
    def fitted_and_asked():
        fitted = clone(estimator).set_params(max_epochs=3, random_state=0).fit(X, y)
        fitted = pickle.loads(pickle.dumps(fitted))
        answers = [fitted.loss_curve_]
        for method in ("predict_proba", "transform", "reconstruct", "score_samples"):
            if hasattr(fitted, method):
                answers.append(getattr(fitted, method)(X))
        if hasattr(fitted, "sample"):
            answers.append(fitted.sample(3, random_state=0))
            holes = np.where(X > 0.8, np.nan, X)
            answers.append(fitted.impute(holes))
            answers.append(fitted.partial_fit(X).transform(X))
        return answers

    answers = fitted_and_asked()
    with surroundings():
        answers_inside = fitted_and_asked()
    for inside, outside in zip(answers_inside, answers, strict=True):
        np.testing.assert_array_equal(inside, outside)


def _failures(pipeline):
    results = check_estimator(pipeline, on_skip=None, on_fail=None)
    return {r["check_name"] for r in results if r["status"] == "failed"}


def test_pipeline_fails_only_what_every_pipeline_fails():
    ours = Pipeline(
        [
            ("ae", AutoEncoderTransformer(random_state=0)),
            ("clf", ClusterClassifier(random_state=0)),
        ]
    )
    # The tags of a pipeline do not tell what its first step makes of missing values and
    # of sparse samples, so peers that take them fail as well. In scikit-learn 1.6 they
    # fail one more.
    peers = [
        Pipeline([("fill", SimpleImputer()), ("clf", LogisticRegression())]),
        Pipeline([("svd", TruncatedSVD(1)), ("clf", GaussianNB())]),
    ]
    assert _failures(ours) <= set.union(*map(_failures, peers))
