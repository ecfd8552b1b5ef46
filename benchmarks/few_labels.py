"""What few labels cost: digits named by all labels, by a hundred, by ten.

    python benchmarks/few_labels.py [--json FILE]

Accuracy on the held-out third of scikit-learn's digits, autoencoder and k-means, mean
of ten seeds. Ten a class are drawn at random; the ten exemplars are those that the
classifier asks for.
"""

import numpy as np
from _measure import Report, parser
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer, ClusterClassifier


def accuracies(seed):
    """Give the accuracy with all labels, a hundred and ten."""
    X_train, X_test, y_train, y_test = train_test_split(
        *load_digits(return_X_y=True), test_size=1 / 3, random_state=seed
    )
    autoencoder = AutoEncoderTransformer(
        n_components=12,
        hidden_layer_sizes=(128, 128, 128),
        skip_connection=False,
        activation="tanh",
        optimizer="adamw",
        weight_decay=1.0,
        lr=6e-3,
        batch_size=32,
        max_epochs=30,
    )
    classifier = ClusterClassifier(
        autoencoder, assignment="majority", random_state=seed
    ).fit(X_train, y_train)
    everything = classifier.score(X_test, y_test)
    classifier.set_params(unlabeled=-1)

    rng = np.random.default_rng(seed)
    hundred = np.full_like(y_train, -1)
    for digit in range(10):
        chosen = rng.choice(np.flatnonzero(y_train == digit), 10, replace=False)
        hundred[chosen] = digit
    few = classifier.map_labels(X_train, hundred).score(X_test, y_test)

    ten = np.full_like(y_train, -1)
    ten[classifier.exemplar_indices_] = y_train[classifier.exemplar_indices_]
    fewest = classifier.map_labels(X_train, ten).score(X_test, y_test)
    return everything, few, fewest


def main():
    """Measure ten seeds."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    report = Report("Accuracy on held-out digits, mean of 10 seeds")
    means = np.mean([accuracies(seed) for seed in range(10)], axis=0)
    names = ("all 1198 labels", "100 labels, ten a class", "the 10 exemplars' labels")
    for key, name, mean in zip(("all", "hundred", "ten"), names, means, strict=True):
        report.add(f"acc_{key}_labels", name, float(mean))
    report.save(arguments.json)


if __name__ == "__main__":
    main()
