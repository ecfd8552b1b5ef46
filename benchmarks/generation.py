"""How well a variational autoencoder models MNIST: likelihood, samples, missing pixels.

    python benchmarks/generation.py [--json FILE] [--seeds N] [--epochs N] [--n-test N]

- Likelihood: in each epoch pixels are drawn again as bits by their intensity, the test
  images once, as in Burda et al. (2016). Importance-weighted log p(x) with 500 draws.
  Beside it the published architecture, trained for the same time.
- Samples: an MLP trained on real digits says which digit each of 10,000 is, and how
  surely. How near they are to training images stands beside held-out digits' distances.
- Missing pixels: 30 % of the test images' at random, against KNNImputer on a part of
  the images that it can finish.

Medians over the seeds. MNIST is taken from the folder that SKAE_DATA names, or
downloaded.
"""

import time

import numpy as np
from _measure import Report, parser
from sklearn.base import clone
from sklearn.impute import KNNImputer
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier

from skae import VariationalAutoEncoder
from skae.corruption import Binarize
from skae.datasets import fetch_mnist

BITS = {"likelihood": "bernoulli", "augmentation": Binarize()}
MODEL = VariationalAutoEncoder(
    50,
    hidden_layer_sizes=(500, 500),
    lr=3e-3,
    batch_size=256,
    n_importance_samples=500,
    **BITS,
)
# Two layers of 200 tanh units, one draw, batches of 20 (Burda et al. 2016, section 5).
PUBLISHED = VariationalAutoEncoder(
    50,
    hidden_layer_sizes=(200, 200),
    activation="tanh",
    lr=1e-3,
    lr_schedule="cosine",
    batch_size=20,
    n_importance_samples=500,
    **BITS,
)
N_SAMPLES = 10_000
SHARE_MISSING = 0.3
# What KNNImputer is given: rows to learn from, and rows to fill.
N_KNOWN, N_FILLED = 10_000, 500


def fit(estimator, X, seed, epochs):
    """Fit a copy and measure the seconds."""
    estimator = clone(estimator).set_params(random_state=seed, max_epochs=epochs)
    start = time.perf_counter()
    estimator.fit(X)
    return estimator, time.perf_counter() - start


def measure_samples(model, X_test, classifier, neighbours, seed):
    """See which digits samples are, and whether they are copies."""
    samples = model.sample(N_SAMPLES, random_state=seed, noise=False)
    samples = samples.reshape(N_SAMPLES, -1).astype(np.float32)
    probabilities = classifier.predict_proba(samples)
    shares = np.bincount(probabilities.argmax(axis=1), minlength=10) / N_SAMPLES
    confidence = probabilities.max(axis=1).mean()
    near, real = (
        np.median(neighbours.kneighbors(rows[:1000])[0]) for rows in (samples, X_test)
    )
    sure = classifier.predict_proba(X_test).max(axis=1).mean()
    print(
        f"  samples, seed {seed}: shares {shares.round(3)}, confidence "
        f"{confidence:.3f} ({sure:.3f} of real digits); to the nearest training "
        f"image {near:.2f} ({real:.2f} from real digits)"
    )
    return float(shares.min()), float(shares.max()), float(confidence)


def measure_imputation(model, digits, seed):
    """Compare the squared error of missing pixels with KNNImputer's."""
    X_train, X_test = digits
    missing = np.random.default_rng(seed).random(X_test.shape) < SHARE_MISSING
    holes = np.where(missing, np.float32(np.nan), X_test)

    def error(filled):
        n = len(filled)
        return np.square(filled - X_test[:n])[missing[:n]].mean(dtype=float)

    start = time.perf_counter()
    ours = error(model.impute(holes).reshape(len(holes), -1)[:N_FILLED])
    seconds = (time.perf_counter() - start) / len(holes)
    start = time.perf_counter()
    knn = KNNImputer().fit(X_train[:N_KNOWN])
    theirs = error(knn.transform(holes[:N_FILLED]))
    knn_seconds = (time.perf_counter() - start) / N_FILLED
    print(
        f"  missing pixels, seed {seed}: MSE {ours:.4f}, KNNImputer's {theirs:.4f}; "
        f"{1000 * seconds:.1f} ms an image, KNNImputer's {1000 * knn_seconds:.1f}"
    )
    return float(ours / theirs)


def main():
    """Measure what the command line asks for."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--epochs", type=int, default=150)
    arguments.add_argument("--n-test", type=int, default=10_000)
    arguments = arguments.parse_args()
    report = Report("Generative modelling of MNIST")
    train, test = (fetch_mnist(subset=subset) for subset in ("train", "test"))
    digits = [
        mnist.images.reshape(len(mnist.images), -1) / np.float32(255)
        for mnist in (train, test)
    ]
    digits[1] = digits[1][: arguments.n_test]
    bits = np.random.default_rng(0).random(digits[1].shape) < digits[1]
    bits = bits.astype(np.float32)
    classifier = MLPClassifier((256,), early_stopping=True, random_state=0)
    classifier.fit(digits[0], train.target)
    neighbours = NearestNeighbors(n_neighbors=1).fit(digits[0])

    ours, published, of_samples, ratios = [], [], [], []
    for seed in range(arguments.seeds):
        model, seconds = fit(MODEL, train.images, seed, arguments.epochs)
        ours.append(model.score(bits))
        _, an_epoch = fit(PUBLISHED, train.images, seed, 1)
        epochs = max(1, round(seconds / an_epoch))
        other, other_seconds = fit(PUBLISHED, train.images, seed, epochs)
        published.append(other.score(bits))
        print(
            f"  log p(x), seed {seed}: {ours[-1]:.2f} after {arguments.epochs} epochs "
            f"in {seconds:.0f} s, {model.n_active_components_} components active; "
            f"published net {published[-1]:.2f} after {epochs} in {other_seconds:.0f} s"
        )
        of_samples.append(
            measure_samples(model, digits[1], classifier, neighbours, seed)
        )
        ratios.append(measure_imputation(model, digits, seed))
    smallest, largest, confidence = (
        list(figures) for figures in zip(*of_samples, strict=True)
    )
    report.add("iw_loglik", "log p(x) in nats, 500 draws (at least -88)", ours)
    report.add("iw_loglik_published_net", "  of the published net", published)
    report.add("sample_share_min", "smallest share of a class (0.05)", smallest)
    report.add("sample_share_max", "largest share of a class", largest, 0.15)
    report.add(
        "sample_confidence", "confidence in a sample (at least 0.85)", confidence
    )
    report.add("impute_mse_ratio", "MSE of missing pixels / KNNImputer's", ratios, 0.5)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
