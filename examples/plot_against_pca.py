"""
Never worse than PCA: an autoencoder that starts at principal components
========================================================================

By default an autoencoder starts at the principal components of the samples, and keeps
them if training does not lower the error on samples that were not trained on. A plain
network starts at random weights, and is always kept. On small tables it is often worse
than PCA.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoEncoderTransformer
from skae.inspection import LatentSpaceDisplay

# sphinx_gallery_thumbnail_number = 2

# %%
# Three tables, with a third of the samples held out. Features are standardized, except
# the pixels of the digits, which all have the same unit.
STYLES = ("s--", "^:", "o-")
SETS = {
    "digits": load_digits,
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
}
data = {}
for name, load in SETS.items():
    X, y = load(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=0
    )
    if name != "digits":
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    data[name] = X_train, X_test, y_test

# %%
# The error of held-out samples as a fraction of their variance, for several numbers of
# components.
sizes = [2, 4, 8]
MODELS = {
    "PCA": PCA(random_state=0),
    "plain network": AutoEncoderTransformer(
        skip_connection=False, max_epochs=50, random_state=0
    ),
    "default": AutoEncoderTransformer(random_state=0),
}
errors = {name: {model: [] for model in MODELS} for name in data}
codes = {}
print(f"{'held-out error':<14}{'components':>12}", *(f"{m:>14}" for m in MODELS))
for name, (X_train, X_test, _) in data.items():
    variance = np.square(X_test - X_train.mean(axis=0)).mean()
    for size in sizes:
        for model, estimator in MODELS.items():
            fitted = clone(estimator).set_params(n_components=size).fit(X_train)
            codes[name, model, size] = fitted.transform(X_test)
            decoded = fitted.inverse_transform(codes[name, model, size])
            errors[name][model].append(np.square(decoded - X_test).mean() / variance)
        shares = (f"{curve[-1]:14.3f}" for curve in errors[name].values())
        # The last one is the default.
        print(f"{name:<14}{size:12}", *shares, "= PCA" * fitted.is_linear_)

# %%
# The errors.
figure, axes = plt.subplots(ncols=3, figsize=(11, 4), layout="constrained")
for ax, name in zip(axes, data, strict=True):
    for (model, values), style in zip(errors[name].items(), STYLES, strict=True):
        ax.plot(sizes, values, style, fillstyle="none", markersize=8, label=model)
    ax.set(title=name, xlabel="components", xscale="log", ylim=(0, None))
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
axes[0].set_ylabel("squared error / variance, held out")
axes[0].legend()

# %%
# The digits in the plane of two components. Labels only colour the points.
figure, axes = plt.subplots(ncols=2, figsize=(11, 5), layout="constrained")
for ax, model in zip(axes, ("PCA", "default"), strict=True):
    display = LatentSpaceDisplay(codes=codes["digits", model, 2], y=data["digits"][2])
    display.plot(ax)
    error = errors["digits"][model][0]
    ax.set_title(f"Held-out digits, {model}: {error:.0%} of the variance lost")
plt.show()
