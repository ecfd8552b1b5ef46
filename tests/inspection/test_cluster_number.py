"""How many clusters there are."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from skae import SpectralKMeans
from skae.inspection import ClusterNumberDisplay


@pytest.fixture(scope="module")
def clusterer():
    X, _ = make_blobs(60, centers=[[0, 0], [9, 0]], random_state=0)
    return SpectralKMeans("auto", random_state=0).fit(X)


def test_curve_and_chosen_number(clusterer, ax):
    display = ClusterNumberDisplay.from_estimator(clusterer, ax=ax)
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(
        display.line_.get_ydata(), clusterer.weakest_border_curve_
    )
    assert clusterer.n_clusters_ == 2
    assert display.chosen_.get_xdata() == [2]
    assert display.chosen_.get_ydata() == [clusterer.weakest_border_curve_[1]]
    assert display.chosen_.get_color() == display.line_.get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "SpectralKMeans",
        "2 clusters",
    ]
    assert ax.get_xlabel() == "number of clusters"
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_a_curve_alone(ax):
    display = ClusterNumberDisplay(weakest_borders=[1, 0.4]).plot(
        ax, line_kwargs={"c": "red"}
    )
    assert display.chosen_ is None
    assert display.line_.get_color() == "red"
    assert ax.get_legend() is None


def test_a_clusterer_that_did_not_search():
    X, _ = make_blobs(60, random_state=0)
    with pytest.raises(NotFittedError):
        ClusterNumberDisplay.from_estimator(SpectralKMeans("auto"))
    for clusterer in (SpectralKMeans(2, random_state=0), KMeans(2, random_state=0)):
        with pytest.raises(ValueError, match="did not search for the number of clus"):
            ClusterNumberDisplay.from_estimator(clusterer.fit(X))
