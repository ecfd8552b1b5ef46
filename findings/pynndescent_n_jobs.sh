#!/usr/bin/env bash
# pynndescent 0.7.0, numba 0.68.1, numpy 2.4.6, Python 3.11, at least 2 cores
#
# NNDescent(random_state=0) returns the same neighbours again and again with one number of
# threads, but other ones with another n_jobs: here more than half of the rows get another
# set of ten neighbours. By default n_jobs is the number of cores. So what is built on the
# graph, such as clusters or an embedding, differs between two machines in spite of the seed.
#
# Output seen (share of rows with other neighbours than with n_jobs=1):
#   n_jobs=1: 0.00
#   n_jobs=2: 0.56
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q pynndescent==0.7.0 numba==0.68.1 numpy==2.4.6 scikit-learn==1.9.1
NUMBA_NUM_THREADS=2 "$folder/bin/python" - <<'PY'
import numpy as np
from pynndescent import NNDescent

X = np.random.default_rng(0).normal(size=(5000, 20)).astype(np.float32)


def neighbours(n_jobs):
    index = NNDescent(X, n_neighbors=10, random_state=0, n_jobs=n_jobs)
    return np.sort(index.neighbor_graph[0], axis=1)


first = neighbours(1)
shares = {n_jobs: (neighbours(n_jobs) != first).any(axis=1).mean() for n_jobs in (1, 2)}
for n_jobs, share in shares.items():
    print(f"n_jobs={n_jobs}: {share:.2f}")
assert shares[1] == 0
assert shares[2] > 0.1
PY
