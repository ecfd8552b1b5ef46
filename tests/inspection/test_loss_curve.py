"""Tests of loss by epoch."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPRegressor

from skae import AutoEncoderTransformer
from skae.inspection import LossCurveDisplay
from skae.inspection._drawing import COLORS


def test_training_and_validation_loss_by_epoch(row_autoencoder, ax):
    display = LossCurveDisplay.from_estimator(row_autoencoder, ax=ax)
    training, validation = display.line_, display.validation_line_
    np.testing.assert_array_equal(training.get_xdata(), [1, 2])
    np.testing.assert_array_equal(training.get_ydata(), row_autoencoder.loss_curve_)
    np.testing.assert_array_equal(
        validation.get_ydata(), row_autoencoder.validation_loss_curve_
    )
    assert training.get_label() == "AutoEncoderTransformer, training"
    assert validation.get_label() == "AutoEncoderTransformer, validation"
    assert training.get_linestyle() == "-"
    assert validation.get_linestyle() == "--"
    assert training.get_color() == validation.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_no_line_where_nothing_was_held_out(image_autoencoder, ax):
    display = LossCurveDisplay.from_estimator(image_autoencoder, name="mine", ax=ax)
    assert image_autoencoder.validation_loss_curve_ == []
    assert display.validation_line_ is None
    assert list(ax.lines) == [display.line_]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "mine, training"
    ]


def test_other_estimators_and_arrays(ax):
    X = np.random.default_rng(0).random((60, 2))
    mlp = MLPRegressor(hidden_layer_sizes=(3,), random_state=0, max_iter=4)
    with pytest.warns(match="Maximum iterations"):
        mlp.fit(X, X[:, 0])
    display = LossCurveDisplay.from_estimator(mlp, ax=ax)
    np.testing.assert_array_equal(display.line_.get_ydata(), mlp.loss_curve_)
    display = LossCurveDisplay(
        loss_curve=np.array([2.0, 1.0]), validation_loss_curve=np.array([3.0, 2.0])
    ).plot(ax)
    assert display.line_.get_label() == "training"
    np.testing.assert_array_equal(display.validation_line_.get_ydata(), [3, 2])


def test_several_estimators_on_one_axes(ax):
    first = LossCurveDisplay(
        loss_curve=[2, 1], validation_loss_curve=[3, 2], name="a"
    ).plot(ax)
    second = LossCurveDisplay(loss_curve=[5, 4, 3], name="b").plot(first.ax_)
    assert [line.get_label() for line in ax.lines] == [
        "a, training",
        "a, validation",
        "b, training",
    ]
    assert first.line_.get_color() != second.line_.get_color()
    assert len(ax.get_legend().get_texts()) == 3


def test_ticks_are_whole_epochs(ax):
    LossCurveDisplay(loss_curve=[4, 3, 2]).plot(ax)
    ticks = ax.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_a_single_epoch_is_seen(ax):
    display = LossCurveDisplay(loss_curve=[4], validation_loss_curve=[5]).plot(ax)
    assert display.line_.get_marker() == "o"
    assert display.validation_line_.get_markerfacecolor() == "none"
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_style_can_be_changed_by_short_names_too(ax):
    display = LossCurveDisplay(loss_curve=[2, 1], validation_loss_curve=[3, 2])
    display.plot(ax, line_kwargs={"c": "black", "lw": 3})
    for line in (display.line_, display.validation_line_):
        assert line.get_color() == "black"
        assert line.get_linewidth() == 3


def test_estimators_without_a_loss_are_named(digits, ax):
    with pytest.raises(NotFittedError, match="AutoEncoderTransformer"):
        LossCurveDisplay.from_estimator(AutoEncoderTransformer(), ax=ax)
    with pytest.raises(AttributeError, match=r"'PCA' object has no .* 'loss_curve_'"):
        LossCurveDisplay.from_estimator(PCA(2).fit(digits[0]), ax=ax)


def test_new_figure_has_colours_for_all():
    import matplotlib.pyplot as plt

    display = LossCurveDisplay(loss_curve=[2, 1]).plot()
    second = LossCurveDisplay(loss_curve=[2, 1]).plot(display.ax_)
    assert plt.get_fignums() == [display.figure_.number]
    assert (display.line_.get_color(), second.line_.get_color()) == COLORS[:2]
    plt.close(display.figure_)
