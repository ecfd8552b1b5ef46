#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# A target of the shape (n, 1) keeps its axis in LinearRegression: predict returns (n, 1),
# and coef_ is (1, n_features). Ridge(alpha=0), the same model, drops it: predict returns
# (n,), and coef_ is (n_features,). So `model.predict(X) - Y` has the shape (n, 1) with the
# one and broadcasts to (n, n) with the other, silently.
#
# Output seen:
#   LinearRegression (1, 2) (6, 1)
#   Ridge (2,) (6,)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
shapes = {}
for model in (LinearRegression(), Ridge(alpha=0)):
    predicted = model.fit(X, Y).predict(X)
    shapes[type(model).__name__] = model.coef_.shape, predicted.shape
    print(type(model).__name__, *shapes[type(model).__name__])
assert shapes == {"LinearRegression": ((1, 2), (6, 1)), "Ridge": ((2,), (6,))}
PY
