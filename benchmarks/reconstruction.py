"""How well autoencoders draw MNIST's test digits again, clean them, and mend them.

    python benchmarks/reconstruction.py [--json FILE] [--seeds N] [--only NAME ...]

Mean squared error over pixels in [0, 1] of the 10,000 test images, the median over the
seeds. Noise is N(0.5, 0.5), added to every pixel and clipped to [0, 1]. Beside skae's
figures stand PCA's, and those of the lecture's networks, rebuilt of the same modules
and trained in the same run. MNIST is taken from the folder that SKAE_DATA names, or
downloaded.
"""

import statistics
import time

import numpy as np
from _measure import Report, parser
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoEncoderTransformer, DenoisingAutoEncoder
from skae.corruption import GaussianNoise, RandomErasing, SaltAndPepper
from skae.datasets import fetch_mnist
from skae.likelihood import Gaussian

NOISE = GaussianNoise(mean=0.5, std=0.5, clip=(0, 1))
# Both end in log-odds of a pixel's mean, and decay their weights against overfitting.
COMMON = {"likelihood": Gaussian(link="logit"), "optimizer": "adamw"}
DENSE = {**COMMON, "hidden_layer_sizes": (500, 500, 2000), "batch_size": 256}
CONV = {**COMMON, "architecture": "conv", "weight_decay": 0.05, "lr": 3e-3}
# 30 epochs of batches of 64, Adam at 1e-3 falling to nothing, no affine maps beside it.
LECTURE = {
    "architecture": "conv",
    "skip_connection": False,
    "lr": 1e-3,
    "lr_schedule": "cosine",
    "batch_size": 64,
    "max_epochs": 30,
}
LECTURE_AE = {**LECTURE, "hidden_layer_sizes": (16, 32, 64)}
LECTURE_DENOISER = {**LECTURE, "hidden_layer_sizes": (32, 64, 128)}

# By name: the estimator, and what its error should be at most.
RECONSTRUCTION = {
    "default2": (AutoEncoderTransformer(2), None),
    "default8": (AutoEncoderTransformer(8), None),
    "default16": (AutoEncoderTransformer(16), None),
    "ae2": (
        AutoEncoderTransformer(2, lr=2e-3, weight_decay=0.02, max_epochs=80, **DENSE),
        0.0315,
    ),
    "ae16": (
        AutoEncoderTransformer(16, lr=6e-3, weight_decay=0.2, max_epochs=50, **DENSE),
        0.0060,
    ),
    "lecture_ae2": (AutoEncoderTransformer(2, **LECTURE_AE), None),
    "lecture_ae16": (AutoEncoderTransformer(16, **LECTURE_AE), None),
}
DENOISING = {
    "denoise16": (
        DenoisingAutoEncoder(
            16, NOISE, lr=4e-3, weight_decay=0.02, max_epochs=50, **DENSE
        ),
        0.0150,
    ),
    "denoise_best": (
        DenoisingAutoEncoder(
            256, NOISE, hidden_layer_sizes=(32, 64), max_epochs=10, **CONV
        ),
        0.0125,
    ),
    "lecture_denoise2": (DenoisingAutoEncoder(2, NOISE, **LECTURE_DENOISER), None),
    "lecture_denoise16": (DenoisingAutoEncoder(16, NOISE, **LECTURE_DENOISER), None),
}
# The error as a share of that of the corrupted images should be at most a quarter.
REPAIR = {
    "torn": DenoisingAutoEncoder(
        256,
        RandomErasing(0.25),
        hidden_layer_sizes=(32, 64, 128),
        max_epochs=16,
        **CONV,
    ),
    "salt": DenoisingAutoEncoder(
        256, SaltAndPepper(0.3), hidden_layer_sizes=(32, 64), max_epochs=20, **CONV
    ),
}
ALL = ["pca", *RECONSTRUCTION, *DENOISING, *REPAIR]


def squared_error(predicted, true):
    """Mean over images and pixels."""
    return float(np.square(predicted - true).mean(dtype=np.float64))


def fit(estimator, X, seed):
    """Fit a copy and say how long it took."""
    start = time.perf_counter()
    fitted = clone(estimator).set_params(random_state=seed).fit(X)
    return fitted, time.perf_counter() - start


def measure_repair(name, estimator, seeds, report, sets):
    """Measure what a denoiser gives back, in pixels and to a classifier."""
    X_train, y_train, X_test, y_test = sets
    classifier = KNeighborsClassifier(3).fit(X_train.reshape(len(X_train), -1), y_train)

    def accuracy(images):
        return classifier.score(images.reshape(len(images), -1), y_test)

    ratios, gains, clean = [], [], accuracy(X_test)
    for seed in seeds:
        denoiser, seconds = fit(estimator, X_train, seed)
        X_corrupted = denoiser.corrupt(X_test, random_state=seed)
        X_cleaned = denoiser.reconstruct(X_corrupted)
        lost = squared_error(X_corrupted, X_test)
        ratios.append(squared_error(X_cleaned, X_test) / lost)
        corrupted, cleaned = accuracy(X_corrupted), accuracy(X_cleaned)
        gains.append((cleaned - corrupted) / (clean - corrupted))
        print(
            f"  {name}, {seconds:.0f} s: MSE {lost:.4f} corrupted, "
            f"{lost * ratios[-1]:.4f} cleaned; 3-NN {clean:.3f} clean, "
            f"{corrupted:.3f} corrupted, {cleaned:.3f} cleaned"
        )
    report.add(f"repair_{name}_ratio", f"{name}: MSE / corrupted's", ratios, 0.25)
    report.add(f"repair_{name}_gain", "  of the accuracy lost regained (0.5)", gains)


def main():
    """Measure what the command line asks for."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--only", nargs="+", choices=ALL, default=ALL)
    arguments = arguments.parse_args()
    seeds = range(arguments.seeds)
    report = Report("Error on MNIST's test images")
    sets = []
    for subset in ("train", "test"):
        mnist = fetch_mnist(subset=subset)
        sets += [mnist.images / np.float32(255), mnist.target]
    X_train, _, X_test, _ = sets

    if "pca" in arguments.only:
        train, test = (X.reshape(len(X), -1) for X in (X_train, X_test))
        for n_components in (2, 8, 16):
            pca = PCA(n_components, random_state=0).fit(train)
            restored = pca.inverse_transform(pca.transform(test))
            error = squared_error(restored, test)
            report.add(f"pca{n_components}_mse", f"PCA({n_components})", error)
    for name, (estimator, aim) in {**RECONSTRUCTION, **DENOISING}.items():
        if name not in arguments.only:
            continue
        errors, times = [], []
        for seed in seeds:
            fitted, seconds = fit(estimator, X_train, seed)
            X_input = X_test
            if name in DENOISING:
                X_input = fitted.corrupt(X_test, random_state=seed)
            errors.append(squared_error(fitted.reconstruct(X_input), X_test))
            times.append(seconds)
        report.add(
            f"{name}_mse", f"{name}, {statistics.median(times):.0f} s", errors, aim
        )
    for name, estimator in REPAIR.items():
        if name in arguments.only:
            measure_repair(name, estimator, seeds, report, sets)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
