import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from skae.outliers._forest import find_path_lengths, score_by_forest


@pytest.mark.parametrize("n_samples", [1, 2, 3, 300])
def test_scores_are_those_of_scikit_learn(n_samples):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_samples, 3)).astype(np.float32)
    forest = IsolationForest(n_estimators=20, random_state=0).fit(rows)
    X = 2.0 * rng.normal(size=(50, 3)).astype(np.float32)
    path_lengths, expected = find_path_lengths(forest), forest.score_samples(X)
    scores = score_by_forest(forest, path_lengths, X)
    np.testing.assert_allclose(scores, expected, rtol=1e-14)
    one = [score_by_forest(forest, path_lengths, X[i : i + 1])[0] for i in range(50)]
    np.testing.assert_array_equal(scores, one)
