#!/usr/bin/env bash
# torch 2.13.0, Python 3.11
#
# AveragedModel keeps its average in the type of the weights. In bfloat16 an exponential
# average with the usual decay of 0.999 stops far from its limit: once a thousandth of the
# difference is less than half a step of bfloat16, each update is rounded away. Weights that
# go from 0 to 1 and stay there have the average 0.25 for ever, and 0.03 with the decay
# 0.9999. The two functions that torch has for one average, avg_fn and multi_avg_fn, stop
# at different places. With buffers and weights in float32 all is right.
#
# Output seen, after 20,000 updates with weights of 1:
#   torch.float32: multi_avg_fn 1.0000, avg_fn 1.0000, multi_avg_fn with decay 0.9999 0.8647
#   torch.bfloat16: multi_avg_fn 0.2500, avg_fn 0.5000, multi_avg_fn with decay 0.9999 0.0312
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn


def average(dtype, **function):
    model = torch.nn.Linear(1, 1, bias=False, dtype=dtype)
    torch.nn.init.zeros_(model.weight)
    averaged = AveragedModel(model, **function)
    averaged.update_parameters(model)  # the first one copies
    torch.nn.init.ones_(model.weight)
    for _ in range(20_000):
        averaged.update_parameters(model)
    return averaged.module.weight.item()


seen = {}
for dtype in (torch.float32, torch.bfloat16):
    seen[dtype] = [
        average(dtype, multi_avg_fn=get_ema_multi_avg_fn(0.999)),
        average(dtype, avg_fn=get_ema_avg_fn(0.999)),
        average(dtype, multi_avg_fn=get_ema_multi_avg_fn(0.9999)),
    ]
    print(
        "{}: multi_avg_fn {:.4f}, avg_fn {:.4f}, multi_avg_fn with decay 0.9999 {:.4f}".format(
            dtype, *seen[dtype]
        )
    )
limits = 1, 1, 1 - 0.9999**20_000
assert all(abs(a - b) < 1e-3 for a, b in zip(seen[torch.float32], limits))
assert seen[torch.bfloat16] == [0.25, 0.5, 0.03125]
PY
