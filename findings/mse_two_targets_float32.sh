#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, Python 3.11, 1 GB of memory
#
# For two or more float32 targets, the regression metrics of scikit-learn add up all rows
# in float32 one after the other, since this is how NumPy sums the rows of a matrix. A
# column by itself is summed in pairs, which is accurate. So mean_squared_error of 20
# million rows with an error of 1 each is 1 for one target and 0.84 for two equal ones,
# without a warning: from 16,777,216 on, adding 1 changes nothing. With normal errors it
# is 3 % too small at 16 million rows. The pixels of images are targets of this kind.
#
# Output seen:
#   every error is 1, 20 million rows: one target 1.0, two targets 0.838860809803009
#   normal errors, 16 million rows: one target 0.2500, two targets 0.2432, in float64 0.2500
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
from sklearn.metrics import mean_squared_error

errors = np.ones((20_000_000, 2), dtype=np.float32)
one = mean_squared_error(np.zeros_like(errors[:, 0]), errors[:, 0])
two = mean_squared_error(np.zeros_like(errors), errors)
print(f"every error is 1, 20 million rows: one target {one}, two targets {two}")
assert one == 1 and two < 0.84

errors = np.random.default_rng(0).standard_normal((16_000_000, 2), dtype=np.float32) / 2
one = mean_squared_error(np.zeros_like(errors[:, 0]), errors[:, 0])
two = mean_squared_error(np.zeros_like(errors), errors)
right = np.square(errors, dtype=np.float64).mean()
print(
    f"normal errors, 16 million rows: one target {one:.4f}, two targets {two:.4f}, "
    f"in float64 {right:.4f}"
)
assert abs(one - right) < 1e-4 and two < 0.98 * right
PY
