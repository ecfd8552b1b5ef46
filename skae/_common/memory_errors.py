"""Errors of memory that say which parameters to lower."""

import re
from contextlib import contextmanager

# What torch's allocators of the CPU and of GPUs say.
_OF_TORCH = re.compile(
    r"can't allocate memory|out of memory|Storage size calculation overflowed"
)
_REQUESTED = re.compile(r"allocate:? +([\d.]+ ?[KMGTPE]?i?B|\d+ bytes)")


@contextmanager
def explained_memory_errors(estimator, *names):
    """Raise errors of memory as a MemoryError that names parameters.

    Parameters
    ----------
    estimator : estimator
        The estimator that is computing.
    *names : str
        Parameters that decide how much memory it needs. Those that it does not have are
        left out.

    Yields
    ------
    None

    Raises
    ------
    MemoryError
        If memory cannot be allocated.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not _OF_TORCH.search(str(error)):
            raise
        found = _REQUESTED.search(str(error))
        params = estimator.get_params(deep=False)
        lower = " or ".join(f"{n}={params[n]!r}" for n in names if n in params)
        raise MemoryError(
            f"{type(estimator).__name__} ran out of memory: "
            f"{_readable(found[1]) if found else 'more than there is'} could not be "
            f"allocated. Lower {lower}."
        ) from error


def _readable(size):
    """Return a size in bytes with its unit that is easy to read beside it."""
    number, _, unit = size.partition(" ")
    if unit != "bytes":
        return size
    return f"{number} bytes ({int(number) / 2**30:.3g} GiB)"
