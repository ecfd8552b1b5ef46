#!/usr/bin/env bash
# skorch 1.4.0, scikit-learn 1.9.1, torch 2.13.0, Python 3.11
#
# scikit-learn reads the parameters of an object from the signature of its __init__. A
# callback of skorch has get_params too, but its parameters are its attributes, whatever
# the signature is: all but those whose name begins or ends with an underscore. So a
# callback that derives one attribute from another in __init__, or fixes a parameter of
# its base class, works in fit and fails as soon as something clones the estimator that
# holds it, such as a grid search. The attribute can be had where its name ends with an
# underscore, or where it is set in `initialize`.
#
# Output seen:
#   history rows 1
#   TypeError: Logger.__init__() got an unexpected keyword argument 'path'
#   cloned with path_
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q skorch==1.4.0 scikit-learn==1.9.1 torch==2.13.0
"$folder/bin/python" -W ignore - <<'PY'
import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from sklearn.base import clone


class Logger(Callback):
    def __init__(self, name):
        self.name = name
        self.path = f"{name}.log"


class UnderscoreLogger(Callback):
    def __init__(self, name):
        self.name = name
        self.path_ = f"{name}.log"


def net(callback):
    return NeuralNetRegressor(
        torch.nn.Linear(2, 1),
        callbacks=[callback],
        max_epochs=1,
        train_split=None,
        verbose=0,
    )


X, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
print("history rows", len(net(Logger("a")).fit(X, y).history))
try:
    clone(net(Logger("a")))
except TypeError as error:
    print(f"TypeError: {error}")
else:
    raise AssertionError("cloned")
clone(net(UnderscoreLogger("a")))
print("cloned with path_")
PY
