#!/usr/bin/env bash
# scikit-learn 1.9.1, polars 2.1.0, Python 3.11
#
# SimpleImputer takes a frame of polars, fills the nulls of its numbers, and leaves those
# of its strings and booleans where they are, without a word: they arrive as None in an
# array of objects, and missing_values=np.nan does not match None. As pandas reads the
# same column it has NaN, and is filled. missing_values=None then fills strings and
# leaves numbers. A later OneHotEncoder hides it, since it takes None as a category.
#
# Output seen:
#   pandas strings ['a', 'a', 'a', 'b']
#   polars strings ['a', None, 'a', 'b']
#   polars booleans [True, None, True, False]
#   polars numbers [1.0, 1.0, 1.0, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 polars==2.1.0 pandas==3.1.1
"$folder/bin/python" - <<'PY'
import pandas as pd
import polars as pl
from sklearn.impute import SimpleImputer

strings, booleans, numbers = ["a", None, "a", "b"], [True, None, True, False], [1, None, 1, 2]
seen = {}
for what, frame in (
    ("pandas strings", pd.DataFrame({"x": strings})),
    ("polars strings", pl.DataFrame({"x": strings})),
    ("polars booleans", pl.DataFrame({"x": booleans})),
    ("polars numbers", pl.DataFrame({"x": numbers})),
):
    filled = SimpleImputer(strategy="most_frequent").fit_transform(frame)
    seen[what] = filled.ravel().tolist()
    print(what, seen[what])
assert list(seen.values()) == [["a", "a", "a", "b"], strings, booleans, [1, 1, 1, 2]]
PY
