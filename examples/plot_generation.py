"""
New digits, and interpolation between two digits
================================================

A variational autoencoder learns a density of digits. Codes drawn at random are decoded
into new digits, and codes between those of two digits are decoded into digits, too.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import VariationalAutoEncoder
from skae.inspection import InterpolationDisplay
from skae.likelihood import Gaussian

# %%
# Images with values from 0 to 1. The logit link keeps the means in this range.
digits = load_digits()
X_train, X_test, y_train, _ = train_test_split(
    digits.images / 16, digits.target, test_size=1 / 3, random_state=0
)
model = VariationalAutoEncoder(
    16,
    likelihood=Gaussian(link="logit"),
    hidden_layer_sizes=(256, 256),
    batch_size=64,
    max_epochs=60,
    lr=3e-3,
    random_state=0,
).fit(X_train)
print(f"{model.n_active_components_} of 16 components are active")
print(f"log p(x) of held-out digits: {model.score(X_test):.1f} nats")

# %%
# New digits: the means of p(x|h) for codes drawn from p(h). A classifier tells which
# digits they are, and the nearest training digits tell whether they are copies.
samples = model.sample(1000, random_state=0, noise=False)
rows, real, held_out = (X.reshape(len(X), -1) for X in (samples, X_train, X_test))
classifier = LogisticRegression(max_iter=2000).fit(real, y_train)
neighbours = NearestNeighbors(n_neighbors=1).fit(real)
shares = np.bincount(classifier.predict(rows), minlength=10) / len(rows)
print("share of each digit:", *(f"{share:.2f}" for share in shares))
for what, X in (("sample", rows), ("held-out digit", held_out[:1000])):
    distance = np.median(neighbours.kneighbors(X)[0])
    print(f"from a {what} to the nearest training digit: {distance:.2f}")

# %%
# Some of the new digits. Blocks of 8 x 8 pixels are hard to recognize, so they are
# drawn smooth.
drawn = samples[:28].reshape(4, 7, 8, 8)
display = InterpolationDisplay(images=drawn).plot(interpolation="bicubic")
display.ax_.set(title="Samples", xticks=[])

# %%
# Interpolations between pairs of held-out digits.
InterpolationDisplay.from_estimator(
    model, X_test[:4], X_test[4:8], n_steps=7, interpolation="bicubic"
)
plt.show()
