"""Tests of what is copied out of memory maps and read-only memory."""

import numpy as np

from skae._common.memmap import copy_memmaps


def test_only_memory_maps_are_copied(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5.0))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    state = {"mapped": mapped, "array": np.ones(2), "list": [1], "none": None}
    copied = copy_memmaps(state)
    assert type(copied["mapped"]) is np.ndarray
    assert copied["mapped"].flags.writeable
    assert not np.shares_memory(copied["mapped"], mapped)
    np.testing.assert_array_equal(copied["mapped"], mapped)
    assert all(copied[name] is state[name] for name in ("array", "list", "none"))
    assert list(copied) == list(state)
    assert state["mapped"] is mapped


def test_read_only_arrays_are_copied():
    array = np.frombuffer(b"12345", np.uint8)
    copied = copy_memmaps({"array": array})["array"]
    assert copied.flags.writeable
    np.testing.assert_array_equal(copied, array)
