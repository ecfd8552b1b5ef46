"""Run an example and save its figures as PNG, for where there is no screen.

    python docs/save_figures.py EXAMPLE [FOLDER]

The files are named after the example, and numbered if there are several. By default
they are written into the current folder.
"""

import runpy
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

plt.show = lambda: None  # figures stay open until they are saved
example = Path(sys.argv[1])
folder = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
runpy.run_path(str(example), run_name="__main__")
numbers = plt.get_fignums()
for number in numbers:
    suffix = f"_{number}" if len(numbers) > 1 else ""
    path = folder / f"{example.stem.removeprefix('plot_')}{suffix}.png"
    plt.figure(number).savefig(path, dpi=100)
    print(f"picture saved: {path}")
