#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.1.1, Python 3.11
#
# OneHotEncoder learns missing strings of a CSV file as a category, NaN. A request that is
# served one row at a time has them as NaN or None, and neither meets that category. A
# frame of one NaN has a column of floats, and transform raises a TypeError that names
# neither column nor reason. A frame of one None has a column of objects: None is an
# unknown category, and with handle_unknown="ignore" the row is silently all zeros. In a
# frame of several rows pandas makes NaN of both, so that a test with more than one row
# passes. `.astype(frame.dtypes)`, with the types of the training frame, mends both.
#
# Output seen:
#   nan TypeError
#   None [0.0, 0.0, 0.0]
#   None beside "red" [0.0, 0.0, 1.0]
#   nan with types [0.0, 0.0, 1.0]
#   None with types [0.0, 0.0, 1.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 pandas==3.1.1
"$folder/bin/python" - <<'PY'
from io import StringIO

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

frame = pd.read_csv(StringIO("colour,size\nred,1\nblue,2\n,3\n"))[["colour"]]
encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(frame)


def encode(*values, types=None):
    rows = pd.DataFrame([{"colour": value} for value in values])
    try:
        return encoder.transform(rows if types is None else rows.astype(types))[-1].tolist()
    except TypeError:
        return "TypeError"


seen = {
    "nan": encode(np.nan),
    "None": encode(None),
    'None beside "red"': encode("red", None),
    "nan with types": encode(np.nan, types=frame.dtypes),
    "None with types": encode(None, types=frame.dtypes),
}
for what, row in seen.items():
    print(what, row)
missing = [0.0, 0.0, 1.0]
assert list(seen.values()) == ["TypeError", [0.0, 0.0, 0.0], missing, missing, missing]
PY
