"""The examples: each has a title, and runs as a user would run it."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


def test_there_is_one_for_each_part():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_title(path):
    title, underline, *_ = ast.get_docstring(ast.parse(path.read_text())).split("\n")
    assert underline == "=" * len(title)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_its_figures_and_draws(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace("N_SEEDS = 5", "N_SEEDS = 1"))
    command = [sys.executable, str(ROOT / "docs" / "save_figures.py"), copy, tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    figures = re.findall(r"\d\.\d+", printed)
    assert figures
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size > 10_000 for picture in pictures)
    if path.stem == "plot_latent_space":
        drawn_again, mean_digit = map(float, figures)
        assert drawn_again < mean_digit / 2
