"""The snippets of README and documentation that are not doctests."""

import ast
import importlib
import re
from pathlib import Path
from textwrap import dedent

import pytest

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
