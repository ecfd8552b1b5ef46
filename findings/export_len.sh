#!/usr/bin/env bash
# torch 2.13.0, Python 3.11
#
# In torch.export, len(x) of a dynamic dimension is the number of the example, while
# x.shape[0] stays dynamic. With a named Dim the export fails, and the error names the
# dimension but not len. With Dim.AUTO it succeeds, and the program then refuses any other
# number. With strict=True, len(x) stays dynamic, too.
#
# Output seen:
#   shape[0], Dim: takes 5 rows
#   len, Dim: UserError: Constraints violated (n)!
#   len, Dim.AUTO: refuses 5 rows
#   len, Dim, strict: takes 5 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 numpy==2.4.6
"$folder/bin/python" - <<'PY'
import torch
from torch import nn
from torch.export import Dim, export


class ByLen(nn.Module):
    def forward(self, x):
        return x.view(len(x), -1)


class ByShape(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0], -1)


def try_export(module, dim, strict=False):
    try:
        program = export(
            module, (torch.zeros(2, 3, 4),), dynamic_shapes=({0: dim},), strict=strict
        )
    except torch._dynamo.exc.UserError as error:
        return "UserError: " + str(error).partition(" For")[0]
    try:
        program.module()(torch.zeros(5, 3, 4))
    except AssertionError:
        return "refuses 5 rows"
    return "takes 5 rows"


found = {
    "shape[0], Dim": try_export(ByShape(), Dim("n")),
    "len, Dim": try_export(ByLen(), Dim("n")),
    "len, Dim.AUTO": try_export(ByLen(), Dim.AUTO),
    "len, Dim, strict": try_export(ByLen(), Dim("n"), strict=True),
}
for case, result in found.items():
    print(f"{case}: {result}")
assert list(found.values()) == [
    "takes 5 rows",
    "UserError: Constraints violated (n)!",
    "refuses 5 rows",
    "takes 5 rows",
]
PY
