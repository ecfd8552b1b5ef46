#!/usr/bin/env bash
# scikit-learn 1.9.1, Python 3.11
#
# ScoringMonitor(scoring=None) is documented as the estimator's own score. It cannot be
# used: every fit that reports a task to it ends with a TypeError. With a string, such as
# scoring="accuracy", the same fit works.
#
# Output seen:
#   accuracy: fitted
#   None: TypeError: 'float' object is not iterable
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1
"$folder/bin/python" -W ignore - <<'PY'
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True)
outcomes = []
for scoring in ("accuracy", None):
    model = LogisticRegression().set_callbacks(ScoringMonitor(scoring=scoring))
    try:
        model.fit(X, y)
        outcomes.append("fitted")
    except TypeError as error:
        outcomes.append(f"TypeError: {error}")
    print(f"{scoring}: {outcomes[-1]}")
assert outcomes == ["fitted", "TypeError: 'float' object is not iterable"]
PY
