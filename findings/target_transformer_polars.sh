#!/usr/bin/env bash
# scikit-learn 1.9.1, polars 2.1.0, pandas 3.1.1, Python 3.11
#
# TransformedTargetRegressor transforms y by a transformer of scikit-learn and asks the
# result for ndim, which frames of polars do not have. So it cannot be fitted while
# set_config(transform_output="polars") is in force, although y and the predictions are
# arrays, and the frame is never seen by the user. With pandas it can.
#
# Output seen:
#   default [1. 3. 5.]
#   pandas [1. 3. 5.]
#   polars AttributeError: 'DataFrame' object has no attribute 'ndim'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1 polars==2.1.0
"$folder/bin/python" - <<'PY'
import numpy as np
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

X = np.arange(8.0).reshape(-1, 1)
y = 2 * X[:, 0] + 1
error = None
for output in ("default", "pandas", "polars"):
    with sklearn.config_context(transform_output=output):
        model = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler())
        try:
            print(output, model.fit(X, y).predict(X)[:3].round(6))
        except AttributeError as caught:
            error = output, str(caught)
            print(f"{output} AttributeError: {caught}")
assert error == ("polars", "'DataFrame' object has no attribute 'ndim'")
PY
