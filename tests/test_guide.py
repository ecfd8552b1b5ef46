"""The snippets of README and documentation that are not doctests."""

import ast
import importlib
import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import scipy.sparse
from sklearn.preprocessing import StandardScaler

from skae import AutoEncoderTransformer, PseudoLabelClassifier

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TEN_LINES = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL).group(1)
# A block ends at the first line that is not indented.
BLOCK = re.compile(r"\.\. code-block:: python\n\n((?: +.*\n|\n)+)")
SNIPPETS = {"README.md": [TEN_LINES]} | {
    str(path.relative_to(ROOT)): [dedent(text) for text in BLOCK.findall(page)]
    for path in sorted((ROOT / "docs").glob("**/*.rst"))
    if "python\n\n" in (page := path.read_text()) and "_build" not in path.parts
}


@pytest.mark.parametrize("page", SNIPPETS)
def test_snippets_import_what_exists(page):
    for snippet in SNIPPETS[page]:
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("skae"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_landing_page_has_the_lines_of_the_readme():
    (lines,) = SNIPPETS["docs/index.rst"]
    assert TEN_LINES.startswith(lines.strip())


@pytest.mark.slow
def test_the_readme_prints_what_it_says(capsys):
    exec(compile(TEN_LINES, "README.md", "exec"), {})
    best, score = re.fullmatch(r"(\{.*\}) (\S+)\n", capsys.readouterr().out).groups()
    assert f"# {best} {score[:4]}" in TEN_LINES


PAGE = (ROOT / "docs/user_guide/troubleshooting.rst").read_text()
MESSAGES = [text.replace(r"\\_", "_") for text in re.findall(r'^"(.+)"$', PAGE, re.M)]
X, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
IMAGES = [np.zeros((8, 8)), np.zeros((8, 9))]
# Messages of others, and those whose parts are filled in.
SEEN = {
    "The training loss is nan": lambda: AutoEncoderTransformer(2, lr=1e30).fit(X),
    "Input X contains NaN": lambda: PseudoLabelClassifier().fit(X * np.nan, y),
    "could not convert string": lambda: AutoEncoderTransformer().fit([["a"]] * 60),
    "X is a list of arrays": lambda: AutoEncoderTransformer().fit(IMAGES),
    "Cannot center sparse": lambda: StandardScaler().fit(scipy.sparse.csr_array(X)),
}


def string_constants():
    """Yield the strings of skae's code, with "..." for what is filled in."""
    for path in sorted((ROOT / "skae").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    part.value if isinstance(part, ast.Constant) else "..."
                    for part in node.values
                )


def test_the_messages_that_are_explained_exist():
    constants = list(string_constants())
    assert len(MESSAGES) > 15
    for message in MESSAGES:
        pattern = ".*".join(map(re.escape, message.split("...")))
        fit = next((fit for key, fit in SEEN.items() if message.startswith(key)), None)
        if fit is not None:
            with pytest.raises((ValueError, RuntimeError), match=pattern):
                fit()
        else:
            assert any(re.search(pattern, text, re.DOTALL) for text in constants), (
                message
            )
