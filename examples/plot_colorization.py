"""
Colour for gray photographs
===========================

A colorizer is fitted on small patches of a photograph and predicts the colours of a
gray one. A larger photograph is colorized in tiles that overlap. Where they do, their
mean is taken, with less weight towards the border of a tile, so that no border is seen.
Here the colorizer is fitted on the left half of a photograph that comes with
scikit-learn, and colorizes the right half.

If several colours are possible, their mean has the smallest error, and it is duller
than each of them. The parameter ``saturation`` is the share of the true chroma that
predictions have. A larger one is more vivid, and has a larger error.
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d

from skae import ColorizationAutoEncoder, rgb_to_gray
from skae.corruption import RandomFlip
from skae.metrics import colorfulness

SIZE, STEP = 16, 8

# %%
# The two halves, with colours from 0 to 1.
photograph = load_sample_image("flower.jpg")[:416] / np.float32(255)
left, color = photograph[:, :320], photograph[:, 320:544]
gray = rgb_to_gray(color)

# %%
# The fit takes gray and colour images. They are mirrored at random.
color_train = extract_patches_2d(left, (SIZE, SIZE), max_patches=2000, random_state=0)
colorizer = ColorizationAutoEncoder(
    32,
    hidden_layer_sizes=(16, 32),
    optimizer="adamw",
    weight_decay=0.3,
    lr=3e-3,
    max_epochs=20,
    augmentation=RandomFlip(),
    random_state=0,
).fit(rgb_to_gray(color_train), color_train)


# %%
# Tiles of a photograph, each eight pixels from the last one.
def colorize(photograph, saturation=None):
    """Return the colours of a gray photograph: the mean of overlapping tiles."""
    corners = list(product(*(range(0, n - SIZE + 1, STEP) for n in photograph.shape)))
    tiles = np.stack([photograph[i : i + SIZE, j : j + SIZE] for i, j in corners])
    colorizer.set_params(saturation=saturation)
    hill = np.hanning(SIZE + 2)[1:-1]
    weight = np.outer(hill, hill)[..., np.newaxis]
    total = np.zeros((*photograph.shape, 3))
    weights = np.zeros((*photograph.shape, 1))
    for (i, j), tile in zip(corners, colorizer.predict(tiles), strict=True):
        total[i : i + SIZE, j : j + SIZE] += weight * tile
        weights[i : i + SIZE, j : j + SIZE] += weight
    return total / weights


# %%
# The right half. The more vivid colours have the larger error, but it is far below that
# of the gray image.
pictures = {
    "truth": color,
    "gray": np.stack([gray] * 3, axis=-1),
    "predicted": colorize(gray),
    "saturation=1.5": colorize(gray, saturation=1.5),
}
true_colorfulness = colorfulness(color[np.newaxis])[0]
figure, axes = plt.subplots(ncols=4, figsize=(9, 4.6), layout="constrained")
print(f"{'held out':16}{'mean squared error':>20}{'colourfulness / truth':>24}")
for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture)
    ax.set(title=name, xticks=[], yticks=[])
    share = colorfulness(picture[np.newaxis])[0] / true_colorfulness
    print(f"{name:16}{np.square(picture - color).mean():20.5f}{share:24.2f}")
plt.show()
