"""What is there for speed alone changes no result."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skae

FITS = """
import json
from sklearn.datasets import load_digits
import skae

X, y = (part[:300] for part in load_digits(return_X_y=True))
options = {"max_epochs": 3, "random_state": 0, "compute_dtype": "float32"}
fits = {
    "dense": skae.AutoEncoderTransformer(8, **options),
    "conv": skae.AutoEncoderTransformer(
        8, architecture="conv", image_shape=(8, 8), hidden_layer_sizes=(8,), **options
    ),
    "l1": skae.AutoEncoderTransformer(8, l1_penalty=0.01, **options),
    "vae": skae.VariationalAutoEncoder(8, **options),
    "pseudo": skae.PseudoLabelClassifier(**options),
}
result = {"file": skae.__file__}
for name, estimator in fits.items():
    result[name] = estimator.fit(X, y).loss_curve_
X[0, 10:13] = float("nan")
result["imputed"] = fits["vae"].impute(X[:1])[0, 10:13].tolist()
result["steps"] = [
    estimator._trainer.dense_step is not None for estimator in fits.values()
]
print(json.dumps(result))
"""


def run_fits(folder):
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", FITS],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert Path(result.pop("file")).is_relative_to(folder)
    return result


def test_results_are_the_same_without_the_folder(tmp_path):
    full = Path(skae.__file__).resolve().parent
    shutil.copytree(
        full, tmp_path / "skae", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.rmtree(tmp_path / "skae" / "_training" / "fast")
    expected, found = run_fits(full.parent), run_fits(tmp_path)
    assert expected.pop("steps") == [True, False, True, True, False]
    assert found.pop("steps") == [False] * 5
    assert found.keys() == expected.keys()
    for name, losses in expected.items():
        assert len(losses) == 3
        assert found[name] == pytest.approx(losses, rel=1e-5), name
