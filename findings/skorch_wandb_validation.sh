#!/usr/bin/env bash
# skorch 1.4.0, torch 2.13.0, Python 3.11
#
# skorch's WandbLogger saves the weights of the best epoch by default. For this it reads
# "valid_loss_best" of the history, which a net without validation does not have: with
# train_split=None the first epoch ends with a KeyError that names neither the callback
# nor its parameter. save_model=False logs without validation. MlflowLogger saves the
# weights after training instead, and needs no validation.
#
# Output seen:
#   KeyError 'valid_loss_best'
#   save_model=False: 2 epochs logged
#   with validation: 2 epochs logged
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q skorch==1.4.0 torch==2.13.0
"$folder/bin/python" -W ignore - "$folder" <<'PY'
import sys

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import WandbLogger
from skorch.dataset import ValidSplit

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


class Run:
    """Has what the callback uses of a run of wandb."""

    dir = sys.argv[1]

    def __init__(self):
        self.logged = []

    def watch(self, module):
        pass

    def log(self, values):
        self.logged.append(values)


def fit(train_split, **parameters):
    run = Run()
    NeuralNetRegressor(
        torch.nn.Linear,
        module__in_features=3,
        module__out_features=3,
        max_epochs=2,
        train_split=train_split,
        callbacks=[WandbLogger(run, **parameters)],
        verbose=0,
    ).fit(X, X)
    return len(run.logged)


try:
    fit(None)
except KeyError as error:
    print("KeyError", error)
else:
    raise AssertionError("it fits")
n_epochs = fit(None, save_model=False), fit(ValidSplit(2))
print(f"save_model=False: {n_epochs[0]} epochs logged")
print(f"with validation: {n_epochs[1]} epochs logged")
assert n_epochs == (2, 2)
PY
