import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import PseudoLabelClassifier
from skae.semi_supervised._refining import corrects_labels, is_better


@pytest.mark.parametrize(
    ("n_labels", "n_contradicted", "expected"),
    [
        (1000, 0, False),
        (1000, 6, True),  # 6 - 2 * 6 ** 0.5 = 1.1 are more than one in a thousand
        (1000, 5, False),
        (60000, 77, False),
        (60000, 78, True),
    ],
)
def test_more_labels_are_contradicted_than_by_chance(
    n_labels, n_contradicted, expected
):
    labels = np.arange(n_labels) % 10
    predicted = labels.copy()
    predicted[:n_contradicted] = (labels[:n_contradicted] + 1) % 10
    assert is_better(labels, predicted) is expected


@pytest.mark.parametrize(("n_lost", "expected"), [(50, True), (51, False)])
def test_no_cluster_may_lose_most_of_its_labels(n_lost, expected):
    labels = np.repeat([0, 2], [9900, 100])  # no sample of cluster 1 is certain
    predicted = labels.copy()
    predicted[-n_lost:] = 0
    assert is_better(labels, predicted) is expected


def test_which_refiners_correct_labels():
    X = np.repeat([[0.0], [1.0]], 10, axis=0)
    y = np.repeat([0, 1], 10)
    correcting = PseudoLabelClassifier(max_epochs=1, random_state=0).fit(X, y)
    linear = LogisticRegression().fit(X, y)
    scaler = StandardScaler().fit(X)
    assert corrects_labels(correcting)
    assert corrects_labels(make_pipeline(scaler, correcting))
    assert not corrects_labels(linear)
    assert not corrects_labels(make_pipeline(scaler, linear))
