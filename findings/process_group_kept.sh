#!/usr/bin/env bash
# torch 2.13.0, Python 3.11, Linux
#
# Creating an optimizer imports torch.distributed.nn, whose functions have the parameter
# group=group.WORLD. Python evaluates this default once, at the import. If the optimizer is
# created after init_process_group, the defaults are the process group itself. Then
# destroy_process_group() forgets the group but does not free it, and gloo's threads and
# sockets stay until the process ends. If it is created before, or if torch.distributed.nn
# is imported before, the defaults are None and no thread stays. It matters to a long
# process that joins one group after another, such as a notebook or a worker of a pool.
#
# Output seen (gloo's threads with the group, and after destroy_process_group):
#   optimizer after init_process_group: 3, 3
#   optimizer before init_process_group: 2, 0
#   torch.distributed.nn imported before: 2, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q torch==2.13.0 numpy==2.4.6
cat > "$folder/count.py" <<'PY'
import gc
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist


def gloo_threads():
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum("gloo" in name for name in names)


way, store = sys.argv[1:]
weights = [torch.nn.Parameter(torch.zeros(3))]
if way.startswith("optimizer before"):
    torch.optim.Adam(weights)
elif way.startswith("torch.distributed.nn"):
    import torch.distributed.nn
dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
if way.startswith("optimizer after"):
    torch.optim.Adam(weights)
dist.all_reduce(torch.ones(1))
during = gloo_threads()
dist.destroy_process_group()
gc.collect()
time.sleep(1)
print(f"{way}: {during}, {gloo_threads()}")
PY
for way in "optimizer after init_process_group" "optimizer before init_process_group" \
    "torch.distributed.nn imported before"; do
    "$folder/bin/python" "$folder/count.py" "$way" "$folder/store $way" | tee -a "$folder/seen"
done
grep -Eq "^optimizer after .*: ([1-9]), \1$" "$folder/seen"
grep -Eq "^optimizer before .*: [1-9], 0$" "$folder/seen"
grep -Eq "^torch.distributed.nn .*: [1-9], 0$" "$folder/seen"
