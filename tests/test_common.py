"""scikit-learn's checks over every estimator, with default parameters, none excused."""

import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    SpectralKMeans,
    VariationalAutoEncoder,
)

# Many checks fit noise, or train for a few steps: nothing to encode, and it says so.
pytestmark = pytest.mark.filterwarnings("ignore:The posterior has collapsed")

ESTIMATORS = [
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
    check(estimator)


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
def test_no_check_is_skipped(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail="raise")
    # A clusterer gets one fewer than a transformer.
    assert len(results) >= 46
    assert {result["status"] for result in results} == {"passed"}


def _failures(pipeline):
    results = check_estimator(pipeline, on_skip=None, on_fail=None)
    return {r["check_name"] for r in results if r["status"] == "failed"}


def test_pipeline_fails_what_every_pipeline_fails():
    ours = Pipeline(
        [
            ("ae", AutoEncoderTransformer(random_state=0)),
            ("clf", ClusterClassifier(random_state=0)),
        ]
    )
    peer = Pipeline([("pca", PCA()), ("clf", LogisticRegression())])
    assert _failures(ours) == _failures(peer)
