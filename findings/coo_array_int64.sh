#!/usr/bin/env bash
# scipy 1.17.1, scikit-learn 1.9.1, Python 3.11
#
# SciPy recommends sparse arrays in place of sparse matrices. coo_matrix stores the int64
# coordinates that numpy.nonzero or a pandas factorization returns as int32 if they fit.
# coo_array and csr_array keep them as int64, and so does tocsr(). Estimators that pass X
# to compiled code then refuse it: KMeans and SVC raise a ValueError that asks for a report
# to scikit-learn, while LogisticRegression fits the same X. So a pipeline stops at its
# second step, for a table of any size. Converting the coordinates first mends it.
#
# Output seen:
#   coo_matrix int32 KMeans fits, SVC fits, LogisticRegression fits
#   coo_array int64 KMeans ValueError, SVC ValueError, LogisticRegression fits
#   csr_array int64 KMeans ValueError, SVC ValueError, LogisticRegression fits
#   coo_array of int32 int32 KMeans fits, SVC fits, LogisticRegression fits
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 scipy==1.17.1
"$folder/bin/python" - <<'PY'
import numpy as np
from scipy.sparse import coo_array, coo_matrix, csr_array
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

rows, columns = np.nonzero(np.eye(6))
narrow = rows.astype(np.int32), columns.astype(np.int32)
values, shape = np.ones(6), (6, 6)
tables = {
    "coo_matrix": coo_matrix((values, (rows, columns)), shape=shape).tocsr(),
    "coo_array": coo_array((values, (rows, columns)), shape=shape).tocsr(),
    "csr_array": csr_array((values, (rows, columns)), shape=shape),
    "coo_array of int32": coo_array((values, narrow), shape=shape).tocsr(),
}


def fit(estimator, X):
    try:
        estimator.fit(X, [0, 1, 0, 1, 0, 1])
    except ValueError:
        return "ValueError"
    return "fits"


seen = {}
for name, X in tables.items():
    estimators = KMeans(2), SVC(), LogisticRegression()
    seen[name] = [fit(estimator, X) for estimator in estimators]
    told = (f"{type(e).__name__} {s}" for e, s in zip(estimators, seen[name], strict=True))
    print(name, X.indices.dtype, ", ".join(told))
refused, taken = ["ValueError", "ValueError", "fits"], ["fits"] * 3
assert list(seen.values()) == [taken, refused, refused, taken]
PY
