"""Seeds and generators: an int ``random_state`` alone decides the result."""

import contextlib
import random
import threading

import numpy as np
import torch
from sklearn.utils import check_random_state

# The global generators belong to the whole process: whoever borrows them does so alone.
_borrowing = threading.RLock()


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


def make_generator(seed, *stream, device="cpu"):
    """Make a torch generator that shares its state with nobody.

    Parameters
    ----------
    seed : int
        As :func:`draw_seed` gives it.
    *stream : int
        Numbers that tell apart the uses of one seed, such as the epoch; of one seed
        always equally many.
    device : torch.device or str, default="cpu"
        Where the random numbers are drawn.

    Returns
    -------
    torch.Generator
        Independent of the generators of other streams of the same seed.
    """
    mixed = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device=device).manual_seed(int(mixed >> np.uint64(1)))


def draw(function, shape, generator, device):
    """Draw by a function such as ``torch.rand``, where the generator is.

    Apple's GPUs have none of their own here. The numbers are float32 whatever they are
    for, so that float32 and float64 are treated alike.

    Parameters
    ----------
    function : callable
        What draws.
    shape : tuple of int
        How many.
    generator : torch.Generator or None
        What it draws by; None for torch's global one.
    device : torch.device
        Where the numbers are wanted.

    Returns
    -------
    torch.Tensor
        The numbers.
    """
    place = device if generator is None else generator.device
    numbers = function(shape, generator=generator, device=place, dtype=torch.float32)
    return numbers.to(device)


def seed_unset(estimator, random_state):
    """Draw a seed for every ``random_state`` in an estimator that is None.

    Parameters
    ----------
    estimator : estimator
        Its own is set, and those of the estimators in it.
    random_state : RandomState instance
        What the seeds are drawn by.
    """
    unset = {
        name: random_state.randint(np.iinfo(np.int32).max)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    }
    if unset:
        estimator.set_params(**unset)


def global_states():
    """Give the states of the global generators, to see whether somebody has drawn.

    Returns
    -------
    tuple
        The states of those of Python, NumPy and torch; they compare by value.
    """
    _, keys, *place = np.random.get_state()
    return random.getstate(), bytes(keys), place, bytes(torch.get_rng_state().numpy())


@contextlib.contextmanager
def isolated_generators(seed, device):
    """Seed the global generators of Python, NumPy and torch, and put them back after.

    Weight initialization and a user's own module can only draw from the global
    generators. Inside this context they draw from seeded ones, and outside nobody
    notices. One thread at a time can be inside.

    Parameters
    ----------
    seed : int or None
        Seed for all of them; None where nobody draws, and leaves all as it is.
    device : torch.device
        The device whose generator is seeded too.

    Yields
    ------
    None
    """
    if seed is None:
        yield
        return
    # Not torch.manual_seed, which seeds the generators of all other devices too.
    torch_generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()  # before it there are no generators
        torch_generators.append(torch.cuda.default_generators[device.index])
    elif device.type == "mps":
        torch_generators.append(torch.mps._get_default_mps_generator())
    with _borrowing:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        torch_states = [generator.get_state() for generator in torch_generators]
        try:
            random.seed(seed)
            np.random.seed(seed)
            for generator in torch_generators:
                generator.manual_seed(seed)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            for generator, state in zip(torch_generators, torch_states, strict=True):
                generator.set_state(state)
