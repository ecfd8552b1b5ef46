"""Validate the docstrings of everything public with numpydoc.

    python tools/check_docstrings.py [module]

takes the public classes and functions of a package's public modules (skae by default),
and the classes' public methods and properties, inherited ones too where the package
defines them. What overrides a method may leave the docstring to the base. The checks
are those of ``[tool.numpydoc_validation]`` in pyproject.toml. Prints what is wrong and
exits with 1, or says how much was looked at. (Docstrings of modules are for ruff.)
"""

import importlib
import inspect
import pkgutil
import sys
import tomllib
from pathlib import Path

from numpydoc.validate import ERROR_MSGS, validate

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def is_public(name):
    """Whether no part of a dotted name starts with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


def defined_in(obj):
    """Name of the module where a function, class or property was written."""
    obj = getattr(obj, "fget", None) or obj
    return getattr(inspect.unwrap(obj), "__module__", None) or ""


def public_objects(package):
    """Dotted names of a package's public classes, functions and methods."""
    names = [package.__name__]
    if hasattr(package, "__path__"):
        found = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        names += [module.name for module in found if is_public(module.name)]
    seen = set()
    for module_name in names:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", None) or vars(module):
            obj = getattr(module, name)
            if not is_public(name) or not callable(obj):
                continue
            if not defined_in(obj).startswith(package.__name__) or obj in seen:
                continue
            seen.add(obj)
            yield f"{module_name}.{name}"
            for member in dir(obj) if inspect.isclass(obj) else ():
                value = getattr(obj, member)
                if (
                    is_public(member)
                    and (callable(value) or isinstance(value, property))
                    and defined_in(value).startswith(package.__name__)
                    and (value.__doc__ or not inspect.getdoc(value))
                ):
                    yield f"{module_name}.{name}.{member}"


def selected_checks():
    """Codes of numpydoc's checks that pyproject.toml asks for."""
    settings = tomllib.loads(PYPROJECT.read_text())["tool"]["numpydoc_validation"]
    checks = set(settings["checks"])
    return set(ERROR_MSGS) - checks if "all" in checks else checks


def main(package_name="skae"):
    """Print the problems and return how many there are."""
    checks = selected_checks()
    names, problems = list(public_objects(importlib.import_module(package_name))), []
    for name in names:
        result = validate(name)
        problems += [
            f"{result['file']}:{result['file_line']}: {name}: {code} {message}"
            for code, message in result["errors"]
            if code in checks
        ]
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(names)} public docstrings, {len(problems)} problems")
    return len(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
