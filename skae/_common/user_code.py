"""The user's own code: modules, augmentations, corruptions.

What skae brings along draws from the generator that it is handed and leaves its input
as it is. Of a user's code neither is known: it runs while the global generators are
seeded, on copies, and what it returns is checked.
"""

import contextlib
import copy

import torch
from torch import nn

from skae._common.runtime import default_modes, global_states


def is_user_code(function):
    """Whether a function may draw from the global generators.

    Parameters
    ----------
    function : callable or None
        What is used as corruption or augmentation.

    Returns
    -------
    bool
        False for None and for objects whose very class declares
        ``uses_generator_only``; a class that is derived from it does not inherit that.
    """
    if function is None:
        return False
    if "uses_generator_only" not in vars(type(function)):
        return True
    return not function.uses_generator_only


def _call(name, function, x, generator):
    if not is_user_code(function):
        return function(x, generator)
    # It may change what it gets, which may be the user's X itself.
    made = function(x.clone(), generator)
    expected = (tuple(x.shape), x.dtype, x.device)
    if not isinstance(made, torch.Tensor):
        got = type(made).__name__
    else:
        got = (tuple(made.shape), made.dtype, made.device)
    if got != expected:
        raise ValueError(
            f"{name}={function!r} must return a tensor like the one that it gets, of "
            f"(shape, dtype, device) = {expected}; got {got}."
        )
    return made


def call_on_rows(name, function, generator, image_shape, *rows):
    """Call a random function of images on rows, or of rows where there are no images.

    Parameters
    ----------
    name : str
        Name of the parameter, for errors.
    function : callable
        Its value.
    generator : torch.Generator
        What it draws from.
    image_shape : tuple of int or None
        (height, width) or (height, width, n_channels).
    *rows : torch.Tensor of shape (n_samples, n_features)
        Samples; rows of several arrays go through it together, as channels of one
        image.

    Returns
    -------
    list of torch.Tensor
        What becomes of each.
    """
    if image_shape is None:
        return [_call(name, function, x, generator) for x in rows]
    if len(rows) == 1:
        images = rows[0].view(-1, *image_shape)
        return [_call(name, function, images, generator).flatten(1)]
    height, width = image_shape[:2]
    images = [x.view(len(x), height, width, -1) for x in rows]
    views = _call(name, function, torch.cat(images, dim=3), generator)
    parts = views.split([image.shape[3] for image in images], dim=3)
    return [part.flatten(1) for part in parts]


def make_user_module(module, n_features, n_components, dtype):
    """Make the user's module and refuse one that does not do what is needed.

    Parameters
    ----------
    module : callable
        Called as ``module(n_features=..., n_components=...)``.
    n_features : int
        Width of a row.
    n_components : int
        Number of components of a code.
    dtype : torch.dtype
        Type that a copy of it has to compute in after the training.

    Returns
    -------
    made : torch.nn.Module
        The module, in float32.
    draws : bool
        Whether it draws from the global generators in inference.

    Raises
    ------
    ValueError
        If it cannot be made, lacks a method, or its methods do not give what they must.
    """
    if isinstance(module, nn.Module):
        raise ValueError(
            f"module is a built {type(module).__name__}; pass a class or a function "
            "that makes one, so that every fit starts from new weights."
        )
    try:
        made = module(n_features=n_features, n_components=n_components)
    except TypeError as error:
        raise ValueError(
            f"module={module!r} cannot be called as module(n_features={n_features}, "
            f"n_components={n_components}): {error}"
        ) from error
    name = type(made).__name__
    for method in ("encode", "decode"):
        if not callable(getattr(made, method, None)):
            raise ValueError(
                f"module made a {name} without the method '{method}'; it needs "
                "'encode' (rows to codes) and 'decode' (codes to rows)."
            )
    if not isinstance(made, nn.Module) or not any(
        p.requires_grad for p in made.parameters()
    ):
        raise ValueError(
            f"module made a {name}; it must make a torch.nn.Module with parameters to "
            "be learned."
        )
    _make_dense(made)
    made.eval()
    before = global_states()
    _try_methods(made, n_features, n_components, torch.float32)
    draws = global_states() != before
    # Some parts work in place in training only. What else may fail is for the training.
    for method, width in (("encode", n_features), ("decode", n_components)):
        x = torch.zeros(2, width, dtype=torch.float32)
        with contextlib.suppress(Exception), torch.no_grad():
            getattr(copy.deepcopy(made).train(), method)(x)
        if x._version:
            raise _in_place(made, method)
    if dtype != torch.float32:
        # Better to fail before the training than after it.
        _try_methods(copy.deepcopy(made).to(dtype), n_features, n_components, dtype)
    return made, draws


def _make_dense(module):
    """Let every parameter lie in memory without holes.

    torch's fused optimizers take them to be so, and would write between the numbers.
    """
    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in module.parameters():
        order = orders.get(parameter.dim(), torch.contiguous_format)
        if not (
            parameter.is_contiguous() or parameter.is_contiguous(memory_format=order)
        ):
            parameter.data = parameter.data.contiguous()


def _in_place(module, method):
    return ValueError(
        f"module made a {type(module).__name__} whose '{method}' changes its input in "
        "place; it must leave it as it is, so let the first layer have inplace=False."
    )


def _try_methods(module, n_features, n_components, dtype):
    """Refuse a module whose methods do not give what they must."""
    name, device = type(module).__name__, next(module.parameters()).device
    cases = [
        ("encode", "rows", n_features, n_components, ", n_components wide"),
        ("decode", "codes", n_components, n_features, ""),
    ]
    for method, kind, width_in, width_out, meaning in cases:
        x = torch.zeros(2, width_in, dtype=dtype, device=device)
        must = (
            f"it must turn {kind} of shape {tuple(x.shape)} into (2, {width_out})"
            f"{meaning}, all of {dtype}"
        )
        try:
            with default_modes(device), torch.no_grad():
                out = getattr(module, method)(x)
        except Exception as error:
            raise ValueError(
                f"module made a {name} whose '{method}' fails; {must}. "
                f"{type(error).__name__}: {error}"
            ) from error
        if x._version:
            raise _in_place(module, method)
        returned = f"a {type(out).__name__}"
        if isinstance(out, torch.Tensor):
            returned = f"{tuple(out.shape)} of {out.dtype}"
            if out.shape == (2, width_out) and out.dtype == dtype:
                continue
        raise ValueError(
            f"module made a {name} whose '{method}' returns {returned}; {must}."
        )
