"""Tests of files that are whole or told to be not, and execute nothing."""

import errno
import json
import math
import os
import pickle

import numpy as np
import pytest
import torch

from skae._common.safe_files import DamagedFileError, read, write

VALUE = {
    "numbers": [1, -2.5, math.inf, True, None, 1e-320],
    "pair": (1, ("two", 3)),
    7: {"weights": torch.arange(6, dtype=torch.float32).view(2, 3)},
    None: torch.tensor(2.5, dtype=torch.bfloat16),
    "states": [torch.arange(5, dtype=torch.uint8), []],
}


def test_values_come_back_as_they_were(tmp_path):
    write(tmp_path / "a", VALUE)
    found = read(tmp_path / "a")
    assert list(found) == list(VALUE)
    assert found["numbers"] == VALUE["numbers"]
    assert found["pair"] == VALUE["pair"]
    torch.testing.assert_close(found[7], VALUE[7], rtol=0, atol=0)
    assert torch.equal(found[None], VALUE[None])
    assert torch.equal(found["states"][0], VALUE["states"][0])
    assert found["states"][1] == []


def test_numbers_of_numpy_become_those_of_python(tmp_path):
    write(tmp_path / "a", {"loss": np.float32(0.5), "n": np.int64(3)})
    assert read(tmp_path / "a") == {"loss": 0.5, "n": 3}


def test_views_of_one_memory_are_saved_each_for_itself(tmp_path):
    rows = torch.arange(6.0).view(2, 3)
    write(tmp_path / "a", [rows[0], rows.t()])
    first, turned = read(tmp_path / "a")
    assert torch.equal(first, rows[0])
    assert torch.equal(turned, rows.t())


def test_other_objects_are_refused_with_their_place(tmp_path):
    with pytest.raises(TypeError, match=r"^state/1/f is <built-in function print>"):
        write(tmp_path / "a", {"state": [1, {"f": print}]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_each_flipped_bit_and_each_missing_end_is_found(tmp_path, kind):
    write(tmp_path / "a", VALUE)
    path = tmp_path / f"a.{kind}"
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        for damaged in (bytes(flipped), whole[:position]):
            path.write_bytes(damaged)
            with pytest.raises(DamagedFileError):
                read(tmp_path / "a")
    path.unlink()
    with pytest.raises(DamagedFileError):
        read(tmp_path / "a")


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"\0" * 64,
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"content": 1, "sha256": "0"}',
        b"[" * 100_000,
        pickle.dumps(Hostile()),
        json.dumps({"content": {"a": 1, "b": 2}, "sha256": 0, "tensors": 0}).encode(),
    ],
    ids=range(9),
)
def test_foreign_files_are_told_and_not_executed(tmp_path, monkeypatch, foreign):
    monkeypatch.chdir(tmp_path)
    for kinds in (["json"], ["safetensors"], ["json", "safetensors"]):
        write(tmp_path / "a", VALUE)
        for kind in kinds:
            (tmp_path / f"a.{kind}").write_bytes(foreign)
        with pytest.raises(DamagedFileError):
            read(tmp_path / "a")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch, call):
    write(tmp_path / "a", 1)

    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full:
        def __init__(self, *args):
            self.file = open_(*args)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.file.close()

        write = fail

    open_ = open
    if call == "write":
        monkeypatch.setattr("builtins.open", Full)
    else:
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a", 2)
    monkeypatch.undo()
    assert read(tmp_path / "a") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "a.safetensors"}
