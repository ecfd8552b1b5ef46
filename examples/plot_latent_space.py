"""
Codes of two components: digits in a plane
==========================================

An autoencoder encodes every digit by two numbers, from which it must reconstruct the
digit. So each digit has a position in a plane, and the decoder makes a digit of each
position, also between those of the training set.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer
from skae.inspection import LatentExplorer, LatentSpaceDisplay, ManifoldDisplay

# %%
# Images with values from 0 to 1.
digits = load_digits()
X_train, X_test, _, y_test = train_test_split(
    digits.images / 16,
    digits.target,
    test_size=1 / 3,
    stratify=digits.target,
    random_state=0,
)

# %%
# Two numbers per digit. Labels are not used in the fit; they only colour the figure.
autoencoder = AutoEncoderTransformer(
    n_components=2,
    hidden_layer_sizes=(128, 128, 128),
    activation="tanh",
    optimizer="adamw",
    weight_decay=0.3,
    lr=5e-3,
    batch_size=32,
    max_epochs=100,
    random_state=0,
)
autoencoder.fit(X_train)

error = np.square(autoencoder.reconstruct(X_test) - X_test).mean()
error_of_mean = np.square(X_train.mean(axis=0) - X_test).mean()
print("digits, held out: mean squared error of a pixel")
print(f"  drawn from two numbers  {error:.4f}")
print(f"  the mean digit for all  {error_of_mean:.4f}")

# %%
# The codes of held-out digits.
LatentSpaceDisplay.from_estimator(autoencoder, X_test, y_test)

# %%
# Digits decoded from points of the plane, which is blank where there are no codes.
# Blocks of 8 x 8 pixels are hard to recognize, so they are drawn smooth.
ManifoldDisplay.from_estimator(
    autoencoder, X_train, n_steps=14, interpolation="bicubic"
)
plt.show()

# %%
# Both as an interactive page, which shows the decoded digit at the pointer.
LatentExplorer.from_estimator(autoencoder, X_test, y_test)
