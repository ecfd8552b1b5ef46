#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11
#
# PCA with its default solver is wrong for float32 samples whose means are large beside
# their spread: 1000 beside 1 is enough. From ten times as many samples as features on
# (and at most 1000 features), svd_solver="auto" takes "covariance_eigh", which subtracts
# the means from the sum of products X.T @ X instead of from X. In float32 nothing is
# left of the variance. No warning is given. StandardScaler gets these samples right, and
# so does svd_solver="full", which "auto" takes for fewer samples. So a result that was
# tested on a small part of the data is lost on all of it.
#
# Output seen (variance along the first and the last component; 4 and 1 are expected):
#   auto, 199 samples: 5.2 and 0.7
#   auto, 5000 samples: 20.6 and 0.0
#   full, 5000 samples: 4.1 and 1.0
#   auto, float64: 4.1 and 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn.decomposition import PCA

spread = np.linspace(1, 2, 20)
X = (1000 + np.random.default_rng(0).normal(size=(5000, 20)) * spread).astype(np.float32)
ends = {}
for what, solver, samples in (
    ("auto, 199 samples", "auto", X[:199]),
    ("auto, 5000 samples", "auto", X),
    ("full, 5000 samples", "full", X),
    ("auto, float64", "auto", X.astype(np.float64)),
):
    ends[what] = PCA(svd_solver=solver).fit(samples).explained_variance_[[0, -1]]
    print(f"{what}: {ends[what][0]:.1f} and {ends[what][1]:.1f}")
exact = ends["auto, float64"]
assert np.allclose(ends["full, 5000 samples"], exact, rtol=0.1)
assert ends["auto, 5000 samples"][0] > 2 * exact[0]
PY
