"""Tests of images decoded over a plane of codes."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae.inspection import ManifoldDisplay
from skae.inspection._manifold import _write_values


class Plane:
    """A transformer whose codes are its samples; it decodes them to 2 x 3 pixels."""

    def __init__(self, codes):
        self.codes = np.asarray(codes, dtype=float)

    def transform(self, X):
        return self.codes

    def inverse_transform(self, codes):
        return np.repeat(codes, 3, axis=1)  # first row: component 0, second: 1


@pytest.fixture
def square():
    """Codes on all of a square, denser towards the first component's low end."""
    first, second = np.meshgrid(np.linspace(0, 1, 41) ** 2, np.linspace(0, 1, 41))
    return np.stack([first.ravel(), second.ravel()], axis=1)


def from_plane(codes, **kwargs):
    X = np.array([[0.0] * 6, [1.0] * 6])
    return ManifoldDisplay.from_estimator(Plane(codes), X, image_shape=(2, 3), **kwargs)


def test_grid_goes_in_quantiles(square, ax):
    display = from_plane(square, n_steps=5, ax=ax)
    middles = [0.1, 0.3, 0.5, 0.7, 0.9]
    np.testing.assert_allclose(display.values, np.quantile(square, middles, axis=0).T)
    steps = np.diff(display.values)
    assert (np.diff(steps[0]) > 0).all()
    np.testing.assert_allclose(np.diff(steps[1]), 0, atol=1e-12)


def test_images_are_those_of_their_codes(square, ax):
    display = from_plane(square, n_steps=4, ax=ax)
    assert display.images.shape == (4, 4, 2, 3)
    for i, j in np.ndindex(4, 4):
        expected = [[display.values[0, i]] * 3, [display.values[1, j]] * 3]
        np.testing.assert_allclose(display.images[i, j], expected)


def test_component_0_grows_to_the_right_and_component_1_upwards(square, ax):
    display = from_plane(square, n_steps=4, ax=ax)
    picture = display.image_.get_array()[..., 0]
    assert picture.shape == (4 * 3 - 1, 4 * 4 - 1)
    first = picture[0, ::4]  # first pixel row of the topmost images
    second = picture[1::3, 0]  # second pixel row of the leftmost images
    np.testing.assert_allclose(first, display.values[0], atol=1 / 255)
    np.testing.assert_allclose(second, display.values[1, ::-1], atol=1 / 255)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("component 0", "component 1")
    # The ticks stand at the images of their values.
    np.testing.assert_array_equal(ax.get_xticks(), [0, 1, 2, 3])
    bottom, top = display.image_.get_extent()[2:]
    rows = (bottom - ax.get_yticks()) / (bottom - top) * 4 - 0.5
    np.testing.assert_allclose(rows, [0, 1, 2, 3], atol=0.2)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    np.testing.assert_allclose(np.array(labels, float), display.values[1], atol=1e-3)


def test_fields_without_codes_stay_blank(ax):
    line = np.repeat(np.linspace(0, 1, 50)[:, np.newaxis], 2, axis=1)
    display = from_plane(line, n_steps=5, ax=ax)
    is_blank = np.isnan(display.images).all(axis=(2, 3))
    np.testing.assert_array_equal(is_blank, ~np.eye(5, dtype=bool))
    assert np.isfinite(display.images[~is_blank]).all()
    opacity = display.image_.get_array()[..., 3]
    assert opacity[0, 0] == 0  # top left
    assert opacity[-1, 0] == 1  # bottom left
    assert ax.get_title() == (
        "Images decoded over quantiles of the codes\n(blank where no code lies)"
    )


def test_title_where_no_field_is_blank(square, ax):
    from_plane(square, n_steps=3, ax=ax)
    assert ax.get_title() == "Images decoded over quantiles of the codes"


def test_a_component_that_is_always_the_same(ax):
    codes = np.stack([np.linspace(0, 1, 50), np.zeros(50)], axis=1)
    display = from_plane(codes, n_steps=4, ax=ax)
    is_drawn = np.isfinite(display.images).all(axis=(2, 3))
    np.testing.assert_array_equal(is_drawn.sum(axis=1), 1)


def test_eight_values_a_side_are_written_at_most(square, ax):
    from_plane(square, n_steps=15, ax=ax)
    np.testing.assert_array_equal(ax.get_xticks(), np.arange(0, 15, 2))
    assert len(ax.get_yticks()) == len(ax.get_yticklabels()) == 8


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([-23.04, 0.794, 17], ["-23.0", "0.8", "17.0"]),
        ([-0.01, 0.004], ["-0.0100", "0.0040"]),
        ([1000, 3000], ["1000", "3000"]),
        ([-0.04, 3, 17], ["0.0", "3.0", "17.0"]),
        ([5, 5], ["5.00", "5.00"]),
    ],
)
def test_values_are_written_with_equally_many_decimals(values, written):
    assert _write_values(np.array(values)) == written


def test_scale_is_that_of_the_samples(digits, pca, ax):
    X, _ = digits
    display = ManifoldDisplay.from_estimator(
        pca, X, n_steps=3, image_shape=(8, 8), ax=ax
    )
    assert display.limits == (0, 16)
    grid = [[x, y] for x in display.values[0] for y in display.values[1]]
    expected = pca.inverse_transform(grid).reshape(3, 3, 8, 8)
    is_drawn = np.isfinite(display.images)
    np.testing.assert_allclose(display.images[is_drawn], expected[is_drawn])
    assert is_drawn[1, 1].all()
    picture = display.image_.get_array()[9:17, 9:17, 0]
    np.testing.assert_allclose(picture * 16, expected[1, 1].clip(0, 16), atol=0.1)


def test_autoencoder_of_byte_images(byte_images, image_autoencoder, ax):
    display = ManifoldDisplay.from_estimator(
        image_autoencoder, byte_images, n_steps=3, ax=ax
    )
    assert display.images.shape == (3, 3, 8, 8)
    assert display.limits == (0, 1)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_autoencoder_of_rows(digits, row_autoencoder, ax):
    display = ManifoldDisplay.from_estimator(
        row_autoencoder, digits[0], n_steps=3, ax=ax
    )
    assert display.images.shape == (3, 3, 8, 8)
    assert display.limits == (0, 16)


def test_pipeline_of_a_data_frame(digits, ax):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(digits[0]).add_prefix("pixel")
    pipeline = make_pipeline(MinMaxScaler(), PCA(2))
    pipeline.set_output(transform="pandas").fit(X)
    display = ManifoldDisplay.from_estimator(
        pipeline, X, n_steps=3, image_shape=(8, 8), ax=ax
    )
    assert display.limits == (0, 16)
    assert np.nanmax(display.images) > 5


def test_images_of_colour(ax):
    images = np.random.default_rng(0).random((2, 2, 4, 5, 3))
    images[0, 0] = np.nan
    display = ManifoldDisplay(images=images, values=[[0, 1], [0, 1]]).plot(ax)
    picture = display.image_.get_array()
    np.testing.assert_allclose(picture[:4, :5, :3], images[0, 1])
    assert (picture[5:, :5, 3] == 0).all()


@pytest.mark.parametrize("n_components", [1, 3])
def test_codes_of_another_size_are_named(n_components, digits, ax):
    pca = PCA(n_components).fit(digits[0])
    match = f"codes of PCA have {n_components} components; .* needs 2"
    with pytest.raises(ValueError, match=match):
        ManifoldDisplay.from_estimator(pca, digits[0], image_shape=(8, 8), ax=ax)


@pytest.mark.parametrize(("n_steps", "error"), [(0, ValueError), (2.5, TypeError)])
def test_wrong_n_steps_is_named(n_steps, error, digits, pca, ax):
    with pytest.raises(error, match="n_steps"):
        ManifoldDisplay.from_estimator(
            pca, digits[0], image_shape=(8, 8), n_steps=n_steps, ax=ax
        )


def test_missing_shape_and_missing_methods_are_named(digits, pca, ax):
    X, _ = digits
    with pytest.raises(
        ValueError, match=r"image_shape=None, and PCA takes rows of a table"
    ):
        ManifoldDisplay.from_estimator(pca, X, ax=ax)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) does not fit"):
        ManifoldDisplay.from_estimator(pca, X, image_shape=(8, 9), ax=ax)
    kmeans = KMeans(2, n_init=1).fit(X)
    with pytest.raises(AttributeError, match="inverse_transform"):
        ManifoldDisplay.from_estimator(kmeans, X, image_shape=(8, 8), ax=ax)


def test_new_figure(square):
    import matplotlib.pyplot as plt

    display = from_plane(square, n_steps=2)
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)


def test_four_channels_are_panels_and_no_field_is_called_blank(ax):
    X = np.random.default_rng(0).random((300, 4, 5, 4))
    pca = PCA(2).fit(X.reshape(300, -1))
    display = ManifoldDisplay.from_estimator(
        pca, X.reshape(300, -1), n_steps=2, image_shape=(4, 5, 4), ax=ax
    )
    assert display.images.shape == (2, 2, 4, 5, 4)
    assert not np.isnan(display.images).any()
    assert "blank" not in ax.get_title()
    picture = display.image_.get_array()
    assert picture.shape == (2 * 5 - 1, 2 * 26 - 1, 4)
    low, high = display.limits
    # Component 1 grows upwards: the lower left image is the first.
    for channel in range(4):
        left = 1 + 6 * channel
        shown = picture[5:, left : left + 5, 0]
        expected = (display.images[0, 0, ..., channel] - low) / (high - low)
        np.testing.assert_allclose(shown, expected.clip(0, 1), atol=1 / 255)


def test_smooth_images(byte_images, image_autoencoder, ax):
    display = ManifoldDisplay.from_estimator(
        image_autoencoder, byte_images, n_steps=3, interpolation="bicubic", ax=ax
    )
    assert display.images.shape == (3, 3, 8, 8)
    assert display.image_.get_array().shape == (8 * 26, 8 * 26, 4)
