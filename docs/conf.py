"""Sphinx settings."""

import inspect

import skae

project = "skae"
author = "The skae developers"
copyright = "2026, The skae developers"
release = version = skae.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"skae {release}"

autosummary_generate = True
# The class template lists the members itself.
numpydoc_show_class_members = False
# Not every reference of a docstring is cited in its text.
suppress_warnings = ["ref.citation", "ref.footnote"]


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out what a class has from scikit-learn or torch."""
    written = inspect.unwrap(getattr(obj, "fget", None) or obj)
    ours = (getattr(written, "__module__", None) or "").startswith("skae")
    return None if ours else True


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
