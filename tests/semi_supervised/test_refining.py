import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import PseudoLabelClassifier
from skae.semi_supervised._refining import find_learned_labels, is_better


@pytest.mark.parametrize(
    ("n_labels", "n_contradicted", "expected"),
    [
        (1000, 0, False),
        (1000, 2, False),
        (1000, 3, True),  # 3 - 3 ** 0.5 = 1.3 are more than one in a thousand
        (60000, 68, False),
        (60000, 69, True),
    ],
)
def test_more_labels_are_contradicted_than_by_chance(
    n_labels, n_contradicted, expected
):
    labels = np.arange(n_labels) % 10
    predicted = labels.copy()
    predicted[:n_contradicted] = (labels[:n_contradicted] + 1) % 10
    assert is_better(labels, predicted, predicted) is expected


@pytest.mark.parametrize(("n_lost", "expected"), [(50, True), (51, False)])
def test_no_cluster_may_lose_most_of_its_labels(n_lost, expected):
    labels = np.repeat([0, 2], [9900, 100])  # no sample of cluster 1 is certain
    predicted = labels.copy()
    predicted[-n_lost:] = 0
    assert is_better(labels, predicted, predicted) is expected


@pytest.mark.parametrize(
    ("n_corrected", "expected"), [(0, False), (3, False), (4, True)]
)
def test_the_refiner_must_have_corrected_some_labels(n_corrected, expected):
    labels = np.arange(1000) % 2
    learned, predicted = labels.copy(), labels.copy()
    learned[:n_corrected] = 1 - labels[:n_corrected]
    predicted[:20] = 1 - labels[:20]
    assert is_better(labels, learned, predicted) is expected


def test_what_refiners_have_learned():
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0], [1.0]], 200, axis=0) + rng.normal(0, 0.01, (400, 1))
    y = np.repeat([0, 1], 200)
    y_wrong = np.where(np.arange(400) % 20 == 0, 1 - y, y)
    correcting = PseudoLabelClassifier(random_state=0).fit(X, y_wrong)
    linear = LogisticRegression().fit(X, y_wrong)
    scaler = StandardScaler().fit(X)
    for refiner in (correcting, make_pipeline(scaler, correcting)):
        np.testing.assert_array_equal(find_learned_labels(refiner, y_wrong), y)
    for refiner in (linear, make_pipeline(scaler, linear)):
        np.testing.assert_array_equal(find_learned_labels(refiner, y_wrong), y_wrong)
