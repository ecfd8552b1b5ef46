"""Autoencoders beside PCA on tables: errors, codes as features, densities, time.

    python benchmarks/against_pca.py [--json FILE] [--seeds N] [--only NAME ...]
                                     [--components N ...] [--vae] [--mnist] [--time]

Every figure is of samples that were not trained on, and a mean over the seeds. Features
are standardized by the training samples; the pixels of digits are in [0, 1]. The
default estimator stands beside the plain network: without a skip connection, weight
decay and a floor of steps.

- Errors: mean squared error of a held-out third, as a share of PCA's with as many
  components.
- Codes as features: accuracy of classifiers of the codes, 5-fold cross-validated, minus
  that of PCA's codes. The encoders have seen two thirds of the samples and no labels.
- Affine autoencoders, one per optimizer: their error as a share of PCA's.

These are measured by default. Each of the following options measures another part in
their place:

- ``--vae``: ELBO of a variational autoencoder minus ``PCA.score``, of a held-out third.
- ``--mnist``: errors on MNIST's test images.
- ``--time``: seconds of a fit, the networks in turns in one run.

The tables are those of scikit-learn and, where the folder that SKAE_DATA names has the
file tables.npz, the arrays NAME_X with the classes NAME_y in it. MNIST is taken from
that folder, or downloaded.
"""

import os
from pathlib import Path

import numpy as np
from _measure import Report, parser, ratios, take_turns
from scipy.stats import norm
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoEncoderTransformer, VariationalAutoEncoder
from skae.datasets import fetch_mnist

NETWORKS = {
    "default": AutoEncoderTransformer(),
    "plain": AutoEncoderTransformer(
        skip_connection=False, lr=1e-3, weight_decay=0.0, max_epochs=50
    ),
}
# What the figures of the default should be at most.
AIMS = {"geometric mean": 0.45, "cases above 1": 0, "worse": 0.05}
OPTIMIZERS = ("adam", "adamw", "sgd")
CLASSIFIERS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "neighbours": KNeighborsClassifier(10),
}
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)
# An error above PCA's by less than this share of it is a rounding error.
ROUNDING = 1e-6
# A loss of accuracy that counts.
LOSS = 0.01
# Codes per sample that the ELBO is averaged over.
N_DRAWS = 10
SKLEARN = {
    "digits": datasets.load_digits,
    "sklearn_wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
TABLES = Path(os.environ.get("SKAE_DATA", ".")) / "tables.npz"


def table_names():
    """Name the tables that are there."""
    names = []
    if TABLES.exists():
        with np.load(TABLES) as arrays:
            names = [name[:-2] for name in arrays.files if name.endswith("_X")]
    return [*names, *SKLEARN]


def load(name):
    """Return samples and classes, or None where some fold would lack a class."""
    if name in SKLEARN:
        X, y = SKLEARN[name](return_X_y=True)
    else:
        with np.load(TABLES) as arrays:
            X, y = arrays[f"{name}_X"], arrays[f"{name}_y"]
    _, counts = np.unique(y, return_counts=True)
    if len(counts) < 2 or counts.min() < FOLDS.n_splits:
        y = None
    return X.astype(np.float64), y


def split(name, seed):
    """Return training samples, held-out samples, all samples, and their classes."""
    X, y = load(name)
    train, test = train_test_split(
        np.arange(len(X)), test_size=1 / 3, random_state=seed
    )
    X = X / 16 if name == "digits" else StandardScaler().fit(X[train]).transform(X)
    return X[train], X[test], X, y


def squared_error(model, X):
    """Mean over samples and features."""
    restored = model.inverse_transform(model.transform(X))
    return float(np.square(restored - X).mean())


def measure_case(name, n_components, seed):
    """Measure the networks, affine ones and PCA with one seed."""
    X_train, X_test, X, y = split(name, seed)
    models = {"pca": PCA(n_components), **NETWORKS}
    models |= {
        optimizer: AutoEncoderTransformer(hidden_layer_sizes=(), optimizer=optimizer)
        for optimizer in OPTIMIZERS
    }
    result, pca = {}, {}
    for key, model in models.items():
        model = clone(model).set_params(n_components=n_components, random_state=seed)
        figures = {"error": squared_error(model.fit(X_train), X_test)}
        if y is not None and key not in OPTIMIZERS:
            codes = model.transform(X)
            figures |= {
                classifier: cross_val_score(CLASSIFIERS[classifier], codes, y, cv=FOLDS)
                for classifier in CLASSIFIERS
            }
        if key == "pca":
            pca = figures
            continue
        for figure, value in figures.items():
            if figure == "error":
                result[key] = value / pca["error"]
            else:
                result[f"{key}_{figure}"] = (value - pca[figure]).mean()
        if key == "default":
            result["linear"] = model.is_linear_
    return result


def mean_over_seeds(measure, seeds):
    """Average the figures that ``measure(seed)`` returns."""
    results = [measure(seed) for seed in seeds]
    return {key: float(np.mean([r[key] for r in results])) for key in results[0]}


def measure_tables(cases, seeds, report):
    """Measure errors and codes of each case, then all of them together."""
    pairs = [f"{network} {c}" for network in NETWORKS for c in CLASSIFIERS]
    heads = [*NETWORKS, "linear", *pairs]
    print("Error / PCA's; share of fits that are kept linear; gains of accuracy")
    print(f"{'table, components':<22}" + "".join(f"{head:>20}" for head in heads))
    rows = {}
    for name, n_components in cases:
        row = mean_over_seeds(
            lambda seed, case=(name, n_components): measure_case(*case, seed), seeds
        )
        rows[f"{name}_{n_components}"] = row
        figures = [
            f"{row[key]:20.3f}" if key in row else f"{'':20}"
            for key in (head.replace(" ", "_") for head in heads)
        ]
        print(f"{f'{name}, {n_components}':<22}" + "".join(figures), flush=True)
    report.figures["cases"] = rows
    print(f"\nAll {len(rows)} cases")
    summarize(rows, report)


def summarize(rows, report):
    """Report the figures of all cases together."""

    def column(key):
        return np.array([row[key] for row in rows.values() if key in row])

    for network in NETWORKS:
        aims = AIMS if network == "default" else {}
        error = column(network)
        figures = {
            "geometric mean": float(np.exp(np.log(error).mean())),
            "worst": error.max(),
            "cases above 1": int((error > 1 + ROUNDING).sum()),
        }
        for text, value in figures.items():
            key = f"{network}_{text.replace(' ', '_')}"
            text, aim = f"{network}: error / PCA's, {text}", aims.get(text)
            report.add(key, text, value, aim)
        gains = {c: column(f"{network}_{c}") for c in CLASSIFIERS}
        gains["both"] = np.concatenate(list(gains.values()))
        for classifier, gain in gains.items():
            if not len(gain):
                continue
            key, text = f"{network}_{classifier}", f"{network}, {classifier}"
            report.add(
                f"{key}_gain",
                f"{text}: mean gain of accuracy (at least 0.01)",
                gain.mean(),
            )
            report.add(
                f"{key}_worse",
                f"{text}: share of cases worse by over {LOSS}",
                np.mean(gain < -LOSS),
                aims.get("worse"),
            )
    report.add(
        "linear_share", "default: share of fits kept linear", column("linear").mean()
    )
    for optimizer in OPTIMIZERS:
        worst = column(optimizer).max()
        report.add(f"affine_{optimizer}", f"affine, {optimizer}: worst", worst, 1.001)


def elbo(model, X):
    """Mean ELBO of samples in nats, of Gaussian likelihoods."""
    mean, std = model.encode_distribution(X)
    generator, bounds = np.random.default_rng(0), []
    for _ in range(N_DRAWS):
        noise = generator.standard_normal(mean.shape)
        h = mean + std * noise
        density = norm(model.inverse_transform(h), np.sqrt(model.noise_variance_))
        # The divergence of the same draws, not its expectation: where the posterior is
        # exact, their noise then cancels.
        divergence = 0.5 * (h**2 - noise**2) - np.log(std)
        bound = density.logpdf(X).sum(axis=1) - divergence.sum(axis=1)
        bounds.append(bound.mean())
    return float(np.mean(bounds))


def measure_vae(cases, seeds, report):
    """Compare the ELBO of variational autoencoders with the density of PCA."""
    for name, n_components in cases:

        def gain(seed, name=name, n_components=n_components):
            X_train, X_test, _, _ = split(name, seed)
            options = {"n_components": n_components, "random_state": seed}
            vae = VariationalAutoEncoder(**options).fit(X_train)
            pca = PCA(**options).fit(X_train)
            return {"gain": elbo(vae, X_test) - pca.score(X_test)}

        report.add(
            f"elbo_{name}_{n_components}",
            f"{name}, {n_components}: ELBO - PCA.score in nats (at least 0)",
            mean_over_seeds(gain, seeds)["gain"],
        )


def mnist_rows(subset):
    """Return MNIST's pixels in [0, 1]."""
    return fetch_mnist(subset=subset).data / np.float32(255)


def measure_mnist(components, seeds, report):
    """Measure the errors on MNIST's test images."""
    X_train, X_test = mnist_rows("train"), mnist_rows("test")
    for n_components in components:
        for key, model in {"pca": PCA(), "default": NETWORKS["default"]}.items():
            model = clone(model).set_params(n_components=n_components)
            errors = [
                squared_error(model.set_params(random_state=s).fit(X_train), X_test)
                for s in seeds
            ]
            report.add(
                f"mnist_{key}{n_components}",
                f"MNIST, {key}, {n_components} components: error",
                float(np.mean(errors)),
            )


def measure_time(report, repeats):
    """Time the fits of the networks in turns."""
    data = {
        "digits": split("digits", seed=0)[0],
        "MNIST, 10,000 images": mnist_rows("train")[:10_000],
    }
    for name, X in data.items():
        contestants = {
            key: clone(network).set_params(random_state=0)
            for key, network in NETWORKS.items()
        }
        times, _ = take_turns(
            {
                key: lambda network=network, X=X: network.fit(X)
                for key, network in contestants.items()
            },
            repeats,
        )
        key = name.split(",")[0].lower()
        for network, seconds in times.items():
            report.add(f"{key}_{network}", f"{name}: {network}, seconds", seconds)
        report.add(
            f"{key}_time",
            f"{name}: default / plain",
            ratios(times, "default", "plain"),
            1.15,
        )


def main():
    """Measure what the command line asks for."""
    arguments = parser(__doc__.splitlines()[0])
    names = table_names()
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--only", nargs="+", choices=names, default=names)
    arguments.add_argument("--components", type=int, nargs="+", default=[2, 4, 8, 16])
    for part in ("--vae", "--mnist", "--time"):
        arguments.add_argument(part, action="store_true", help="instead of the tables")
    arguments = arguments.parse_args()
    seeds = range(arguments.seeds)
    cases = [
        (name, n_components)
        for name in arguments.only
        for n_components in arguments.components
        if n_components < load(name)[0].shape[1]
    ]
    report = Report(f"Autoencoders beside PCA, mean of {len(seeds)} seeds")
    if arguments.vae:
        measure_vae(cases, seeds, report)
    if arguments.mnist:
        measure_mnist(arguments.components, seeds, report)
    if arguments.time:
        measure_time(report, repeats=max(3, len(seeds)))
    if not (arguments.vae or arguments.mnist or arguments.time):
        measure_tables(cases, seeds, report)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
