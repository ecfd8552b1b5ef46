import re
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import skae
import skae.corruption
import skae.likelihood
from skae import AutoEncoderTransformer, SpectralKMeans

LINKED = next(
    kind
    for kind in AutoEncoderTransformer.__mro__
    if kind.__name__ == "LinkedEstimator"
)
TEMPLATE = "https://skae.test/api/{page}.html"
REFERENCE = Path(__file__).parents[2] / "docs/api.rst"


def linked_classes():
    for module in (skae, skae.likelihood, skae.corruption):
        for name in module.__all__:
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, BaseEstimator):
                yield pytest.param(kind, f"{module.__name__}.{name}", id=name)


def pages_of_the_reference():
    """Names of the pages that autosummary makes."""
    module = None
    for line in REFERENCE.read_text().splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"   (\w+)", line):
            yield f"{module}.{found[1]}"


@pytest.mark.parametrize(("kind", "page"), list(linked_classes()))
def test_each_class_links_to_its_page(kind, page, monkeypatch):
    monkeypatch.setattr(LINKED, "_doc_link_template", TEMPLATE)
    assert page in set(pages_of_the_reference())
    estimator = object.__new__(kind)  # some need parameters
    assert estimator._get_doc_link() == f"https://skae.test/api/{page}.html"


def test_the_representation_of_a_pipeline_has_the_links(monkeypatch):
    monkeypatch.setattr(LINKED, "_doc_link_template", TEMPLATE)
    pipeline = make_pipeline(AutoEncoderTransformer(), SpectralKMeans())
    page = pipeline._repr_html_()
    for name in ("AutoEncoderTransformer", "SpectralKMeans"):
        assert f'href="https://skae.test/api/skae.{name}.html"' in page


def test_without_pages_there_is_no_link(monkeypatch):
    monkeypatch.setattr(LINKED, "_doc_link_template", "")
    estimator = AutoEncoderTransformer()
    assert estimator._get_doc_link() == ""
    assert "href=" not in estimator._repr_html_()


def test_a_class_of_the_user_has_no_page(monkeypatch):
    monkeypatch.setattr(LINKED, "_doc_link_template", TEMPLATE)

    class Mine(AutoEncoderTransformer):
        pass

    assert Mine()._get_doc_link() == ""
