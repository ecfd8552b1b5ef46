"""Taking turns, and tables of ratios."""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

# What contestants are timed by. The processor's time hardly depends on what else runs.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = CLOCKS["wall"]


def set_clock(name):
    """Time by the wall clock or by the processor's time of this process."""
    global clock
    clock = CLOCKS[name]


def take_turns(contestants, repeats):
    """Time each contestant in turn, several times over.

    Parameters
    ----------
    contestants : dict of str to callable
        What to time, by name.
    repeats : int
        Rounds; in each everybody runs once, so that what slows the machine for a
        while slows them all.

    Returns
    -------
    times : dict of str to list of float
        Seconds of each round.
    results : dict of str to object
        What the last call of each gave.
    """
    times = {name: [] for name in contestants}
    results = {}
    for _ in range(repeats):
        for name, run in contestants.items():
            start = clock()
            results[name] = run()
            times[name].append(clock() - start)
    return times, results


def ratios(times, name, base):
    """Give the ratio of two contestants in each round."""
    return [a / b for a, b in zip(times[name], times[base], strict=True)]


class Report:
    """Prints rows as they come and keeps their figures for ``--json``."""

    def __init__(self, title):
        self.figures, self.ranges = {}, {}
        print(f"{title}\n{platform.processor() or platform.machine()}, ", end="")
        print(f"Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n")

    def add(self, key, text, values, limit=None):
        """Print a row: the median of some values, their range, what it should be."""
        values = values if isinstance(values, list) else [values]
        median = statistics.median(values)
        self.figures[key] = median
        self.ranges[key] = [min(values), max(values)]
        spread = f"{min(values):.3g} to {max(values):.3g}" if len(values) > 1 else ""
        aim = "" if limit is None else f"  (aim: at most {limit})"
        print(f"{text:<64}{median:9.4g}   {spread}{aim}", flush=True)

    def save(self, path):
        """Write the figures where ``--json`` says, if it does."""
        if path is not None:
            told = self.figures | {"ranges": self.ranges}
            Path(path).write_text(json.dumps(told, indent=1) + "\n")


def parser(description):
    """Give the command line that every benchmark has."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    return result
