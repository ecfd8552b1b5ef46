"""
Outliers in a table, and which columns make them so
===================================================

Pumps report their speed, flow, pressure, power and temperatures. The value of a sensor
that fails is usual for this sensor, but does not fit the other columns, so no single
column shows the failure. The detector is fitted twice, with failures among the training
rows and without. Both are tested on new rows, and compared with an isolation forest.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoEncoderOutlierDetector
from skae.inspection import AnomalyDisplay

# sphinx_gallery_thumbnail_number = 2

rng = np.random.default_rng(0)


def draw_pumps(n_rows):
    """Draw rows of six readings and the model of the pump."""
    model = rng.choice(2, n_rows, p=[0.7, 0.3])
    speed = rng.uniform(0.5, 1.5, n_rows)
    flow = speed * np.array([1.0, 1.6])[model]
    pressure = speed**2 * rng.uniform(0.9, 1.1, n_rows)
    power = flow * pressure
    ambient = rng.normal(20, 6, n_rows)
    bearing = ambient + 15 * power
    readings = np.column_stack([speed, flow, pressure, power, ambient, bearing])
    readings *= rng.normal(1, 0.02, readings.shape)
    return np.column_stack([readings.astype(object), np.array(["A", "B"])[model]])


# %%
# A sensor that fails reports a value of another pump.
n_failures = 150
X, is_outlier = draw_pumps(3000), np.arange(3000) < n_failures
failed = np.arange(n_failures), rng.integers(6, size=n_failures)
X[failed] = draw_pumps(n_failures)[failed]
names = ["speed", "flow", "pressure", "power", "ambient", "bearing", "model"]
prepare = make_column_transformer(
    (StandardScaler(), list(range(6))), (OneHotEncoder(sparse_output=False), [6])
)
X_train, X_test, y_train, y_test = train_test_split(
    X, is_outlier, test_size=0.5, stratify=is_outlier, random_state=0
)

# %%
# ``contamination`` is the fraction of the training samples below the threshold: the
# fraction of outliers, or with clean training samples the fraction of false alarms. AP
# is the average precision.
share = is_outlier.mean()
trainings = {
    "contaminated": (X_train, share),
    "clean": (X_train[~y_train], 0.01),
}
fitted = {}
print(f"{'':28}{'training':14}ROC AUC     AP  found  false alarms")
for training, (rows, contamination) in trainings.items():
    for detector in (
        AutoEncoderOutlierDetector(contamination=contamination, random_state=0),
        IsolationForest(contamination=contamination, random_state=0),
    ):
        pipeline = make_pipeline(clone(prepare), detector).fit(rows)
        scores, is_found = pipeline.score_samples(X_test), pipeline.predict(X_test) < 0
        fitted.setdefault(training, pipeline)
        print(
            f"{type(detector).__name__:28}{training:14}"
            f"{roc_auc_score(y_test, -scores):7.3f}"
            f"{average_precision_score(y_test, -scores):7.3f}"
            f"{is_found[y_test].mean():7.0%}{is_found[~y_test].mean():14.0%}"
        )

# %%
# The scores of new samples, with the threshold.
figure, axes = plt.subplots(ncols=2, figsize=(11, 4.5), layout="constrained")
for ax, (training, pipeline) in zip(axes, fitted.items(), strict=True):
    prepare, detector = pipeline
    AnomalyDisplay.from_estimator(detector, prepare.transform(X_test), ax=ax)
    ax.set_title(f"{training} training\n{ax.get_title()}")

# %%
# The contributions of the columns to the score of the most unusual sample. A category
# has one contribution per value.
row = np.flatnonzero(y_test)[pipeline.score_samples(X_test[y_test]).argmin()]
prepared = prepare.transform(X_test[[row]])
display = AnomalyDisplay(
    scores=detector.score_samples(prepared),
    threshold=detector.offset_,
    contributions=detector.feature_contributions(prepared)[0],
    feature_names=[*names[:6], "model = A", "model = B"],
).plot()
display.ax_.set_title(f"why this is a failure\n{display.ax_.get_title()}")
plt.show()
