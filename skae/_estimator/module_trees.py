"""Modules as trees of plain values, which any format can store."""

import copy

import torch
from torch import nn

from skae._training.weights import tensors_of

# Attributes that every module has; the rest are its own.
COMMON = frozenset(vars(nn.Module()))
# Methods by which a class decides itself how it is made and stored.
PROTOCOL = (
    *("__new__", "__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"),
    "__deepcopy__",
)
HOOKS = tuple(sorted(name for name in COMMON if name.endswith("_hooks")))


def take_apart(module):
    """Turn a module into a tree without tensors.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    dict or None
        Types, attributes and names. None where there is more to it: hooks, or modules
        or tensors among the attributes that torch does not know.
    """
    if not all(map(_is_plain, module.modules())):
        return None
    numbers = {id(tensor): i for i, tensor in enumerate(tensors_of(module))}
    return _take_apart(module, numbers)


def _is_plain(part):
    return (
        all(_is_of_torch(type(part), name) for name in PROTOCOL)
        and not any(vars(part)[hooks] for hooks in HOOKS)
        and not _holds_torch(_attributes(part))
    )


def _is_of_torch(kind, name):
    """Whether torch's layers or their base decide by this method."""
    method = getattr(kind, name, None)
    is_common = method is getattr(nn.Module, name, None)
    return is_common or method.__module__.startswith("torch.nn.modules.")


def _attributes(part):
    """Return the attributes that are neither common to all modules nor compiled."""
    others = {*COMMON, "_compiled_call_impl"}
    return {name: v for name, v in vars(part).items() if name not in others}


def _holds_torch(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        return any(map(_holds_torch, value))
    return isinstance(value, nn.Module | torch.Tensor)


def _take_apart(module, numbers):
    def number_of(tensor):
        return None if tensor is None else numbers[id(tensor)]

    return {
        "type": type(module),
        "attributes": copy.deepcopy(_attributes(module)),
        "training": module.training,
        "parameters": {
            name: [number_of(tensor), tensor is not None and tensor.requires_grad]
            for name, tensor in module._parameters.items()
        },
        "buffers": {n: number_of(tensor) for n, tensor in module._buffers.items()},
        "not_persistent": sorted(module._non_persistent_buffers_set),
        "modules": {
            name: None if part is None else _take_apart(part, numbers)
            for name, part in module._modules.items()
        },
    }


def put_together(tree, tensors):
    """Make a module of a tree.

    Parameters
    ----------
    tree : dict
        As :func:`take_apart` returned it.
    tensors : list of torch.Tensor
        Its parameters and buffers, in the order of :func:`tensors_of`.

    Returns
    -------
    torch.nn.Module
        A module without the constructors of its parts having been called.

    Raises
    ------
    TypeError
        If the tree names what is not a module.
    """
    kind = tree["type"]
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise TypeError(f"{kind!r} is not a module")
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    attributes = tree["attributes"]
    if not COMMON.isdisjoint(attributes):
        raise TypeError(f"{sorted(COMMON & attributes.keys())} are not attributes")
    vars(module).update(attributes)
    for name, (number, is_trained) in tree["parameters"].items():
        parameter = None if number is None else tensors[number]
        if parameter is not None and not isinstance(parameter, nn.Parameter):
            # The same for all of its names.
            parameter = tensors[number] = nn.Parameter(parameter, is_trained)
        module.register_parameter(name, parameter)
    for name, number in tree["buffers"].items():
        buffer = None if number is None else tensors[number]
        module.register_buffer(name, buffer, name not in tree["not_persistent"])
    for name, part in tree["modules"].items():
        module.add_module(name, None if part is None else put_together(part, tensors))
    module.training = tree["training"]
    return module
