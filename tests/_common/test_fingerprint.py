"""Tests of descriptions that are the same in every process."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skae import DenoisingAutoEncoder
from skae._common import fingerprint
from skae._common.fingerprint import describe, describe_params, digest
from skae.corruption import Chain, GaussianNoise, Masking

SCRIPT = """
from functools import partial
import torch
from skae import DenoisingAutoEncoder
from skae._common.fingerprint import describe_params
from skae.corruption import Chain, GaussianNoise, Masking
corruption = Chain([("noise", GaussianNoise(0.5)), ("holes", Masking(0.25))])
optimizer = partial(torch.optim.SGD, momentum=0.5)
print(describe_params(DenoisingAutoEncoder(3, corruption, optimizer=optimizer)))
"""


def test_another_process_describes_alike():
    corruption = Chain([("noise", GaussianNoise(0.5)), ("holes", Masking(0.25))])
    optimizer = partial(torch.optim.SGD, momentum=0.5)
    here = describe_params(DenoisingAutoEncoder(3, corruption, optimizer=optimizer))
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    assert there.stdout.strip() == str(here)
    assert "std=0.5" in here["corruption"]


def test_what_has_no_effect_is_left_out_at_every_depth():
    one = make_pipeline(DenoisingAutoEncoder(checkpoint="a", verbose=1), verbose=True)
    other = make_pipeline(DenoisingAutoEncoder(checkpoint_every=3), memory="b")
    assert describe(one) == describe(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        ([1, (2, 3)], (1, [2, 3])),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.random.RandomState(3), np.random.RandomState(3)),
        (object(), object()),
        (PCA(2), PCA(2)),
    ],
)
def test_equal_parameters(one, other):
    assert describe(one) == describe(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, 3.0),
        (3, "3"),
        (True, 1),
        ("a", None),
        (np.random.RandomState(3), np.random.RandomState(4)),
        (partial(int, base=2), partial(int, base=3)),
        (PCA(2), PCA(3)),
        (PCA, PCA()),
        (np.arange(3), np.arange(3.0)),
    ],
)
def test_different_parameters(one, other):
    assert describe(one) != describe(other)


def test_arrays_are_known_by_every_number_their_shape_and_their_type(monkeypatch):
    array = np.arange(12.0).reshape(4, 3)
    changed = array.copy()
    changed[3, 2] = np.nextafter(changed[3, 2], 0)
    others = [changed, array.reshape(3, 4), array.astype(np.float32), array[::-1]]
    expected = digest(array)
    assert expected not in map(digest, others)
    assert digest(np.asfortranarray(array)) == expected
    assert digest(np.array(["a", None], dtype=object)) != digest(np.array(["a", "b"]))
    # Pieces of a larger array add up to the same.
    monkeypatch.setattr(fingerprint, "PIECE_BYTES", 30)
    assert digest(array) == expected
    assert digest(np.array(1.0)) != digest(np.array(2.0))
    assert digest(np.empty((0, 3))) != digest(np.empty((0, 2)))


def test_arrays_that_are_read_from_a_file_are_read_in_pieces(monkeypatch):
    array, read = np.arange(12.0).reshape(4, 3), []

    class Stored:
        dtype, shape, ndim, size = array.dtype, array.shape, array.ndim, array.size

        def __len__(self):
            return len(array)

        def __getitem__(self, rows):
            read.append(len(array[rows]))
            return array[rows]

    monkeypatch.setattr(fingerprint, "PIECE_BYTES", 50)
    assert digest(Stored()) == digest(array)
    assert read == [1, 2, 2]


def test_sparse_matrices():
    matrix = sparse.random(20, 10, density=0.2, format="csr", random_state=0)
    other = matrix.copy()
    other.data[0] += 1
    assert digest(matrix) == digest(matrix.tocsc())
    assert digest(matrix) != digest(other)
