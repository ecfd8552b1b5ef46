"""Tests of the corruptions of images against their definitions."""

import math
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skae import AutoEncoderTransformer
from skae.corruption import Grayscale, RandomAffine, RandomErasing, RandomFlip

STILL = RandomAffine(rotation=0.0, shift=0.0, scale=(1.0, 1.0), shear=0.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rand(*shape, dtype=torch.float32):
    return torch.rand(shape, generator=seeded(99), dtype=dtype)


@pytest.mark.parametrize("corruption", [RandomErasing(), RandomAffine()], ids=repr)
def test_channels_share_the_geometry(corruption):
    x = rand(30, 9, 12)
    weights = torch.tensor([1.0, 0.5, 2.0])
    gray = corruption(x, seeded())
    color = corruption(x[..., None] * weights, seeded())
    torch.testing.assert_close(color, gray[..., None] * weights)
    assert torch.equal(corruption(x[..., None], seeded())[..., 0], gray)


@pytest.mark.parametrize("shape", [(128, 784), (128,), (2, 3, 4, 5, 3)])
@pytest.mark.parametrize(
    "corruption", [RandomErasing(), RandomAffine(), Grayscale()], ids=repr
)
def test_images_are_requested(corruption, shape):
    name = type(corruption).__name__
    message = (
        rf"{name}.* needs images of shape .*got x of shape {re.escape(str(shape))}"
    )
    with pytest.raises(ValueError, match=message + "; set image_shape or pass images"):
        corruption(torch.zeros(shape), seeded())


def erased_by(corruption, n_samples, *shape):
    """Whether each pixel was erased, from images of which no pixel is one."""
    x = rand(n_samples, *shape)
    out = RandomErasing(corruption.area, fill_value=1.0)(x, seeded())
    erased = out == 1
    assert torch.equal(out[~erased], x[~erased])
    return erased


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (5, 40), (33, 7), (1, 30), (1, 1)])
@pytest.mark.parametrize("area", [0.0, 0.01, 0.25, 0.9, 1.0])
def test_erased_share(area, shape):
    erased = erased_by(RandomErasing(area), 4000, *shape)
    shares = erased.double().mean(dim=(1, 2))
    tolerance = 5 * shares.std() / math.sqrt(len(shares))
    assert shares.mean().item() == pytest.approx(area, abs=tolerance.item() + 1e-9)
    # In each image right up to one side's rounding to whole pixels.
    assert (shares - area).abs().max() <= 1 / shape[1] + 1e-6


def test_erased_share_from_a_range():
    shares = erased_by(RandomErasing((0.1, 0.4)), 4000, 50, 60).double().mean((1, 2))
    uniform = torch.linspace(0.1, 0.4, 4000, dtype=torch.float64)
    assert (shares.sort().values - uniform).abs().max() < 0.02


def test_one_rectangle_anywhere():
    height, width = 50, 80
    erased = erased_by(RandomErasing(0.5), 3000, height, width)
    rows, columns = erased.any(2), erased.any(1)
    assert torch.equal(erased, rows[:, :, None] & columns[:, None, :])
    for side in (rows, columns):
        starts = side[:, 0].int() + (side[:, 1:] & ~side[:, :-1]).sum(1)
        assert (starts == 1).all()
    # Height by width: its logarithm is uniform where the image has room for it.
    ratio = (rows.sum(1) / columns.sum(1)).log()
    low, high = math.log(0.5 * height / width), math.log(height / width / 0.5)
    low = max(low, math.log(0.3))
    assert ratio.min().item() == pytest.approx(low, abs=0.1)
    assert ratio.max().item() == pytest.approx(high, abs=0.1)
    assert ratio.mean().item() == pytest.approx((low + high) / 2, abs=0.05)
    assert ratio.var().item() == pytest.approx((high - low) ** 2 / 12, rel=0.1)
    # The place: between both ends uniform, of height and width each by itself.
    rooms = torch.stack([height - rows.sum(1), width - columns.sum(1)])
    starts = torch.stack([side.int().argmax(1) for side in (rows, columns)])
    has_room = (rooms > 10).all(dim=0)
    assert has_room.sum() > 1000
    places = starts[:, has_room] / rooms[:, has_room]
    for place in places:
        assert (place.min(), place.max()) == (0, 1)
        assert place.mean().item() == pytest.approx(0.5, abs=0.03)
        assert place.var().item() == pytest.approx(1 / 12, rel=0.15)
    assert abs(torch.corrcoef(places)[0, 1]) < 5 / math.sqrt(places.shape[1])


def test_what_is_erased_has_the_fill_value():
    x = rand(50, 9, 9, 3)
    out = RandomErasing(0.3, fill_value=-1.5)(x, seeded())
    erased = out == -1.5
    assert (erased == erased[..., :1]).all()
    assert torch.equal(out[~erased], x[~erased])
    assert (RandomErasing()(x, seeded()) == 0).any()


def test_grayscale():
    primaries = torch.eye(3).reshape(1, 1, 3, 3)
    third = torch.full((1, 1, 3, 3), 1 / 3)
    torch.testing.assert_close(Grayscale()(primaries, seeded()), third)
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None].expand(1, 1, 3, 3)
    torch.testing.assert_close(Grayscale("luma")(primaries, seeded()), luma)
    x = rand(5, 6, 7, 4)
    expected = x.mean(dim=3, keepdim=True).expand_as(x)
    torch.testing.assert_close(Grayscale()(x, seeded()), expected)
    # Gray is gray already, and white stays white to the last bit.
    for gray in ("mean", "luma"):
        once = Grayscale(gray)(x[..., :3], seeded())
        torch.testing.assert_close(Grayscale(gray)(once, seeded()), once)
        white = torch.ones(1, 2, 2, 3)
        assert torch.equal(Grayscale(gray)(white, seeded()), white)


def test_luma_needs_three_channels():
    message = r"gray='luma'\) needs .* width, 3\), got x of shape \(2, 5, 5, 4\)"
    with pytest.raises(ValueError, match=message):
        Grayscale("luma")(rand(2, 5, 5, 4), seeded())
    with pytest.raises(ValueError, match=r"width, n_channels\), got .* \(2, 5, 5\)"):
        Grayscale()(rand(2, 5, 5), seeded())


def affine_of(corruption, n_samples, height, width):
    """Read off the map of each image, in (right, up) from the centre.

    Two channels hold where they stand, which bilinear values between them hold exactly.
    So what comes out is where each pixel came from.

    Returns
    -------
    matrix of shape (n_samples, 2, 2), shift of shape (n_samples, 2)
    """
    assert height % 2 == width % 2 == 1
    up = (height - 1) / 2 - torch.arange(height, dtype=torch.float64)
    right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    up, right = torch.meshgrid(up, right, indexing="ij")
    x = torch.stack((right, up), dim=2).expand(n_samples, -1, -1, -1)
    out = corruption(x, seeded())
    row, column = height // 2, width // 2
    backward = torch.stack(
        (
            out[:, row, column + 1] - out[:, row, column],
            out[:, row - 1, column] - out[:, row, column],
        ),
        dim=2,
    )
    matrix = torch.linalg.inv(backward)
    return matrix, -(matrix @ out[:, row, column, :, None])[..., 0]


def rotation(degrees):
    angle = math.radians(degrees)
    sin, cos = math.sin(angle), math.cos(angle)
    return np.array([[cos, -sin], [sin, cos]])


@pytest.mark.parametrize(("height", "width"), [(31, 31), (21, 41), (45, 25)])
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, np.eye(2)),
        ({"rotation": (90, 90)}, [[0, -1], [1, 0]]),
        ({"rotation": (-30, -30)}, rotation(-30)),
        ({"rotation": (180, 180)}, -np.eye(2)),
        ({"scale": (2, 2)}, 2 * np.eye(2)),
        ({"scale": (0.5, 0.5)}, np.eye(2) / 2),
        ({"shear": (45, 45)}, [[1, 1], [0, 1]]),
        ({"shear": (-60, -60)}, [[1, -math.sqrt(3)], [0, 1]]),
        (
            {"rotation": (20, 20), "scale": (1.5, 1.5), "shear": (45, 45)},
            rotation(20) @ (1.5 * np.array([[1, 1], [0, 1]])),
        ),
    ],
)
def test_affine_of_known_points(parameters, expected, height, width):
    corruption = clone(STILL).set_params(**parameters)
    matrix, shift = affine_of(corruption, 3, height, width)
    for one in matrix.numpy():
        np.testing.assert_allclose(one, expected, atol=1e-5)
    np.testing.assert_allclose(shift, 0, atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 28, 28), (20, 7, 7, 3)])
def test_quarter_turns_and_half_turns(shape):
    x = rand(*shape)
    turned = clone(STILL).set_params(rotation=(90, 90))(x, seeded())
    torch.testing.assert_close(turned, x.rot90(1, (1, 2)), rtol=0, atol=1e-5)
    x = x[:, :5]
    turned = clone(STILL).set_params(rotation=(180, 180))(x, seeded())
    torch.testing.assert_close(turned, x.flip((1, 2)), rtol=0, atol=1e-5)


def assert_uniform(found, low, high):
    expected = torch.linspace(low, high, len(found), dtype=torch.float64)
    # The largest distance of ranks, as in Kolmogorov and Smirnov's test at 0.0001.
    distance = (found.sort().values - expected).abs().max() / (high - low)
    assert distance < 2.3 / math.sqrt(len(found))


def test_draws_of_the_affine():
    height, width, n_samples = 31, 61, 4000
    corruption = RandomAffine(rotation=20, shift=0.25, scale=(0.8, 1.3), shear=30)
    matrix, shift = affine_of(corruption, n_samples, height, width)
    angle = torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0])
    factor = torch.linalg.det(matrix).sqrt()
    # R⁻¹ M / factor = [[1, tan(shear)], [0, 1]]
    cos, sin = angle.cos(), angle.sin()
    lean = (cos * matrix[:, 0, 1] + sin * matrix[:, 1, 1]) / factor
    draws = torch.stack(
        (angle.rad2deg(), shift[:, 0], shift[:, 1], factor, lean.atan().rad2deg())
    )
    assert_uniform(draws[0], -20, 20)
    assert_uniform(draws[1], -0.25 * width, 0.25 * width)
    assert_uniform(draws[2], -0.25 * height, 0.25 * height)
    assert_uniform(draws[3], 0.8, 1.3)
    assert_uniform(draws[4], -30, 30)
    correlation = torch.corrcoef(draws) - torch.eye(5)
    assert correlation.abs().max() < 5 / math.sqrt(n_samples)


def test_outside_of_the_image_is_zero():
    ones = torch.ones(1, 8, 12)
    out = clone(STILL).set_params(scale=(0.5, 0.5))(ones, seeded())
    expected = torch.zeros(1, 8, 12)
    expected[:, 2:6, 3:9] = 1
    torch.testing.assert_close(out, expected)
    moved = RandomAffine(shift=1.0)(torch.ones(100, 8, 12), seeded())
    assert (moved.min(), moved.max()) == (0, pytest.approx(1))


@pytest.mark.parametrize("shape", [(7, 6), (4, 9), (2, 2), (1, 5), (6, 1), (1, 1)])
def test_background_is_the_median_of_the_outermost_pixels(shape):
    x = rand(20, *shape, 2, dtype=torch.float64)
    is_border = np.ones(shape, bool)
    is_border[1:-1, 1:-1] = False
    expected = np.median(x.numpy()[:, is_border], axis=1)
    # Images as small as a point leave the background in every corner.
    small = clone(STILL).set_params(scale=(1e-3, 1e-3), outside="background")
    out = small(x, seeded())
    if max(shape) > 1:
        np.testing.assert_allclose(out[:, 0, 0], expected, atol=1e-12)
        np.testing.assert_allclose(out[:, -1, -1], expected, atol=1e-12)
    else:  # all of it is background
        np.testing.assert_allclose(out, x, atol=1e-12)


def test_outside_of_the_image_is_its_background():
    # Each image and channel has its own; what stands on it does not matter, even where
    # it touches the border.
    background = rand(2, 1, 1, 3)
    images = background.repeat(1, 8, 12, 1)
    images[:, :5, 4:7] = 5.0
    turned = RandomAffine(rotation=0.0, shift=0.0, scale=(0.5, 0.5))
    out = turned.set_params(outside="background")(images, seeded())
    torch.testing.assert_close(out[:, :2], background.repeat(1, 2, 12, 1))
    torch.testing.assert_close(out[:, :, :3], background.repeat(1, 8, 3, 1))
    assert (out[:, 2:5, 4:7] > 2).any(dim=(1, 2)).all()
    # Where the background is zero the two are one.
    ink = torch.zeros(100, 8, 12)
    ink[:, 2:6, 3:7] = rand(100, 4, 4)
    views = RandomAffine(rotation=45.0, shift=0.3)
    expected = views(ink, seeded())
    assert torch.equal(views.set_params(outside="background")(ink, seeded()), expected)


@pytest.mark.parametrize("shape", [(1000, 3, 4), (1000, 3, 4, 2)])
def test_some_images_are_mirrored(shape):
    x = rand(*shape)
    out = RandomFlip(0.3)(x, seeded())
    is_kept = (out == x).flatten(1).all(dim=1)
    assert torch.equal(out[~is_kept], x[~is_kept].flip(2))
    assert is_kept.double().mean() == pytest.approx(0.7, abs=0.05)
    assert torch.equal(RandomFlip(0.0)(x, seeded()), x)
    assert torch.equal(RandomFlip(1.0)(x, seeded()), x.flip(2))


def test_augmentation_of_images_needs_images():
    rows = rand(300, 192).numpy()
    options = {"hidden_layer_sizes": (16,), "max_epochs": 1, "random_state": 0}
    model = AutoEncoderTransformer(4, augmentation=RandomErasing(), **options)
    with pytest.raises(ValueError, match=r"RandomErasing .*\(128, 192\); set image_sh"):
        model.fit(rows)
    fitted = model.set_params(image_shape=(8, 8, 3)).fit(rows)
    assert fitted.transform(rows).shape == (300, 4)
