"""Links from estimators to their pages in the documentation."""

import sys
from pathlib import Path

from sklearn.base import BaseEstimator

_built = Path(__file__).parents[2] / "docs/_build/html/api/generated"
# Address of the folder of these pages: where ``make docs`` builds them in a checkout.
api_pages = _built.as_uri() if _built.is_dir() else None


class LinkedEstimator(BaseEstimator):
    """Base of what has a page: its HTML representation links there.

    With a link, scikit-learn also shows what the docstring says of each parameter.
    """

    _doc_link_module = "skae"

    @property
    def _doc_link_template(self):
        return f"{api_pages}/{{page}}.html" if api_pages else ""

    def _doc_link_url_param_generator(self):
        module, name = type(self).__module__, type(self).__name__
        is_top = hasattr(sys.modules["skae"], name)
        package = "skae" if is_top else module.partition("._")[0]
        return {"page": f"{package}.{name}"}
