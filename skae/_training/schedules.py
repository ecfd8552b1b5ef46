"""Learning rate over the course of a fit, as a share of its peak."""

import math


def _cosine(progress):
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _one_cycle(progress, warm_up=0.3, start=1 / 25):
    """Rise from a fraction to the peak, then fall to nothing (Smith 2018)."""
    if progress < warm_up:
        return start + (1.0 - start) * (1.0 - _cosine(progress / warm_up))
    return _cosine((progress - warm_up) / (1.0 - warm_up))


# Each maps the share of the steps that are done, in [0, 1), to a factor of the rate.
SCHEDULES = {"constant": None, "cosine": _cosine, "one_cycle": _one_cycle}
