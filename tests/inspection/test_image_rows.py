"""Tests of rows of images below each other."""

import numpy as np
import pytest

from skae.inspection._image_rows import ImageRowsDisplay

rng = np.random.default_rng(0)


@pytest.fixture
def images():
    return rng.random((12, 5, 6))


def test_errors_are_means_over_all_images(images, ax):
    noisy = images + rng.normal(size=images.shape)
    display = ImageRowsDisplay({"truth": images, "noisy": noisy, "black": 0 * images})
    display.plot(ax, n_images=2)
    assert display.mse_ == {
        "noisy": pytest.approx(((noisy - images) ** 2).mean()),
        "black": pytest.approx((images**2).mean()),
    }


def test_first_images_of_each_row_are_shown(images, ax):
    rows = {"truth": images, "turned": images[:, ::-1], "white": np.ones_like(images)}
    display = ImageRowsDisplay(rows)
    assert display.plot(ax, n_images=4) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    picture = display.image_.get_array()
    assert picture.shape == (3 * 6 - 1, 4 * 7 - 1, 4)
    np.testing.assert_allclose(picture[:5, 7:13, 0], images[1], atol=1 / 255)
    np.testing.assert_allclose(picture[6:11, 7:13, 0], images[1, ::-1], atol=1 / 255)
    np.testing.assert_array_equal(picture[12:, 21:, :3], 1)


def test_labels_say_what_is_seen(images, ax):
    rows = {"truth": images, "half": images / 2, "far": images + 50}
    display = ImageRowsDisplay(rows).plot(ax, n_images=3)
    half, far = display.mse_.values()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "truth",
        f"half\nMSE {half:.3g}",
        f"far\nMSE {far:,.0f}",
    ]
    assert far > 1000
    assert ax.get_title() == "First 3 of 12 images, MSE over all"
    assert len(ax.get_xticks()) == 0
    # Each label stands beside its row.
    bottom, top = display.image_.get_extent()[2:]
    row = (bottom - top) / 3
    np.testing.assert_allclose(
        ax.get_yticks(), top + row * np.array([0.5, 1.5, 2.5]), atol=0.1
    )


def test_title_where_all_are_shown(images, ax):
    ImageRowsDisplay({"truth": images}).plot(ax, n_images=20)
    assert ax.get_title() == "12 images"


def test_all_rows_share_the_scale_of_the_first(ax):
    truth = np.full((1, 2, 2), 10.0)
    truth[0, 0, 0] = 0
    display = ImageRowsDisplay({"truth": truth, "other": truth / 2, "wild": truth * 9})
    picture = display.plot(ax).image_.get_array()
    np.testing.assert_allclose(picture[[0, 3, 6], 1, 0], [1, 0.5, 1], atol=1 / 255)


def test_flat_rows_are_read_by_image_shape(images, ax):
    flat = images.reshape(12, -1)
    display = ImageRowsDisplay({"a": flat, "b": images}, image_shape=(5, 6)).plot(ax)
    assert display.mse_ == {"b": 0.0}


def test_bytes_mean_0_to_255(images, ax):
    as_bytes = np.round(images * 255).astype(np.uint8)
    display = ImageRowsDisplay({"a": as_bytes, "b": as_bytes / 255}).plot(ax)
    assert display.mse_["b"] == pytest.approx(0, abs=1e-12)


def test_integers_are_numbers(ax):
    low = np.zeros((3, 2, 2), dtype=np.int8)
    high = np.full((3, 2, 2), 100, dtype=np.int8)
    assert ImageRowsDisplay({"a": low, "b": high}).plot(ax).mse_ == {"b": 1e4}


def test_gray_among_colours_is_colour_without_colour(images, ax):
    colors = np.stack([images, images, images + 0.3], axis=-1).clip(0, 1)
    display = ImageRowsDisplay({"truth": colors, "gray": images}).plot(ax)
    expected = ((colors - images[..., np.newaxis]) ** 2).mean()
    assert display.mse_["gray"] == pytest.approx(expected)
    gray_row = display.image_.get_array()[6:, :6, :3]
    np.testing.assert_array_equal(gray_row, np.repeat(images[0, ..., None], 3, axis=-1))


def test_colour_map_is_for_gray_images(images, ax):
    display = ImageRowsDisplay({"truth": 0 * images})
    dark = display.plot(ax, cmap="gray").image_.get_array()[0, 0]
    purple = display.plot(ax, cmap="viridis").image_.get_array()[0, 0]
    np.testing.assert_allclose(dark, [0, 0, 0, 1])
    np.testing.assert_allclose(purple, [0.267, 0.005, 0.329, 1], atol=1e-3)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"a": np.zeros((3, 4, 4)), "b": np.zeros((2, 4, 4))},
        {"a": np.zeros((3, 4, 4)), "b": np.zeros((3, 4, 5))},
    ],
)
def test_rows_that_do_not_fit_are_named(rows, ax):
    with pytest.raises(ValueError, match="arrays with the same number of im"):
        ImageRowsDisplay(rows).plot(ax)


def test_rows_of_a_table_need_a_shape(images, ax):
    with pytest.raises(ValueError, match="image_shape"):
        ImageRowsDisplay({"a": images.reshape(12, -1)}).plot(ax)


@pytest.mark.parametrize(
    ("n_images", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError)]
)
def test_wrong_n_images_is_named(n_images, error, images, ax):
    with pytest.raises(error, match="n_images"):
        ImageRowsDisplay({"a": images}).plot(ax, n_images=n_images)


def test_new_figure_has_the_shape_of_the_rows(images):
    import matplotlib.pyplot as plt

    figure = ImageRowsDisplay({"a": images, "b": images}).plot(n_images=4).figure_
    assert plt.get_fignums() == [figure.number]
    width, height = figure.get_size_inches()
    assert width == pytest.approx(5.2)
    assert height == pytest.approx(2.4 * 5 / 6)
    plt.close(figure)


def test_channels_are_panels_side_by_side(ax):
    truth = rng.random((5, 4, 6, 2))
    display = ImageRowsDisplay({"truth": truth, "other": truth + 0.5}).plot(ax)
    assert display.mse_ == {"other": pytest.approx(0.25)}
    picture = display.image_.get_array()
    # Of an image: a blank column, and per channel six pixels and a blank column.
    assert picture.shape == (2 * 5 - 1, 5 * 16 - 1, 4)
    second = picture[:4, 16:31]
    np.testing.assert_allclose(second[:, 1:7, 0], truth[1, ..., 0], atol=1 / 255)
    np.testing.assert_allclose(second[:, 8:14, 0], truth[1, ..., 1], atol=1 / 255)
    np.testing.assert_array_equal(second[:, [0, 7, 14], 3], 0)
    np.testing.assert_array_equal(second[:, 1:7, 3], 1)


def test_rows_of_other_numbers_of_channels_are_named(ax):
    rows = {"two": rng.random((5, 4, 6, 2)), "gray": rng.random((5, 4, 6))}
    with pytest.raises(ValueError, match=r"images of one shape; got .*\(5, 4, 6, 2\)"):
        ImageRowsDisplay(rows).plot(ax)


def test_panels_leave_space_for_the_labels():
    import matplotlib.pyplot as plt

    images = rng.random((3, 8, 8, 4))
    display = ImageRowsDisplay({"truth": images, "half": images / 2}).plot()
    middles = display.ax_.transData.transform(
        [(0, y) for y in display.ax_.get_yticks()]
    )
    # The two lines of a label at 10 points are a third of an inch high.
    assert (middles[0] - middles[1])[1] / display.figure_.dpi > 1 / 3
    plt.close(display.figure_)
