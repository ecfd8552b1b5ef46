"""Tests of the Display of anomaly scores and of the reasons for one of them."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.ensemble import IsolationForest

from skae import AutoEncoderOutlierDetector
from skae.inspection import AnomalyDisplay


@pytest.fixture(scope="module")
def detector():
    X = np.random.default_rng(0).normal(size=(200, 5))
    X[3, 2] = 30.0
    return AutoEncoderOutlierDetector(random_state=0).fit(X), X


def heights(bars):
    return np.array([bar.get_height() for bar in bars])


def test_scores_with_their_threshold(detector, ax):
    detector, X = detector
    display = AnomalyDisplay.from_estimator(detector, X, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert ax.get_title() == "20 outliers among 200 samples"
    assert list(display.line_.get_xdata()) == [detector.offset_] * 2
    counts = [heights(bars) for bars in display.bars_]
    assert [count.sum() for count in counts] == [180, 20]
    assert len(counts[0]) == 50
    assert display.image_ is None


def test_any_detector_of_scikit_learn_has_scores(detector, ax):
    _, X = detector
    forest = IsolationForest(random_state=0, contamination=0.05).fit(X)
    AnomalyDisplay.from_estimator(forest, X, ax=ax)
    assert ax.get_title() == "10 outliers among 200 samples"


def test_columns_of_one_sample(detector, ax):
    detector, X = detector
    display = AnomalyDisplay.from_estimator(detector, X, index=3, n_features=2, ax=ax)
    contributions = detector.feature_contributions(X[3:4])[0]
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, np.sort(contributions)[:-3:-1])
    assert ax.get_yticklabels()[0].get_text() == "feature 2"
    assert display.line_ is None
    from_end = AnomalyDisplay.from_estimator(
        detector, X, index=-197, ax=Figure().subplots()
    )
    np.testing.assert_array_equal(from_end.contributions, display.contributions)


def test_names_of_the_columns(ax):
    AnomalyDisplay(
        scores=-4.0, threshold=-3, contributions=[1, 3], feature_names=["a", "b"]
    ).plot(ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "a"]
    assert ax.get_title() == "score -4, threshold -3"


def test_heat_map_of_an_image(byte_images, ax):
    detector = AutoEncoderOutlierDetector(random_state=0).fit(byte_images[:200])
    display = AnomalyDisplay.from_estimator(detector, byte_images, index=1, ax=ax)
    expected = detector.feature_contributions(byte_images[1:2])[0]
    np.testing.assert_allclose(display.image_.get_array(), expected)
    assert display.image_.norm.vmin == -display.image_.norm.vmax
    assert display.bars_ is None


def test_heat_map_of_rows_adds_the_channels(ax):
    contributions = np.arange(12.0).reshape(2, 2, 3)
    display = AnomalyDisplay(scores=0, threshold=0, contributions=contributions)
    display.plot(ax)
    np.testing.assert_array_equal(
        display.image_.get_array(), [[3.0, 12.0], [21.0, 30.0]]
    )


def test_rows_become_images_by_their_shape(detector, ax):
    detector, X = detector
    display = AnomalyDisplay.from_estimator(
        detector, X, index=3, image_shape=(1, 5), ax=ax
    )
    assert display.image_.get_array().shape == (1, 5)


@pytest.mark.parametrize("index", [200, -201])
def test_index_out_of_range(detector, index, ax):
    with pytest.raises(ValueError, match="index"):
        AnomalyDisplay.from_estimator(*detector, index=index, ax=ax)


def test_number_of_bars_out_of_range(detector, ax):
    with pytest.raises(ValueError, match="n_features"):
        AnomalyDisplay.from_estimator(*detector, index=0, n_features=0, ax=ax)
