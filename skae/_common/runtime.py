"""Where torch computes, in which modes, and by which seeds.

An int ``random_state`` alone decides a result: every random number comes from a
generator that is made here from one seed, and what can only draw from the global
generators does so while these are seeded, and put back afterwards.
"""

import contextlib
import random
import threading
from functools import partial

import numpy as np
import torch
from sklearn.utils import check_random_state

from skae._common.processes import draw_share, local_rank

# The global generators belong to the whole process: whoever borrows them does so alone.
_borrowing = threading.RLock()
# One seed serves several uses, each with a stream of its own.
STREAMS = {"order": 0, "augment": 1, "objective": 2}


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
    """Turn the ``device`` parameter into a device that is available.

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
        resolved = torch.device("cuda", local_rank())
    if resolved.type in ("cpu", "mps"):
        resolved = torch.device(resolved.type)
    if str(resolved) not in available:
        raise ValueError(
            f"device={device!r} is not available here; available are: "
            f"{', '.join(available)}."
        )
    return resolved


def default_modes(device):
    """Compute in torch's default modes, whatever modes the caller is in.

    Autocast, inference mode and ``no_grad`` are left. Where the caller has changed
    torch's defaults, tensors are made on ``device`` and of float32 all the same.

    Parameters
    ----------
    device : torch.device
        The device that computes.

    Returns
    -------
    context manager
        In which to compute.
    """
    # For one sample, entering contexts would take most of the time.
    kind = device.type
    is_default = (
        torch.is_grad_enabled()
        and not torch.is_inference_mode_enabled()
        and not (
            torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        )
        and torch.get_default_dtype() == torch.float32
        and _default_device_is_cpu()
    )
    return contextlib.nullcontext() if is_default else _leave_modes(device)


def _default_device_is_cpu():
    # torch.get_default_device takes ten times as long as to look at what it decides.
    return torch.empty(0).device.type == "cpu"


@contextlib.contextmanager
def _leave_modes(device):
    """Leave the modes of the caller, and put them back."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.amp.is_autocast_available(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if torch.get_default_dtype() != torch.float32:
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
        # Only then: a default device costs time at each call of torch.
        if not _default_device_is_cpu():
            stack.enter_context(torch.device(device))
        yield


def draw_seed(random_state):
    """Draw one seed, as every scikit-learn estimator draws from its ``random_state``.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        An int gives the same seed each time; None draws from NumPy's generator.

    Returns
    -------
    int
        Between 0 and 2**31 - 2.
    """
    # Not while another thread has seeded NumPy's generator for its own purposes.
    with _borrowing:
        return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def seeds_of(random_state, n_seeds):
    """Draw several seeds.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        An int gives the same seeds each time; None draws from NumPy's generator.
    n_seeds : int
        Their number.

    Returns
    -------
    list of int
        Each between 0 and 2**31 - 2.
    """
    rng = np.random.RandomState(draw_seed(random_state))
    return rng.randint(np.iinfo(np.int32).max, size=n_seeds).tolist()


def reseed(generator, seed, *stream):
    """Start a generator from the beginning of a stream of random numbers.

    Parameters
    ----------
    generator : torch.Generator
        The generator.
    seed : int
        As :func:`draw_seed` returns it.
    *stream : int
        Numbers that tell apart the uses of one seed, such as the epoch; of one seed
        always equally many.

    Returns
    -------
    torch.Generator
        The same generator, independent of those of other streams of the same seed.
    """
    mixed = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0]
    return generator.manual_seed(int(mixed >> np.uint64(1)))


def make_generator(seed, *stream, device="cpu"):
    """Make a torch generator that shares its state with no other.

    Parameters
    ----------
    seed : int
        As :func:`draw_seed` returns it.
    *stream : int
        As for :func:`reseed`.
    device : torch.device or str, default="cpu"
        Where the random numbers are drawn.

    Returns
    -------
    torch.Generator
        At the beginning of the stream.
    """
    return reseed(torch.Generator(device=device), seed, *stream)


def draw(function, shape, generator, device):
    """Draw by a function such as ``torch.rand``, on the generator's device.

    Apple's GPUs have no generator of their own here. The numbers are float32 whatever
    they are for, so that float32 and float64 samples are treated alike.

    Parameters
    ----------
    function : callable
        The function that draws.
    shape : tuple of int
        Shape of the result.
    generator : torch.Generator or None
        Source of the random numbers; None for torch's global generator.
    device : torch.device
        Device of the result.

    Returns
    -------
    torch.Tensor
        The numbers.
    """
    place = device if generator is None else generator.device
    options = {"generator": generator, "device": place, "dtype": torch.float32}
    return draw_share(partial(function, **options), shape).to(device)


def seed_unset(estimator, random_state):
    """Draw a seed for every ``random_state`` in an estimator that is None.

    Parameters
    ----------
    estimator : estimator
        Its own seed is set, and those of the estimators inside it.
    random_state : RandomState instance
        Source of the seeds.
    """
    unset = {
        name: random_state.randint(np.iinfo(np.int32).max)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    if unset:
        estimator.set_params(**unset)


def global_states():
    """Return the states of the global generators, to see whether something has drawn.

    Returns
    -------
    tuple
        The states of those of Python, NumPy and torch; they compare by value.
    """
    _, keys, *place = np.random.get_state()
    return random.getstate(), bytes(keys), place, bytes(torch.get_rng_state().numpy())


def isolated_generators(seed, device):
    """Seed the global generators of Python, NumPy and torch, and put them back after.

    Weight initialization and a user's own code can only draw from the global
    generators. Inside this context these are seeded, and afterwards they are as they
    were. One thread at a time can be inside.

    Parameters
    ----------
    seed : int or None
        Seed for all of them; None where nothing draws, which changes nothing.
    device : torch.device
        The device whose generator is seeded too.

    Returns
    -------
    context manager
        In which to draw.
    """
    return contextlib.nullcontext() if seed is None else _isolate(seed, device)


@contextlib.contextmanager
def _isolate(seed, device):
    """Seed the global generators, and put them back."""
    with _borrowing:
        states = get_global_states(device)
        try:
            random.seed(seed)
            np.random.seed(seed)
            for generator in _torch_generators(device):
                generator.manual_seed(seed)
            yield
        finally:
            set_global_states(states, device)


def _torch_generators(device):
    # Not torch.manual_seed, which seeds the generators of all other devices too.
    generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()  # before it there are no generators
        generators.append(torch.cuda.default_generators[device.index])
    elif device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    return generators


def get_global_states(device):
    """Return the states of the global generators of Python, NumPy and torch.

    Parameters
    ----------
    device : torch.device
        The device whose generator is meant too.

    Returns
    -------
    list
        Of numbers, strings, tuples and tensors, for :func:`set_global_states`.
    """
    kind, keys, *place = np.random.get_state()
    torch_states = [generator.get_state() for generator in _torch_generators(device)]
    return [random.getstate(), (kind, keys.tolist(), *place), torch_states]


def set_global_states(states, device):
    """Set the states of the global generators.

    Parameters
    ----------
    states : list
        As :func:`get_global_states` returned them.
    device : torch.device
        As for :func:`get_global_states`.
    """
    python_state, numpy_state, torch_states = states
    random.setstate(python_state)
    np.random.set_state(numpy_state)
    for generator, state in zip(_torch_generators(device), torch_states, strict=True):
        generator.set_state(state)
