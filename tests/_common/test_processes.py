"""Tests of fits that several processes share, started by torchrun."""

import json
import subprocess
import sys

import numpy as np
import pytest

# What a user's script is: nothing of it is about processes.
FIT = """
import json, os, pickle, sys, warnings
import numpy as np
import skae
from skorch.callbacks import GradientNormClipping

X = np.random.default_rng(0).normal(size=(203, 5)) @ np.ones((5, 20))
X += np.random.default_rng(1).normal(size=X.shape)
options = {"max_epochs": 3, "batch_size": 48, "random_state": 0, "verbose": 1}
found = []
for estimator in (
    skae.AutoEncoderTransformer(2, **options),
    skae.AutoEncoderTransformer(2, early_stopping=True, optimizer="sgd", **options),
    skae.DenoisingAutoEncoder(2, contractive_penalty=0.1, **options),
    skae.VariationalAutoEncoder(2, **options),
    # So wide that sums over rows in another order would show.
    skae.AutoEncoderTransformer(2, hidden_layer_sizes=(300, 301), **options),
    skae.AutoEncoderTransformer(
        2, hidden_layer_sizes=(300, 301), compute_dtype="bfloat16", **options
    ),
    # A callback that needs the whole gradient in each step.
    skae.AutoEncoderTransformer(
        2,
        hidden_layer_sizes=(300, 301),
        l1_penalty=0.1,
        callbacks=[GradientNormClipping(0.1)],
        **options,
    ),
    None,
    skae.AutoEncoderTransformer(2, **options),
):
    if estimator is None:
        # From here on as on several machines, without shared memory, and incomplete.
        del os.memfd_create
        X[::3, 5] = np.nan
        continue
    estimator.fit(X)
    if not estimator.early_stopping:
        estimator.partial_fit(X)  # which continues with weights and optimizer
    estimator = pickle.loads(pickle.dumps(estimator))
    found.append([estimator.loss_curve_, estimator.transform(X[:9]).tolist()])
"""
# Run after the processes have parted: a thread of gloo that is still there may free a
# tensor while the interpreter ends, which aborts the process.
PARTED = """
import atexit
from pathlib import Path

@atexit.register
def print_threads():
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    # In one piece: two processes print at the same time.
    print(f"threads of gloo: {sum('gloo' in name for name in threads)}.")
"""
SAVE = """
rank = os.environ.get("RANK", "alone")
with open(f"{sys.argv[1]}/{rank}.json", "w") as file:
    json.dump(found, file)
"""
DIFFERENT = """
try:
    skae.AutoEncoderTransformer(2, max_epochs=1, random_state=0).fit(X[int(rank):])
except ValueError as error:
    print(error)
"""


KILLED = """
import os, signal, sys
import numpy as np
import skae
from skorch.callbacks import Callback

class Kill(Callback):
    def on_epoch_end(self, net, **kwargs):
        if sys.argv[2:] == ["kill"] and len(net.history) == 4:
            if os.environ["RANK"] == "1":
                os.kill(os.getpid(), signal.SIGKILL)

X = np.random.default_rng(0).normal(size=(203, 20))
ae = skae.AutoEncoderTransformer(
    2, max_epochs=6, random_state=0, checkpoint=sys.argv[1], callbacks=[Kill()]
).fit(X)
np.save(os.path.join(sys.argv[1], os.environ["RANK"]), ae.transform(X))
print("epochs", ae.n_epochs_)
"""


needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="torchrun is tested on Linux"
)


def run(script, path, *arguments, n_processes):
    (path / "train.py").write_text(script)
    command = [sys.executable, "-W", "ignore", path / "train.py", path, *arguments]
    if n_processes:
        launcher = ["-m", "torch.distributed.run", "--standalone"]
        command[1:3] = [*launcher, f"--nproc-per-node={n_processes}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The folder of the results, and what one process and then two have printed."""
    path = tmp_path_factory.mktemp("processes")
    alone = run(FIT + SAVE, path, n_processes=0)
    two = run(PARTED + FIT + SAVE + DIFFERENT, path, n_processes=2)
    for output in (alone, two):
        assert output.returncode == 0, output.stderr
    return path, alone, two


@needs_linux
def test_two_processes_train_what_one_does(outputs):
    path, *printed = outputs
    alone, *ranks = (
        json.loads((path / f"{name}.json").read_text()) for name in ("alone", 0, 1)
    )
    assert ranks[0] == ranks[1]  # to the last bit
    for one, two in zip(alone, ranks[0], strict=True):
        for expected, found in zip(one, two, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    # One bar of progress per fit, though there are two processes.
    bars = [o.stderr.count("0/3 [00:00<?, ?epoch/s]\n") for o in printed]
    assert bars == [8, 8]


@needs_linux
def test_processes_with_different_samples_are_refused(outputs):
    _, _, two = outputs
    assert two.stdout.count("X differs between the processes") == 2  # in each


@needs_linux
def test_processes_have_parted_when_they_end(outputs):
    _, _, two = outputs
    assert two.stdout.count("threads of gloo: 0.") == 2  # in each


@pytest.mark.slow
@needs_linux
def test_processes_that_were_killed_continue_from_their_checkpoint(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    output = run(KILLED, whole, n_processes=2)
    assert output.returncode == 0, output.stderr
    output = run(KILLED, killed, "kill", n_processes=2)
    assert output.returncode != 0
    assert "epochs" not in output.stdout
    output = run(KILLED, killed, n_processes=2)
    assert output.returncode == 0, output.stderr
    expected = np.load(whole / "0.npy")
    for rank in (0, 1):
        np.testing.assert_array_equal(np.load(killed / f"{rank}.npy"), expected)
