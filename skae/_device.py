"""Where tensors live, and the modes of torch that they are computed in."""

import contextlib

import torch


def available_devices():
    """Devices that can compute here, the fastest first.

    Returns
    -------
    list of str
        Names such as ``["cuda:0", "cuda:1", "cpu"]``; ``"cpu"`` is always the last.
    """
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def resolve_device(device):
    """Turn the ``device`` parameter into a device that is there.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` for the fastest device here, or a device by name: ``"cpu"``,
        ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Returns
    -------
    torch.device
        With its index, so that two names of one device compare equal.

    Raises
    ------
    ValueError
        If the device is unknown or not available.
    """
    available = available_devices()
    name = available[0] if isinstance(device, str) and device == "auto" else device
    try:
        resolved = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not a device; use 'auto', 'cpu', 'cuda', 'cuda:1', "
            "'mps' or a torch.device."
        ) from error
    if resolved.type == "cuda" and resolved.index is None:
        resolved = torch.device("cuda", 0)
    if resolved.type in ("cpu", "mps"):
        resolved = torch.device(resolved.type)
    if str(resolved) not in available:
        raise ValueError(
            f"device={device!r} is not available here; available are: "
            f"{', '.join(available)}."
        )
    return resolved


@contextlib.contextmanager
def usual_modes(device):
    """Leave the modes of torch that the caller is in: autocast, inference, no_grad.

    Where the caller has set defaults of torch, tensors are made on ``device`` and of
    float32 all the same.

    Parameters
    ----------
    device : torch.device
        Where is computed.

    Yields
    ------
    None
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.amp.is_autocast_available(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if torch.get_default_dtype() != torch.float32:
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
        # Only then: a default device costs time at each call of torch.
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device(device))
        yield


def has_fast_bfloat16(device):
    """Whether the hardware multiplies bfloat16 matrices faster than float32 ones.

    Parameters
    ----------
    device : torch.device
        The device to ask about.

    Returns
    -------
    bool
        True for CPUs with AVX512-BF16 or AMX and for GPUs from Ampere on.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # torch has no public question for this yet; where a version lacks these
        # functions the answer is no, which costs speed and nothing else.
        asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, ask, bool)() for ask in asks)
    return False
