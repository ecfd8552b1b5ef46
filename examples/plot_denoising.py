"""
Removing noise, salt and pepper, lost pixels and erased rectangles
==================================================================

A denoising autoencoder gets corrupted digits and learns to return the clean ones. It
can remove the corruption that it was trained on. Here there is one denoiser per
corruption, each tested on held-out digits.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import DenoisingAutoEncoder
from skae.corruption import GaussianNoise, Masking, RandomErasing, SaltAndPepper
from skae.inspection import ReconstructionDisplay

# %%
# Images with values from 0 to 1, and a network that fits them.
X_train, X_test = train_test_split(
    load_digits().images / 16, test_size=1 / 3, random_state=0
)
network = {"hidden_layer_sizes": (512,), "batch_size": 64, "max_epochs": 200}
network |= {"optimizer": "adamw", "weight_decay": 0.1, "lr": 3e-3}

corruptions = {
    "normal noise is added": GaussianNoise(std=0.3, clip=(0, 1)),
    "a fifth of the pixels is black or white": SaltAndPepper(amount=0.2),
    "half of the pixels are lost": Masking(amount=0.5),
    "a quarter is torn out": RandomErasing(area=0.25),
}

# %%
# Every digit is corrupted again in each epoch. Each figure has originals, inputs of the
# denoiser, and its outputs.
print("digits, held out: mean squared error of a pixel")
print(f"{'':40}{'corrupted':>10}{'denoised':>10}")
for what, corruption in corruptions.items():
    denoiser = DenoisingAutoEncoder(
        n_components=64, corruption=corruption, random_state=0, **network
    ).fit(X_train)
    X_corrupted = denoiser.corrupt(X_test, random_state=1)
    rows = {
        "original": X_test,
        "corrupted": X_corrupted,
        "denoised": denoiser.reconstruct(X_corrupted),
    }
    display = ReconstructionDisplay(rows).plot(n_images=6)
    display.ax_.set_title(f"{type(corruption).__name__}: {what}")
    errors = display.mse_
    print(f"{what:40}{errors['corrupted']:10.4f}{errors['denoised']:10.4f}")

plt.show()
