"""Classification without labels, rung by rung, beside what has been published.

    python benchmarks/self_supervised.py [--dataset mnist|digits] [--seeds N]
                                         [--growth] [--json FILE]

Everything is learned from the training images without their labels, which then name
the clusters. Accuracy, normalized mutual information and adjusted Rand index are those
of the test images: MNIST's 10,000, or the held-out third of scikit-learn's digits.
MNIST is taken from the folder that SKAE_DATA names, or downloaded. ``--growth`` also
times the fit of four times as many images, MNIST's and three affine copies of each.
"""

import time

import numpy as np
import torch
from _measure import Report, parser
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion
from skorch.callbacks import Callback

from skae import ClusterClassifier, make_self_supervised_classifier
from skae.corruption import RandomAffine
from skae.datasets import fetch_mnist

PUBLISHED = {
    "mnist": [
        ("autoencoder + k-means", "0.82", "Xie et al. 2016"),
        ("DEC", "0.84", "Xie et al. 2016"),
        ("VaDE", "0.945", "Jiang et al. 2017"),
        ("SpectralNet", "0.971", "Shaham et al. 2018"),
        ("N2D", "0.979", "McConville et al. 2020"),
        ("IMSAT", "0.984", "Hu et al. 2017"),
        ("ASPC-DA", "0.988", "Guo et al. 2020"),
        ("IIC, picked without labels", "0.992", "Ji et al. 2019"),
    ],
    "digits": [],
}
RUNGS = {
    "kmeans": "k-means on pixels",
    "pca": "PCA, k-means",
    "autoencoder": "autoencoder, k-means",
    "augmentation": "the same of random views",
    "spectral": "codes together, SpectralKMeans",
    "refined": "refined: the whole recipe",
}


class Stopwatch(Callback):
    """Write into a network's history how long it has trained."""

    def on_train_begin(self, net, **kwargs):
        self.start_ = time.perf_counter()

    def on_epoch_end(self, net, **kwargs):
        net.history.record("seconds", time.perf_counter() - self.start_)


class TimedUnion(FeatureUnion):
    """The encoders, with the time that it took to fit them all."""

    def fit_transform(self, X, y=None, **params):
        """Fit and transform, and remember how long it took."""
        start = time.perf_counter()
        codes = super().fit_transform(X, y, **params)
        self.seconds_ = time.perf_counter() - start
        return codes


def load(dataset, seed):
    """Give training images and labels, and those of the test."""
    if dataset == "mnist":
        parts = [fetch_mnist(subset=subset) for subset in ("train", "test")]
        return [array for part in parts for array in (part.images, part.target)]
    digits = load_digits()
    X_train, X_test, y_train, y_test = train_test_split(
        digits.images / 16,
        digits.target,
        test_size=1 / 3,
        random_state=seed,
        stratify=digits.target,
    )
    return X_train, y_train, X_test, y_test


def flat(X):
    """Give images as rows of numbers from 0 to 1."""
    return X.reshape(len(X), -1) / np.float32(255 if X.dtype == np.uint8 else 1)


def make_recipe(seed):
    """Give the recipe, with a watch on its encoders and on its refiner."""
    classifier = make_self_supervised_classifier(10, random_state=seed)
    encoders = TimedUnion(**classifier.encoder.get_params(deep=False))
    return classifier.set_params(encoder=encoders, refiner__callbacks=[Stopwatch()])


def climb(data, seed):
    """Give accuracy, NMI, ARI and seconds of each rung, and accuracy of ten labels."""
    X_train, y_train, X_test, y_test = data
    rungs = {}

    def score(name, classifier, seconds, X=X_test):
        predicted = classifier.predict(X)
        rungs[name] = (
            float(np.mean(predicted == y_test)),
            float(normalized_mutual_info_score(y_test, predicted)),
            float(adjusted_rand_score(y_test, predicted)),
            seconds,
        )

    def fit(name, encoder, clusterer, before=0.0, X=X_train, X_new=X_test):
        classifier = ClusterClassifier(encoder, clusterer, random_state=seed)
        start = time.perf_counter()
        classifier.fit(X, y_train)
        score(name, classifier, before + time.perf_counter() - start, X_new)

    k_means = KMeans(10, n_init=10)
    fit("kmeans", None, k_means, X=flat(X_train), X_new=flat(X_test))
    fit("pca", PCA(10), k_means, X=flat(X_train), X_new=flat(X_test))
    recipe = make_recipe(seed)
    _, autoencoder = recipe.encoder.transformer_list[0]
    fit("autoencoder", clone(autoencoder).set_params(augmentation=None), k_means)

    start = time.perf_counter()
    recipe.fit(X_train, y_train)
    total = time.perf_counter() - start
    # The other rungs are parts of the whole: its first encoder, and its clusters before
    # they are refined.
    first = FrozenEstimator(recipe.encoder_.transformer_list[0][1])
    fit("augmentation", first, k_means, before=recipe.encoder_.seconds_)
    clusterer = FrozenEstimator(recipe.clusterer_)
    fit("spectral", FrozenEstimator(recipe.encoder_), clusterer)
    refining = recipe.refiner_.net_.history[-1, "seconds"]
    rungs["spectral"] = (*rungs["spectral"][:3], total - refining)
    score("refined", recipe, total)

    asked = recipe.exemplar_indices_
    ten_labels = recipe.map_labels(X_train[asked], y_train[asked]).score(X_test, y_test)
    return rungs, ten_labels


def measure_growth(data):
    """Give how many times as long a fit of four times as many images takes."""
    X, *_ = data
    images = torch.from_numpy(X / np.float32(255))
    generator = torch.Generator().manual_seed(0)
    copies = [RandomAffine(10.0, 0.1, (0.9, 1.1))(images, generator) for _ in range(3)]
    more = np.concatenate([X, *((c * 255).byte().numpy() for c in copies)])
    seconds = []
    for samples in (X, more):
        start = time.perf_counter()
        make_self_supervised_classifier(10, random_state=0).fit(samples)
        seconds.append(time.perf_counter() - start)
    return seconds[1] / seconds[0]


def main():
    """Climb the ladder with some seeds."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--dataset", choices=["mnist", "digits"], default="mnist")
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--growth", action="store_true")
    arguments = arguments.parse_args()
    report = Report(f"Labels only name the clusters: {arguments.dataset}, test images")

    all_rungs, ten_labels = [], []
    for seed in range(arguments.seeds):
        data = load(arguments.dataset, seed)
        rungs, ten = climb(data, seed)
        all_rungs.append(rungs)
        ten_labels.append(ten)
        steps = "  ".join(f"{name} {rungs[name][0]:.4f}" for name in rungs)
        print(f"seed {seed}:  {steps}  ten labels {ten:.4f}", flush=True)

    print(f"\n{'':<34}{'accuracy':>17}{'worst':>8}{'NMI':>7}{'ARI':>7}{'seconds':>9}")
    for name, text in RUNGS.items():
        figures = np.array([rungs[name] for rungs in all_rungs])
        accuracy, nmi, ari, seconds = figures.mean(axis=0)
        spread, worst = figures[:, 0].std(), figures[:, 0].min()
        print(
            f"{text:<34}{accuracy:>9.4f} ± {spread:.4f}{worst:>8.4f}{nmi:>7.3f}"
            f"{ari:>7.3f}{seconds:>9.0f}"
        )
        report.figures[f"acc_{name}"] = accuracy
        report.figures[f"nmi_{name}"], report.figures[f"ari_{name}"] = nmi, ari
        report.figures[f"seconds_{name}"] = seconds
    print(f"{'with the labels of ten exemplars':<34}{np.mean(ten_labels):>9.4f}")
    print("\nPublished:" if PUBLISHED[arguments.dataset] else "")
    for method, accuracy, source in PUBLISHED[arguments.dataset]:
        print(f"{method:<34}{accuracy:>9}   {source}")

    report.figures |= {
        "acc_mean": report.figures["acc_refined"],
        "acc_worst": float(min(rungs["refined"][0] for rungs in all_rungs)),
        "acc_ten_labels": float(np.mean(ten_labels)),
        "seconds_per_seed": report.figures["seconds_refined"],
    }
    if arguments.growth:
        report.add("growth", "time of 4 times the images", measure_growth(data), 5)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
