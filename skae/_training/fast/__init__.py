"""Everything that is there for speed alone.

Without this folder every result stays the same within rounding, only slower:
``skae._training.plain`` then takes its place.
"""

from skae._training.fast.code_climb import climb_to_code
from skae._training.fast.compute_dtype import resolve_compute_dtype
from skae._training.fast.convolutions import with_fast_convolutions
from skae._training.fast.steps import make_step
from skae._training.fast.threads import limit_threads

__all__ = [
    "climb_to_code",
    "limit_threads",
    "make_step",
    "resolve_compute_dtype",
    "with_fast_convolutions",
]
