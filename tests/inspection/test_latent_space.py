"""Tests of codes as points of a plane."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgba_array
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA

from skae.inspection import LatentSpaceDisplay
from skae.inspection._drawing import COLORS


def in_order(array):
    """Sort the rows of an array."""
    return np.asarray(array)[np.lexsort(np.asarray(array).T)]


def test_every_code_is_a_point_in_the_colour_of_its_class(digits, pca, ax):
    X, y = digits
    display = LatentSpaceDisplay.from_estimator(pca, X, y, ax=ax)
    codes = pca.transform(X)
    np.testing.assert_allclose(
        in_order(display.scatter_.get_offsets()), in_order(codes)
    )
    color_of = {
        tuple(point): tuple(color)
        for point, color in zip(
            display.scatter_.get_offsets().tolist(),
            display.scatter_.get_facecolors().tolist(),
            strict=True,
        )
    }
    expected = to_rgba_array(COLORS)[y]
    for code, color in zip(codes, expected, strict=True):
        assert color_of[tuple(code.tolist())] == tuple(color)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    np.testing.assert_array_equal(display.codes, codes)


def test_labels_and_legend_name_the_classes(digits, pca, ax):
    X, y = digits
    names = np.array(["even", "odd"])[y % 2]
    display = LatentSpaceDisplay.from_estimator(pca, X, names, ax=ax)
    assert [text.get_text() for text in display.texts_] == ["even", "odd"]
    assert [text.get_text() for text in display.legend_.get_texts()] == ["even", "odd"]
    assert display.legend_.get_title().get_text() == "class"
    handles = display.legend_.legend_handles
    assert [handle.get_color() for handle in handles] == list(COLORS[:2])
    assert ax.get_title() == "Codes of 1,797 samples"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("component 0", "component 1")


def test_no_class_covers_the_others(ax):
    codes, y = np.zeros((600, 2)), np.repeat([0, 1, 2], 200)
    display = LatentSpaceDisplay(codes=codes, y=y).plot(ax)
    last = to_rgba_array(display.scatter_.get_facecolors())[-100:]
    assert len(np.unique(last, axis=0)) == 3


def test_points_without_classes_have_one_colour(digits, pca, ax):
    display = LatentSpaceDisplay.from_estimator(pca, digits[0], ax=ax)
    assert display.legend_ is None
    assert display.texts_ == []
    colors = np.unique(display.scatter_.get_facecolors(), axis=0)
    np.testing.assert_allclose(colors, to_rgba_array(COLORS[0]))


def test_colours_repeat_from_the_eleventh_class_on(ax):
    y = np.arange(60) % 12
    display = LatentSpaceDisplay(codes=np.random.default_rng(0).random((60, 2)), y=y)
    colors = [h.get_color() for h in display.plot(ax).legend_.legend_handles]
    assert colors == [*COLORS, *COLORS[:2]]


def test_two_of_many_components(digits, ax):
    X, _ = digits
    pca = PCA(4, random_state=0).fit(X)
    display = LatentSpaceDisplay.from_estimator(pca, X, components=(3, 1), ax=ax)
    np.testing.assert_allclose(
        in_order(display.scatter_.get_offsets()), in_order(pca.transform(X)[:, [3, 1]])
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("component 3", "component 1")


@pytest.mark.parametrize("kind", ["image_autoencoder", "row_autoencoder"])
def test_autoencoders(kind, byte_images, digits, request, ax):
    autoencoder = request.getfixturevalue(kind)
    X = byte_images if kind == "image_autoencoder" else digits[0]
    display = LatentSpaceDisplay.from_estimator(autoencoder, X, digits[1], ax=ax)
    np.testing.assert_array_equal(display.codes, autoencoder.transform(X))
    assert len(display.texts_) == 10


def test_data_frames(digits, ax):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(digits[0]).add_prefix("pixel")
    y = pd.Series(digits[1], dtype="category")
    pca = PCA(2).set_output(transform="pandas").fit(X)
    display = LatentSpaceDisplay.from_estimator(pca, X, y, ax=ax)
    assert len(display.texts_) == 10


def test_style_can_be_changed(digits, pca, ax):
    display = LatentSpaceDisplay.from_estimator(
        pca, digits[0], scatter_kwargs={"s": 7, "alpha": 0.5, "lw": 2}, ax=ax
    )
    assert display.scatter_.get_sizes().tolist() == [7]
    assert display.scatter_.get_alpha() == 0.5
    assert display.scatter_.get_linewidth().tolist() == [2]


def test_style_of_each_point_stays_its_own(digits, pca, ax):
    X, y = digits
    sizes = 1 + np.arange(len(X)) / len(X)
    display = LatentSpaceDisplay.from_estimator(
        pca, X, scatter_kwargs={"c": y, "s": sizes}, ax=ax
    )
    codes = pca.transform(X)
    drawn = display.scatter_.get_offsets()
    order = ((drawn[:, np.newaxis] - codes) ** 2).sum(axis=2).argmin(axis=1)
    assert not (np.diff(order) == 1).all()
    np.testing.assert_array_equal(display.scatter_.get_array(), y[order])
    np.testing.assert_array_equal(display.scatter_.get_sizes(), sizes[order])


@pytest.mark.parametrize("name", ["c", "color", "facecolor"])
def test_one_colour_for_all(digits, pca, ax, name):
    X, y = digits
    display = LatentSpaceDisplay.from_estimator(
        pca, X, y, scatter_kwargs={name: "red"}, ax=ax
    )
    assert display.scatter_.get_facecolor().tolist() == [[1, 0, 0, 1]]


def test_a_tuple_is_one_style(ax):
    codes = np.arange(8.0).reshape(4, 2)
    style = {"color": (1, 0, 0, 0.5), "linestyle": (0, (5, 5))}
    display = LatentSpaceDisplay(codes=codes).plot(ax, scatter_kwargs=style)
    colours = display.scatter_.get_facecolor().tolist()
    assert colours == [[1, 0, 0, 0.5]] * len(colours)


def test_long_labels_stay_inside(ax):
    codes, y = make_blobs(centers=[[0, 0], [20, 0]], random_state=0)
    names = np.array(["a long name", "another long name"])[y]
    display = LatentSpaceDisplay(codes=codes, y=names).plot(ax)
    ax.figure.draw_without_rendering()
    inside = ax.get_window_extent()
    for text in display.texts_:
        box = text.get_bbox_patch().get_window_extent()
        assert inside.x0 < box.x0
        assert box.x1 < inside.x1


@pytest.mark.parametrize(
    "codes",
    [
        np.random.default_rng(0).normal(size=(2000, 2)),
        np.ones((50, 2)),
        np.random.default_rng(0).normal(size=(200, 2)) * [1, 0],
    ],
    ids=["all in one heap", "one point", "a line"],
)
def test_labels_do_not_overlap(codes, ax):
    names = np.array(["airplane", "cat", "8", "automobile", "ship"])
    y = names[np.arange(len(codes)) % 5]
    display = LatentSpaceDisplay(codes=codes, y=y).plot(ax)
    ax.figure.draw_without_rendering()
    boxes = [text.get_bbox_patch().get_window_extent() for text in display.texts_]
    if len(np.unique(codes, axis=0)) > 1000:
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        inside = ax.get_window_extent()
        assert all(inside.x0 < box.x0 and box.x1 < inside.x1 for box in boxes)
    assert all(np.isfinite(box.get_points()).all() for box in boxes)


@pytest.mark.parametrize("components", [(0,), (0, 4), (-1, 0), (1, 1), (0.0, 1), 1])
def test_wrong_components_are_named(components, ax):
    display = LatentSpaceDisplay(codes=np.zeros((3, 4)), components=components)
    with pytest.raises(ValueError, match=r"components=.* two different integers from "):
        display.plot(ax)


def test_what_cannot_be_a_plane_is_named(ax):
    with pytest.raises(ValueError, match=r"components=None, and the codes have 16"):
        LatentSpaceDisplay(codes=np.zeros((3, 16))).plot(ax)
    with pytest.raises(ValueError, match="codes have 1 component"):
        LatentSpaceDisplay(codes=np.zeros((3, 1))).plot(ax)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        LatentSpaceDisplay(codes=np.zeros(3)).plot(ax)


def test_wrong_classes_are_named(ax):
    codes = np.random.default_rng(0).random((4, 2))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay(codes=codes, y=[0, 1]).plot(ax)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        LatentSpaceDisplay(codes=codes, y=[0.1, 0.2, 0.3, 0.4]).plot(ax)


def test_new_figure(digits, pca):
    import matplotlib.pyplot as plt

    display = LatentSpaceDisplay.from_estimator(pca, digits[0])
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)
