"""Sphinx settings."""

import inspect
import re
from collections import Counter
from pathlib import Path

import skae
from skae._common.linked import LinkedEstimator

project = "skae"
author = "The skae developers"
copyright = "2026, The skae developers"
release = version = skae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# The documentation is built without a network. So the inventories lie beside it, and
# list what these pages link to, in Sphinx's first format, which is text.
intersphinx_mapping = {
    name: (address, f"inventories/{name}.inv")
    for name, address in {
        "matplotlib": "https://matplotlib.org/stable/",
        "python": "https://docs.python.org/3/",
        "sklearn": "https://scikit-learn.org/stable/",
        "skorch": "https://skorch.readthedocs.io/en/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }.items()
}
# A reference that leads nowhere is a warning.
nitpicky = True
# Attributes that are properties are described at their class only.
nitpick_ignore_regex = [("py:obj", r"\w+_")]
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
    "remove_config_comments": True,  # which thumbnail to take
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
}
# Diagrams of estimators in the examples link to the reference, as seen from there.
LinkedEstimator._doc_link_template = "../api/generated/{page}.html"
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# Prompts are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_theme = "furo"
html_title = f"skae {release}"
html_favicon = "images/icon.svg"
html_static_path, html_css_files = ["_static"], ["gallery.css"]
# The search takes the place of an index, which is wider than a phone.
html_use_index = html_domain_indices = False

autosummary_generate = True
# The class template lists the members itself.
numpydoc_show_class_members = False


# The pages of the guide that mention an object, by its name, most mentions first.
mentions = Counter(
    (name, page.stem)
    for page in sorted(Path(__file__).parent.glob("user_guide/*.rst"))
    for name in re.findall(r"`~(skae[\w.]+)`", page.read_text())
)
guide_pages = {}
for (name, page), _ in mentions.most_common():
    guide_pages.setdefault(name, []).append(page)
autosummary_context = {"guide_pages": guide_pages}
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
