#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.1.1, polars 2.1.0, Python 3.11
#
# scikit-learn takes columns of dates as numbers without a warning, in the unit that they
# are stored in, and does not look at it again. Which unit that is depends on how the same
# days were read: seconds, microseconds or nanoseconds in pandas, days or microseconds in
# polars. So a model that was fitted on one frame predicts nonsense for another one with
# equal dates and equal names of columns. read_csv of pandas 3 yields microseconds, where
# that of pandas 2 yielded nanoseconds. Differences of dates behave in the same way.
#
# Output seen (a regression that is fitted on the frame of read_csv; 0, 1, 2, 3 are right):
#   read_csv, datetime64[us]: 0.0 1.0 2.0 3.0
#   to_datetime of dates, datetime64[s]: -20089.0 -20089.0 -20089.0 -20089.0
#   cast to nanoseconds, datetime64[ns]: 20068911.0 20069911.0 20070911.0 20071911.0
#   polars, Date: -20089.0 -20089.0 -20089.0 -20089.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 pandas==3.1.1 polars==2.1.0
"$folder/bin/python" - <<'PY'
from datetime import date
from io import StringIO

import numpy as np
import pandas as pd
import polars as pl
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

days = [date(2025, 1, 1 + i) for i in range(4)]
text = "day\n" + "\n".join(map(str, days))
read = pd.read_csv(StringIO(text), parse_dates=["day"])
frames = {
    "read_csv": read,
    "to_datetime of dates": pd.DataFrame({"day": pd.to_datetime(days)}),
    "cast to nanoseconds": read.astype("datetime64[ns]"),
    "polars": pl.read_csv(StringIO(text), try_parse_dates=True),
}
model = make_pipeline(StandardScaler(), LinearRegression()).fit(read, [0, 1, 2, 3])
right = {}
for what, frame in frames.items():
    assert [str(day)[:10] for day in frame["day"]] == [str(day) for day in days]
    predicted = model.predict(frame)
    kind = frame["day"].dtype
    print(f"{what}, {kind}: {' '.join(f'{value:.1f}' for value in predicted)}")
    right[what] = bool(np.allclose(predicted, [0, 1, 2, 3], atol=1e-3))
assert list(right.values()) == [True, False, False, False]
PY
