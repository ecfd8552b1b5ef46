#!/usr/bin/env bash
# scikit-learn 1.9.1, zarr 3.1.6, Python 3.11
#
# PCA().fit(z) takes an array of zarr, and z[[0, 2]] are its rows 0 and 2. But everything
# that splits fails: train_test_split, cross_val_score and GridSearchCV select rows by
# z[rows, ...], which NumPy takes and zarr 3 does not. An array of rows gives a ValueError
# about the truth value of an array, which does not mention the dots, and a list of rows
# an IndexError. Indexing by z.oindex[rows] works, and so does loading first, z[:].
#
# Output seen:
#   z[rows]: rows 0 and 2
#   z[rows, ...]: ValueError
#   z[list, ...]: IndexError
#   z.oindex[rows]: rows 0 and 2
#   train_test_split: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 zarr==3.1.6 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
import zarr
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

X = np.arange(24.0).reshape(8, 3)
z = zarr.array(X, chunks=(2, 3))
rows = np.array([0, 2])
assert PCA(2).fit(z).n_features_in_ == 3


def try_(select):
    try:
        found = select()
    except (IndexError, ValueError) as error:
        return type(error).__name__
    assert np.array_equal(found, X[rows])
    return "rows 0 and 2"


seen = {
    "z[rows]": try_(lambda: z[rows]),
    "z[rows, ...]": try_(lambda: z[rows, ...]),
    "z[list, ...]": try_(lambda: z[rows.tolist(), ...]),
    "z.oindex[rows]": try_(lambda: z.oindex[rows]),
    "train_test_split": try_(lambda: train_test_split(z)),
}
for what, found in seen.items():
    print(f"{what}: {found}")
good = "rows 0 and 2"
assert list(seen.values()) == [good, "ValueError", "IndexError", good, "ValueError"]
PY
