#!/usr/bin/env bash
# torch 2.13.0, scipy 1.17.1, numpy 2.4.6, Python 3.11
#
# In float32, the default type, log_prob of two distributions of torch is wrong by far where
# a parameter is large: NegativeBinomial with a large total_count, which is nearly a Poisson
# distribution, and StudentT with large df, which is nearly normal. Both subtract lgamma of
# neighbouring large numbers, whose difference float32 rounds away. A logarithm of a
# probability even becomes positive. Networks that learn these parameters reach such values
# on counts and errors that are nearly Poisson or normal. In float64 the values are right.
#
# Output seen:
#   NegativeBinomial, 5 at the mean 5, total_count 1e8: float32 38.944, float64 -1.740, scipy -1.740
#   StudentT, 0 at df 1e7: float32 -0.000, float64 -0.919, scipy -0.919
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 scipy==1.17.1 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import math

import torch
from scipy import stats
from torch.distributions import NegativeBinomial, StudentT


def negative_binomial(dtype):
    total = torch.tensor(1e8, dtype=dtype)
    counts = NegativeBinomial(total, logits=torch.log(5 / total))
    return counts.log_prob(torch.tensor(5, dtype=dtype)).item()


def student(dtype):
    return StudentT(torch.tensor(1e7, dtype=dtype)).log_prob(torch.tensor(0, dtype=dtype)).item()


right = {
    "NegativeBinomial, 5 at the mean 5, total_count 1e8": (
        negative_binomial,
        stats.nbinom(1e8, 1e8 / (1e8 + 5)).logpmf(5),
    ),
    "StudentT, 0 at df 1e7": (student, stats.t(1e7).logpdf(0)),
}
for name, (log_prob, expected) in right.items():
    narrow, wide = log_prob(torch.float32), log_prob(torch.float64)
    print(f"{name}: float32 {narrow:.3f}, float64 {wide:.3f}, scipy {expected:.3f}")
    assert abs(narrow - expected) > 0.5
    assert math.isclose(wide, expected, abs_tol=1e-3)
PY
