"""Tests of scikit-learn's callbacks on estimators that train a network."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    VariationalAutoEncoder,
)
from skae._common.runtime import draw_seed
from skae.exceptions import DivergenceError

callback = pytest.importorskip("sklearn.callback")


def score(estimator, X, y, **metadata):
    return estimator.score(X, y, **metadata)


class Recorder:
    """Records the tasks of a fit; propagated to estimators in the estimator."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        self.is_set_up = True

    def teardown(self, estimator, context):
        self.is_set_up = False

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.estimator_name, context.task_name))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.ended.append((context, X, y, fitted_estimator))
        return context.task_id == self.stop_after and context.task_name == "epoch"


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:150].astype(np.float32), y[:150]


@pytest.fixture(scope="module")
def monitor():
    return callback.ScoringMonitor(scoring={"score": score})


ESTIMATORS = {
    "plain": AutoEncoderTransformer(3, density=None),
    "denoising": DenoisingAutoEncoder(3),
    "variational": VariationalAutoEncoder(3),
    "table": ColorizationAutoEncoder(8),
    "labels": PseudoLabelClassifier(confidence=0.5),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fit_is_the_same_with_callbacks(name, digits, monitor):
    X, y = digits
    if name == "table":
        X, y = X[:, :32], X[:, 32:]
    params = {**ESTIMATORS[name].get_params(), "max_epochs": 4, "random_state": 0}
    make = type(ESTIMATORS[name])
    silent = make(**params).fit(X, y)
    told = make(**params).set_callbacks(monitor).fit(X, y)
    assert told.loss_curve_ == silent.loss_curve_
    assert told.score(X, y) == silent.score(X, y)
    log = monitor.get_logs().data_as_pandas
    assert [*log.task_name] == ["fit", *["epoch"] * 4]
    assert log.score.iloc[1:].nunique() > 1
    assert log.score.iloc[0] == pytest.approx(silent.score(X, y))
    assert pickle.loads(pickle.dumps(told)).score(X, y) == silent.score(X, y)
    told.partial_fit(X, y) if hasattr(told, "partial_fit") else None
    assert len(monitor.get_logs().data) == 5  # it is no fit


def test_held_out_samples_have_tasks_of_their_own(digits):
    X = digits[0]
    ae = AutoEncoderTransformer(
        3, early_stopping=True, validation_fraction=0.3, max_epochs=3, random_state=0
    )
    ae.set_callbacks(recorder := Recorder()).fit(pd.DataFrame(X))
    names = [context.task_name for context, *_ in recorder.ended]
    assert names == ["epoch", "validation"] * 3 + ["fit"]
    parts = train_test_split(np.arange(150), test_size=0.3, random_state=draw_seed(0))
    for i, (_, part, y, fitted) in enumerate(recorder.ended[:-1]):
        assert y.equals(part)  # an autoencoder's target is X
        assert np.array_equal(part, X[np.sort(parts[i % 2])])
        assert fitted.n_epochs_ == i // 2 + 1
        curve = fitted.validation_loss_curve_ if i % 2 else fitted.loss_curve_
        assert curve == [ae.loss_curve_, ae.validation_loss_curve_][i % 2][: i // 2 + 1]
        if i % 2:
            loss = np.square(part - fitted.reconstruct(part)).to_numpy().mean()
            assert loss == pytest.approx(curve[-1], rel=1e-5)


def test_samples_of_ones_own_are_those_of_the_task(digits):
    X = digits[0]
    ae = AutoEncoderTransformer(3, max_epochs=2, random_state=0)
    ae.set_callbacks(recorder := Recorder()).fit(X[:100], X_val=X[100:])
    parts = {c.task_name: part for c, part, *_ in recorder.ended}
    assert np.array_equal(parts["epoch"], X[:100])
    assert np.array_equal(parts["validation"], X[100:])


def test_a_callback_stops_the_training(digits):
    ae = AutoEncoderTransformer(3, max_epochs=20, random_state=0)
    ae.set_callbacks(Recorder(stop_after=1)).fit(digits[0])
    assert ae.n_epochs_ == 2


@pytest.mark.parametrize("error", [DivergenceError, ValueError])
def test_callbacks_are_torn_down_after_an_error(digits, error):
    X = digits[0] if error is DivergenceError else digits[0][:1] * np.nan
    recorder = Recorder()
    ae = AutoEncoderTransformer(
        3, optimizer="sgd", lr=1e9, skip_connection=False, random_state=0
    )
    ae.set_callbacks(recorder)
    with pytest.raises(error):
        ae.fit(X)
    assert not getattr(recorder, "is_set_up", False)
    assert set(vars(ae)) == {*ae.get_params(), "_skl_callbacks"}


def test_principal_components_are_a_fit_without_epochs(digits):
    ae = AutoEncoderTransformer(3, hidden_layer_sizes=(), random_state=0)
    ae.set_callbacks(recorder := Recorder()).fit(digits[0])
    ((context, _, _, fitted),) = recorder.ended
    assert (context.task_name, context.max_subtasks) == ("fit", 0)
    assert np.array_equal(fitted.transform(digits[0]), ae.transform(digits[0]))


def test_samples_without_a_label_are_not_scored(digits):
    X, y = digits
    few = np.where(np.arange(len(y)) % 3 == 0, y, -1)
    classifier = PseudoLabelClassifier(unlabeled=-1, max_epochs=2, random_state=0)
    classifier.set_callbacks(recorder := Recorder()).fit(X, few)
    for _, part, labels, _ in recorder.ended:
        assert np.array_equal(labels, few[few >= 0])
        assert np.array_equal(part, X[few >= 0])


def test_recorded_pairs_are_scored_by_them(digits, monitor):
    X = digits[0]
    noisy = X + np.random.RandomState(0).randn(*X.shape).astype(np.float32)
    ae = DenoisingAutoEncoder(3, max_epochs=2, random_state=0).set_callbacks(monitor)
    ae.fit(X, X_corrupted=noisy)
    last = monitor.get_logs().data[-1]["score"]
    assert last != monitor.get_logs().data[-2]["score"]
    assert ae.score(X, X_corrupted=noisy) >= last - 1e-3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_sees_the_epochs_of_its_fits(digits, n_jobs):
    monitor = callback.ScoringMonitor(scoring={"score": score})
    ae = AutoEncoderTransformer(max_epochs=3, random_state=0).set_callbacks(monitor)
    pipe = Pipeline([("scale", StandardScaler()), ("ae", ae)])
    search = GridSearchCV(pipe, {"ae__n_components": [2, 4, 8]}, cv=2, n_jobs=n_jobs)
    search.fit(digits[0])
    log = monitor.get_logs(include_lineage=True).data_as_pandas
    epochs = log[log.task_name == "epoch"]
    # Three sizes, two folds and the refit.
    assert epochs.groupby("parent_task_id_path").size().tolist() == [3] * 7
    assert {*log.estimator_name} == {
        "GridSearchCV",
        "Pipeline",
        "AutoEncoderTransformer",
    }
    assert epochs.score.notna().all()


def test_meta_estimators_pass_callbacks_on(digits):
    X, y = digits
    classifier = ClusterClassifier(
        AutoEncoderTransformer(4, max_epochs=2),
        refiner=PseudoLabelClassifier(max_epochs=2),
        random_state=0,
    )
    classifier.set_callbacks(recorder := Recorder()).fit(X, y)
    assert recorder.begun == [
        ("ClusterClassifier", "fit"),
        ("AutoEncoderTransformer", "fit"),
        *[("AutoEncoderTransformer", "epoch")] * 2,
        ("ClusterClassifier", "clusterer"),
        ("PseudoLabelClassifier", "fit"),
        *[("PseudoLabelClassifier", "epoch")] * 2,
    ]
    assert len(recorder.ended) == len(recorder.begun)
    sources = [context.source_task_name for context, *_ in recorder.ended]
    assert [name for name in sources if name] == ["encoder", "refiner"]
    assert not hasattr(classifier.encoder_, "_skl_callbacks")
    assert recorder.ended[-1][3].predict(X).tolist() == classifier.predict(X).tolist()


def test_callbacks_get_the_samples_that_count_and_their_weights(digits):
    X, _ = digits
    weight = np.arange(len(X)) % 3
    ae = AutoEncoderTransformer(2, max_epochs=1, random_state=0)
    seen = []

    class Collector(Recorder):
        def on_fit_task_end(self, estimator, context, *, X, metadata):
            seen.append((X, metadata["sample_weight"]))

    ae.set_callbacks(Collector()).fit(X, sample_weight=weight)
    assert seen
    for samples, weights in seen:
        np.testing.assert_array_equal(samples, X[weight > 0])
        np.testing.assert_array_equal(weights, weight[weight > 0])


@pytest.mark.parametrize("make", [Reconstructor, AutoEncoderOutlierDetector])
def test_a_wrapper_passes_callbacks_on(digits, make):
    wrapper = make(AutoEncoderTransformer(4, max_epochs=2))
    wrapper.set_callbacks(recorder := Recorder()).fit(digits[0])
    assert recorder.begun == [
        (make.__name__, "fit"),
        ("AutoEncoderTransformer", "fit"),
        *[("AutoEncoderTransformer", "epoch")] * 2,
    ]


def test_a_part_that_fails_tears_down_the_callbacks(digits):
    classifier = ClusterClassifier(
        AutoEncoderTransformer(2, optimizer="sgd", lr=1e9, skip_connection=False),
        random_state=0,
    )
    classifier.set_callbacks(recorder := Recorder())
    with pytest.raises(DivergenceError):
        classifier.fit(*digits)
    assert recorder.is_set_up is False
    assert set(vars(classifier)) == {
        *classifier.get_params(deep=False),
        "_skl_callbacks",
    }


def test_nested_progress_bars_end(digits, capsys):
    pytest.importorskip("rich")
    ae = AutoEncoderTransformer(2, max_epochs=2, random_state=0)
    bars = callback.ProgressBar(max_propagation_depth=None)
    GridSearchCV(ae, {"n_components": [2, 3]}, cv=2).set_callbacks(bars).fit(digits[0])
    text = capsys.readouterr().out
    assert text.count("AutoEncoderTransformer") == 5
    assert len(text.splitlines()) == 7
    threads = {type(thread).__name__ for thread in threading.enumerate()}
    assert "RichProgressMonitor" not in threads
