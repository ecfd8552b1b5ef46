"""Tests of rows as tensors and of their mini-batches."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from skae._common import stored
from skae._common.runtime import make_generator
from skae._common.stored import open_stored
from skae._common.validation import Samples
from skae._training import batches
from skae._training.batches import Batches, Rows
from skae._training.scaling import Scaling

CPU = torch.device("cpu")


def numbered(n_samples, n_features=3, dtype=np.float32):
    """Rows whose first feature is their number."""
    table = np.zeros((n_samples, n_features), dtype)
    table[:, 0] = np.arange(n_samples)
    return table


def as_rows(array, scaling=None, dtype=torch.float32, byte_scale=1.0):
    """Make rows of an array, by default as they are."""
    scaling = scaling or Scaling.identity(array.shape[1])
    return Rows(Samples(open_stored(array), byte_scale), scaling, CPU, dtype)


def on_disk(array, path):
    np.save(path / "rows.npy", array)
    return np.load(path / "rows.npy", mmap_mode="r")


def numbers(some_batches):
    """Numbers of the rows of each batch of an epoch, which are input and target."""
    epoch = []
    for x, target in some_batches:
        assert torch.equal(x, target)
        epoch.append(x[:, 0].int().tolist())
    return epoch


def flat(epoch):
    return [number for batch in epoch for number in batch]


@pytest.fixture(params=["in memory", "through a window", "window of one run"])
def make_batches(request, tmp_path, monkeypatch):
    """Batches of 103 numbered rows, 8 a batch, in memory or from a file."""
    rows = numbered(103)
    if request.param != "in memory":
        run = 8 * rows[0].nbytes
        n_runs = 1 if request.param == "window of one run" else 4
        monkeypatch.setattr(stored, "WINDOW_BYTES", n_runs * run)
        rows = on_disk(rows, tmp_path)

    def make(seed=0, **kwargs):
        generator = None if seed is None else make_generator(seed)
        found = Batches(as_rows(rows), batch_size=8, generator=generator, **kwargs)
        assert found.in_window is (request.param != "in memory")
        return found

    return make


def test_every_epoch_is_a_new_permutation(make_batches):
    shuffled, again = make_batches(), make_batches()
    epochs = [flat(numbers(shuffled)) for _ in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(103))
    assert len({tuple(epoch) for epoch in [*epochs, list(range(103))]}) == 4
    assert [flat(numbers(again)) for _ in range(3)] == epochs
    assert flat(numbers(make_batches(seed=1))) != epochs[0]


def test_without_generator_the_order_stays(make_batches):
    for _ in range(2):
        assert flat(numbers(make_batches(seed=None))) == list(range(103))


def test_length_is_the_number_of_batches(make_batches):
    shuffled = make_batches()
    epoch = numbers(shuffled)
    assert len(epoch) == len(shuffled) == 13
    # All of full size but for the last ones of a window and of the epoch.
    assert sum(len(batch) for batch in epoch) == 103
    assert max(len(batch) for batch in epoch) == 8
    assert sum(len(batch) < 8 for batch in epoch) == 1


@pytest.mark.parametrize("n_samples", [1, 2, 16, 17, 18, 33])
@pytest.mark.parametrize("block_size", [16, 48, 10**6])
def test_no_batch_has_one_row_alone(n_samples, block_size, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_SIZE", block_size)
    rows = as_rows(numbered(n_samples))
    some = Batches(rows, batch_size=16, generator=make_generator(0))
    epoch = numbers(some)
    assert len(some) == len(epoch)
    lengths = [len(batch) for batch in epoch]
    assert min(lengths) > 1 or n_samples == 1
    assert max(lengths) <= 17
    assert sorted(flat(epoch)) == list(range(n_samples))


@pytest.mark.parametrize("window_bytes", [1, 16 * 12, 3 * 16 * 12])
@pytest.mark.parametrize("n_samples", [49, 50, 65, 66])
def test_no_batch_of_a_window_has_one_row_alone(
    n_samples, window_bytes, tmp_path, monkeypatch
):
    monkeypatch.setattr(stored, "WINDOW_BYTES", window_bytes)
    rows = as_rows(on_disk(numbered(n_samples), tmp_path))
    some = Batches(rows, batch_size=16, generator=make_generator(0))
    assert some.in_window
    for _ in range(5):
        epoch = numbers(some)
        assert len(some) == len(epoch)
        assert min(map(len, epoch)) > 1
        assert sorted(flat(epoch)) == list(range(n_samples))
    parts = some.split(partial(train_test_split, test_size=0.4, random_state=0))
    for part in parts:
        assert len(part) == len(numbers(part))
    together = [number for part in parts for number in flat(numbers(part))]
    assert sorted(together) == list(range(n_samples))


def test_one_piece_of_a_memory_map_cannot_be_split(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "WINDOW_BYTES", 100)
    rows = as_rows(on_disk(numbered(50), tmp_path))
    with pytest.raises(ValueError, match=r"batch_size=64 reads all 50 .*lower batch_s"):
        Batches(rows, batch_size=64).split(partial(train_test_split, test_size=0.1))


def test_split_is_disjoint_and_complete(make_batches):
    whole = make_batches()
    cut = partial(train_test_split, test_size=0.3, random_state=0)
    training, validation = whole.split(cut)
    first, second = flat(numbers(training)), flat(numbers(training))
    held_out = flat(numbers(validation))
    assert first != second
    assert sorted(first) == sorted(second)
    assert held_out == flat(numbers(validation)) == sorted(held_out)
    assert sorted(first + held_out) == list(range(103))
    assert 24 <= len(held_out) <= 40
    assert len(numbers(training)) == len(training)
    assert len(numbers(validation)) == len(validation)
    again = make_batches().split(cut)[1]
    assert flat(numbers(again)) == held_out


def test_blocks_do_not_show(make_batches, monkeypatch):
    epoch = numbers(make_batches())
    monkeypatch.setattr(batches, "BLOCK_SIZE", 1)
    assert numbers(make_batches()) == epoch


def test_window_mixes_rows_from_far_apart(tmp_path, monkeypatch):
    rows = numbered(4096)
    monkeypatch.setattr(stored, "WINDOW_BYTES", rows.nbytes // 16)
    rows = on_disk(rows, tmp_path)
    epoch = numbers(Batches(as_rows(rows), batch_size=16, generator=make_generator(0)))
    # A batch of a shuffled window of 16 runs holds rows from most of them.
    runs = np.array([len({number // 16 for number in batch}) for batch in epoch])
    assert runs.mean() > 8
    assert runs.min() >= 4
    spans = np.array([max(batch) - min(batch) for batch in epoch])
    assert np.median(spans) > 0.6 * 4096
    assert sorted(flat(epoch)) == list(range(4096))


def test_window_bounds_the_memory(tmp_path, monkeypatch):
    rows = on_disk(numbered(20_000, 50), tmp_path)
    monkeypatch.setattr(stored, "WINDOW_BYTES", rows.nbytes // 20)
    shuffled = Batches(as_rows(rows), batch_size=32, generator=make_generator(0))
    tracemalloc.start()
    try:
        for _ in shuffled:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * rows.nbytes // 20


def test_only_large_memory_maps_are_read_through_a_window(tmp_path, monkeypatch):
    rows = numbered(10)
    mapped = on_disk(rows, tmp_path)
    assert not as_rows(mapped).in_window
    monkeypatch.setattr(stored, "WINDOW_BYTES", rows.nbytes - 1)
    assert not as_rows(rows).in_window
    assert as_rows(mapped).in_window
    # Validation takes the class of a memory map away, and views of it are others.
    assert as_rows(np.asarray(mapped)).in_window
    assert as_rows(mapped.reshape(5, 6)).in_window


@pytest.mark.parametrize("mapped", [False, True])
def test_inputs_and_targets_stay_together(mapped, tmp_path, monkeypatch):
    inputs, targets = numbered(50), numbered(50, 7, np.uint8)
    if mapped:
        monkeypatch.setattr(stored, "WINDOW_BYTES", 200)
        inputs = on_disk(inputs, tmp_path)
    pairs = Batches(
        as_rows(inputs), as_rows(targets), batch_size=4, generator=make_generator(0)
    )
    assert pairs.in_window is mapped
    seen = []
    for x, target in pairs:
        assert (x.shape[1], target.shape[1]) == (3, 7)
        assert torch.equal(x[:, 0], target[:, 0])
        seen += x[:, 0].tolist()
    assert sorted(seen) == list(range(50))


def test_transform_makes_input_and_target_of_every_batch(make_batches):
    transformd = make_batches(transform=lambda x: (x + 0.25, x))
    for part in (
        transformd,
        *transformd.split(partial(train_test_split, random_state=0)),
    ):
        for x, target in part:
            assert torch.equal(x, target + 0.25)


@pytest.mark.parametrize("writeable", [True, False])
def test_data_is_shared_and_not_copied(writeable):
    rows = numbered(10)
    rows.flags.writeable = writeable
    shared = as_rows(rows)  # and torch does not warn
    assert shared.tensor.data_ptr() == rows.ctypes.data
    assert shared[2:5].data_ptr() == rows[2:].ctypes.data
    assert torch.equal(shared[torch.tensor([7, 0])], torch.tensor(rows[[7, 0]]))
    assert rows.flags.writeable is writeable


def test_rows_are_scaled_where_they_are_read():
    rows = numbered(10, dtype=np.uint8)
    mean, index = np.array([1.0, 2.0, 3.0]), torch.tensor([5, 9, 0])
    found = as_rows(rows, Scaling(mean, 4.0), byte_scale=0.5)
    expected = (rows * 0.5 - mean) / 4.0
    np.testing.assert_allclose(found[:], expected, rtol=1e-6)
    np.testing.assert_allclose(found[index], expected[index], rtol=1e-6)
    window = found.window(rows[3:].copy())
    assert torch.equal(window[:], found[3:])


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.int8, np.int16, np.int32, np.int64, bool]
)
def test_every_type_becomes_the_type_that_is_wanted(dtype):
    rows = np.array([[0, 1], [1, 0], [1, 1]], dtype)
    for wanted in (torch.float32, torch.float64):
        for scaling in (None, Scaling(np.zeros(2), 2.0), Scaling(np.ones(2) / 4, 2.0)):
            found = as_rows(rows, scaling, wanted)[0:3]
            expected = rows.astype(float)
            if scaling is not None:
                expected = (expected - scaling.mean) / 2
            assert found.dtype == wanted
            np.testing.assert_array_equal(found, expected)
