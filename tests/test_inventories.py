"""The inventories of other packages, from which Sphinx makes links to their pages."""

import importlib
import re
from pathlib import Path

import pytest
import sklearn.experimental.enable_iterative_imputer  # noqa: F401

ROOT = Path(__file__).parents[1]
ENTRIES = [
    line.split()
    for path in sorted((ROOT / "docs" / "inventories").glob("*.inv"))
    for line in path.read_text().splitlines()
    if not line.startswith("#")
]
SOURCES = [
    path.read_text()
    for pattern in ("docs/*.rst", "docs/user_guide/*.rst", "skae/**/*.py", "examples/*")
    for path in ROOT.glob(pattern)
    if path.is_file()
]


@pytest.mark.parametrize(("name", "kind", "page"), ENTRIES, ids=lambda part: part)
def test_an_entry_is_what_its_package_has_and_is_linked_to(name, kind, page):
    if kind == "mod":
        importlib.import_module(name)
    else:
        owner, _, last = name.rpartition(".")
        if kind == "method":
            module, _, owner = owner.rpartition(".")
            found = getattr(getattr(importlib.import_module(module), owner), last)
        else:
            found = getattr(importlib.import_module(owner), last)
        assert isinstance(found, type) == (kind == "class")
    assert page.endswith(".html")
    module, _, last = name.rpartition(".")
    mentions = rf"{re.escape(name)}\b|from {re.escape(module)} import .*\b{last}\b"
    assert any(re.search(mentions, text) for text in SOURCES)
