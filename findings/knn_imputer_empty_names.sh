#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.1.1, Python 3.11
#
# KNNImputer(keep_empty_features=True) keeps a column that has no value in fit, filled
# with 0, but get_feature_names_out leaves its name out. So set_output(transform="pandas")
# raises a ValueError about lengths, which names neither the column nor the parameter.
# SimpleImputer has the name.
#
# Output seen:
#   KNNImputer (3, 2) ['a']
#   SimpleImputer (3, 2) ['a', 'b']
#   Length mismatch: Expected axis has 2 elements, new values have 1 elements
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 pandas==3.1.1
"$folder/bin/python" - <<'PY'
import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer, SimpleImputer

frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [np.nan] * 3})
names = []
for kind in (KNNImputer, SimpleImputer):
    imputer = kind(keep_empty_features=True).fit(frame)
    names.append(imputer.get_feature_names_out().tolist())
    print(kind.__name__, imputer.transform(frame).shape, names[-1])
assert names == [["a"], ["a", "b"]]
try:
    KNNImputer(keep_empty_features=True).set_output(transform="pandas").fit_transform(frame)
except ValueError as error:
    print(error)
else:
    raise AssertionError("the names are there")
PY
