"""What a checkpoint after every epoch costs the default fit of MNIST.

    python benchmarks/checkpoints.py [--epochs 5] [--json FILE]

The time in checkpoints is taken inside one fit, as a share of the rest of that fit: two
fits differ by more than that. SKAE_DATA names the folder of the data.
"""

import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from _measure import Report, parser
from sklearn.exceptions import ConvergenceWarning

from skae import AutoEncoderTransformer
from skae._estimator import base
from skae._training.checkpoint import Checkpoint
from skae.datasets import fetch_mnist

CLOCKS = {"clock": time.perf_counter, "processor": time.process_time}


def stopwatch(function, totals):
    """Make a function that adds the time that it takes to ``totals``."""

    def timed(*args, **kwargs):
        began = {name: now() for name, now in CLOCKS.items()}
        try:
            return function(*args, **kwargs)
        finally:
            for name, now in CLOCKS.items():
                totals[name] += now() - began[name]

    return timed


def main():
    """Measure one fit."""
    command = parser(__doc__.splitlines()[0])
    command.add_argument("--epochs", type=int, default=5)
    arguments = command.parse_args()
    report = Report("A checkpoint after every epoch")
    X, _ = fetch_mnist(subset="train", return_X_y=True)
    saving, fitting = dict.fromkeys(CLOCKS, 0.0), dict.fromkeys(CLOCKS, 0.0)
    Checkpoint.end_epoch = stopwatch(Checkpoint.end_epoch, saving)
    base.identify = stopwatch(base.identify, saving)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with TemporaryDirectory() as folder:
        ae = AutoEncoderTransformer(
            max_epochs=arguments.epochs, random_state=0, checkpoint=folder
        )
        stopwatch(ae.fit, fitting)(X)
        last = sorted(Path(folder).iterdir())[-2:]
        size = sum(path.stat().st_size for path in last)
    for name in CLOCKS:
        share = saving[name] / (fitting[name] - saving[name])
        report.add(f"share_{name}", f"time in checkpoints, by the {name}", share, 0.05)
    report.add("megabytes", "size of a checkpoint in MB", size / 1e6)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
