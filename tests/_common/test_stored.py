"""Tests of arrays that are read block by block."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dask.array
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
import zarr
from joblib._memmapping_reducer import TemporaryResourcesManager
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    SubsetRandomSampler,
    TensorDataset,
)

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    SpectralKMeans,
    VariationalAutoEncoder,
)
from skae._common import stored
from skae._common.stored import (
    StoredRows,
    is_memory_mapped,
    is_stored,
    open_stored,
    refuse_unreadable,
)


class Protocol:
    """No more than what is needed of an array; notes what is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n_read = []

    def __getitem__(self, rows):
        self.n_read.append(len(self.array[rows]))
        return self.array[rows]


def memory_map(array, path):
    np.save(path / "X.npy", array)
    return np.load(path / "X.npy", mmap_mode="r")


def hdf5(array, path, **options):
    file = h5py.File(path / "X.h5", "w")
    return file.create_dataset("X", data=array, **options)


def hdf5_chunks(array, path):
    return hdf5(array, path, chunks=(7, *array.shape[1:]))


def zarr_array(array, path):
    chunks = (7, *array.shape[1:])
    return zarr.create_array(path / "X.zarr", data=array, chunks=chunks)


def dask_array(array, path):
    return dask.array.from_array(array, chunks=(7, *array.shape[1:]))


def protocol(array, path):
    return Protocol(array)


def parquet(array, path):
    for i, start in enumerate(range(0, len(array), 60)):
        part = pl.DataFrame(array[start : start + 60])
        part.write_parquet(path / f"part-{i}.parquet", row_group_size=25)
    return pl.scan_parquet(path)


class Pairs(Dataset):
    """Images and labels, as torchvision has them."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, number):
        return self.array[number], number


def dataset(array, path):
    return Pairs(array)


def loader(array, path):
    return DataLoader(TensorDataset(torch.from_numpy(array)), 16, shuffle=True)


class Stream(IterableDataset):
    """Rows without numbers."""

    def __iter__(self):
        return iter(X)


KINDS = [memory_map, hdf5, hdf5_chunks, zarr_array, dask_array, protocol]
# These have a length and rows by number, but are no arrays.
OTHERS = [parquet, dataset, loader]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 12)) + RNG.normal(size=(200, 12))
X = X.astype(np.float32)


@pytest.fixture
def small_window(monkeypatch):
    """Lets a few rows be larger than the memory."""
    monkeypatch.setattr(stored, "WINDOW_BYTES", 64 * 12 * 4)
    monkeypatch.setattr(stored, "BLOCK_BYTES", 16 * 12 * 4)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, ">f8", np.uint16, np.uint8, bool])
def test_rows_of_every_kind(make, dtype, tmp_path, small_window):
    images = RNG.integers(0, 2, (150, 4, 5, 3)).astype(dtype)
    rows = open_stored(make(images, tmp_path))
    assert isinstance(rows, StoredRows)
    expected = images.reshape(150, 60)
    assert rows.sample_shape == (4, 5, 3)
    assert (rows.shape, len(rows)) == (expected.shape, 150)
    wanted = np.float64 if dtype in (">f8", np.uint16) else dtype
    mask = RNG.random(150) < 0.2
    numbers = np.array([149, 3, 3, 70, 0])
    for index in (
        *(slice(3, 20), slice(140, 500), slice(None, None, 11), slice(5, None, 3)),
        *(slice(0, 0), mask, numbers, slice(None)),
    ):
        found = rows[index]
        np.testing.assert_array_equal(found, expected[index])
        assert found.dtype == wanted
        assert found.dtype.isnative
        assert found.flags.c_contiguous
        assert found.flags.writeable
    np.testing.assert_array_equal(np.asarray(rows), expected)
    blocks = list(rows.blocks(multiple=4))
    np.testing.assert_array_equal(np.concatenate([b for _, b in blocks]), expected)
    assert len(blocks) > 1
    assert all(numbers.start % 4 == 0 for numbers, _ in blocks)


@pytest.mark.parametrize("make", [dataset, loader])
def test_images_of_a_dataset(make, tmp_path, small_window):
    images = RNG.random((150, 4, 5, 3), dtype=np.float32)
    rows = open_stored(make(images, tmp_path))
    assert rows.sample_shape == (4, 5, 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[20:140], images[20:140].reshape(120, 60))


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.int64])
def test_rows_of_a_folder_of_parquet_files(dtype, tmp_path, small_window):
    table = RNG.integers(0, 200, (300, 12)).astype(dtype)
    rows = open_stored(parquet(table, tmp_path))
    assert isinstance(rows, StoredRows)
    for index in (slice(3, 20), slice(55, 500), slice(5, None, 3), np.array([149, 3])):
        np.testing.assert_array_equal(rows[index], table[index])
    assert rows.dtype == dtype


def test_loaders_apply_their_own_function(small_window):
    """What makes batches of a loader may convert them, too."""

    def collate(items):
        return torch.stack([torch.from_numpy(image) / 2 for image, _ in items])

    rows = open_stored(DataLoader(Pairs(X), collate_fn=collate))
    np.testing.assert_array_equal(rows[:], X / 2)


@pytest.mark.parametrize("make", OTHERS)
@pytest.mark.filterwarnings("ignore:The loss was still falling")
def test_what_is_no_array_is_fitted_alike(make, tmp_path):
    options = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
    expected = AutoEncoderTransformer(2, **options).fit(X)
    fitted = AutoEncoderTransformer(2, **options).fit(make(X, tmp_path))
    assert fitted.loss_curve_ == expected.loss_curve_
    codes = fitted.transform(make(X, tmp_path))
    np.testing.assert_array_equal(codes, expected.transform(X))


def test_frames_larger_than_the_window_have_names(tmp_path, small_window):
    frame = parquet(X, tmp_path)
    fitted = AutoEncoderTransformer(2, max_epochs=2, batch_size=8).fit(frame)
    assert fitted.feature_names_in_.tolist() == [f"column_{i}" for i in range(12)]
    np.testing.assert_array_equal(
        fitted.transform(frame), fitted.transform(frame.collect())
    )
    wrong = frame.rename({"column_0": "a"})
    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(wrong)


def test_values_of_frames(tmp_path, small_window):
    whole = parquet(np.int32(X * 100), tmp_path)
    missing = whole.with_columns(column_0=pl.lit(None, dtype=pl.Int32))
    with pytest.raises(ValueError, match=r"int32, which has no NaN.*polars\.Float32"):
        open_stored(missing)[:]
    rows = open_stored(missing.cast(pl.Float32))
    assert np.isnan(rows[:][:, 0]).all()
    np.testing.assert_array_equal(rows[:][:, 1:], np.int32(X * 100)[:, 1:])
    with pytest.raises(ValueError, match="X has the type object"):
        open_stored(whole.with_columns(column_0=pl.lit("a")))


@pytest.mark.parametrize("make", KINDS)
def test_small_arrays_are_loaded(make, tmp_path):
    loaded = open_stored(make(X, tmp_path))
    assert isinstance(loaded, np.ndarray)
    np.testing.assert_array_equal(loaded, X)
    expected = AutoEncoderTransformer(2, max_epochs=2, random_state=0).fit(X)
    found = AutoEncoderTransformer(2, max_epochs=2, random_state=0).fit(loaded)
    assert found.loss_curve_ == expected.loss_curve_


def fits():
    options = {"max_epochs": 3, "batch_size": 8, "random_state": 0}
    yield AutoEncoderTransformer(2, **options)
    yield AutoEncoderTransformer(2, likelihood="laplace", **options)
    yield VariationalAutoEncoder(2, **options)
    yield DenoisingAutoEncoder(2, **options)


@pytest.mark.filterwarnings("ignore:The loss was still falling")
@pytest.mark.parametrize("estimator", list(fits()))
def test_all_kinds_are_fitted_alike(estimator, tmp_path, small_window):
    curves, codes, scores = [], [], []
    for make in (memory_map, hdf5, protocol):
        fitted = estimator.fit(make(X, tmp_path))
        curves.append(fitted.loss_curve_)
        codes.append(fitted.transform(make(X, tmp_path)))
        scores.append(fitted.score(make(X, tmp_path)))
    assert curves[0] == curves[1] == curves[2]
    for found in codes:
        # Answers do not depend on where the samples are.
        np.testing.assert_array_equal(found, fitted.transform(X))
    assert scores == [fitted.score(X)] * 3
    np.testing.assert_array_equal(
        fitted.reconstruct(hdf5(X, tmp_path)), fitted.reconstruct(X)
    )
    # Statistics and the start at PCA are those of the samples in memory.
    estimator.set_params(max_epochs=1)
    np.testing.assert_array_equal(
        estimator.fit(Protocol(X)).mean_, estimator.fit(X).mean_
    )


def test_chunks_are_read_as_they_are_stored(tmp_path, small_window):
    """All rows of a chunk come into the window together, up to a quarter of it."""
    options = {"max_epochs": 2, "batch_size": 4, "random_state": 0}
    array = Protocol(X)
    array.chunks = (13, 12)
    fitted = AutoEncoderTransformer(2, **options).fit(array)
    assert fitted.loss_curve_[1] < fitted.loss_curve_[0]
    assert array.n_read.count(12) >= 2 * (200 // 12)


def test_stored_images_and_targets(tmp_path, small_window):
    colors = RNG.random((90, 4, 4, 3), dtype=np.float32)
    gray = colors.mean(axis=3)
    options = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
    colorize = ColorizationAutoEncoder(4, **options)
    (tmp_path / "y").mkdir()
    colorize.fit(hdf5(gray, tmp_path), hdf5(colors, tmp_path / "y"))
    curve = colorize.loss_curve_
    (tmp_path / "z").mkdir()
    colorize.fit(Protocol(gray), zarr_array(colors, tmp_path / "z"))
    assert colorize.loss_curve_ == curve
    assert colorize.predict(Protocol(gray)).shape == colors.shape
    with pytest.raises(ValueError, match=r"images of shape \(2, 8\)"):
        colorize.predict(Protocol(gray.reshape(90, 2, 8)))


def test_infinite_and_wrong_rows_are_refused(small_window):
    broken = X.copy()
    broken[170, 3] = np.inf
    fitted = AutoEncoderTransformer(2, max_epochs=1).fit(Protocol(X))
    before = fitted.mean_
    for method in (fitted.fit, fitted.transform, fitted.score):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            method(Protocol(broken))
    assert fitted.mean_ is before
    with pytest.raises(ValueError, match="X has 11 features"):
        fitted.transform(Protocol(X[:, :11]))
    outside = AutoEncoderTransformer(2, likelihood="bernoulli")
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\]"):
        outside.fit(Protocol(X))


def test_values_of_stored_rows_may_be_missing(small_window):
    incomplete = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    options = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
    fitted = AutoEncoderTransformer(2, **options).fit(Protocol(incomplete))
    np.testing.assert_array_equal(
        fitted.transform(Protocol(incomplete)), fitted.transform(incomplete)
    )
    assert fitted.score(Protocol(incomplete)) == fitted.score(incomplete)


def test_lengths_and_types_must_be_known(small_window):
    unknown = dask.array.from_array(X, chunks=(7, 12))
    unknown = unknown[unknown[:, 0] > 0]
    with pytest.raises(ValueError, match=r"X\.compute_chunk_sizes\(\)"):
        open_stored(unknown)
    names = Protocol(np.full((500, 12), "a", dtype="U9"))
    with pytest.raises(ValueError, match="X has the type <U9"):
        open_stored(names)


@pytest.mark.parametrize(
    ("rows", "way"),
    [
        ((row for row in X), "generator, .* partial_fit with one chunk"),
        (map(list, X), "map, .* partial_fit"),
        (DataLoader(Stream()), "DataLoader, .* partial_fit"),
        (DataLoader(X, sampler=SubsetRandomSampler([1])), "DataLoader, .* partial_fit"),
        (DataLoader(X, batch_size=None), "DataLoader, .* partial_fit"),
        (Stream(), "Stream, .* partial_fit"),
        ({"a": X}.values(), "dict_values, .* partial_fit"),
        ("folder", r"str, .*polars\.scan_parquet\(folder\)"),
        (Path("folder"), r"\w+Path, .*scan_parquet"),
    ],
)
def test_what_cannot_be_read_by_number_is_refused(rows, way):
    with pytest.raises(ValueError, match=f"X is a {way}"):
        AutoEncoderTransformer(2).fit(rows)


def test_what_is_needed_as_a_whole_is_not_read_from_a_lazy_frame():
    with pytest.raises(ValueError, match=r"X is a LazyFrame, .* X\.collect\(\)"):
        SpectralKMeans(2).fit(pl.DataFrame(X).lazy())


def test_datasets_without_samples_are_refused():
    with pytest.raises(ValueError, match="X is a TensorDataset without samples"):
        AutoEncoderTransformer(2).fit(TensorDataset(torch.zeros(0, 3)))


@pytest.mark.parametrize("shapes", [[(20, 5), (30, 5)], [(8, 8, 3), (8, 9, 3)]])
def test_arrays_of_different_shapes_are_refused(shapes):
    rows = [np.zeros(shape) for shape in (shapes[0], *shapes, shapes[0])]
    match = f"list of arrays of different shapes, such as {shapes[0]} and {shapes[1]}"
    with pytest.raises(ValueError, match=re.escape(match)):
        AutoEncoderTransformer(2).fit(rows)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 2.0]],
        ((1.0, 2.0), (3.0, 4.0)),
        [np.ones((2, 2)), np.ones((2, 2))],
        scipy.sparse.coo_array(np.ones((2, 2))),
        scipy.sparse.dia_matrix(np.ones((2, 2))),
        pd.DataFrame({"a": [1.0]}),
        pl.DataFrame({"a": [1.0]}),
        torch.ones(2, 2),
        np.ones((2, 2)),
        range(3),
        3,
        SimpleNamespace(shape=(2, 2), dtype=np.dtype(float)),
    ],
)
def test_others_stay_as_they_are(X):
    refuse_unreadable(X)
    assert not is_stored(X)
    assert open_stored(X) is X


def test_private_pages_of_a_map_are_kept(tmp_path, small_window):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="c")
    mapped += 1
    rows = open_stored(mapped)
    for _ in range(2):
        np.testing.assert_array_equal(rows[:], X + 1)
    shared = np.load(tmp_path / "X.npy", mmap_mode="r+")
    shared += 2
    rows = open_stored(shared[50:, ::2])
    for _ in range(2):
        np.testing.assert_array_equal(rows[:], (X + 2)[50:, ::2])


def test_arrays_in_joblibs_files_count_as_memory(tmp_path):
    # What joblib calls the folder, which its workers are handed arrays in.
    manager = TemporaryResourcesManager(temp_folder_root=str(tmp_path))
    folder = Path(manager.resolve_temp_folder_name())
    folder.mkdir()
    mapped = memory_map(X, folder)
    assert str(mapped.filename).startswith(str(folder))
    assert not is_memory_mapped(mapped)
    assert is_memory_mapped(memory_map(X, tmp_path))


PEAK = """
import resource, sys
import h5py, numpy as np, polars
import skae._common.row_sources as row_sources
import skae._common.stored as stored
import skae.autoencoders._principal_components as principal_components
from skae import AutoEncoderTransformer

path, kind = sys.argv[1:]
stored.WINDOW_BYTES, stored.BLOCK_BYTES = 2**24, 2**22
principal_components.MAX_AFFINE_SIZE = 2**18
make = lambda: AutoEncoderTransformer(2, max_steps=50, random_state=0)
tiny = np.random.default_rng(0).random((1000, 256), dtype=np.float32)
make().fit(tiny).transform(tiny)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if kind == "memory map":
    X = np.lib.format.open_memmap(path, mode="r")
elif kind == "parquet":
    row_sources.CHUNK_BYTES = 2**22
    X = polars.scan_parquet(path)
else:
    X = h5py.File(path)["X"]
fitted = make().fit(X)
fitted.transform(X)
fitted.score(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in Linux's unit")
@pytest.mark.parametrize("kind", ["memory map", "HDF5", "parquet"])
def test_peak_of_memory(kind, tmp_path):
    path, shape = tmp_path / "X", (200_000, 256)  # 200 MB of float32
    if kind == "memory map":
        # Zeros that were never written take no place on the disk.
        np.lib.format.open_memmap(path, "w+", np.float32, shape)[::1000] = 1
    elif kind == "parquet":
        path.mkdir()
        part = pl.DataFrame(np.random.default_rng(0).random((20_000, 256), np.float32))
        for i in range(10):
            part.write_parquet(path / f"{i}.parquet", row_group_size=4000)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("X", shape, np.float32, fillvalue=0.5)[::1000] = 1
    peak = subprocess.run(
        [sys.executable, "-c", PEAK, path, kind],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert int(peak) < 100_000  # kilobytes, half of the array
