"""How well outliers are found in public tables, beside other detectors.

    python benchmarks/outliers.py [--json FILE] [--seeds N] [--tables NAME ...]
                                  [--peers NAME ...]

Each detector is fitted on all rows of a table without its labels, and scores the same
rows. The tables are standardized before. Means over tables and seeds of the area under
the ROC curve (AUC) and of the average precision (AP); the mean rank of the AUC among
all that were run; the largest loss of AUC on a table against PyOD's autoencoder; the
time of fit and scores against that of PyOD's autoencoder, over all tables.

Then skae's detector is fitted on half of the rows, once with the outliers among them
and once without, and scores the other half: what contaminated training costs.

Then outliers are planted: in the normal rows of each table some rows get one value that
is 4, 5 or 6 standard deviations from its median, or that of another row, the most
different one of 50. The share of these rows in which the changed column has the largest
contribution is printed.

The tables are read from ``tables.npz`` in the folder that SKAE_DATA names: NAME_X and
NAME_y, where 1 means an outlier. Tables without any are left out.
"""

import os
import time
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import numpy as np
import torch
from _measure import Report, parser
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skae import AutoEncoderOutlierDetector

OURS, BASE = "skae", "PyOD AutoEncoder"
# Planted values, in standard deviations, and the largest number of planted rows.
PLANTED_SIZES, MAX_PLANTED = (4, 5, 6), 40
MAX_PLANTED_ROWS, MAX_PLANTED_FEATURES = 2000, 200


def score_ours(X, seed):
    detector = AutoEncoderOutlierDetector(random_state=seed)
    return -detector.fit(X).score_samples(X)


def score_forest(X, seed):
    return -IsolationForest(random_state=seed).fit(X).score_samples(X)


def score_lof(X, seed):
    return -LocalOutlierFactor().fit(X).negative_outlier_factor_


def score_neighbors(X, seed):
    """Return the distance to the fifth nearest neighbour."""
    return NearestNeighbors(n_neighbors=5).fit(X).kneighbors()[0][:, -1]


def score_pca(X, seed):
    """Return the error of the reconstruction by half as many components."""
    pca = PCA(max(1, X.shape[1] // 2), random_state=seed).fit(X)
    return np.square(X - pca.inverse_transform(pca.transform(X))).sum(axis=1)


def pyod_peer(module, name):
    """Return a function that scores by a detector of PyOD."""

    def score(X, seed):
        detector_class = getattr(import_module(f"pyod.models.{module}"), name)
        # Some need the number of features, some have no seed.
        known = {"n_features": X.shape[1], "random_state": seed, "verbose": 0}
        taken = signature(detector_class).parameters
        torch.manual_seed(seed)
        detector = detector_class(**{k: v for k, v in known.items() if k in taken})
        return detector.fit(X).decision_scores_

    return score


DETECTORS = {
    OURS: score_ours,
    "IsolationForest": score_forest,
    "LocalOutlierFactor": score_lof,
    "nearest neighbours": score_neighbors,
    "PCA": score_pca,
    "ECOD": pyod_peer("ecod", "ECOD"),
    BASE: pyod_peer("auto_encoder", "AutoEncoder"),
    "PyOD VAE": pyod_peer("vae", "VAE"),
    "PyOD DeepSVDD": pyod_peer("deep_svdd", "DeepSVDD"),
}
OF_PYOD = ("ECOD", BASE, "PyOD VAE", "PyOD DeepSVDD")


def load_tables(names):
    """Return standardized tables with outliers, by name."""
    folder = os.environ.get("SKAE_DATA")
    if folder is None:
        raise SystemExit("Set SKAE_DATA to the folder with tables.npz.")
    tables = {}
    with np.load(Path(folder) / "tables.npz") as file:
        known = [key.removesuffix("_X") for key in file if key.endswith("_X")]
        unknown = set(names or ()) - set(known)
        if unknown:
            raise SystemExit(f"No tables {sorted(unknown)}; there are {known}.")
        for name in names or known:
            X, y = file[f"{name}_X"], file[f"{name}_y"]
            if y.any():
                tables[name] = StandardScaler().fit_transform(X), y
    return tables


def compare(tables, detectors, n_seeds):
    """Return AUC, AP and seconds, of shape (detectors, tables, seeds, 3)."""
    figures = np.empty((len(detectors), len(tables), n_seeds, 3))
    for j, (table, (X, y)) in enumerate(tables.items()):
        for seed in range(n_seeds):
            # In turn, so that what slows the machine for a while slows them all.
            for i, name in enumerate(detectors):
                start = time.perf_counter()
                scores = DETECTORS[name](X, seed)
                seconds = time.perf_counter() - start
                figures[i, j, seed] = (
                    roc_auc_score(y, scores),
                    average_precision_score(y, scores),
                    seconds,
                )
        areas = figures[:, j, :, 0].mean(axis=1)
        row = ", ".join(f"{n} {a:.3f}" for n, a in zip(detectors, areas, strict=True))
        print(f"  AUC on {table} {X.shape}: {row}", flush=True)
    return figures


def with_and_without_outliers(X, y, seed):
    """Return the AUC on half of the rows, after training on the other half.

    The first is of training on all of these rows, the second on the normal ones.
    """
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    detector = AutoEncoderOutlierDetector(random_state=seed)
    return [
        roc_auc_score(y_test, -detector.fit(rows).score_samples(X_test))
        for rows in (X_train, X_train[y_train == 0])
    ]


def share_explained(X, y, seed):
    """Return the share of planted rows whose changed column contributes most."""
    rng = np.random.default_rng(seed)
    X = X[y == 0][:MAX_PLANTED_ROWS]
    std = X.std(axis=0)
    n_planted = min(MAX_PLANTED, max(5, len(X) // 25))
    rows = rng.choice(len(X), n_planted, replace=False)
    columns = rng.choice(np.flatnonzero(std > 0.1), n_planted)
    signs = rng.choice([-1, 1], n_planted)
    values = [
        np.median(X, axis=0)[columns] + size * signs * std[columns]
        for size in PLANTED_SIZES
    ]
    others = X[rng.choice(len(X), (50, n_planted)), columns]
    farthest = np.abs(others - X[rows, columns]).argmax(axis=0)
    values.append(others[farthest, np.arange(n_planted)])
    shares = []
    for value in values:
        planted = X.copy()
        planted[rows, columns] = value
        detector = AutoEncoderOutlierDetector(random_state=seed).fit(planted)
        contributions = detector.feature_contributions(planted[rows])
        shares.append(float((contributions.argmax(axis=1) == columns).mean()))
    return shares


def main():
    """Measure what the command line asks for."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--tables", nargs="+", metavar="NAME")
    peers = [name for name in DETECTORS if name != OURS]
    arguments.add_argument("--peers", nargs="*", choices=peers, default=peers)
    arguments = arguments.parse_args()
    if set(arguments.peers) & set(OF_PYOD) and find_spec("pyod") is None:
        raise SystemExit(
            "PyOD is not installed. Run `python -m pip install 'pyod>=2.0'`, or choose "
            "--peers without it."
        )
    tables, seeds = load_tables(arguments.tables), range(arguments.seeds)
    report = Report(f"Outliers in {len(tables)} tables, {arguments.seeds} seeds")
    detectors = [OURS, *arguments.peers]
    figures = compare(tables, detectors, arguments.seeds)
    areas, precisions, seconds = np.moveaxis(figures.mean(axis=2), -1, 0)
    ranks = np.mean([rankdata(-column) for column in areas.T], axis=0)
    for i, name in enumerate(detectors):
        key = name.lower().replace(" ", "_")
        report.add(f"{key}_auc", f"{name}, mean AUC", areas[i].mean())
        report.add(f"{key}_ap", "  mean AP", precisions[i].mean())
        report.add(f"{key}_rank", "  mean rank", ranks[i])
    if len(detectors) > 1:
        for key, values in (("auc", areas), ("ap", precisions)):
            means = values.mean(axis=1)
            ahead = means[0] - means[1:].max()
            report.add(f"{key}_ahead", f"{key.upper()} above the best peer", ahead)
    if BASE in detectors:
        base = detectors.index(BASE)
        loss = (areas[base] - areas[0]).max()
        report.add("worst_loss", f"largest loss of AUC against {BASE}", loss, 0.05)
        ratio = seconds[0].sum() / seconds[base].sum()
        report.add("time_ratio", f"time / that of {BASE}", ratio, 0.5)
    contaminated, clean = np.mean(
        [
            np.mean([with_and_without_outliers(X, y, s) for s in seeds], axis=0)
            for X, y in tables.values()
        ],
        axis=0,
    )
    report.add(
        "contaminated_auc", "AUC of new rows, contaminated training", contaminated
    )
    report.add("clean_auc", "  clean training", clean)
    narrow = {n: t for n, t in tables.items() if t[0].shape[1] <= MAX_PLANTED_FEATURES}
    shares = np.array(
        [
            np.mean([share_explained(X, y, s) for s in seeds], axis=0)
            for X, y in narrow.values()
        ]
    )
    kinds = {f"{size}": f"{size} standard deviations" for size in PLANTED_SIZES}
    kinds["other_row"] = "a value of another row"
    # Without narrow tables there are no columns.
    for (key, kind), column in zip(kinds.items(), shares.T, strict=False):
        report.add(f"planted_{key}", f"planted column first, {kind}", list(column))
        report.add(f"planted_{key}_mean", "  mean over tables", column.mean())
    report.save(arguments.json)


if __name__ == "__main__":
    main()
