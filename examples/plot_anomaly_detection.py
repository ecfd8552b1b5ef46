"""
Anomalous digits found by their density, beside an isolation forest
===================================================================

The log-likelihood of a digit is low under a variational autoencoder that was fitted on
the nine other digits. Each digit is left out in turn. Held-out samples of the other
digits are normal, and the area under the ROC curve measures how well the two are
separated. Run with ``--dataset breast_cancer`` for a table of tumours, where benign
ones are normal and an isolation forest does equally well.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import VariationalAutoEncoder
from skae.likelihood import Gaussian

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "breast_cancer"], default="digits")
arguments = parser.parse_args()

# %%
# In a table each column has its own variance; pixels share one.
if arguments.dataset == "digits":
    X, y = load_digits(return_X_y=True)
    anomalies = {f"digit {label}": label for label in range(10)}
    model = VariationalAutoEncoder(
        16, hidden_layer_sizes=(256,), batch_size=64, lr=3e-3, random_state=0
    )
else:
    X, y = load_breast_cancer(return_X_y=True)
    anomalies = {"malignant": 0}
    autoencoder = VariationalAutoEncoder(
        8,
        likelihood=Gaussian(covariance_type="diag"),
        hidden_layer_sizes=(64,),
        batch_size=32,
        max_epochs=100,
        lr=3e-3,
        random_state=0,
    )
    model = make_pipeline(StandardScaler(), autoencoder)
forest = IsolationForest(random_state=0)

# %%
# With both, normal samples have the higher scores.
names = ["variational autoencoder", "isolation forest"]
areas = {name: [] for name in names}
print(f"area under the ROC curve\n{'anomalous':12}{names[0]:>26}{names[1]:>20}")
for what, label in anomalies.items():
    X_train, X_normal = train_test_split(X[y != label], test_size=0.3, random_state=0)
    X_test = np.concatenate([X_normal, X[y == label]])
    is_normal = np.arange(len(X_test)) < len(X_normal)
    for name, estimator in zip(names, (model, forest), strict=True):
        scores = estimator.fit(X_train).score_samples(X_test)
        areas[name].append(roc_auc_score(is_normal, scores))
    print(f"{what:12}{areas[names[0]][-1]:26.3f}{areas[names[1]][-1]:20.3f}")
print(f"{'mean':12}{np.mean(areas[names[0]]):26.3f}{np.mean(areas[names[1]]):20.3f}")

# %%
# The picture: two points for each class that is left out, as far apart as the methods.
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
places = np.arange(len(anomalies))
ax.vlines(places, *areas.values(), color="0.8", linewidth=3, zorder=0)
for (name, values), marker in zip(areas.items(), "oD", strict=True):
    ax.plot(places, values, marker, markersize=9, label=name)
ax.axhline(0.5, color="0.4", linestyle="--", label="chance", zorder=0)
ax.set_xticks(places, anomalies)
ax.set(
    title="Detection of a class that is not in the training set",
    xlabel="class left out of the training",
    ylabel="area under the ROC curve",
    xlim=(-0.6, len(places) - 0.4),
    ylim=(0.35, 1.02),
)
figure.legend(loc="outside right upper")
path = Path(sys.argv[0]).with_name(f"anomaly_detection_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")
