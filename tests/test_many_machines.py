"""Tests that the scripts of the page on many machines run as they are printed."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skae import AutoEncoderTransformer

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "many_machines.rst"


def run(name, folder, *launcher):
    """Run a script of the page, and return the last line that it prints."""
    block = re.search(rf"    # {name}\n(    .*\n|\n)*", PAGE.read_text())
    (folder / name).write_text(textwrap.dedent(block[0]))
    command = [sys.executable, "-W", "ignore", *launcher, name]
    output = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    assert output.returncode == 0, output.stderr
    return output.stdout.strip().rpartition("\n")[2]


def search_here():
    X, _ = load_digits(return_X_y=True)
    ae, grid = AutoEncoderTransformer(random_state=0), {"n_components": [4, 8]}
    return GridSearchCV(ae, grid, cv=2).fit(X)


@pytest.mark.skipif(sys.platform != "linux", reason="torchrun is tested on Linux")
def test_torchrun(tmp_path):
    np.save(tmp_path / "X.npy", load_digits().data[:200])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    run("train.py", tmp_path, *launcher)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_workers_of_joblib_on_other_machines(backend, tmp_path):
    pytest.importorskip({"dask": "distributed"}.get(backend, backend))
    found = ast.literal_eval(run(f"with_{backend}.py", tmp_path))
    assert found == search_here().best_params_


def test_optuna_prunes_by_epoch(tmp_path):
    pytest.importorskip("optuna")
    states = ast.literal_eval(run("with_optuna.py", tmp_path))
    assert states[:2] == ["COMPLETE", "COMPLETE"]
    assert "PRUNED" in states[2:]
