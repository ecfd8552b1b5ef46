"""The floors: a file of skae imports only from floors below its own, in no circle."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What a file or folder is called here decides what it may import. Files of one folder
# on one floor may import each other; files of the package's own folder may not.
FLOORS = {
    "_common": 0,
    "_density": 0,
    "_device": 0,
    "_random": 0,
    "datasets": 0,
    "exceptions": 0,
    "likelihood": 0,
    "metrics": 0,
    "clustering": 5,
    "corruption": 1,
    "modules": 1,
    "_training": 2,
    "_base": 3,
    "_base_autoencoder": 4,
    "_autoencoder": 5,
    "_colorization": 5,
    "_denoising": 5,
    "_pseudo_label": 5,
    "_reconstructor": 5,
    "_variational": 5,
    "inspection": 5,
    "semi_supervised": 6,
    "__init__": 7,
}

# Files whose tests stand elsewhere, and why.
TESTED_ELSEWHERE = {
    "_base.py": "an abstract class; tests/test_autoencoder.py runs all of it",
    "semi_supervised/_clusters.py": "test_cluster_classifier.py beside runs all of it",
    "_base_autoencoder.py": "an abstract class; tests/test_autoencoder.py runs it too",
    "inspection/explorer/_images.py": "test_latent_explorer.py beside runs all of it",
    "exceptions.py": "a class without code; tests/_training/test_net.py raises it",
}


def read_package(folder):
    """Sources of a package's files by dotted name; "__init__" is the package's own."""
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        sources[".".join(parts)] = path.read_text()
    return sources


def find_imports(sources, package="skae"):
    """For each file the files of the package that it imports, anywhere in its code."""
    packages = {name.rpartition(".")[0] for name in sources} | {"__init__"}

    def file_of(dotted):
        """Name of the file behind ``skae.x.y.z``, where z may be a member of y."""
        name = dotted.removeprefix(package).removeprefix(".")
        while name and name not in sources:
            name = name.rpartition(".")[0]
        return name or "__init__"

    def imports_of(name, tree):
        inside = [package, *name.split(".")] if name != "__init__" else [package, ""]
        if name in packages and name != "__init__":
            inside.append("")  # a folder's `from . import` looks inside the folder
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = inside[: -node.level] if node.level else []
                base += [node.module] if node.module else []
                yield from (".".join([*base, alias.name]) for alias in node.names)

    graph = {}
    for name, source in sources.items():
        found = imports_of(name, ast.parse(source))
        ours = {i for i in found if i.split(".")[0] == package}
        graph[name] = {file_of(dotted) for dotted in ours} - {name}
    return graph


def find_violations(graph, floors):
    """What in an import graph is against the floors."""
    violations = []
    for name, imported in graph.items():
        top = name.split(".")[0]
        if top not in floors:
            violations.append(f"{name} is on no floor")
            continue
        for other in imported:
            other_top = other.split(".")[0]
            below = floors.get(other_top, -1) < floors[top]
            if not below and not (other_top == top and "." in name + other):
                violations.append(f"{name} imports {other}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        violations.append("circle: " + " -> ".join(error.args[1]))
    return violations


def find_untested(sources, tests):
    """Files of the package without a test file in the same place under tests/."""
    missing = []
    for name, source in sources.items():
        *folders, file = name.split(".")
        test = Path(*folders, f"test_{file.strip('_')}.py")
        is_package = any(other.startswith(f"{name}.") for other in sources)
        only_imports = all(
            isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr))
            for node in ast.parse(source).body
        )
        is_init = is_package or name == "__init__"
        if not (is_init and only_imports) and not (tests / test).exists():
            missing.append(Path(*folders, f"{file}.py").as_posix())
    return missing


@pytest.fixture(scope="module")
def sources():
    return read_package(ROOT / "skae")


def test_imports_run_downward_and_in_no_circle(sources):
    assert find_violations(find_imports(sources), FLOORS) == []


def test_tests_mirror_the_package(sources):
    assert set(find_untested(sources, ROOT / "tests")) == set(TESTED_ELSEWHERE)


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"metrics": "import skae._base"}, "metrics imports _base"),
        ({"metrics": "from skae import _base"}, "metrics imports _base"),
        ({"metrics": "from ._base import Base"}, "metrics imports _base"),
        ({"metrics": "from . import _base"}, "metrics imports _base"),
        ({"metrics": "def f():\n    import skae._base"}, "metrics imports _base"),
        ({"metrics": "from skae import Base"}, "metrics imports __init__"),
        ({"metrics": "import skae"}, "metrics imports __init__"),
        ({"metrics": "import skae._random"}, "metrics imports _random"),
        ({"modules._dense": "from .._base import B"}, "modules._dense imports _base"),
        ({"modules": "from .. import _base"}, "modules imports _base"),
        ({"modules": "from . import _dense", "modules._dense": "import skae.modules"},
         "circle: modules"),
        ({"_new": "import numpy"}, "_new is on no floor"),
        ({"_base": "from skae import _new", "_new": ""}, "_new is on no floor"),
    ],
)  # fmt: skip
def test_the_check_finds_what_is_wrong(changes, violation):
    good = {
        "__init__": "from skae._base import Base",
        "_base": "from skae.modules import Dense\nfrom skae._random import draw",
        "_random": "import numpy",
        "metrics": "import numpy as np\nimport skaemore",
        "modules": "from skae.modules._dense import Dense",
        "modules._conv": "from ._dense import Dense\nfrom . import _dense",
        "modules._dense": "from .._random import draw",
    }
    assert find_violations(find_imports(good), FLOORS) == []
    found = find_violations(find_imports(good | changes), FLOORS)
    assert [line for line in found if line.startswith(violation)]


def test_the_check_finds_untested_files(tmp_path):
    (tmp_path / "modules").mkdir()
    (tmp_path / "test_base.py").touch()
    sources = {
        "__init__": "from skae._base import Base",
        "_base": "class Base: ...",
        "modules": "from skae.modules._dense import Dense",
        "modules._dense": "class Dense: ...",
    }
    assert find_untested(sources, tmp_path) == ["modules/_dense.py"]
    (tmp_path / "modules" / "test_dense.py").touch()
    assert find_untested(sources, tmp_path) == []


def test_import_needs_neither_matplotlib_nor_pandas():
    # scikit-learn itself imports pandas where it can, so it is made to be absent.
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['matplotlib'] = None;"
        "import skae, skae.datasets, skae.likelihood, skae.metrics, skae.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_import_leaves_the_compiler_alone():
    # It takes a second, and only compile=True needs it.
    code = "import sys, skae; sys.exit('torch._dynamo' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
