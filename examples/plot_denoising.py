"""
Removing noise, salt and pepper, and lost pixels from a photograph
==================================================================

A denoising autoencoder gets corrupted samples and learns to return the clean ones. It
can remove the corruption that it was trained on, so here there is one denoiser per
corruption. Each is fitted on clean patches of a photograph that comes with
scikit-learn, and denoises another photograph: all patches of it are denoised, and each
pixel is the mean over the patches that it belongs to.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import (
    extract_patches_2d,
    reconstruct_from_patches_2d,
)

from skae import DenoisingAutoEncoder
from skae.corruption import GaussianNoise, Masking, SaltAndPepper

# sphinx_gallery_thumbnail_number = 2
SIZE = (8, 8)

# %%
# Two gray photographs with values from 0 to 1: patches of one, and a part of the other.
temple, flower = (
    load_sample_image(name).mean(axis=-1, dtype=np.float32) / 255
    for name in ("china.jpg", "flower.jpg")
)
X_train = extract_patches_2d(temple, SIZE, max_patches=20_000, random_state=0)
clean = flower[110:310, 190:390]

corruptions = {
    "a tenth of the pixels is black or white": SaltAndPepper(amount=0.1),
    "a quarter of the pixels is lost": Masking(amount=0.25),
    "normal noise is added": GaussianNoise(std=0.15),
}

# %%
# In training, each patch is corrupted again in each epoch. The other photograph is
# corrupted once.
figure, axes = plt.subplots(3, 3, figsize=(8, 8.8), layout="constrained")
print("held-out photograph: mean squared error of a pixel")
print(f"{'':40}{'corrupted':>10}{'denoised':>10}")
for row, (what, corruption) in zip(axes, corruptions.items(), strict=True):
    denoiser = DenoisingAutoEncoder(
        n_components=48,
        corruption=corruption,
        hidden_layer_sizes=(512,),
        max_epochs=20,
        random_state=0,
    ).fit(X_train)
    batch = torch.from_numpy(clean[np.newaxis])
    corrupted = corruption(batch, torch.Generator().manual_seed(0)).numpy()[0]
    patches = denoiser.reconstruct(extract_patches_2d(corrupted, SIZE))
    denoised = reconstruct_from_patches_2d(patches, clean.shape)

    images = {"original": clean, "corrupted": corrupted, "denoised": denoised}
    for ax, (name, image) in zip(row, images.items(), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(title=name, xticks=[], yticks=[])
    row[0].set_ylabel(type(corruption).__name__)
    errors = [np.square(image - clean).mean() for image in (corrupted, denoised)]
    print(f"{what:40}{errors[0]:10.4f}{errors[1]:10.4f}")

# %%
# The last one again, larger: noise on the left, and removed on the right.
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
halves = np.hstack([corrupted[:, :100], denoised[:, 100:]])
ax.imshow(halves, cmap="gray", vmin=0, vmax=1)
ax.axis("off")
plt.show()
