#!/usr/bin/env bash
# joblib 1.6.0, scikit-learn 1.9.1, torch 2.13.0, Python 3.11
#
# scikit-learn takes tensors of torch under array_api_dispatch. Pipeline(memory=folder) then
# stores the results of its steps, and never finds one again: joblib.hash of a tensor depends
# on where its storage lies in memory, so two tensors of equal values have different hashes.
# Each fit is computed and stored again, without a warning, and the folder grows. With NumPy
# arrays of the same values the second and third fit take the stored results.
#
# Output seen (calls of the first step's fit in three equal fits of the pipeline):
#   numpy: 1 fit, equal hashes: True
#   torch: 3 fits, equal hashes: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q joblib==1.6.0 scikit-learn==1.9.1 torch==2.13.0 numpy==2.4.6
SCIPY_ARRAY_API=1 "$folder/bin/python" - <<'PY'
import tempfile

import joblib
import numpy as np
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline


class Counting(TransformerMixin, BaseEstimator):
    n_fits = 0

    def fit(self, X, y=None):
        Counting.n_fits += 1
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
seen = {}
for name, make in {"numpy": np.array, "torch": torch.tensor}.items():
    Counting.n_fits = 0
    samples = [(make(X), make(y)) for _ in range(3)]
    with tempfile.TemporaryDirectory() as cache, config_context(
        array_api_dispatch=True
    ):
        for own_X, own_y in samples:
            steps = [("count", Counting()), ("ridge", Ridge(solver="svd"))]
            Pipeline(steps, memory=cache).fit(own_X, own_y)
    are_equal = joblib.hash(samples[0][0]) == joblib.hash(samples[1][0])
    seen[name] = Counting.n_fits, are_equal
    fits = "fit" if Counting.n_fits == 1 else "fits"
    print(f"{name}: {Counting.n_fits} {fits}, equal hashes: {are_equal}")
assert seen == {"numpy": (1, True), "torch": (3, False)}
PY
