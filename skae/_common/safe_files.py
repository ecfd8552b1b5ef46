"""Nested values in two files that execute nothing: tensors, and everything else.

The tensors lie in a safetensors file and the rest in a JSON file, which holds checksums
of both. Each file is written beside its place, flushed to the disk, and moved there in
one step, the JSON file last. So the two are either whole or told to be not.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from skae._common.atomic_write import write_atomically

# What files of something else raise where they are read.
FOREIGN = (
    *(OSError, ValueError, LookupError, TypeError),
    *(AttributeError, RecursionError, SafetensorError),
)
PLAIN = (str, int, float, bool, type(None))


class DamagedFileError(Exception):
    """The two files are not what was written."""


def write(stem, value):
    """Write a value into ``stem.safetensors`` and ``stem.json``.

    Parameters
    ----------
    stem : pathlib.Path
        Path of both files without what their names end with.
    value : object
        Tensors, numbers, strings, None, and lists, tuples and dicts of these.

    Raises
    ------
    TypeError
        If there is something else in it, with where it is.
    OSError
        If it cannot be written.
    """
    tensors = {}
    content = _pack(value, "", tensors)
    data = save(tensors)
    text = json.dumps(content)
    manifest = {"tensors": _digest(data), "sha256": _digest(text.encode())}
    # The content as it was hashed, not dumped a second time.
    whole = f'{json.dumps(manifest)[:-1]}, "content": {text}}}'
    write_atomically(_file(stem, "safetensors"), data)
    write_atomically(_file(stem, "json"), whole.encode())


def read(stem):
    """Read what :func:`write` has written.

    Parameters
    ----------
    stem : pathlib.Path
        As for :func:`write`.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DamagedFileError
        If one of the files is missing, incomplete, changed, or of something else.
    """
    try:
        manifest = json.loads(_file(stem, "json").read_bytes())
        content = manifest["content"]
        if manifest["sha256"] != _digest(json.dumps(content).encode()):
            raise DamagedFileError("its checksum is wrong")
        data = _file(stem, "safetensors").read_bytes()
        if manifest["tensors"] != _digest(data):
            raise DamagedFileError("the checksum of its tensors is wrong")
        return _unpack(content, load(data))
    except FOREIGN as error:
        raise DamagedFileError(f"{type(error).__name__}: {error}") from error


def _file(stem, kind):
    return Path(f"{stem}.{kind}")


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def _pack(value, place, tensors):
    """Return what JSON can hold of a value, and collect its tensors."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, torch.Tensor):
        name = place or "/"
        # A copy has memory of its own, which safetensors asks for.
        tensors[name] = (
            value.detach().cpu().clone(memory_format=torch.contiguous_format)
        )
        return {"tensor": name}
    if type(value) in PLAIN:
        return value
    if isinstance(value, list | tuple):
        packed = [_pack(v, f"{place}/{i}", tensors) for i, v in enumerate(value)]
        return packed if isinstance(value, list) else {"tuple": packed}
    if isinstance(value, dict) and all(type(key) in PLAIN for key in value):
        # The keys of JSON's own objects can only be strings.
        return {
            "dict": [
                [key, _pack(v, f"{place}/{key}", tensors)] for key, v in value.items()
            ]
        }
    raise TypeError(f"{place[1:]} is {value!r} of type {type(value).__qualname__}")


def _unpack(packed, tensors):
    """Return the value that was packed."""
    if isinstance(packed, list):
        return [_unpack(part, tensors) for part in packed]
    if not isinstance(packed, dict):
        return packed
    ((kind, parts),) = packed.items()
    if kind == "tensor":
        return tensors[parts]
    if kind == "tuple":
        return tuple(_unpack(part, tensors) for part in parts)
    return {key: _unpack(part, tensors) for key, part in parts}
