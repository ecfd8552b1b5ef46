"""Memory and time of a fit on sparse X: TF-IDF of text that every machine has.

    python benchmarks/sparse.py [--json FILE] [--epochs N] [--rows N] [--features N]

The texts are docstrings of the installed packages. Each contestant is fitted in a
process of its own, whose peak memory is reported whole: Python, torch and X too.

- Autoencoders on sparse X of float32 and of float64, of default widths.
- ``TruncatedSVD`` with as many components, on the same X.
- ``AutoEncoderTransformer`` on a dense array of a tenth of the rows, by which the time
  per epoch on all rows is judged.

The errors are those of texts that were held out.
"""

import ast
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from sysconfig import get_path

import numpy as np
from _measure import Report, parser
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from skorch.callbacks import EpochTimer

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder

N_COMPONENTS = 16
MIN_WORDS, N_HELD_OUT, DENSE_SHARE, CHUNK = 20, 500, 10, 100
MAX_PEAK = 2  # GB
AUTOENCODERS = {
    "AutoEncoderTransformer": AutoEncoderTransformer,
    "DenoisingAutoEncoder": DenoisingAutoEncoder,
    "VariationalAutoEncoder": partial(VariationalAutoEncoder, likelihood="multinomial"),
}
CONTESTANTS = [*AUTOENCODERS, "TruncatedSVD", "dense"]
PACKAGES = ("sklearn", "scipy", "numpy", "pandas", "matplotlib", "torch", "sympy")


def docstrings(n_texts):
    """Collect docstrings of some words each, from packages in turn."""
    texts = []
    for package in PACKAGES:
        for path in sorted(Path(get_path("purelib"), package).rglob("*.py")):
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
                    text = ast.get_docstring(node)
                    if text and len(text.split()) >= MIN_WORDS:
                        texts.append(text)
            if len(texts) >= n_texts:
                return texts[:n_texts]
    return texts


def mean_squared_error(X, reconstruct):
    """Mean squared error over all values, some rows at a time."""
    total = 0.0
    for start in range(0, X.shape[0], CHUNK):
        rows = X[start : start + CHUNK]
        total += np.square(rows.toarray() - reconstruct(rows)).sum(dtype=np.float64)
    return total / np.prod(X.shape)


def contend(name, dtype, folder, epochs):
    """Fit one contestant, and print its figures."""
    X, held_out = (sparse.load_npz(folder / f"{part}.npz") for part in ("X", "new"))
    X, held_out = X.astype(dtype, copy=False), held_out.astype(dtype, copy=False)
    figures = {}
    if name == "TruncatedSVD":
        start = time.perf_counter()
        model = TruncatedSVD(N_COMPONENTS, random_state=0).fit(X)
        figures["seconds"] = time.perf_counter() - start

        def reconstruct(rows):
            return model.inverse_transform(model.transform(rows))

    else:
        if name == "dense":
            name, X = "AutoEncoderTransformer", X[: X.shape[0] // DENSE_SHARE].toarray()
        model = AUTOENCODERS[name](
            N_COMPONENTS, max_epochs=epochs, callbacks=[EpochTimer()], random_state=0
        )
        start = time.perf_counter()
        model.fit(X)
        figures["seconds"] = time.perf_counter() - start
        # The first epoch also makes the optimizer's state.
        figures["epoch"] = min(model.net_.history[:, "dur"])
        reconstruct = model.reconstruct
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures["peak"] = peak * (1 if sys.platform == "darwin" else 1024)
    if sparse.issparse(X):
        figures["error"] = mean_squared_error(held_out, reconstruct)
    print(json.dumps(figures))


def measure(name, folder, epochs, dtype="float32"):
    """Let a contestant run in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--epochs", str(epochs)]
    command += ["--contestant", name, "--dtype", dtype, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--features", type=int, default=50_000)
    options.add_argument("--contestant", choices=CONTESTANTS)
    options.add_argument("--dtype", default="float32")
    options.add_argument("--folder", type=Path)
    options = options.parse_args()
    if options.contestant:
        contend(options.contestant, options.dtype, options.folder, options.epochs)
        return
    report = Report("Sparse X")
    texts = docstrings(options.rows + N_HELD_OUT)
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), max_features=options.features, dtype=np.float32
    )
    X = vectorizer.fit_transform(texts)
    order = np.random.default_rng(0).permutation(X.shape[0])
    with tempfile.TemporaryDirectory() as folder:
        sparse.save_npz(Path(folder, "new"), X[order[:N_HELD_OUT]])
        sparse.save_npz(Path(folder, "X"), X := X[order[N_HELD_OUT:]])
        print(f"{X.shape[0]} x {X.shape[1]}, {X.nnz / X.shape[0]:.0f} words a text\n")
        ours, svd, dense = (
            measure(name, folder, options.epochs)
            for name in ("AutoEncoderTransformer", "TruncatedSVD", "dense")
        )
        report.add("peak", "peak memory of a fit, GB", ours["peak"] / 1e9, MAX_PEAK)
        for name in AUTOENCODERS:
            for dtype in ("float32", "float64"):
                if (name, dtype) != ("AutoEncoderTransformer", "float32"):
                    peak = measure(name, folder, 1, dtype)["peak"] / 1e9
                    text = f"... of {name}, {dtype}"
                    report.add(f"peak_{name}_{dtype}", text, peak, MAX_PEAK)
    n_dense = X.shape[0] // DENSE_SHARE
    report.add("peak_svd", "... of TruncatedSVD", svd["peak"] / 1e9)
    report.add("peak_dense", f"... of {n_dense} dense rows", dense["peak"] / 1e9)
    report.add("dense_X", "all rows as a dense float32 array", 4e-9 * np.prod(X.shape))
    report.add("epoch", "seconds per epoch", ours["epoch"])
    report.add("fit_svd", "... of all of TruncatedSVD", svd["seconds"])
    per_row = ours["epoch"] / X.shape[0] / (dense["epoch"] / n_dense)
    report.add(
        "epoch_ratio", "time per row and epoch, over that of dense ones", per_row
    )
    error = ours["error"] / svd["error"]
    report.add("error_ratio", "error of new texts, over that of TruncatedSVD", error)
    report.save(options.json)


if __name__ == "__main__":
    main()
