"""
Colour for gray images
======================

A colorizer predicts the colours of gray images. If several colours are possible, their
mean has the smallest error, and it is duller than each of them. With ``saturation=1.0``
the predictions are as colourful as the true images, and the error is somewhat larger.
The images are patches of the two photographs that come with scikit-learn. Training and
test patches are from different parts of them. Their colours are easy to predict, so
that dull and vivid hardly differ. They differ on 50,000 photographs of animals and
vehicles: run with ``--dataset cifar10``, which takes some minutes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from skae import ColorizationAutoEncoder, rgb_to_gray
from skae.corruption import RandomFlip
from skae.datasets import fetch_cifar10, load_color_patches
from skae.inspection import ColorizationDisplay
from skae.metrics import colorfulness

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["patches", "cifar10"], default="patches")
arguments = parser.parse_args()

# %%
# Colour images, and gray images computed from them.
if arguments.dataset == "cifar10":
    color_train, color_test = (
        fetch_cifar10(subset=subset).images for subset in ("train", "test")
    )
    network = {"max_epochs": 10}
else:
    color_train, color_test = (
        load_color_patches(n_patches=n_patches, patch_size=24, subset=subset)
        for subset, n_patches in (("train", 2000), ("test", 500))
    )
    network = {"n_components": 64, "hidden_layer_sizes": (16, 32, 64)}
    network |= {"max_epochs": 20}
color_train, color_test = (X / np.float32(255) for X in (color_train, color_test))
# The first ones are shown; take them from the more varied half.
variety = color_test.std(axis=(1, 2)).mean(axis=1)
color_test = color_test[np.argsort(variety < np.median(variety), kind="stable")]
gray_train, gray_test = rgb_to_gray(color_train), rgb_to_gray(color_test)

# %%
# One fit, and predictions with two saturations. Images are mirrored at random.
colorizer = ColorizationAutoEncoder(
    optimizer="adamw",
    weight_decay=0.3,
    lr=3e-3,
    augmentation=RandomFlip(),
    random_state=0,
    **network,
)
colorizer.fit(gray_train, color_train)
rows = {
    "truth": color_test,
    "gray": gray_test,
    "predicted": colorizer.predict(gray_test),
    "saturated": colorizer.set_params(saturation=1.0).predict(gray_test),
}

# %%
# Rows of images, with errors and colourfulness.
display = ColorizationDisplay(rows).plot(n_images=14)
display.ax_.set_title("Held-out images, and their colours as predicted from gray")
print(f"{arguments.dataset}, held out")
print(f"{'':12}{'mean squared error':>20}{'colourfulness / truth':>24}")
truth = colorfulness(color_test).mean()
for name, error in display.mse_.items():
    colors = rows[name] if rows[name].ndim == 4 else np.stack([rows[name]] * 3, axis=-1)
    print(f"{name:12}{error:20.5f}{colorfulness(colors).mean() / truth:24.2f}")
path = Path(sys.argv[0]).with_name(f"colorization_{arguments.dataset}.png")
display.figure_.savefig(path, dpi=100)
print(f"picture saved: {path}")
