"""Tests of programs of torch.export and of ONNX models, in their own runtimes."""

import errno
import io
import os

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae.export import to_onnx, to_program

X, y = load_digits(return_X_y=True)
X, y = np.float32(X[:200]), y[:200]
IMAGES = X.reshape(-1, 8, 8) / 16
BYTES = np.uint8(IMAGES * 255)
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)
NAMES = np.array(["zero", "one", "two", "three", "4", "5", "6", "7", "8", "9"])[y]
OPTIONS = {"max_epochs": 1, "random_state": 0}
CONV = {"architecture": "conv", "normalization": "batch_norm", **OPTIONS}
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


@pytest.mark.parametrize("name", ["dense", "deep", "colorizer", "names"])
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
    with pytest.raises(ValueError, match=r"^ClusterClassifier cannot be exported; exp"):
        to_program(ClusterClassifier(n_clusters=2).fit(X))
    estimator = VariationalAutoEncoder(4, **OPTIONS).fit(X)
    with pytest.raises(ValueError, match=r"method='score_samples' of .* 'reconstruct'"):
        to_program(estimator, "score_samples")
    with pytest.raises(ValueError, match="dtype='int8' must be 'float32', 'float64'"):
        to_program(estimator, dtype="int8")
