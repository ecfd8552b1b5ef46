"""Links from estimators to their pages in the documentation."""

import sys
from pathlib import Path

from sklearn.base import BaseEstimator

# Where ``make docs`` builds these pages, in a checkout.
PAGES = Path(__file__).parents[2] / "docs/_build/html/api/generated"


class LinkedEstimator(BaseEstimator):
    """Base of what has a page: its HTML representation links there.

    With a link, scikit-learn also shows what the docstring says of each parameter.
    """

    _doc_link_module = "skae"
    _doc_link_template = f"{PAGES.as_uri()}/{{page}}.html" if PAGES.is_dir() else ""

    def _doc_link_url_param_generator(self):
        module, name = type(self).__module__, type(self).__name__
        is_top = hasattr(sys.modules["skae"], name)
        package = "skae" if is_top else module.partition("._")[0]
        return {"page": f"{package}.{name}"}
