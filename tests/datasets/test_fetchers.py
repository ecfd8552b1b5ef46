"""Tests of the fetchers: files at hand, and small ones served from localhost."""

import hashlib
import io
import os
import pickle
import re
import struct
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from skae.datasets import _fetchers, fetch_cifar10, fetch_mnist

SHAPES = {"mnist": (28, 28), "cifar10": (32, 32, 3)}
FETCH = {"mnist": fetch_mnist, "cifar10": fetch_cifar10}

both = pytest.mark.parametrize("name", ["mnist", "cifar10"])


def make_arrays(name, n_train=10, n_test=3):
    """Random images and labels, the four arrays of a set."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", n_train), ("test", n_test)):
        arrays[f"X_{part}"] = rng.integers(256, size=(n, *SHAPES[name]), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(10, size=n, dtype=np.uint8)
    return arrays


def pickle_batch(planes, labels):
    """Pickle a batch as Python 2 and the NumPy of its time did."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
        b"cnumpy\nndarray\n" + b"K\x00\x85" + text(b"b") + b"\x87R"
    )
    shape = b"M" + struct.pack("<H", len(planes)) + b"M" + struct.pack("<H", 3072)
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + text(b"|") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    pixels = b"T" + struct.pack("<i", planes.size) + planes.tobytes()
    array += b"(K\x01" + shape + b"\x86" + dtype + b"\x89" + pixels + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    items = text(b"data") + array + b"s" + text(b"labels") + numbers + b"s"
    return b"\x80\x02}" + items + b"."


def write_original(name, path, arrays):
    """Write a set in the format in which its authors publish it."""
    if name == "mnist":
        with open(path, "wb") as file:
            np.savez(file, **{key.lower(): array for key, array in arrays.items()})
        return
    parts = {
        f"data_batch_{i + 1}": slice(2 * i, 2 * i + 2)
        for i in reversed(range(5))  # five of two images each, in no helpful order
    }
    batches = {
        batch: (arrays["X_train"][rows], arrays["y_train"][rows])
        for batch, rows in parts.items()
    }
    batches["test_batch"] = arrays["X_test"], arrays["y_test"]
    with tarfile.open(path, "w:gz") as archive:
        readme = tarfile.TarInfo("cifar-10-batches-py/readme.html")
        archive.addfile(readme, io.BytesIO())
        for batch, (X, y) in batches.items():
            planes = np.ascontiguousarray(X.transpose(0, 3, 1, 2)).reshape(len(X), -1)
            pickled = pickle_batch(planes, y)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{batch}")
            member.size = len(pickled)
            archive.addfile(member, io.BytesIO(pickled))


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder and counts what was asked for."""

    def do_GET(self):
        self.server.n_requests += 1
        super().do_GET()

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A localhost server in the place of the originals' hosts."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(Handler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.n_requests = 0
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        for name, source in _fetchers._SOURCES.items():
            write_original(name, folder / name, make_arrays(name))
            served = source._replace(
                url=f"http://127.0.0.1:{server.server_port}/{name}",
                sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            )
            monkeypatch.setitem(_fetchers._SOURCES, name, served)
        server.folder = folder
        yield server
        server.shutdown()


@pytest.fixture
def home(tmp_path):
    """A data folder with small files of both sets."""
    for name in SHAPES:
        np.savez(tmp_path / f"{name}.npz", **make_arrays(name))
    return tmp_path


@both
def test_local_file(name, home):
    expected = make_arrays(name)
    bunch = FETCH[name](data_home=home)
    assert bunch.images.shape == (10, *SHAPES[name])
    assert bunch.images.dtype == bunch.data.dtype == np.uint8
    assert bunch.target.dtype == np.int64
    assert np.shares_memory(bunch.images, bunch.data)
    np.testing.assert_array_equal(bunch.images, expected["X_train"])
    np.testing.assert_array_equal(bunch.data, expected["X_train"].reshape(10, -1))
    np.testing.assert_array_equal(bunch.target, expected["y_train"])
    assert len(bunch.feature_names) == bunch.data.shape[1]
    assert len(set(bunch.feature_names)) == bunch.data.shape[1]
    assert len(bunch.target_names) == 10
    assert bunch.DESCR


@both
def test_subsets(name, home):
    expected = make_arrays(name)
    for subset, parts in {
        "train": ["train"],
        "test": ["test"],
        "all": ["train", "test"],
    }.items():
        X, y = FETCH[name](subset=subset, data_home=str(home), return_X_y=True)
        images = np.concatenate([expected[f"X_{part}"] for part in parts])
        labels = np.concatenate([expected[f"y_{part}"] for part in parts])
        np.testing.assert_array_equal(X, images.reshape(len(images), -1))
        np.testing.assert_array_equal(y, labels)


@both
def test_download(name, server, tmp_path, capfd):
    home = tmp_path / "new" / "folder"
    expected = make_arrays(name)
    bunch = FETCH[name](subset="all", data_home=home)
    np.testing.assert_array_equal(
        bunch.images, np.concatenate([expected["X_train"], expected["X_test"]])
    )
    np.testing.assert_array_equal(
        bunch.target, np.concatenate([expected["y_train"], expected["y_test"]])
    )
    assert os.listdir(home) == [f"{name}.npz"]
    assert server.n_requests == 1

    FETCH[name](data_home=home)
    assert server.n_requests == 1
    assert capfd.readouterr() == ("", "")


@both
def test_tampered_download_is_refused(name, server, tmp_path):
    with open(server.folder / name, "ab") as file:
        file.write(b"more")
    home = tmp_path / "home"
    with pytest.raises(OSError, match=r"sha256.*is damaged or was changed"):
        FETCH[name](data_home=home)
    assert os.listdir(home) == []


@both
def test_failed_download_leaves_nothing(name, server, tmp_path):
    (server.folder / name).unlink()
    home = tmp_path / "home"
    message = rf"{name}\.npz does not exist, and .* not be downloaded \(404.*SKAE_DATA"
    with pytest.raises(OSError, match=message):
        FETCH[name](data_home=home)
    assert os.listdir(home) == []


@both
def test_download_without_a_network(name, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    nowhere = _fetchers._SOURCES[name]._replace(url="http://127.0.0.1:1/set")
    monkeypatch.setitem(_fetchers._SOURCES, name, nowhere)
    with pytest.raises(OSError, match=r"127\.0\.0\.1:1/set could not be downloaded"):
        FETCH[name](data_home=tmp_path)
    assert os.listdir(tmp_path) == []


@both
def test_not_downloaded_when_not_allowed(name, server, tmp_path):
    with pytest.raises(OSError, match=rf"{name}\.npz not found and download_if_mis"):
        FETCH[name](data_home=tmp_path, download_if_missing=False)
    assert server.n_requests == 0


def test_folder_from_the_environment(home, tmp_path, monkeypatch):
    monkeypatch.setenv("SKAE_DATA", str(home))
    assert fetch_mnist(download_if_missing=False).data.shape == (10, 784)
    with pytest.raises(OSError, match="not found"):
        fetch_mnist(data_home=tmp_path / "other", download_if_missing=False)
    monkeypatch.delenv("SKAE_DATA")
    monkeypatch.setattr(_fetchers.pooch, "os_cache", lambda project: home)
    assert fetch_mnist(download_if_missing=False).data.shape == (10, 784)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"no archive",
        lambda whole: whole[:5000],
        lambda whole: whole[:1000] + bytes(1000) + whole[2000:],
    ],
    ids=["empty", "text", "cut", "overwritten"],
)
def test_damaged_local_file(damage, home):
    path = home / "mnist.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OSError, match=r"mnist\.npz cannot be read .*Delete it"):
        fetch_mnist(data_home=home)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("X_train", lambda X: X.astype(float)),
        ("X_train", lambda X: X[:-1]),
        ("X_train", lambda X: X[..., np.newaxis]),
        ("y_train", lambda y: y[:, np.newaxis]),
    ],
    ids=["dtype", "length", "shape", "labels"],
)
def test_local_file_of_something_else(key, change, home):
    arrays = make_arrays("mnist")
    arrays[key] = change(arrays[key])
    np.savez(home / "mnist.npz", **arrays)
    with pytest.raises(OSError, match=r"mnist\.npz holds"):
        fetch_mnist(data_home=home)


@pytest.mark.parametrize("label", [1.5, 7e30, -1, 10, np.nan])
def test_local_file_with_labels_that_are_not_classes(label, home):
    arrays = make_arrays("mnist")
    arrays["y_train"] = arrays["y_train"].astype(np.array(label).dtype)
    arrays["y_train"][3] = label
    np.savez(home / "mnist.npz", **arrays)
    told = re.escape(f"mnist.npz holds the label {arrays['y_train'][3]}; ")
    with pytest.raises(OSError, match=told):
        fetch_mnist(data_home=home)


def test_local_file_without_images(home):
    arrays = {name: array[:0] for name, array in make_arrays("mnist").items()}
    np.savez(home / "mnist.npz", **arrays)
    with pytest.raises(OSError, match=r"mnist\.npz holds no images"):
        fetch_mnist(data_home=home)


def test_local_file_without_a_part(home):
    arrays = make_arrays("mnist")
    del arrays["y_test"]
    np.savez(home / "mnist.npz", **arrays)
    with pytest.raises(OSError, match=r"mnist\.npz cannot be read .*y_test"):
        fetch_mnist(subset="test", data_home=home)


@both
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("subset", "valid"), ("data_home", 1), ("return_X_y", "yes")],
)
def test_bad_parameters(name, parameter, value):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of fetch_{name}"):
        FETCH[name](**{parameter: value})


def test_a_pickle_of_anything_else_is_refused():
    file = io.BytesIO(pickle.dumps({b"data": os.getcwd}))
    with pytest.raises(pickle.UnpicklingError, match="is not an array"):
        _fetchers._BatchUnpickler(file, encoding="bytes").load()


def test_the_real_mnist(mnist):
    X_train, y_train, X_test, y_test = mnist
    assert X_train.shape == (60_000, 784)
    assert X_test.shape == (10_000, 784)
    assert np.bincount(y_train)[:3].tolist() == [5923, 6742, 5958]
    assert np.bincount(y_test)[:3].tolist() == [980, 1135, 1032]


def test_the_real_cifar10(cifar10):
    X_train, y_train, X_test, y_test = cifar10
    assert X_train.shape == (50_000, 3072)
    assert X_test.shape == (10_000, 3072)
    assert np.bincount(y_train).tolist() == [5000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
