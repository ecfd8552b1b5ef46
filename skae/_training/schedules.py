"""Schedules of the learning rate over the steps of a run."""

import math


def _one_cycle(progress, warm_up=0.3, start=1 / 25):
    """Rise from a fraction to the peak, then fall to zero (Smith 2018)."""
    if progress < warm_up:
        return start + (1 - start) * 0.5 * (1 - math.cos(math.pi * progress / warm_up))
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


# Each maps the share of the steps done, in [0, 1), to a factor of the rate.
SCHEDULES = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
    "one_cycle": _one_cycle,
}
