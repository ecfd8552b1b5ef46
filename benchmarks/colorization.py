"""How near predicted colours come to CIFAR-10's true ones, beside answering gray.

    python benchmarks/colorization.py [--json FILE] [--epochs N]

Mean squared error over red, green and blue in [0, 1] of the 10,000 test images; and
colourfulness after Hasler and Süsstrunk as a share of the truth's, for the predictions
of the smallest error and for those that are asked to be as saturated as the truth.
CIFAR-10 is taken from the folder that SKAE_DATA names, or downloaded.
"""

import time

import numpy as np
from _measure import Report, parser

from skae import ColorizationAutoEncoder, rgb_to_gray
from skae.corruption import Chain, RandomErasing, RandomFlip
from skae.datasets import fetch_cifar10
from skae.metrics import colorfulness


def main():
    """Fit one colorizer and measure both of its modes."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--epochs", type=int, default=24)
    arguments = arguments.parse_args()
    report = Report("Colours of CIFAR-10's test images from gray ones")
    train, test = (
        fetch_cifar10(subset=subset).images / np.float32(255)
        for subset in ("train", "test")
    )
    gray = rgb_to_gray(test)
    truth = colorfulness(test).mean()

    def measure(text, predicted, error_key, share_key, aim=None):
        error = float(np.square(predicted - test).mean(dtype=np.float64))
        report.add(error_key, f"{text}: MSE", error, aim)
        share = float(colorfulness(predicted).mean() / truth)
        report.add(share_key, "  colourfulness / truth's", share)

    colored = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    measure("gray itself", colored, "gray_mse", "gray_colorfulness_ratio")
    # A narrow code, decay, mirror images and torn ones: 50,000 images are soon learned
    # by heart.
    views = Chain([("flip", RandomFlip()), ("torn", RandomErasing((0.0, 0.3)))])
    colorizer = ColorizationAutoEncoder(
        64,
        optimizer="adamw",
        weight_decay=0.3,
        lr=3e-3,
        max_epochs=arguments.epochs,
        augmentation=views,
        random_state=0,
    )
    start = time.perf_counter()
    colorizer.fit(rgb_to_gray(train), train)
    report.add("fit_seconds", "fit, seconds", time.perf_counter() - start)
    dull = colorizer.predict(gray)
    measure("smallest error", dull, "mse", "dull_colorfulness_ratio", 0.0038)
    # The saturation may be set after the fit.
    vivid = colorizer.set_params(saturation=1.0).predict(gray)
    measure("saturation=1", vivid, "saturated_mse", "colorfulness_ratio")
    report.save(arguments.json)


if __name__ == "__main__":
    main()
