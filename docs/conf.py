"""Sphinx settings."""

import inspect

import skae

project = "skae"
author = "The skae developers"
copyright = "2026, The skae developers"
release = version = skae.__version__

# No intersphinx: the documentation is built without network.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# The examples run as they are, and their pictures are shown.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "download_all_examples": False,
    # Names in the examples link to the reference, and the reference to the examples.
    "doc_module": ("skae",),
    "reference_url": {"skae": None},
    "backreferences_dir": "api/generated",
    "capture_repr": ("_repr_html_",),  # others hold addresses in memory
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
}
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# Prompts are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_theme = "furo"
html_title = f"skae {release}"

autosummary_generate = True
# The class template lists the members itself.
numpydoc_show_class_members = False
# Not every reference of a docstring is cited in its text.
suppress_warnings = ["ref.citation", "ref.footnote"]


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out what a class has from others, and properties among the attributes."""
    if name.endswith("_") and isinstance(obj, property):
        return True
    written = inspect.unwrap(getattr(obj, "fget", None) or obj)
    ours = (getattr(written, "__module__", None) or "").startswith("skae")
    return None if ours else True


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
