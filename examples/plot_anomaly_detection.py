"""
Anomalous digits: a variational autoencoder and an isolation forest
===================================================================

The log-likelihood of a digit is low under a variational autoencoder that was fitted on
the nine other digits. Each digit is left out in turn. Held-out samples of the other
digits are normal, and the area under the ROC curve measures how well the two are
separated.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import VariationalAutoEncoder

# %%
# The two models.
X, y = load_digits(return_X_y=True)
model = VariationalAutoEncoder(
    16, hidden_layer_sizes=(256,), batch_size=64, lr=3e-3, random_state=0
)
forest = IsolationForest(random_state=0)

# %%
# In both models, normal samples have higher scores.
names = ["variational autoencoder", "isolation forest"]
areas = {name: [] for name in names}
print(f"area under the ROC curve\n{'anomalous':12}{names[0]:>26}{names[1]:>20}")
for label in range(10):
    X_train, X_normal = train_test_split(X[y != label], test_size=0.3, random_state=0)
    X_test = np.concatenate([X_normal, X[y == label]])
    is_normal = np.arange(len(X_test)) < len(X_normal)
    for name, estimator in zip(names, (model, forest), strict=True):
        scores = estimator.fit(X_train).score_samples(X_test)
        areas[name].append(roc_auc_score(is_normal, scores))
    print(f"{label:<12}{areas[names[0]][-1]:26.3f}{areas[names[1]][-1]:20.3f}")
print(f"{'mean':12}{np.mean(areas[names[0]]):26.3f}{np.mean(areas[names[1]]):20.3f}")

# %%
# One row for each class that is left out, with the areas of both models.
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
places = np.arange(10)
ax.vlines(places, *areas.values(), color="0.8", linewidth=3, zorder=0)
for (name, values), marker in zip(areas.items(), "oD", strict=True):
    ax.plot(places, values, marker, markersize=9, label=name)
ax.axhline(0.5, color="0.4", linestyle="--", label="chance", zorder=0)
ax.set_xticks(places)
ax.set(
    title="Detection of a digit that is not in the training set",
    xlabel="digit left out of the training",
    ylabel="area under the ROC curve",
    xlim=(-0.6, len(places) - 0.4),
    ylim=(0.35, 1.02),
)
figure.legend(loc="outside lower center", ncols=3)
plt.show()
