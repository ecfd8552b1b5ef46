#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11
#
# IsolationForest.fit takes sample_weight, and on up to 256 rows ignores it without a word:
# scores are the same to the last bit, whatever the weights. The weights are probabilities
# with which each tree draws its rows. By default these are drawn without replacement, and
# max_samples="auto" is as many as there are, up to 256, so each tree gets every row. On
# more rows weights have an effect, at first a small one. bootstrap=True draws with
# replacement, and always follows the weights.
#
# Output seen (largest change of a score by weights of 100 and 0.01):
#   256 rows: 0.0000
#   257 rows: 0.0061
#   1000 rows: 0.1500
#   256 rows, bootstrap: 0.1782
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn.ensemble import IsolationForest


def change(n_rows, bootstrap=False):
    X = np.random.default_rng(0).normal(size=(n_rows, 2))
    weight = np.where(X[:, 0] > 0, 100, 0.01)
    forest = IsolationForest(bootstrap=bootstrap, random_state=0)
    plain = forest.fit(X).score_samples(X)
    return abs(forest.fit(X, sample_weight=weight).score_samples(X) - plain).max()


cases = {
    "256 rows": change(256),
    "257 rows": change(257),
    "1000 rows": change(1000),
    "256 rows, bootstrap": change(256, bootstrap=True),
}
for what, value in cases.items():
    print(f"{what}: {value:.4f}")
none, little, more, bootstrap = cases.values()
assert none == 0
assert 0 < little < 0.05 < min(more, bootstrap)
PY
