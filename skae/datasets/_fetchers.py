"""Fetchers of public image data sets, like those of :mod:`sklearn.datasets`.

Each data set is one ``.npz`` file in the data folder, with the uint8 arrays
``X_train``, ``y_train``, ``X_test``, ``y_test``. An existing file is used unchanged; if
it is missing, the original is downloaded, its sha256 checked, and the file written from
it.
"""

import os
import pickle
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

_ARRAYS = ("X_train", "y_train", "X_test", "y_test")

_PARAMETERS = {
    "subset": [StrOptions({"train", "test", "all"})],
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
}


class _Source(NamedTuple):
    """Where an image data set is downloaded from, and what it contains."""

    url: str
    sha256: str
    read: Callable  # the downloaded file's path -> the four arrays by name
    image_shape: tuple
    target_names: tuple
    description: str


def _read_keras_npz(path):
    """Read MNIST from the file that Keras provides."""
    with np.load(path) as file:
        return {name: file[name.lower()] for name in _ARRAYS}


class _BatchUnpickler(pickle.Unpickler):
    """Unpickler for the CIFAR-10 batches of Python 2 that allows arrays only.

    ``dtype`` drops two flags of old pickles that NumPy no longer accepts.
    """

    def find_class(self, module, name):
        allowed = {
            "_reconstruct": np.empty(0).__reduce__()[0],
            "ndarray": np.ndarray,
            "dtype": lambda code, *flags: np.dtype(code.decode()),
        }
        if module.split(".")[0] != "numpy" or name not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not an array")
        return allowed[name]


def _read_cifar10_archive(path):
    """Read CIFAR-10's archive of pickles, whose images have the channels first."""
    batches = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            if name == "test_batch" or name.startswith("data_batch_"):
                file = archive.extractfile(member)
                batches[name] = _BatchUnpickler(file, encoding="bytes").load()

    def stack(batches):
        planes = np.concatenate([batch[b"data"] for batch in batches])
        labels = np.concatenate([batch[b"labels"] for batch in batches])
        images = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), labels.astype(np.uint8)

    X_test, y_test = stack([batches.pop("test_batch")])
    X_train, y_train = stack([batches[name] for name in sorted(batches)])
    return {"X_train": X_train, "y_train": y_train, "X_test": X_test, "y_test": y_test}


_SOURCES = {
    "mnist": _Source(
        url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        read=_read_keras_npz,
        image_shape=(28, 28),
        target_names=tuple("0123456789"),
        description="""\
MNIST: handwritten digits
-------------------------
70,000 gray images of 28 x 28 pixels (0 to 255) in ten classes, one for each digit:
60,000 to train on and 10,000 to test with, written by different people.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
document recognition", Proceedings of the IEEE 86(11), 1998.
""",
    ),
    "cifar10": _Source(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        read=_read_cifar10_archive,
        image_shape=(32, 32, 3),
        target_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        description="""\
CIFAR-10: small colour photographs
----------------------------------
60,000 RGB images of 32 x 32 pixels (0 to 255) in ten classes of animals and vehicles:
50,000 to train on and 10,000 to test with.

A. Krizhevsky, "Learning multiple layers of features from tiny images", technical
report, University of Toronto, 2009.
""",
    ),
}


def _data_folder(data_home):
    """Return the data folder: the argument, that of SKAE_DATA or the user's cache."""
    folder = data_home or os.environ.get("SKAE_DATA") or pooch.os_cache("skae")
    return Path(folder).expanduser()


def _download(source, path):
    """Write a data set's file from its original; on any error write nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the target's folder, so that the last step is a rename and not a copy.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".skae-") as folder:
        original, converted = Path(folder, "original"), Path(folder, path.name)
        try:
            pooch.HTTPDownloader()(source.url, original, None)
        except OSError as error:
            response = getattr(error, "response", None)
            if response is not None:
                response.close()  # pooch leaves it open
            raise OSError(
                f"{path} does not exist, and {source.url} could not be downloaded "
                f"({error}). Set data_home or the environment variable SKAE_DATA to a "
                f"folder that holds {path.name}, or try again later."
            ) from error
        found = pooch.file_hash(original, alg="sha256")
        if found != source.sha256:
            raise OSError(
                f"The file downloaded from {source.url} has the sha256 {found}, not "
                f"{source.sha256}: it is damaged or was changed, and is not used."
            )
        np.savez(converted, **source.read(original))
        os.replace(converted, path)


def _load(path, source, parts):
    """Read the images and labels of parts ("train", "test") of a data set's file."""
    try:
        with open(path, "rb") as stream, np.load(stream) as file:
            images = [file[f"X_{part}"] for part in parts]
            labels = [file[f"y_{part}"] for part in parts]
    except (
        EOFError,
        KeyError,
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise OSError(
            f"{path} cannot be read ({error}). Delete it to have it downloaded again."
        ) from error
    for X, y in zip(images, labels, strict=True):
        if X.dtype != np.uint8 or X.shape != (*y.shape, *source.image_shape):
            raise OSError(
                f"{path} holds {X.dtype} images of shape {X.shape} with labels of "
                f"shape {y.shape}, not uint8 images of shape {source.image_shape} with "
                "one label each. Delete it to have it downloaded again."
            )
        if not len(y):
            raise OSError(
                f"{path} holds no images. Delete it to have it downloaded again."
            )
        is_class = np.isin(y, np.arange(len(source.target_names)))
        if not is_class.all():
            raise OSError(
                f"{path} holds the label {y[~is_class][0]}; labels must be whole "
                f"numbers from 0 to {len(source.target_names) - 1}. Delete it to have "
                "it downloaded again."
            )
    return images, labels


def _fetch(name, subset, data_home, download_if_missing, return_X_y):
    """Fetch one of the data sets in ``_SOURCES``."""
    source = _SOURCES[name]
    path = _data_folder(data_home) / f"{name}.npz"
    if not path.exists():
        if not download_if_missing:
            raise OSError(f"{path} not found and download_if_missing is False.")
        _download(source, path)
    parts = ("train", "test") if subset == "all" else (subset,)
    images, labels = _load(path, source, parts)
    images = images[0] if len(parts) == 1 else np.concatenate(images)
    target = np.concatenate(labels).astype(np.int64)
    data = images.reshape(len(images), -1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        target=target,
        target_names=np.array(source.target_names),
        feature_names=[
            "pixel_" + "_".join(map(str, index))
            for index in np.ndindex(source.image_shape)
        ],
        DESCR=source.description,
    )


@validate_params(_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_mnist(
    *, subset="train", data_home=None, download_if_missing=True, return_X_y=False
):
    """Load MNIST, handwritten digits; download it if necessary.

    =================   ===============
    Classes                         10
    Samples total               70,000
    Dimensionality                 784
    Features            uint8, 0 to 255
    =================   ===============

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    data_home : str or path-like, default=None
        Folder of the file ``mnist.npz``. None means the folder in the environment
        variable ``SKAE_DATA``, or else the user's cache folder. An existing file is
        used without network access.
    download_if_missing : bool, default=True
        If False, raise an OSError if the file does not exist.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n_samples, 784), dtype uint8
            One row per image.
        images : ndarray of shape (n_samples, 28, 28), dtype uint8
            The same memory as ``data``, as images.
        target : ndarray of shape (n_samples,), dtype int64
            The digits.
        target_names : ndarray of shape (10,)
            Names of the classes.
        feature_names : list of str
            Names of the columns of ``data``.
        DESCR : str
            Description of the data set.

    (data, target) : tuple if ``return_X_y`` is True
        The two arrays described above.

    Raises
    ------
    OSError
        If the file is missing and ``download_if_missing`` is False, if it cannot be
        downloaded or read, or if the downloaded file is not the original.

    See Also
    --------
    fetch_cifar10 : Colour photographs.
    sklearn.datasets.load_digits : Smaller digits that come with scikit-learn.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning
       applied to document recognition", Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    An existing file in the folder is used. Here it holds two black images:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skae.datasets import fetch_mnist
    >>> X, y = np.zeros((2, 28, 28), np.uint8), np.array([5, 0], np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "mnist.npz")
    ...     np.savez(file, X_train=X, y_train=y, X_test=X, y_test=y)
    ...     mnist = fetch_mnist(subset="all", data_home=folder)
    >>> mnist.data.shape, mnist.images.shape
    ((4, 784), (4, 28, 28))
    >>> mnist.target
    array([5, 0, 5, 0])
    """
    return _fetch("mnist", subset, data_home, download_if_missing, return_X_y)


@validate_params(_PARAMETERS, prefer_skip_nested_validation=True)
def fetch_cifar10(
    *, subset="train", data_home=None, download_if_missing=True, return_X_y=False
):
    """Load CIFAR-10, small colour photographs; download it if necessary.

    =================   ===============
    Classes                         10
    Samples total               60,000
    Dimensionality                3072
    Features            uint8, 0 to 255
    =================   ===============

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 50,000 training images, the 10,000 test images, or both in this order.
    data_home : str or path-like, default=None
        Folder of the file ``cifar10.npz``. None means the folder in the environment
        variable ``SKAE_DATA``, or else the user's cache folder. An existing file is
        used without network access.
    download_if_missing : bool, default=True
        If False, raise an OSError if the file does not exist.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n_samples, 3072), dtype uint8
            One row per image, pixel by pixel, with the three colours of each pixel
            together.
        images : ndarray of shape (n_samples, 32, 32, 3), dtype uint8
            The same memory as ``data``, as images with the channels last.
        target : ndarray of shape (n_samples,), dtype int64
            Numbers of the classes.
        target_names : ndarray of shape (10,)
            Names of the classes, from "airplane" to "truck".
        feature_names : list of str
            Names of the columns of ``data``.
        DESCR : str
            Description of the data set.

    (data, target) : tuple if ``return_X_y`` is True
        The two arrays described above.

    Raises
    ------
    OSError
        If the file is missing and ``download_if_missing`` is False, if it cannot be
        downloaded or read, or if the downloaded file is not the original.

    See Also
    --------
    fetch_mnist : Handwritten digits.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning multiple layers of features from tiny images",
       technical report, University of Toronto, 2009.

    Examples
    --------
    An existing file in the folder is used. Here it holds one white image:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skae.datasets import fetch_cifar10
    >>> X, y = np.full((1, 32, 32, 3), 255, np.uint8), np.array([8], np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "cifar10.npz")
    ...     np.savez(file, X_train=X, y_train=y, X_test=X, y_test=y)
    ...     cifar10 = fetch_cifar10(data_home=folder)
    >>> cifar10.data.shape, cifar10.images.shape
    ((1, 3072), (1, 32, 32, 3))
    >>> print(cifar10.target_names[cifar10.target[0]])
    ship
    """
    return _fetch("cifar10", subset, data_home, download_if_missing, return_X_y)
