"""Tests of the page that shows the decoded image at the position of the pointer."""

import base64
import zlib

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skae.inspection import LatentExplorer
from skae.inspection.explorer._images import MAX_BYTES, find_n_steps
from skae.inspection.explorer._latent_explorer import RESOLUTION


def all_tiles_of(data):
    """Read the images of a page: those of the plane, and those of each slider."""
    packed = zlib.decompress(base64.b64decode(data["tiles"]))
    image_shape = (data["height"], data["width"], data["n_channels"])
    image_shape = image_shape[: 3 if data["n_channels"] == 3 else 2]
    differences = np.frombuffer(packed, dtype=np.uint8)
    differences = differences.reshape(-1, np.prod(image_shape))
    pixels = differences.cumsum(axis=0, dtype=np.uint8)
    n_steps, n_coarse = data["n_steps"], data["n_coarse"]
    plane, others = np.split(pixels, [n_steps**2])
    others = others.reshape(-1, n_coarse, n_coarse, data["n_values"], *image_shape)
    assert len(others) == len(data["sliders"])
    return plane.reshape(n_steps, n_steps, *image_shape), others


def tiles_of(data):
    """Read the images of the plane, ``[i, j]`` as those of a LatentExplorer."""
    return all_tiles_of(data)[0]


def grid_of(data):
    """Give the codes of a page's grid, one row for each image."""
    axes = np.linspace(data["low"], data["high"], data["n_steps"], axis=1)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def assert_bytes(pixels, images, low=0, high=1):
    """Check that pixels are images, rounded to bytes."""
    expected = 255 * ((images - low) / (high - low)).clip(0, 1)
    assert pixels.dtype == np.uint8
    assert abs(pixels.reshape(expected.shape) - expected).max() <= 0.5 + 1e-3


def test_pixels_are_the_decoded_grid_of_rows(data_of, digits, pca):
    X, y = digits
    explorer = LatentExplorer.from_estimator(pca, X, y, image_shape=(8, 8), n_steps=6)
    data = data_of(explorer.to_html())
    assert (data["n_steps"], data["height"], data["width"]) == (6, 8, 8)
    # Black and white are those of the samples, 0 and 16.
    assert_bytes(tiles_of(data), pca.inverse_transform(grid_of(data)), 0, 16)
    assert data["name"] == "PCA"
    assert data["grid_error"] < 5e-3  # PCA is linear, but for what is clipped


def test_pixels_are_the_decoded_grid_of_colour_images(data_of, colored):
    plane, X = colored
    data = data_of(LatentExplorer.from_estimator(plane, X, n_steps=9).to_html())
    pixels = tiles_of(data)
    assert pixels.shape == (9, 9, 5, 7, 3)
    assert_bytes(pixels, plane.inverse_transform(grid_of(data)))


@pytest.mark.parametrize("kind", ["image_autoencoder", "row_autoencoder"])
def test_pixels_are_the_decoded_grid_of_autoencoders(
    data_of, kind, byte_images, digits, request
):
    autoencoder = request.getfixturevalue(kind)
    X, high = (byte_images, 1) if kind == "image_autoencoder" else (digits[0], 16)
    data = data_of(LatentExplorer.from_estimator(autoencoder, X, n_steps=5).to_html())
    decoded = autoencoder.inverse_transform(grid_of(data))
    assert_bytes(tiles_of(data), decoded, 0, high)


def test_grid_error_is_the_one_halfway_between_codes(colored):
    plane, X = colored
    coarse, fine = (LatentExplorer.from_estimator(plane, X, n_steps=n) for n in (9, 17))
    # Every other code of the fine grid lies halfway between those of the coarse one.
    np.testing.assert_allclose(fine.values[:, ::2], coarse.values)
    corners = coarse.images[1:] + coarse.images[:-1]
    blended = (corners[:, 1:] + corners[:, :-1]) / 4
    expected = abs(blended - fine.images[1::2, 1::2]).mean()
    assert coarse.grid_error == pytest.approx(expected)
    # The error of linear interpolation falls with the square of the steps.
    assert fine.grid_error == pytest.approx(expected / 4, rel=0.2)


def test_points_are_the_codes(data_of, digits, pca):
    X, y = digits
    explorer = LatentExplorer.from_estimator(pca, X, y, image_shape=(8, 8), n_steps=2)
    data = data_of(explorer.to_html())
    low, high = np.array(data["low"]), np.array(data["high"])
    places = np.array(data["points"]) / RESOLUTION
    assert len(places) == len(X) == data["n_samples"]
    assert data["n_outside"] == 0
    found = np.column_stack([low + places * (high - low), data["members"]])
    expected = np.column_stack([pca.transform(X), y])
    # Sorted by class and first component, which is coarser than the rounding.
    for own in range(10):
        a, b = (rows[rows[:, 2] == own, 0] for rows in (found, expected))
        np.testing.assert_allclose(np.sort(a), np.sort(b), atol=np.ptp(b) / 1e3)
    assert data["classes"] == list("0123456789")
    assert len(set(data["colors"])) == 10
    # The labels stand among their points.
    for own, label in enumerate(data["labels"]):
        assert abs(places[found[:, 2] == own] - label).sum(axis=1).min() < 0.1


def test_no_class_covers_the_others_and_few_points_stand_for_many(
    data_of,
):
    codes = np.random.default_rng(0).normal(size=(600, 2))
    explorer = LatentExplorer(
        images=np.zeros((2, 2, 3, 3)),
        values=[[-9, 9], [-9, 9]],
        codes=codes,
        y=np.repeat(["a", "b", "c"], 200),
        max_points=100,
    )
    data = data_of(explorer.to_html())
    assert (len(data["points"]), data["n_samples"]) == (100, 600)
    counts = np.bincount(data["members"])
    assert (counts > 20).all()
    assert set(data["members"][-15:]) == {0, 1, 2}


def test_points_without_classes_have_one_colour(data_of, colored):
    data = data_of(LatentExplorer.from_estimator(*colored, n_steps=2).to_html())
    assert data["classes"] == data["labels"] == []
    assert len(data["colors"]) == 1
    assert set(data["members"]) == {0}


def test_colours_repeat_from_the_eleventh_class_on(data_of, colored):
    y = np.arange(300) % 12
    data = data_of(LatentExplorer.from_estimator(*colored, y, n_steps=2).to_html())
    assert data["colors"][10:] == data["colors"][:2]


def test_what_lies_far_out_is_left_out(data_of, make_plane, waves):
    codes = np.random.default_rng(0).uniform(-1, 1, size=(1000, 2))
    codes[0, 0], codes[1, 1] = 80, -90
    plane = make_plane(codes, waves)
    data = data_of(LatentExplorer.from_estimator(plane, waves(*codes.T)).to_html())
    assert data["n_outside"] == 2
    assert len(data["points"]) == 998


def test_a_component_that_is_always_the_same(data_of, make_plane, waves):
    codes = np.stack([np.linspace(0, 1, 50), np.full(50, 3)], axis=1)
    plane = make_plane(codes, waves)
    data = data_of(LatentExplorer.from_estimator(plane, waves(*codes.T)).to_html())
    assert (data["low"][1], data["high"][1]) == (2.5, 3.5)


def test_the_same_input_gives_the_same_bytes(digits, pca):
    X, y = digits
    pages = [
        LatentExplorer.from_estimator(
            pca, X, y, image_shape=(8, 8), n_steps=4, max_points=50
        ).to_html()
        for _ in range(2)
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("shape", "n_steps"), [((28, 28), 47), ((32, 32, 3), 24), ((8, 8), 64)]
)
def test_a_page_is_under_3_mb_even_with_noise(make_plane, shape, n_steps):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(6000, 2))
    plane = make_plane(
        codes, lambda x, y: rng.random((len(x), *shape), dtype=np.float32)
    )
    X, y = rng.random((len(codes), *shape), dtype=np.float32), np.arange(6000) % 10
    explorer = LatentExplorer.from_estimator(plane, X, y)
    assert explorer.images.shape == (n_steps, n_steps, *shape)
    assert len(explorer.to_html()) < 3e6
    assert len(explorer._repr_html_()) < 3e6


def test_pipeline_of_a_data_frame(data_of, digits):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(digits[0]).add_prefix("pixel")
    y = pd.Series(digits[1], dtype="category")
    pipeline = make_pipeline(MinMaxScaler(), PCA(2))
    pipeline.set_output(transform="pandas").fit(X)
    explorer = LatentExplorer.from_estimator(
        pipeline, X, y, image_shape=(8, 8), n_steps=3
    )
    assert explorer.limits == (0, 16)
    assert data_of(explorer.to_html())["classes"] == list("0123456789")


def test_codes_of_more_components_are_projected(data_of, digits):
    X, y = digits
    pca = PCA(8).fit(X)
    explorer = LatentExplorer.from_estimator(pca, X, y, image_shape=(8, 8), n_steps=4)
    # The codes of PCA are their own principal components, up to signs.
    np.testing.assert_allclose(abs(explorer.codes), abs(pca.transform(X)[:, :2]))
    variance = pca.explained_variance_
    assert explorer.explained == pytest.approx(variance[:2].sum() / variance.sum())
    data = data_of(explorer.to_html())
    assert data["name"] == "PCA"
    assert data["explained"] == explorer.explained
    # Images lie in the plane, at the codes of the grid.
    codes = pca.transform(explorer.images.reshape(-1, 64))
    np.testing.assert_allclose(abs(codes[:, :2]), abs(grid_of(data)), atol=1e-8)
    np.testing.assert_allclose(codes[:, 2:], 0, atol=1e-8)


def test_a_projection_is_cloned_and_goes_both_ways(digits, pca):
    X, _ = digits
    swap = FunctionTransformer(
        lambda codes: codes[:, ::-1], inverse_func=lambda points: points[:, ::-1]
    )
    swapped, plain = (
        LatentExplorer.from_estimator(
            pca, X, projection=projection, image_shape=(8, 8), n_steps=3
        )
        for projection in (swap, None)
    )
    np.testing.assert_array_equal(swapped.codes, plain.codes[:, ::-1])
    np.testing.assert_allclose(swapped.images, plain.images.swapaxes(0, 1))
    assert swapped.explained == pytest.approx(1)
    assert plain.explained is None
    assert not hasattr(swap, "n_features_in_")


def test_codes_without_variance_are_a_point(digits):
    X, _ = digits
    collapsed = FunctionTransformer(
        lambda X: np.ones((len(X), 3)), inverse_func=lambda codes: X[: len(codes)]
    )
    explorer = LatentExplorer.from_estimator(
        collapsed, X, image_shape=(8, 8), n_steps=2
    )
    assert explorer.explained == 1
    assert not explorer.codes.any()


def test_codes_of_one_component_are_named(digits):
    X, _ = digits
    for n_components, projection in ((1, None), (4, PCA(1))):
        pca = PCA(n_components).fit(X)
        with pytest.raises(ValueError, match="codes of PCA have 1 components"):
            LatentExplorer.from_estimator(
                pca, X, projection=projection, image_shape=(8, 8)
            )


def test_sliders_have_images_along_the_next_axes(data_of, digits):
    X, _ = digits
    X = X + 20  # of PCA's images, none is clipped
    pca = PCA(4).fit(X)
    explorer = LatentExplorer.from_estimator(pca, X, image_shape=(8, 8), n_steps=5)
    images, values = explorer.slider_images, explorer.slider_values
    assert images.shape == (2, 4, 4, 7, 8, 8)
    found = pca.transform(images.reshape(-1, 64)).reshape(2, 4, 4, 7, 4)
    coarse = np.linspace(explorer.values[:, 0], explorer.values[:, -1], 4, axis=1)
    # The codes of PCA are their own principal components, up to signs.
    expected = np.zeros((2, 4, 4, 7, 4))
    expected[..., 0] = coarse[0][:, np.newaxis, np.newaxis]
    expected[..., 1] = coarse[1][:, np.newaxis]
    expected[0, ..., 2], expected[1, ..., 3] = values
    np.testing.assert_allclose(abs(found), abs(expected), atol=1e-8)
    # They cover the codes around the mean, but for outliers.
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-8)
    is_inside = abs(pca.transform(X)[:, 2:]) <= values[:, -1]
    assert (is_inside.mean(axis=0) > 0.98).all()
    data = data_of(explorer.to_html())
    assert data["sliders"] == values[:, [0, -1]].tolist()
    assert_bytes(all_tiles_of(data)[1], images, 20, 36)


def test_slider_error_is_that_of_adding_changes(make_plane):
    codes = np.random.default_rng(0).uniform(-1, 1, size=(100, 4))
    codes = np.concatenate([codes, -codes])  # of mean 0
    pattern = np.linspace(0, 1, 12).reshape(3, 4)

    def decode(x, y, a, b):
        return 0.5 + (a * b)[:, np.newaxis, np.newaxis] * pattern / 2

    plane = make_plane(codes, decode)
    explorer = LatentExplorer.from_estimator(
        plane, decode(*codes.T), projection=FunctionTransformer()
    )
    # Either factor alone changes nothing, so that what is shown does not change at all.
    low, high = explorer.slider_values[:, [0, -1]].T
    clipped = codes[:, 2:].clip(low, high)
    expected = abs(clipped.prod(axis=1)).mean() * pattern.mean() / 2
    assert explorer.slider_error == pytest.approx(expected)


def test_there_are_as_many_sliders_as_fit_in_half_of_a_page(make_plane):
    codes = np.random.default_rng(0).normal(size=(300, 9))
    counts = []
    for size in (8, 28, 80, 200):
        plane = make_plane(
            codes,
            lambda *axes, size=size: axes[0].repeat(size**2).reshape(-1, size, size),
        )
        X = np.zeros((len(codes), size, size))
        explorer = LatentExplorer.from_estimator(plane, X)
        data = explorer._collect()
        counts.append((data["n_steps"], len(data["sliders"])))
        assert len(explorer.to_html()) < 3e6
    assert counts == [(64, 4), (42, 4), (13, 1), (6, 0)]


def test_a_projection_to_three_components_has_a_slider(digits):
    X, _ = digits
    explorer = LatentExplorer.from_estimator(
        PCA(5).fit(X), X, projection=PCA(3), image_shape=(8, 8), n_steps=3
    )
    assert explorer.slider_images.shape == (1, 4, 4, 7, 8, 8)
    assert explorer.codes.shape == (len(X), 2)


def test_what_is_no_image_or_too_large_a_one_is_named(digits, pca):
    X, _ = digits
    with pytest.raises(
        ValueError, match=r"image_shape=None, and PCA takes rows of a table"
    ):
        LatentExplorer.from_estimator(pca, X)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) does not fit"):
        LatentExplorer.from_estimator(pca, X, image_shape=(8, 9))
    with pytest.raises(ValueError, match=r"image_shape=\(900, 900\) is too large"):
        LatentExplorer.from_estimator(pca, X, image_shape=(900, 900))
    kmeans = KMeans(2, n_init=1).fit(X)
    with pytest.raises(AttributeError, match="inverse_transform"):
        LatentExplorer.from_estimator(kmeans, X, image_shape=(8, 8))


@pytest.mark.parametrize(("n_steps", "error"), [(1, ValueError), (2.5, TypeError)])
def test_wrong_n_steps_is_named(n_steps, error, colored):
    with pytest.raises(error, match="n_steps"):
        LatentExplorer.from_estimator(*colored, n_steps=n_steps)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"max_points": 0}, "max_points == 0"),
        ({"y": [0, 1]}, "inconsistent numbers of samples"),
        ({"y": [0.1, 0.2, 0.3]}, "Unknown label type: continuous"),
        ({"codes": np.zeros((3, 4))}, "codes have 4 components"),
        ({"codes": np.full((3, 2), 7)}, "codes must lie within values"),
        ({"codes": [[0, np.nan]]}, "codes contains NaN"),
        ({"images": np.full((2, 2, 3, 3), np.nan)}, "images hold NaN"),
        ({"images": np.zeros((2, 3, 3))}, r"images of shape \(2, 3, 3\) must"),
        ({"images": np.zeros((2, 3, 3, 3))}, r"images of shape \(2, 3, 3, 3\) must"),
        ({"values": [[0, 1]]}, r"values of shape \(1, 2\) must"),
        ({"values": [[0, 1, 2]] * 2}, r"values of shape \(2, 3\) must"),
        ({"values": [[1, 0], [0, 1]]}, r"values .* in equal steps"),
        (
            {"images": np.zeros((3, 3, 2, 2)), "values": [[0, 1, 3]] * 2},
            r"values .* in equal steps",
        ),
        ({"slider_values": [0, 1, 2]}, r"slider_values of shape \(3,\) must"),
        ({"slider_values": [[0, 1]]}, r"slider_values .* an odd number"),
        ({"slider_values": [[0, 1, 3]]}, r"slider_values .* in equal steps"),
        ({"slider_images": None}, r"slider_images of shape \(\) must"),
        (
            {"slider_images": np.zeros((1, 2, 2, 3, 3, 4))},
            r"slider_images .* must have the shape \(1, n_coarse, n_coarse, 3, 3, 3\)",
        ),
        (
            {"slider_images": np.full((1, 2, 2, 3, 3, 3), np.inf)},
            "slider_images hold NaN or infinity",
        ),
    ],
)
def test_data_that_do_not_fit_are_named(changes, match):
    data = {
        "slider_values": [[0, 1, 2]],
        "slider_images": np.zeros((1, 2, 2, 3, 3, 3)),
        "images": np.zeros((2, 2, 3, 3)),
        "values": [[0, 1], [0, 1]],
        "codes": [[0, 0], [0, 1], [1, 0]],
    }
    LatentExplorer(**data).to_html()
    with pytest.raises(ValueError, match=match):
        LatentExplorer(**data | changes).to_html()


def test_channels_are_gray_panels_on_the_page(data_of):
    images = np.random.default_rng(0).random((3, 3, 4, 5, 2))
    explorer = LatentExplorer(
        images=images,
        values=[[-1, 0, 1], [-1, 0, 1]],
        codes=[[0.0, 0.5]],
        limits=(0, 1),
    )
    data = data_of(explorer.to_html())
    assert (data["height"], data["width"], data["n_channels"]) == (4, 13, 1)
    pixels = tiles_of(data)
    assert_bytes(pixels[..., 1:6], images[..., 0])
    assert_bytes(pixels[..., 7:12], images[..., 1])
    assert (pixels[..., ::6] == 128).all()


def test_page_of_panels_stays_small():
    n_steps = find_n_steps((8, 8, 12))
    assert n_steps**2 * 8 * (12 * 9 + 1) <= MAX_BYTES < (n_steps + 1) ** 2 * 8 * 109
