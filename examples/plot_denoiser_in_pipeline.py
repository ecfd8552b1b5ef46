"""
A denoiser as a cleaning step before a classifier
=================================================

A k-nearest-neighbours classifier is fitted on clean digits, and predicts digits with
noise. A denoiser before it, fitted on the same clean digits, restores much of the
accuracy. The amount of noise in training is a parameter of the pipeline like any other.
A grid search chooses it by the accuracy of the classifier.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skae import DenoisingAutoEncoder, Reconstructor
from skae.corruption import GaussianNoise
from skae.inspection import ReconstructionDisplay

# %%
# Rows of pixels from 0 to 1, and the parameters of the network.
X, y = load_digits(return_X_y=True)
network = {"hidden_layer_sizes": (256, 128), "activation": "tanh", "lr": 5e-3}
network |= {"weight_decay": 0.3, "batch_size": 32, "max_epochs": 60}
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=1 / 3, stratify=y, random_state=0
)


def add_noise(X):
    noise = np.random.default_rng(0).normal(0.5, 0.3, X.shape)
    return np.clip(X + noise, 0, 1).astype(X.dtype)


# %%
# The search fits on clean digits and scores on noisy ones, as in later use.
corruption = GaussianNoise(mean=0.5, clip=(0, 1))
network |= {"optimizer": "adamw", "random_state": 0}
denoiser = DenoisingAutoEncoder(32, corruption=corruption, **network)
knn, levels = KNeighborsClassifier(), [0.05, 0.1, 0.2, 0.4, 0.8]
search = GridSearchCV(
    Pipeline([("clean", Reconstructor(denoiser)), ("knn", knn)]),
    {"clean__estimator__corruption__std": levels},
    scoring=lambda pipeline, X, y: pipeline.score(add_noise(X), y),
    cv=2,
    n_jobs=2,
)
search.fit(X_train, y_train)

# %%
# Held-out digits, and the accuracy of k-NN on them.
knn.fit(X_train, y_train)
rows = {"clean": X_test, "noisy": add_noise(X_test)}
accuracy = {name: knn.score(row, y_test) for name, row in rows.items()}
rows["cleaned"] = search.best_estimator_["clean"].transform(rows["noisy"])
accuracy["cleaned"] = search.score(X_test, y_test)
print("digits, held out: accuracy of k-NN")
for name, value in accuracy.items():
    print(f"{name:>12}{value:8.3f}")
print("best for the denoiser:", search.best_params_)

# %%
# The input of the classifier. Blocks of 8 x 8 pixels are hard to recognize, so they are
# drawn smooth.
named = {f"{name}\naccuracy {accuracy[name]:.3f}": row for name, row in rows.items()}
display = ReconstructionDisplay(named, image_shape=(8, 8))
display.plot(n_images=6, interpolation="bicubic")
display.ax_.set_title("Held-out digits, and the accuracy of k-NN on them")

# %%
# The scores of the search.
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.axhline(accuracy["clean"], linestyle="--", color="black", label="clean")
ax.plot(levels, search.cv_results_["mean_test_score"], "o-", label="cleaned (CV)")
ax.axhline(accuracy["noisy"], linestyle=":", color="black", label="noisy")
ax.set_title("How much noise to train the denoiser on")
ax.set(xlabel="its standard deviation", ylabel="accuracy of k-NN", ylim=(0.4, 1))
ax.legend(loc="lower left")
plt.show()
