#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11
#
# PCA's noise_variance_, and with it score, depends on the solver where samples are fewer
# than features. The docstring says that it is the mean of the min(n_features, n_samples)
# - n_components smallest eigenvalues; "full", "arpack" and "randomized" return that. The
# solver "covariance_eigh" takes the mean over n_features - n_components, with the
# eigenvalues that are zero for want of samples. Components, explained variances and
# codes are equal, so nothing else tells. The density of new samples differs.
#
# Output seen:
#   full: noise variance 1.755, log-likelihood -87.59
#   arpack: noise variance 1.755, log-likelihood -87.59
#   covariance_eigh: noise variance 0.847, log-likelihood -80.98
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn.decomposition import PCA

X = np.random.default_rng(0).normal(size=(30, 60))
fitted = {}
for solver in ("full", "arpack", "covariance_eigh"):
    pca = fitted[solver] = PCA(2, svd_solver=solver, random_state=0).fit(X)
    print(
        f"{solver}: noise variance {pca.noise_variance_:.3f}, "
        f"log-likelihood {pca.score(X):.2f}"
    )
full, other = fitted["full"], fitted["covariance_eigh"]
np.testing.assert_allclose(other.explained_variance_, full.explained_variance_)
np.testing.assert_allclose(fitted["arpack"].noise_variance_, full.noise_variance_)
np.testing.assert_allclose(other.noise_variance_, full.noise_variance_ * 28 / 58)
assert other.score(X) > full.score(X) + 6
PY
