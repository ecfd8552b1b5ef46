"""How well skae's default autoencoder draws MNIST's test digits again, beside PCA.

    python benchmarks/reconstruction.py [--json FILE]

Mean squared error over pixels in [0, 1] of the 10,000 test images. MNIST is taken from
the folder that SKAE_DATA names, or downloaded.
"""

import time

import numpy as np
from _measure import Report, parser
from sklearn.decomposition import PCA

from skae import AutoEncoderTransformer
from skae.datasets import fetch_mnist


def main():
    """Measure at some numbers of components."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--components", type=int, nargs="+", default=(2, 8, 16))
    arguments = arguments.parse_args()
    report = Report("Test error on MNIST, and the ratio to PCA's")
    train, test = (
        fetch_mnist(subset=subset).data / np.float32(255)
        for subset in ("train", "test")
    )
    for n_components in arguments.components:
        pca = PCA(n_components, random_state=0).fit(train)
        restored = pca.inverse_transform(pca.transform(test))
        pca_error = float(np.square(test - restored).mean())
        report.add(f"pca{n_components}_mse", f"PCA({n_components})", pca_error)
        start = time.perf_counter()
        autoencoder = AutoEncoderTransformer(n_components, random_state=0).fit(train)
        seconds = time.perf_counter() - start
        error = float(np.square(test - autoencoder.reconstruct(test)).mean())
        name = f"AutoEncoderTransformer({n_components}), {seconds:.0f} s"
        report.add(f"ae{n_components}_default_mse", name, error)
        report.add(
            f"ae{n_components}_to_pca", "  its ratio to PCA's", error / pca_error, 1.0
        )
    report.save(arguments.json)


if __name__ == "__main__":
    main()
