"""Tests of the format of pickles, and of those of other versions."""

import base64
import copy
import io
import pickle
import subprocess
import sys
import zlib

import joblib
import numpy as np
import pytest
from sklearn.base import clone

import skae
from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._estimator import pickling

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
# make().fit(X), as a version before the first release wrote it.
UNRELEASED = zlib.decompress(
    base64.b64decode(
        "eNrFV02MFEUU3hl2d3ZnZn+AsCawUUxMXBJdBf9IJAwEcAiDi1n1ZKRS010zVWz/UVW9yxBR/FlkkjIk"
        "Uh404aASE4SLxoPGCBcNhngwHDxw8KAHE4kGPXgy6KuumdmZ3Vnk4tJJT3VVvap673vfe/XmeO87F4Z7"
        "kketFjOYTCIcy5AETugSrtXYTujtsb3nOA5EJeQ+TJzWm17Vx/SEygfICf0oDEgghS6lVB5zhzJJHBlz"
        "olWfSwIB7RrKXPhEHq4RjgQ7SkA6Pa9VFjuSzWLJwkCrXk68GMY8NkM8RsPQ1WqgimMhGIbpfj90Y4/o"
        "KZVjPq4SJCiOTDc/R1iVSuQSB9d0safxwEabUUQC7Mn20bVOGEienEu6TGeMygyGYF8cV32wzKo3pQbD"
        "SDIflAdoerGLfa3SHtfFwjPlp6/+ce5vlfPAOIeSRE0QDwhyao75zpaxdGhiuS4dV1kfH0EkCh2aoDZo"
        "ukKSSMApwwRzrwbdMIpYUNV1tXYWe8xNtECVRHNQp1j44l3zvKdGAwSIcxSEyKE4qMIJWbVKhh7IrH/8"
        "p+vjux5U2TnMfdgTcwkbDjrY88rYmTHn9btkljnEmATe1mrIeDSWBLmyBvDS+1TGjDAwo67ywAI3THaS"
        "cA7ANUt4ORTJ9zCoR7DxvEAsQOBhNYQE9iOv6avE5/k27yHjTdTu8JGEhx0UKDYp0OJdr8eCGZhh4Cxp"
        "nKVGnHAWcxByCEr0VoMiooQzMFXHZTWMLHsQEyicC8CUoeaIy/GcgIER1KZ/GEvjmYwFBwGVZQjU1i24"
        "Tmu1yoliPa+nYRIJQly970L2lbzKhJWKIBLWjAWxH9UmIUY4mfRjTzLMOVBU5REnQEMheexIs1VfIqlV"
        "JnCtyGkAdF7vSpX1m3DARClloKNPQUQl1sGSdGWrrp+0s6tUapuempra9w88yU+pR+pyfdeoZfWNQrPV"
        "MKz6BaACRhULv278Kso/sF0NBg06ImN1zguFQE7MIUL0i7q4Y91gbfzw5XGsxtqo2CmkMg04tVqbuNB2"
        "xSRq5IDR3abd2ZZfWu4cgHhkgSV7DkWYY58AowVMqgFUjiuVRmcDkDyAoOWCQbgEsjkH8Et9Ck5GhtXA"
        "dRdFnCDgD1Bc5ZzQ80gSNqZ3gMPhxN3NEug3gftGFpbZJdQ3w2OGLJXY8zqnTYwiyIRL5Nd3jqI5Jiky"
        "66pNifFFEtibwzUAEcIR6GNl1rRkFkywM3cvnelyxmobnMgF+zqWr2ufWLz3enAndm8lsWGpRCg6Txho"
        "hJRIvJpp+pkeVH2J81sep06dusc0rcBLT2l6KFlPQ9scnqLcfknbzNrmiG2O2uYl27xsm+O2ec02b5jz"
        "Uw9rdVcStZNB0KIjZA5IsBDH++3HIpUmVL+9TSBI7VoUS+YJ4xdOyjHz3AWCwmL6gbqnNQGDGAEvRZhk"
        "Y0jhHDIdSE200kemAijKR7aYAE+X0ifMb+qErkuI45OJ8iaiVW+ZYUD1LP1ogp4zoV9KzS8Wiv9P+OCO"
        "XciGJpPnISO2D0BOTW0GViwBuONGnyb7n19Jr6sMCyIPQ36uGwW3aHqm0730/SaoqWXRp5+0ZFYeeHq5"
        "lKbfllJxOaZZmgMr4A5qxNHJlY2e5bFLUAMEb4Vd+o5glwLsGtyk360YXPTH/6Rb+jbolr5jdEu36BaD"
        "IWtQq0BEGK4BWzANdxSGSNNzUPf4BOoyuofuNeUK3dderEwvV36MBCETBLXqNVNgZPJnvvz0dzXQqL6h"
        "ihiyf0ia5bgamoI/H9jb3ei3ioc+owLqokPK6jAws/UG2rb3uj0711Yndltj/JOs+u1a8crGh/5KVgEk"
        "A8heCwJKnYku9hrv0gNQlD26UJTRZ7uWZLkfDhTeuvr9Jblj/OKHn71+yZzQFcFD9VRPD6hy/pv7P/8Y"
        "3u6CSR5rij7x56lC9uYL25cRbe3Ze37Z/RKKNvdLq18KN5+8VrgtHS/cYs8FHUe//nnvpRMHz16898pj"
        "F6ffVrdl/1bzGkESlyf/BUf24bM="
    )
)


def make():
    return AutoEncoderTransformer(
        1, hidden_layer_sizes=(2,), max_epochs=1, random_state=0
    )


def other_format(estimator, number):
    """Pickle an estimator as a version with another format would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickling, "FORMAT", number)
        return pickle.dumps(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        make(),
        make().fit(X),
        DenoisingAutoEncoder(),
        VariationalAutoEncoder(),
        ColorizationAutoEncoder(),
        PseudoLabelClassifier(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_pickles_hold_their_format(estimator):
    assert estimator.__getstate__()["_skae_format"] == pickling.FORMAT
    for copied in (
        pickle.loads(pickle.dumps(estimator)),
        copy.deepcopy(estimator),
        clone(estimator),
    ):
        assert "_skae_format" not in vars(copied)
        assert copied.get_params() == estimator.get_params()
    if hasattr(estimator, "module_"):
        copied = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(copied.transform(X), estimator.transform(X))


@pytest.mark.parametrize("number", [pickling.FORMAT + 1, pickling.FORMAT - 1, "x"])
@pytest.mark.parametrize("is_fitted", [True, False])
def test_another_format_is_refused_in_words(number, is_fitted):
    data = other_format(make().fit(X) if is_fitted else make(), number)
    message = (
        rf"has skae's format {number}, and this version reads format "
        rf"{pickling.FORMAT}\. Load it with the version that wrote it, or fit"
    )
    with pytest.raises(pickle.UnpicklingError, match=message):
        pickle.loads(data)


def test_a_state_without_a_format_is_refused_in_words():
    state = make().fit(X).__getstate__()
    del state["_skae_format"]
    with pytest.raises(pickle.UnpicklingError, match=r"format None.*fit the estim"):
        make().__setstate__(state)


def test_pickles_of_before_the_first_release_are_refused_in_words():
    message = r"written by skae before its first release\. Load it with the version"
    with pytest.raises(pickle.UnpicklingError, match=message):
        pickle.loads(UNRELEASED)
    with pytest.raises(pickle.UnpicklingError, match=message):
        joblib.load(io.BytesIO(UNRELEASED))


def test_old_pickles_are_refused_wherever_they_are_loaded_first():
    # A process that has not imported skae imports it by the names in the pickle.
    code = f"import pickle; pickle.loads({UNRELEASED!r})"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(skae.__path__[0]).removesuffix("skae")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "UnpicklingError: This file was written by skae before" in run.stderr
