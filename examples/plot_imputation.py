"""
Missing pixels: a variational autoencoder and nearest neighbours
================================================================

A variational autoencoder predicts missing pixels from the others. ``KNNImputer`` fills
them with means of the nearest digits. Both are tested on held-out digits.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer
from sklearn.model_selection import train_test_split

from skae import VariationalAutoEncoder
from skae.inspection import ReconstructionDisplay
from skae.likelihood import Gaussian

# %%
# Rows of pixels from 0 to 1. In the test digits, 30 % of the pixels are missing.
X_train, X_test = train_test_split(
    load_digits().data / 16, test_size=1 / 3, random_state=0
)
missing = np.random.default_rng(0).random(X_test.shape) < 0.3
X_holes = np.where(missing, np.nan, X_test).astype(X_test.dtype)

# %%
# The imputed digits, their errors, and the time in seconds.
model = VariationalAutoEncoder(
    32,
    likelihood=Gaussian(link="logit"),
    image_shape=(8, 8),
    hidden_layer_sizes=(256, 256),
    batch_size=64,
    max_epochs=60,
    lr=3e-3,
    random_state=0,
).fit(X_train)
knn = KNNImputer().fit(X_train)
mean = X_train.mean(axis=0)
fillers = {
    "filled by the mean": lambda X: np.where(np.isnan(X), mean, X),
    "filled by neighbours": knn.transform,
    "filled by the model": model.impute,
}
rows = {"original": X_test, "with holes": np.where(missing, 0.5, X_test)}
print("digits, held out: mean squared error of a missing pixel")
for name, fill in fillers.items():
    start = time.perf_counter()
    X_filled = fill(X_holes)
    seconds = time.perf_counter() - start
    error = np.square(X_filled - X_test)[missing].mean()
    rows[f"{name}\n{error:.4f} a missing pixel"] = X_filled
    print(f"{name:22}{error:8.4f} in {seconds:.2f} s")

# %%
# Missing pixels in gray, and the filled digits. Beside each row are the error of a
# missing pixel, and below it that of all pixels.
ReconstructionDisplay(rows, image_shape=(8, 8)).plot(n_images=6)
plt.show()
