"""The examples: what they are called, what they take, and one run as a user would."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


def run(path, *arguments):
    command = [sys.executable, str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_there_is_one_for_each_part():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_title_and_takes_a_data_set(path):
    title, underline, *_ = ast.get_docstring(ast.parse(path.read_text())).split("\n")
    assert underline == "=" * len(title)
    assert re.search(r"--dataset \{\w+,\w+\}", run(path, "--help"))


def test_the_latent_space_is_drawn(tmp_path):
    copy = tmp_path / "plot_latent_space.py"
    shutil.copy(Path(__file__).parents[1] / "examples" / copy.name, copy)
    drawn_again, mean_digit = map(float, re.findall(r"0\.\d+", run(copy)))
    assert drawn_again < mean_digit / 2
    assert (tmp_path / "latent_space_digits.png").stat().st_size > 10_000
    assert (tmp_path / "latent_space_digits.html").stat().st_size > 10_000
