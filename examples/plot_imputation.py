"""
Missing pixels of a photograph: an autoencoder and nearest neighbours
=====================================================================

Half of the pixels of a photograph are missing. Both imputers are fitted on patches of
another photograph that comes with scikit-learn. ``KNNImputer`` fills missing pixels
with means of the nearest patches, and ``AutoEncoderImputer`` predicts them from the
pixels of the patch that are present.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.impute import KNNImputer, SimpleImputer

from skae import AutoEncoderImputer

# sphinx_gallery_thumbnail_number = 2
SIZE = 8

# %%
# Two gray photographs with values from 0 to 1: patches of one, and a part of the other.
temple, flower = (
    load_sample_image(name).mean(axis=-1) / 255 for name in ("china.jpg", "flower.jpg")
)
patches = extract_patches_2d(temple, (SIZE, SIZE), max_patches=4000, random_state=0)
X_train = patches.reshape(len(patches), -1)
image = flower[110:310, 190:390]
missing = np.random.default_rng(0).random(image.shape) < 0.5
incomplete = np.where(missing, np.nan, image)


# %%
# The photograph as rows of a table, one for each square of eight by eight pixels, and
# back.
def to_rows(image):
    rows, columns = (side // SIZE for side in image.shape)
    squares = image.reshape(rows, SIZE, columns, SIZE).swapaxes(1, 2)
    return squares.reshape(rows * columns, -1)


def to_image(X):
    rows, columns = (side // SIZE for side in image.shape)
    squares = X.reshape(rows, columns, SIZE, SIZE).swapaxes(1, 2)
    return squares.reshape(image.shape)


# %%
# The errors of missing pixels, and the time to fit and to fill in seconds.
imputers = {
    "mean": SimpleImputer(),
    "neighbours": KNNImputer(),
    "autoencoder": AutoEncoderImputer(random_state=0),
}
images = {"original": image, "half missing": incomplete}
print("held-out photograph: mean squared error of a missing pixel")
for name, imputer in imputers.items():
    start = time.perf_counter()
    filled = to_image(imputer.fit(X_train).transform(to_rows(incomplete)))
    seconds = time.perf_counter() - start
    error = np.square(filled - image)[missing].mean()
    images[f"{name}: {error:.4f}"] = filled
    print(f"{name:14}{error:8.4f} in {seconds:.1f} s")

# %%
# The filled photographs, and their errors.
figure, axes = plt.subplots(2, 3, figsize=(8, 5.8), layout="constrained")
axes[1, 2].axis("off")
for ax, (name, shown) in zip(axes.flat, images.items(), strict=False):
    ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
    ax.set(title=name, xticks=[], yticks=[])
plt.show()

# %%
# The last one again, larger: pixels missing on the left, and filled on the right.
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
halves = np.hstack([incomplete[:, :100], filled[:, 100:]])
ax.imshow(halves, cmap="gray", vmin=0, vmax=1)
ax.axis("off")
plt.show()
