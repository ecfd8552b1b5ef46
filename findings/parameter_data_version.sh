#!/usr/bin/env bash
# torch 2.13.0, Python 3.11
#
# torch counts changes in place: `_version` of a tensor rises, and backward refuses a
# tensor that has changed since the forward pass. After `p.data = flat[:4]` the parameter
# shares its memory with `flat`, but not its counter. A change of `flat` in place changes
# the value of `p`, and `p._version` stays. So who caches by `_version` reads stale
# values. A view, `flat[:4]`, shares the counter.
#
# Output seen:
#   value 1.0, version of the parameter 0, of the view 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import torch

flat = torch.zeros(8)
view = flat[:4]
p = torch.nn.Parameter(torch.zeros(4))
p.data = flat[:4]
flat.add_(1)
seen = p[0].item(), p._version, view._version
print(f"value {seen[0]}, version of the parameter {seen[1]}, of the view {seen[2]}")
assert seen == (1.0, 0, 1)
PY
