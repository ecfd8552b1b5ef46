"""Everything that is there for speed alone.

Without this folder every result stays the same within rounding, only slower:
``skae._training.plain`` then takes its place.
"""

from skae._training.fast.dense_step import (
    limit_threads,
    make_step,
    resolve_compute_dtype,
)

__all__ = ["limit_threads", "make_step", "resolve_compute_dtype"]
