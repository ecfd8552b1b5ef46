"""What import-linter cannot see: what an import costs, and the size of files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skae

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skae").rglob("*.py"))
MAX_LINES = 450  # of a file
MAX_METHODS = 30  # of a class, without those that it inherits


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_import_needs_neither_matplotlib_nor_pandas():
    # scikit-learn itself imports pandas where it can, so it is made to be absent.
    run(
        "import sys; sys.modules['pandas'] = sys.modules['matplotlib'] = None;"
        "import skae, skae.datasets, skae.likelihood, skae.metrics, skae.modules"
    )


def test_subpackages_are_there_after_import_skae():
    names = {"datasets", "export", "inspection", "metrics", "likelihood", "modules"}
    run(
        f"import skae; assert {names} <= set(dir(skae));"
        f"assert all(getattr(skae, n).__name__ == 'skae.' + n for n in {names})"
    )
    with pytest.raises(AttributeError, match="'skae' has no attribute 'nothing'"):
        skae.nothing  # noqa: B018


def test_import_leaves_the_compiler_alone():
    # It takes a second, and only compile=True needs it.
    run("import sys, skae; sys.exit('torch._dynamo' in sys.modules)")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_classes_are_small(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            assert len(methods) <= MAX_METHODS, node.name
