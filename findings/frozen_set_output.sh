#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.1.1, Python 3.11
#
# FrozenEstimator protects a fitted estimator from being fitted again, and passes all other
# methods on to it. These include methods that configure it, such as set_output and
# set_score_request. They return the estimator inside, as they do without the wrapper. So
# FrozenEstimator(scaler).set_output(...), written in one line as for any transformer, is
# the scaler itself: the pipeline that it becomes a step of fits it again, in place, without
# a word. In two lines it stays frozen.
#
# Output seen (the means of the scaler, after a pipeline was fitted on samples around 9):
#   FrozenEstimator(scaler): FrozenEstimator, 0.0
#   the same, set_output in one line: StandardScaler, 9.0
#   the same, set_output in a line of its own: FrozenEstimator, 0.0
#   set_score_request returns LogisticRegression
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 pandas==3.1.1
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = np.array([[-1.0], [1.0]] * 10), np.array([0, 1] * 10)


def set_later(scaler):
    frozen = FrozenEstimator(scaler)
    frozen.set_output(transform="pandas")
    return frozen


ways = {
    "FrozenEstimator(scaler)": FrozenEstimator,
    "the same, set_output in one line": lambda scaler: FrozenEstimator(
        scaler
    ).set_output(transform="pandas"),
    "the same, set_output in a line of its own": set_later,
}
seen = []
for name, freeze in ways.items():
    scaler = StandardScaler().fit(X)
    step = freeze(scaler)
    make_pipeline(step, LogisticRegression()).fit(X + 9, y)
    seen.append((type(step).__name__, float(scaler.mean_[0])))
    print(f"{name}: {seen[-1][0]}, {seen[-1][1]}")
with config_context(enable_metadata_routing=True):
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    returned = frozen.set_score_request(sample_weight=True)
print("set_score_request returns", type(returned).__name__)
kept, lost = ("FrozenEstimator", 0.0), ("StandardScaler", 9.0)
assert seen == [kept, lost, kept]
assert isinstance(returned, LogisticRegression)
PY
