"""The examples: what they are called, what they take, and each run as a user would."""

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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_its_figures_and_saves_its_picture(path, tmp_path):
    copy = shutil.copy(path, tmp_path)
    seeds = ["--seeds", "1"] if "--seeds" in path.read_text() else []
    figures = re.findall(r"\d\.\d+", run(copy, *seeds))
    assert figures
    (picture,) = tmp_path.glob("*.png")
    assert picture.stat().st_size > 10_000
    if path.stem == "plot_latent_space":
        drawn_again, mean_digit = map(float, figures)
        assert drawn_again < mean_digit / 2
        (page,) = tmp_path.glob("*.html")
        assert page.stat().st_size > 10_000
