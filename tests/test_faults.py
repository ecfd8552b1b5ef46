"""Tests of every estimator in surroundings that go wrong elsewhere.

Faults of one part have their tests beside it: kills, damaged files and full disks in
``_training/test_checkpoint.py``, Ctrl-C in ``_estimator/test_interrupt.py``, a lack of
memory in ``_common/test_memory_errors.py``, downloads in ``datasets/test_fetchers.py``.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from skae import (
    AutoEncoderImputer,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    SpectralKMeans,
    VariationalAutoEncoder,
)
from skae.corruption import Masking, RandomAffine

X, y = load_digits(return_X_y=True)
X, y = np.float32(X[:120]), y[:120]
IMAGES = X.reshape(-1, 8, 8) / 16
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)
BYTES = np.uint8(IMAGES * 255)
INCOMPLETE = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
FEW = {"max_epochs": 1, "random_state": 0}
CONV = {"architecture": "conv", "normalization": "batch_norm", **FEW}
CASES = {
    "dense": (AutoEncoderTransformer(4, **FEW), X),
    "float64": (AutoEncoderTransformer(4, **FEW), X.astype(float)),
    "early stopping": (AutoEncoderTransformer(4, early_stopping=True, **FEW), X),
    "missing values": (AutoEncoderTransformer(4, **FEW), INCOMPLETE),
    "convolutional": (AutoEncoderTransformer(4, **CONV), BYTES),
    "denoising": (DenoisingAutoEncoder(4, corruption=Masking(0.2), **FEW), X),
    "images": (DenoisingAutoEncoder(4, corruption=RandomAffine(), **FEW), IMAGES),
    "variational": (VariationalAutoEncoder(4, **FEW), X),
    "colorizer": (ColorizationAutoEncoder(4, **FEW), IMAGES, COLORS),
    "imputer": (AutoEncoderImputer(AutoEncoderTransformer(4, **FEW)), INCOMPLETE),
    "reconstructor": (Reconstructor(AutoEncoderTransformer(4, **FEW)), X),
    "detector": (AutoEncoderOutlierDetector(random_state=0), X),
    "spectral": (SpectralKMeans(10, random_state=0), X),
    "pseudo-label": (PseudoLabelClassifier(**FEW), X, y),
    "clusters": (
        ClusterClassifier(
            AutoEncoderTransformer(4, **FEW),
            refiner=PseudoLabelClassifier(**FEW),
            random_state=0,
        ),
        X,
        y,
    ),
}
METHODS = (
    *("transform", "reconstruct", "predict", "predict_proba", "decision_function"),
    *("score_samples", "impute"),
)
all_cases = pytest.mark.parametrize("case", CASES)


def fit(case):
    estimator, *data = CASES[case]
    return clone(estimator).fit(*data)


def answers(estimator, samples):
    """Return what all methods that read samples return."""
    found = {
        name: getattr(estimator, name)(samples)
        for name in METHODS
        if hasattr(estimator, name)
    }
    if hasattr(estimator, "inverse_transform"):
        found["inverse_transform"] = estimator.inverse_transform(found["transform"])
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in found.items():
        assert values.dtype == expected[name].dtype
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.fixture(scope="module")
def fitted():
    """Fit each case once, and keep it with its answers."""
    known = {}

    def get(case):
        if case not in known:
            estimator = fit(case)
            known[case] = estimator, answers(estimator, CASES[case][1])
        return known[case]

    return get


# -- Memory and torch's defaults ----------------------------------------------------


def through_buffers(value):
    """Pass a value as ray and dask do: its arrays come back read-only."""
    buffers = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(buffer) for buffer in buffers])


@all_cases
def test_arrays_in_read_only_memory(case, fitted):
    estimator, *data = through_buffers(CASES[case])
    assert not any(array.flags.writeable for array in data)
    fitted_estimator, expected = fitted(case)
    assert_same(answers(estimator.fit(*data), data[0]), expected)
    assert_same(answers(through_buffers(fitted_estimator), data[0]), expected)


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def deterministic_algorithms():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


MODES = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    # On it nothing can be computed.
    "device": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": deterministic_algorithms,
}


def fit_in_a_mode(case, mode, expected):
    with MODES[mode]():
        estimator = fit(case)
        found = answers(estimator, CASES[case][1])
        if hasattr(estimator, "to_module"):
            module = estimator.to_module()
    assert_same(found, expected)
    if hasattr(estimator, "to_module"):
        tensors = [*module.parameters(), *module.buffers()]
        assert not any(tensor.is_inference() for tensor in tensors)
        assert {tensor.device.type for tensor in tensors} == {"cpu"}
        assert {tensor.dtype for tensor in tensors} <= {
            torch.float32,
            torch.int64,
            torch.bool,
        }


@pytest.mark.parametrize("mode", ["float64", "device", "inference mode"])
@pytest.mark.parametrize("case", ["dense", "convolutional", "variational"])
def test_defaults_of_torch_change_nothing(case, mode, fitted):
    fit_in_a_mode(case, mode, fitted(case)[1])


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@all_cases
def test_defaults_of_torch_change_no_estimator(case, mode, fitted):
    fit_in_a_mode(case, mode, fitted(case)[1])


# -- Threads and processes ----------------------------------------------------------


@all_cases
def test_eight_threads_read_what_one_reads(case, fitted):
    estimator, expected = fitted(case)
    # A copy has cached nothing yet, which the threads would find.
    estimator = pickle.loads(pickle.dumps(estimator))
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(answers, estimator, CASES[case][1]) for _ in range(16)]
        for call in calls:
            assert_same(call.result(), expected)


def run_in_a_worker(case, estimator):
    return answers(estimator, CASES[case][1]), answers(fit(case), CASES[case][1])


@pytest.mark.parametrize("method", ["loky", "spawn", "fork"])
def test_workers_compute_what_the_parent_computes(method, fitted):
    if method not in ("loky", *multiprocessing.get_all_start_methods()):
        pytest.skip(f"there is no {method} here")
    names = ("dense", "variational", "pseudo-label", "detector")
    todo = [(name, fitted(name)[0]) for name in names]
    if method == "loky":
        found = Parallel(2, backend=method)(delayed(run_in_a_worker)(*t) for t in todo)
    else:
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            found = list(pool.map(run_in_a_worker, *zip(*todo, strict=True)))
    for name, results in zip(names, found, strict=True):
        for result in results:
            assert_same(result, fitted(name)[1])


# -- SIGTERM, by which batch systems end a job --------------------------------------

needs_signals = pytest.mark.skipif(os.name != "posix", reason="needs SIGTERM")


class Terminate(Callback):
    """Send SIGTERM at the end of an epoch, and list the epochs before."""

    trained = []

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            signal.raise_signal(signal.SIGTERM)
        self.trained.append(len(net.history))


@pytest.fixture
def orderly_end():
    """Raise SystemExit at SIGTERM, as servers do to end in order."""

    def leave(*args):
        sys.exit(143)

    Terminate.trained.clear()
    before = signal.signal(signal.SIGTERM, leave)
    yield
    signal.signal(signal.SIGTERM, before)


@needs_signals
def test_sigterm_with_a_handler_leaves_the_earlier_fit(orderly_end, fitted):
    estimator, expected = fitted("dense")
    estimator = pickle.loads(pickle.dumps(estimator))
    estimator.set_params(max_epochs=3, callbacks=[Terminate(2)])
    with pytest.raises(SystemExit):
        estimator.fit(X)
    assert_same(answers(estimator, X), expected)


@needs_signals
def test_a_fit_continues_after_sigterm(orderly_end, tmp_path):
    options = {**FEW, "max_epochs": 4}
    expected = answers(AutoEncoderTransformer(4, **options).fit(X), X)
    ae = AutoEncoderTransformer(4, checkpoint=tmp_path, **options)
    with pytest.raises(SystemExit):
        ae.set_params(callbacks=[Terminate(3)]).fit(X)
    ae.set_params(callbacks=[Terminate(None)]).fit(X)
    assert_same(answers(ae, X), expected)
    assert Terminate.trained == [1, 2, 3, 4]


# -- Signals in a search ------------------------------------------------------------

SEARCH = """
import signal, sys, warnings
import numpy as np
from sklearn.model_selection import GridSearchCV
from skae import AutoEncoderTransformer

warnings.simplefilter("ignore")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
# Shells start what runs in the background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(2000, 50))
ae = AutoEncoderTransformer(4, max_epochs=100_000, random_state=0)
search = GridSearchCV(ae, {"lr": [1e-4, 1e-3]}, cv=2, n_jobs=int(sys.argv[1]))
print("begins", flush=True)
search.fit(X)
"""


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_search_ends_with_its_workers(name, n_jobs):
    psutil = pytest.importorskip("psutil")
    search = subprocess.Popen(
        [sys.executable, "-c", SEARCH, str(n_jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert search.stdout.readline() == "begins\n"
        process = psutil.Process(search.pid)
        deadline = time.monotonic() + 120
        while n_jobs > 1 and len(process.children(recursive=True)) < n_jobs:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(10)  # until they train
        workers = process.children(recursive=True)
        if name == "SIGINT":  # a terminal sends it to all
            os.killpg(search.pid, signal.SIGINT)
        else:
            search.terminate()
        _, errors = search.communicate(timeout=120)
        assert search.returncode != 0
        if name == "SIGINT":
            assert "KeyboardInterrupt" in errors
        _, running = psutil.wait_procs(workers, timeout=120)
        assert not running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(search.pid, signal.SIGKILL)
        search.communicate()
