"""Rows of ``speed.py`` about memory and about machines that others use, too."""

import os
import subprocess
import sys

import torch
from _measure import ratios, take_turns
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from skae import VariationalAutoEncoder

# Peak of a call beyond what there was before it, and beside what it returns.
PEAK = """
import numpy as np, sys
from skae import AutoEncoderTransformer, VariationalAutoEncoder
def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(l.split()[1]) for l in lines if l.startswith(key)) * 1024
def fit(X):
    AutoEncoderTransformer(32, hidden_layer_sizes=(128,), batch_size=256,
                           max_epochs=1, device="cpu").fit(X)
def as_frame(X):
    import pandas as pd
    return pd.DataFrame(X)
def with_holes(X):
    X[::2, ::3] = np.nan
    return X
kind = sys.argv[1]
X = np.random.default_rng(0).random((int(sys.argv[2]), 784), np.float32)
size = X.nbytes
if kind == "impute":
    fitted = VariationalAutoEncoder(max_epochs=1, device="cpu").fit(X[:1000])
    call = fitted.impute
else:
    call = fit
make = {"array": np.asarray, "frame": as_frame, "fortran": np.asfortranarray,
        "impute": with_holes}[kind]
X = make(X)
call(X[:1000])
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
before = status("VmRSS")
result = call(X)
returned = 0 if result is None else result.nbytes
print((status("VmHWM") - before - returned) / size)
"""
SPIN = "while True: pass"


def measure_memory(report, repeats):
    """Measure peaks in new processes, where the system tells them (Linux)."""
    if not os.path.exists("/proc/self/clear_refs"):
        return
    for kind, text, n_samples, aim in (
        ("array", "fit", 60_000, 1.2),
        ("frame", "fit of a DataFrame", 60_000, 1.1),
        ("fortran", "fit of an array in Fortran order", 60_000, 1.1),
        ("impute", "VAE.impute, beside its result", 20_000, 1.0),
    ):
        run = subprocess.run(
            [sys.executable, "-c", PEAK, kind, str(n_samples)],
            check=True,
            capture_output=True,
            text=True,
        )
        key = "peak_memory" if kind == "array" else f"peak_memory_{kind}"
        text = f"peak memory of {text}, {n_samples:,} x 784 / the data"
        report.add(key, text, float(run.stdout), aim)


def measure_busy(report, repeats):
    """Time a small fit with two threads and with one, while others use all cores."""
    X, n_threads = scale(load_breast_cancer().data), torch.get_num_threads()

    def fit(n):
        def run():
            torch.set_num_threads(n)
            VariationalAutoEncoder(max_epochs=5, device="cpu", random_state=0).fit(X)

        return run

    contestants = {"two": fit(2), "one": fit(1)}
    take_turns(contestants, 1)
    spinning = [
        subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count())
    ]
    try:
        times, _ = take_turns(contestants, repeats)
    finally:
        for process in spinning:
            process.kill()
            process.wait()
        torch.set_num_threads(n_threads)
    text = "fit VAE 569 x 30 on busy cores, two threads / one thread"
    report.add("busy_threads", text, ratios(times, "two", "one"), 1.2)
