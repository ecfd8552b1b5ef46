"""Tests of programs of torch.export and of ONNX models, in their own runtimes."""

import errno
import io
import os

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import skae
from skae import (
    AutoEncoderImputer,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    SpectralKMeans,
    VariationalAutoEncoder,
)
from skae.export import to_onnx, to_program
from skae.export._skl2onnx import ESTIMATORS

X, y = load_digits(return_X_y=True)
X, y = np.float32(X[:200]), y[:200]
IMAGES = X.reshape(-1, 8, 8) / 16
BYTES = np.uint8(IMAGES * 255)
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)
NAMES = np.array(["zero", "one", "two", "three", "4", "5", "6", "7", "8", "9"])[y]
OPTIONS = {"max_epochs": 1, "random_state": 0}
CONV = {"architecture": "conv", "normalization": "batch_norm", **OPTIONS}
AE = AutoEncoderTransformer(4, **OPTIONS)
# One case per network and method.
CASES = {
    "dense": (AutoEncoderTransformer(4, **OPTIONS), "transform", X),
    "dense decoder": (AutoEncoderTransformer(4, **OPTIONS), "inverse_transform", X),
    "score": (AutoEncoderTransformer(4, **OPTIONS), "score_samples", X),
    "convolutional": (AutoEncoderTransformer(4, **CONV), "transform", BYTES),
    "denoising": (
        DenoisingAutoEncoder(4, normalization="layer_norm", **OPTIONS),
        "reconstruct",
        COLORS,
    ),
    "deep": (DenoisingAutoEncoder(4, **CONV), "reconstruct", COLORS),
    "variational": (VariationalAutoEncoder(4, **OPTIONS), "transform", X),
    "colorizer": (ColorizationAutoEncoder(4, **OPTIONS), "predict", IMAGES, COLORS),
    "regressor": (ColorizationAutoEncoder(4, **OPTIONS), "predict", X, X[:, :3]),
    "classifier": (PseudoLabelClassifier(**OPTIONS), "predict_proba", X, y),
    "names": (PseudoLabelClassifier(**OPTIONS), "predict_proba", BYTES, NAMES),
    "table": (ClusterClassifier(random_state=0), "predict_proba", X, NAMES),
    "clusters": (ClusterClassifier(AE, random_state=0), "predict_proba", X, NAMES),
    "refined": (
        ClusterClassifier(
            AE,
            SpectralKMeans(12),
            refiner=PseudoLabelClassifier(**OPTIONS),
            refine="always",
            random_state=0,
        ),
        "predict_proba",
        BYTES,
        NAMES,
    ),
    # By skl2onnx.
    "pipeline": (make_pipeline(StandardScaler(), AE), "transform", X),
    "pipeline's score": (make_pipeline(StandardScaler(), AE), "score_samples", X),
    "pipeline of clusters": (
        make_pipeline(StandardScaler(), AE, ClusterClassifier(random_state=0)),
        "predict_proba",
        X,
        NAMES,
    ),
    "before a clusterer": (
        make_pipeline(AE, KMeans(3, n_init=1, random_state=0)),
        "transform",
        X,
    ),
    "reconstructor": (
        make_pipeline(Reconstructor(AE), StandardScaler(), LogisticRegression()),
        "predict_proba",
        X,
        y,
    ),
    "columns": (
        make_pipeline(
            make_column_transformer((StandardScaler(), [0, 1, 2]), (AE, slice(3, 64))),
            LogisticRegression(),
        ),
        "predict_proba",
        X,
        NAMES,
    ),
    "clusters of scikit-learn": (
        ClusterClassifier(PCA(8), random_state=0),
        "predict_proba",
        X,
        NAMES,
    ),
    "refiner of scikit-learn": (
        ClusterClassifier(
            PCA(8),
            n_clusters=12,
            refiner=make_pipeline(StandardScaler(), LogisticRegression()),
            refine="always",
            random_state=0,
        ),
        "predict_proba",
        np.float64(X),
        NAMES,
    ),
    "search": (
        GridSearchCV(make_pipeline(AE, LogisticRegression()), {}, cv=2),
        "predict",
        X,
        y,
    ),
}


def inputs(estimator, method, samples):
    return estimator.transform(samples) if method == "inverse_transform" else samples


@pytest.mark.parametrize("name", CASES)
def test_onnxruntime_computes_what_the_estimator_computes(name):
    estimator, method, *data = CASES[name]
    estimator = clone(estimator).fit(*data)
    file = io.BytesIO()
    model = to_onnx(estimator, file, method, dtype=str(data[0].dtype))
    session = onnxruntime.InferenceSession(file.getvalue())
    assert [value.name for value in session.get_inputs()] == ["X"]
    assert session.get_inputs()[0].shape[0] == "n_samples"
    assert model.graph.output[0].name == method
    for n_samples in (1, 7, 200):
        samples = inputs(estimator, method, data[0][:n_samples])
        expected = getattr(estimator, method)(samples)
        found, *labels = session.run(None, {"X": samples})
        assert found.shape == expected.shape
        np.testing.assert_allclose(
            found, expected, rtol=1e-5, atol=1e-5 * max(1, abs(expected).max())
        )
        if method == "predict_proba":
            np.testing.assert_array_equal(*labels, estimator.predict(samples))
        else:
            assert not labels


@pytest.mark.parametrize(
    "name", ["dense", "deep", "colorizer", "names", "clusters", "refined"]
)
def test_a_program_of_torch_takes_any_number_of_samples(name):
    estimator, method, *data = CASES[name]
    estimator = clone(estimator).fit(*data)
    saved = io.BytesIO()
    torch.export.save(to_program(estimator, method, dtype=str(data[0].dtype)), saved)
    saved.seek(0)
    module = torch.export.load(saved).module()
    for n_samples in (1, 7, 200):
        samples = data[0][:n_samples]
        np.testing.assert_allclose(
            module(torch.from_numpy(samples)).detach(),
            getattr(estimator, method)(samples),
            rtol=1e-5,
            atol=1e-5,
        )


def test_numbers_as_classes(tmp_path):
    for labels, kind in ((y > 4, np.int32), (y // 2, np.float64)):
        classifier = PseudoLabelClassifier(**OPTIONS).fit(X, labels.astype(kind))
        to_onnx(classifier, tmp_path / "model.onnx", "predict_proba")
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        _, found = session.run(["predict_proba", "label"], {"X": X})
        assert found.dtype == (np.int64 if kind is np.int32 else kind)
        np.testing.assert_array_equal(found, classifier.predict(X))
    onnx.checker.check_model(str(tmp_path / "model.onnx"))


def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    path = tmp_path / "model.onnx"
    path.write_text("the old model")

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        to_onnx(estimator, path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the old model"]


def test_an_export_changes_nothing():
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    codes = estimator.transform(X)
    state = torch.get_rng_state()
    to_program(estimator)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(estimator.transform(X), codes)


def test_what_cannot_be_exported_is_refused_in_words():
    with pytest.raises(NotFittedError):
        to_program(AutoEncoderTransformer())
    classifier = ClusterClassifier(PCA(2), n_clusters=2).fit(X)
    with pytest.raises(ValueError, match=r"^ClusterClassifier cannot be exported; exp"):
        to_program(classifier)
    with pytest.raises(
        ValueError, match=r"method='fit' of Pipeline .* 'predict_proba'"
    ):
        to_onnx(make_pipeline(PCA(3), classifier).fit(X), io.BytesIO(), "fit")
    estimator = VariationalAutoEncoder(4, **OPTIONS).fit(X)
    with pytest.raises(ValueError, match=r"method='score_samples' of .* 'reconstruct'"):
        to_program(estimator, "score_samples")
    with pytest.raises(ValueError, match="dtype='int8' must be 'float32', 'float64'"):
        to_program(estimator, dtype="int8")


def test_estimators_that_cannot_be_exported_are_refused_in_words():
    for estimator in (AutoEncoderOutlierDetector(), AutoEncoderImputer(AE)):
        name = type(estimator).__name__
        for fitted in (estimator.fit(X), make_pipeline(PCA(3), estimator).fit(X)):
            with pytest.raises(
                ValueError, match=rf"^{name} cannot be exported; .*: AutoEncoderTransf"
            ):
                to_onnx(fitted, io.BytesIO(), "predict")


def test_what_skl2onnx_cannot_convert_is_refused_in_words():
    clusters = ClusterClassifier(clusterer=SpectralKMeans(2), random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"clusterer=SpectralKMeans.* must be KMeans"):
        to_onnx(clusters, io.BytesIO(), "predict_proba")
    refined = ClusterClassifier(n_clusters=2, refiner=SVC(), refine="always").fit(X)
    with pytest.raises(ValueError, match=r"refiner=SVC\(.* cannot be exported"):
        to_onnx(refined, io.BytesIO(), "predict_proba")
    unknown = make_pipeline(AutoEncoderImputer(AE), PCA(2)).fit(X)
    with pytest.raises(ValueError, match=r"skl2onnx does not know .*Imputer"):
        to_onnx(unknown, io.BytesIO())


def test_steps_that_select_columns_by_name_are_to_be_left_out():
    frame = pd.DataFrame(X).add_prefix("pixel")
    select = make_column_transformer((MinMaxScaler(), list(frame)[:20]))
    pipeline = make_pipeline(select, AutoEncoderTransformer(4, **OPTIONS)).fit(frame)
    with pytest.raises(ValueError, match=r"'pixel0'.* export the steps after it"):
        to_onnx(pipeline, io.BytesIO())
    file = io.BytesIO()
    to_onnx(pipeline[1:], file)
    session = onnxruntime.InferenceSession(file.getvalue())
    (codes,) = session.run(None, {"X": np.float32(pipeline[0].transform(frame))})
    np.testing.assert_allclose(codes, pipeline.transform(frame), rtol=1e-4, atol=1e-4)


def test_torch_does_not_talk_of_packages_that_are_absent(capfd):
    estimator = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    to_onnx(estimator, io.BytesIO())
    assert capfd.readouterr() == ("", "")


def test_distances_to_clusters_are_not_taken_for_classes():
    inner = ClusterClassifier(n_clusters=3, random_state=0)
    pipeline = make_pipeline(inner, StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="method='transform' of ClusterClassifier"):
        to_onnx(pipeline, io.BytesIO(), "predict_proba")


def test_skl2onnx_is_told_of_all_estimators_with_a_module():
    public = [value for value in vars(skae).values() if isinstance(value, type)]
    assert {kind for kind in public if hasattr(kind, "to_module")} == set(ESTIMATORS)
