#!/usr/bin/env bash
# torch 2.13.0, numpy 2.4.6, Python 3.11
#
# On the CPU, torch.randn(n) draws other numbers from 16 on than below: with one seed,
# the first numbers of randn(15) and of randn(16) have nothing in common. From 16 on,
# Box-Muller is applied to blocks of 16, whose last block is redrawn as a whole where it
# is not full. So randn(17) and randn(16) differ from the second number on. NumPy's
# standard_normal and torch.rand have the property that is missing: fewer are a prefix of
# more. It matters where noise is drawn per sample or per part of a batch and should not
# depend on the size of the batch, for instance the last one of an epoch.
#
# Output seen (length of the common prefix of n and n + 1 numbers):
#   n       8  15  16  17  32
#   randn   8   0   1   1  17
#   rand    8  15  16  17  32
#   numpy   8  15  16  17  32
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import numpy as np
import torch


def common_prefix(draw, n):
    few, more = draw(n), draw(n + 1)[:n]
    return next((i for i in range(n) if few[i] != more[i]), n)


def by(function):
    return lambda n: function(n, generator=torch.Generator().manual_seed(0)).tolist()


draws = {
    "randn": by(torch.randn),
    "rand": by(torch.rand),
    "numpy": lambda n: np.random.default_rng(0).standard_normal(n).tolist(),
}
sizes = (8, 15, 16, 17, 32)
print("n    ", *(f"{n:3}" for n in sizes))
seen = {}
for name, draw in draws.items():
    seen[name] = [common_prefix(draw, n) for n in sizes]
    print(f"{name:5}", *(f"{length:3}" for length in seen[name]))
assert seen["rand"] == seen["numpy"] == list(sizes)
assert seen["randn"][0] == 8 and all(l < n for l, n in zip(seen["randn"][1:], sizes[1:]))
PY
