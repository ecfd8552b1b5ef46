"""How well missing values are filled, beside scikit-learn's imputers.

    python benchmarks/missing.py [--json FILE] [--seeds N] [--sets NAME ...]
                                 [--shares SHARE ...] [--methods NAME ...]
                                 [--max-features N]

Values of complete sets are hidden at random, and each method is fitted on the
incomplete rows themselves, which it fills. Columns are standardized before. The mean
squared error of the hidden values and the time of fit and fill are printed as ratios to
the better and to the faster of ``KNNImputer`` and ``IterativeImputer``. The mean of the
column and ``impute`` of the autoencoders are run beside them. The geometric mean over
all sets, and the largest ratio, come last.

``IterativeImputer`` takes hours on wide sets, and is left out above ``--max-features``.
The tables are read from ``tables.npz``, the images from ``mnist.npz``, in the folder
that SKAE_DATA names; without it, only scikit-learn's sets are used.
"""

import os
import time
import warnings
from pathlib import Path

import numpy as np
from _measure import Report, parser
from scipy.stats import gmean
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from skae import (
    AutoEncoderImputer,
    AutoEncoderTransformer,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)

OURS, PEERS = "AutoEncoderImputer", ("KNNImputer", "IterativeImputer")
# From so many rows on the imputer must be faster than both.
LARGE = 2000
N_IMAGES = 5000


def imputer(make):
    """Return a function that fills by an imputer."""
    return lambda X, seed: make(seed).fit_transform(X)


def autoencoder(kind):
    """Return a function that fills by an autoencoder's own ``impute``."""

    def fill(X, seed):
        n_components = max(2, X.shape[1] // 4)
        return kind(n_components, random_state=seed).fit(X).impute(X)

    return fill


METHODS = {
    "mean": imputer(lambda seed: SimpleImputer()),
    "KNNImputer": imputer(lambda seed: KNNImputer()),
    "IterativeImputer": imputer(lambda seed: IterativeImputer(random_state=seed)),
    OURS: imputer(lambda seed: AutoEncoderImputer(random_state=seed)),
    "AutoEncoderTransformer": autoencoder(AutoEncoderTransformer),
    "DenoisingAutoEncoder": autoencoder(DenoisingAutoEncoder),
    "VariationalAutoEncoder": autoencoder(VariationalAutoEncoder),
}


def load_sets():
    """Return functions that load a complete set, by name."""
    names = ("iris", "wine", "breast_cancer", "diabetes", "digits")
    loaders = {name: getattr(datasets, f"load_{name}") for name in names}
    sets = {name: lambda load=load: load().data for name, load in loaders.items()}
    folder = Path(os.environ.get("SKAE_DATA", ""))
    if (folder / "tables.npz").exists():
        tables = np.load(folder / "tables.npz")
        for key in tables.files:
            if key.endswith("_X"):
                sets[f"table {key[:-2]}"] = lambda key=key: tables[key]
    if (folder / "mnist.npz").exists():
        sets["mnist images"] = lambda: np.load(folder / "mnist.npz")["X_train"][
            :N_IMAGES
        ].reshape(N_IMAGES, -1)
    return sets


def standardize(X):
    """Standardize columns, without those that do not vary."""
    X = np.asarray(X, dtype=np.float64)
    X = X[:, X.std(axis=0) > 0.0]
    return (X - X.mean(axis=0)) / X.std(axis=0)


def hide(X, share, seed):
    """Hide a share of the values; each column keeps some."""
    rng = np.random.default_rng(seed)
    missing = rng.random(X.shape) < share
    missing[rng.permutation(len(X))[:2]] = False
    return np.where(missing, np.nan, X), missing


def main():
    sets = load_sets()
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--sets", nargs="*", choices=sets, default=list(sets))
    options.add_argument("--shares", nargs="*", type=float, default=[0.1, 0.3, 0.5])
    options.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    options.add_argument("--max-features", type=int, default=120)
    args = options.parse_args()
    report = Report("Error and time of filled values, as ratios to the better peer")
    errors, times, lost = {}, {}, []
    for name in args.sets:
        X = standardize(sets[name]())
        for share in args.shares:
            found, spent = {}, {}
            for seed in range(args.seeds):
                X_missing, missing = hide(X, share, seed)
                for method in args.methods:
                    if method == "IterativeImputer" and X.shape[1] > args.max_features:
                        continue
                    start = time.process_time()
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        warnings.simplefilter("ignore", UserWarning)
                        filled = METHODS[method](X_missing, seed)
                    spent.setdefault(method, []).append(time.process_time() - start)
                    error = np.square(filled - X)[missing].mean()
                    found.setdefault(method, []).append(error)
            peers = [peer for peer in PEERS if peer in found]
            if not peers:
                raise SystemExit(f"--methods needs one of {PEERS}.")
            best = min(np.mean(found[peer]) for peer in peers)
            fastest = min(np.mean(spent[peer]) for peer in peers)
            print(f"{name}, {X.shape[0]} x {X.shape[1]}, {share:.0%} missing")
            for method in found:
                ratio = np.mean(found[method]) / best
                duration = np.mean(spent[method]) / fastest
                errors.setdefault(method, []).append(ratio)
                times.setdefault(method, []).append((len(X), duration))
                print(f"    {method:<26}error {ratio:6.3f}   time {duration:7.3f}")
                report.figures[f"{name}/{share}/{method}"] = [ratio, duration]
            if OURS in found and errors[OURS][-1] > 1.1:
                lost.append(f"{name} {share:.0%}")
    print()
    for method, values in errors.items():
        limit = 0.9 if method == OURS else None
        report.add(
            f"{method}/error", f"{method}: error, geometric mean", gmean(values), limit
        )
        limit = 1.1 if method == OURS else None
        report.add(f"{method}/worst", f"{method}: error, largest", max(values), limit)
        large = [duration for n_rows, duration in times[method] if n_rows > LARGE]
        if large:
            limit = 1.0 if method == OURS else None
            text = f"{method}: time on more than {LARGE} rows, largest"
            report.add(f"{method}/time", text, max(large), limit)
    print(f"above 1.1: {', '.join(lost) or 'none'}")
    report.save(args.json)


if __name__ == "__main__":
    main()
