"""Tests of the corruption processes against their definitions."""

import itertools
import math
import pickle
import random
import re

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skae import AutoEncoderTransformer
from skae.corruption import (
    Binarize,
    Chain,
    Corruption,
    GaussianNoise,
    Grayscale,
    ImagesOrRows,
    Masking,
    RandomAffine,
    RandomErasing,
    RandomFlip,
    SaltAndPepper,
    SwapNoise,
    is_own_code,
)

OF_ROWS = [
    GaussianNoise(mean=0.1, std=0.3, clip=(0.0, 1.0)),
    SaltAndPepper(0.3),
    Masking(0.3, fill_value=0.5),
    SwapNoise(0.1),
    Binarize(),
    Chain([("noise", GaussianNoise()), ("mask", Masking())]),
]
OF_IMAGES = [
    RandomErasing((0.1, 0.4)),
    RandomAffine(rotation=30.0, shift=0.2, scale=(0.5, 2.0), shear=20.0),
    RandomAffine(outside="background"),
    Grayscale(),
    Grayscale("luma"),
    RandomFlip(0.3),
    Chain([("affine", RandomAffine()), ("torn", RandomErasing())]),
    ImagesOrRows(images=RandomAffine(), rows=Masking()),
]
ALL = [*OF_ROWS, *OF_IMAGES]
STILL = RandomAffine(rotation=0.0, shift=0.0, scale=(1.0, 1.0), shear=0.0)


def seeded(seed=0, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def rand(*shape, dtype=torch.float32):
    return torch.rand(shape, generator=seeded(99), dtype=dtype)


# -- What all have in common ------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_a_new_tensor_of_the_same_kind(corruption, dtype):
    x = rand(50, 7, 9, 3, dtype=dtype)
    kept = x.clone()
    with torch.inference_mode():
        out = corruption(x, seeded())
    assert (out.shape, out.dtype) == (x.shape, dtype)
    assert out.is_contiguous()
    assert torch.equal(x, kept)
    assert out.data_ptr() != x.data_ptr()
    assert not torch.equal(out, x)


@pytest.mark.parametrize(
    "nothing",
    [
        GaussianNoise(std=0.0),
        SaltAndPepper(0.0),
        Masking(0.0),
        SwapNoise(0.0),
        RandomErasing(0.0),
        STILL,
        Grayscale(),  # of one channel
        Chain([("noise", GaussianNoise(std=0.0)), ("mask", Masking(0.0))]),
    ],
    ids=repr,
)
def test_what_changes_nothing_gives_a_new_tensor_too(nothing):
    x = rand(20, 7, 10, 1)
    out = nothing(x, seeded())
    torch.testing.assert_close(out, x, rtol=0, atol=2e-6)
    assert out.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_the_generator_alone_decides(corruption):
    def states():
        numpy_state = np.random.get_state()[1].tolist()
        return random.getstate(), numpy_state, torch.get_rng_state().tolist()

    x, before = rand(50, 7, 9, 3), states()
    first = corruption(x, seeded(1))
    torch.manual_seed(5)
    same = corruption(x, seeded(1))
    torch.set_rng_state(torch.tensor(before[2], dtype=torch.uint8))
    assert torch.equal(first, same)
    if not isinstance(corruption, Grayscale):
        generator = seeded(1)
        corruption(x, generator)
        assert not torch.equal(first, corruption(x, generator))
    # Samples do not share their draws; equal ones have nothing to swap.
    if not isinstance(corruption, Grayscale | SwapNoise):
        out = corruption(x[:1].expand_as(x), seeded(1))
        n_different = len(out.flatten(1).unique(dim=0))
        assert n_different > (1 if isinstance(corruption, RandomFlip) else 40)
    assert states() == before


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_the_same_draws_for_both_types(corruption):
    x = rand(50, 7, 9, 3)
    single, double = (corruption(t, seeded()) for t in (x, x.double()))
    torch.testing.assert_close(single, double.float(), rtol=0, atol=1e-5)
    # A default type that the user sets moves nothing.
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(corruption(x, seeded()), single)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_the_generator_may_be_of_another_device(corruption):
    # Tensors on "meta" have no numbers, but may not be mixed with others.
    x = torch.empty(4, 7, 9, 3, device="meta")
    out = corruption(x, seeded())
    assert (out.device, out.shape) == (x.device, x.shape)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_on_a_gpu(corruption):
    x = rand(50, 7, 9, 3)
    # From a generator of the CPU, the same draws as on the CPU.
    expected = corruption(x, seeded())
    torch.testing.assert_close(
        corruption(x.cuda(), seeded()).cpu(), expected, rtol=0, atol=1e-4
    )
    before = torch.cuda.get_rng_state().tolist()
    first, same = (corruption(x.cuda(), seeded(0, "cuda")) for _ in range(2))
    assert first.device == x.cuda().device
    assert torch.equal(first, same)
    assert torch.cuda.get_rng_state().tolist() == before


@pytest.mark.parametrize("n_samples", [0, 1])
@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_tiny_batches(corruption, n_samples):
    for shape in ((1, 1, 3), (5, 2, 3)):
        x = rand(n_samples, *shape)
        assert corruption(x, seeded()).shape == x.shape


@pytest.mark.parametrize("corruption", OF_ROWS, ids=repr)
def test_rows_and_images_lose_the_same(corruption):
    x = rand(10, 6, 5, 3)
    images = corruption(x, seeded())
    assert torch.equal(corruption(x.flatten(1), seeded()), images.flatten(1))
    assert torch.equal(corruption(x.flatten(2), seeded()), images.flatten(2))


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
def test_images_are_asked_for(corruption, shape):
    name = type(corruption).__name__
    message = (
        rf"{name}.* needs images of shape .*got x of shape {re.escape(str(shape))}"
    )
    with pytest.raises(ValueError, match=message + "; give image_shape or images"):
        corruption(torch.zeros(shape), seeded())


def test_what_is_no_batch_is_refused():
    noise = GaussianNoise()
    with pytest.raises(ValueError, match=r"GaussianNoise needs rows .*shape \(5,\)"):
        noise(torch.zeros(5), seeded())
    with pytest.raises(ValueError, match="needs x as a tensor of floats, got ndarray"):
        noise(np.zeros((2, 2)), seeded())
    with pytest.raises(ValueError, match=r"tensor of floats, got torch\.uint8"):
        noise(torch.zeros(2, 2, dtype=torch.uint8), seeded())
    for generator in (None, 0, np.random.default_rng(0)):
        with pytest.raises(ValueError, match=r"generator as a torch\.Generator, got"):
            noise(torch.zeros(2, 2), generator)


# -- As parameters ----------------------------------------------------------------


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_equal_by_value(corruption):
    copies = [clone(corruption), pickle.loads(pickle.dumps(corruption))]
    corruption(rand(3, 7, 9, 3), seeded())
    for copied in copies:
        assert copied is not corruption
        assert copied == corruption
        assert hash(copied) == hash(corruption)
        assert joblib.hash(copied) == joblib.hash(corruption)
    assert sum(other == corruption for other in ALL) == 1
    assert len({joblib.hash(other) for other in ALL}) == len(ALL)
    assert corruption != "noise"
    assert set(vars(corruption)) == set(corruption.get_params(deep=False))


def test_a_set_finds_what_has_changed():
    noise = GaussianNoise(std=0.1)
    known = {noise, Masking()}
    assert noise.set_params(std=0.2) in known
    assert GaussianNoise(std=0.2) in known
    assert GaussianNoise(std=0.1) not in known


def test_own_corruption_overrides_one_method():
    class Negative(Corruption):
        def _corrupt(self, x, generator):
            return -x

    x = rand(2, 3)
    assert torch.equal(Negative()(x, seeded()), -x)
    assert Negative() == Negative()
    assert Negative() != Corruption()
    with pytest.raises(NotImplementedError):
        Corruption()(x, seeded())


@pytest.mark.parametrize(
    ("corruption", "message"),
    [
        (GaussianNoise(std=-0.1), "'std' parameter of GaussianNoise .* in the range "
         r"\[0.0, inf\). Got -0.1"),
        (GaussianNoise(std=math.inf), "'std' .* Got inf"),
        (GaussianNoise(std="0.1"), "'std' .* Got '0.1'"),
        (GaussianNoise(mean=math.nan), r"'mean' .* \(-inf, inf\). Got nan"),
        (GaussianNoise(clip=(1, 0)), r"'clip' .* a pair \(low, high\) with low <= "
         r"high, each a float in the range \(-inf, inf\) or None. Got \(1, 0\)"),
        (GaussianNoise(clip=1.0), "'clip' .* Got 1.0"),
        (GaussianNoise(clip=(0, None)), r"'clip' .* Got \(0, None\)"),
        (SaltAndPepper(1.1), r"'amount' parameter of SaltAndPepper .* \[0.0, 1.0\]. "
         "Got 1.1"),
        (SaltAndPepper(salt_vs_pepper=-1), r"'salt_vs_pepper' .* Got -1"),
        (SaltAndPepper(low=None), "'low' parameter .* Got None"),
        (SaltAndPepper(high=math.inf), "'high' parameter .* Got inf"),
        (Masking(30), r"'amount' parameter of Masking .* \[0.0, 1.0\]. Got 30"),
        (Masking(fill_value="mean"), "'fill_value' .* Got 'mean'"),
        (RandomErasing(1.5), r"'area' parameter of RandomErasing .* \[0.0, 1.0\] or a "
         "pair .* Got 1.5"),
        (RandomErasing((0.4, 0.2)), r"'area' .* Got \(0.4, 0.2\)"),
        (RandomErasing((0.4, 1.2)), r"'area' .* Got \(0.4, 1.2\)"),
        (RandomErasing(fill_value=math.nan), "'fill_value' .* Got nan"),
        (Grayscale("lightness"), "'gray' parameter of Grayscale .* {'.*', '.*'}. "
         "Got 'lightness'"),
        (RandomAffine(rotation=-10), r"'rotation' parameter of RandomAffine .*"
         r"\[0.0, 180.0\] or a pair .* \[-180.0, 180.0\]. Got -10"),
        (RandomAffine(rotation=(0, 200)), r"'rotation' .* Got \(0, 200\)"),
        (RandomAffine(shift=2), r"'shift' .* \[0.0, 1.0\]. Got 2"),
        (RandomAffine(scale=1.0), r"'scale' .* \(0.0, inf\). Got 1.0"),
        (RandomAffine(scale=(0, 1)), r"'scale' .* Got \(0, 1\)"),
        (RandomFlip(1.5), r"'probability' .* \[0.0, 1.0\]. Got 1.5"),
        (RandomAffine(shear=90), r"'shear' .* \[0.0, 90.0\) .*\(-90.0, 90.0\). Got 90"),
        (RandomAffine(shear=(-90, 0)), r"'shear' .* Got \(-90, 0\)"),
        (RandomAffine(outside="edge"), r"'outside' .* {'.*', '.*'}. Got 'edge'"),
        (SwapNoise(1.5), r"'amount' parameter of SwapNoise .* Got 1.5"),
        (ImagesOrRows(images=3, rows=Masking()), "'images' .* a callable. Got 3"),
        (ImagesOrRows(images=RandomFlip, rows=Masking()), "'images' .* the class Rand"),
        (Chain([]), r"'steps' parameter of Chain must be a list .* Got \[\]"),
        (Chain(GaussianNoise()), r"'steps' .* Got GaussianNoise\(\)"),
        (Chain([GaussianNoise()]), r"'steps' .* Got \[GaussianNoise\(\)\]"),
        (Chain([("noise", GaussianNoise)]), "'steps' .* Got .*class"),
        (Chain([("noise", 0.5)]), r"'steps' .* Got \[\('noise', 0.5\)\]"),
        (Chain([(1, Masking())]), r"'steps' .* Got \[\(1, Masking\(\)\)\]"),
        (Chain([("a", Masking()), ("a", Masking())]), r"unique.* Got \['a', 'a'\]"),
        (Chain([("a__b", Masking())]), r"without '__'.* Got \['a__b'\]"),
        (Chain([("steps", Masking())]), r"not 'steps'.* Got \['steps'\]"),
        (Chain([("a", Masking(3))]), "'amount' parameter of Masking .* Got 3"),
    ],
)  # fmt: skip
def test_bad_parameters(corruption, message):
    with pytest.raises(ValueError, match=message):
        corruption(rand(2, 4, 4, 3), seeded())


@pytest.mark.parametrize("number", [np.float64, np.float32])
def test_parameters_may_be_numpys_numbers(number):
    x = rand(20, 8, 8)
    half, quarter, pair = number(0.5), number(0.25), (number(0.5), number(0.75))
    for corruption, expected in [
        (GaussianNoise(half, quarter, pair), GaussianNoise(0.5, 0.25, (0.5, 0.75))),
        (SaltAndPepper(half, quarter, half), SaltAndPepper(0.5, 0.25, 0.5)),
        (Masking(half, quarter), Masking(0.5, 0.25)),
        (RandomErasing(half, quarter), RandomErasing(0.5, 0.25)),
        (RandomErasing(pair), RandomErasing((0.5, 0.75))),
        (
            RandomAffine(half, half, pair, half),
            RandomAffine(0.5, 0.5, (0.5, 0.75), 0.5),
        ),
    ]:
        assert torch.equal(corruption(x, seeded()), expected(x, seeded()))


# -- Noise of single features -----------------------------------------------------


def assert_share(found, expected):
    """Compare the share of a feature's event with its probability, at 5 sigma."""
    sigma = math.sqrt(expected * (1 - expected) / found.numel())
    assert found.double().mean().item() == pytest.approx(expected, abs=5 * sigma)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.5), (0.5, 0.5), (-3.0, 10.0)])
def test_gaussian_noise(mean, std):
    x = rand(2000, 60, dtype=torch.float64)
    noise = GaussianNoise(mean, std)(x, seeded()) - x
    n = noise.numel()
    assert noise.mean().item() == pytest.approx(mean, abs=5 * std / math.sqrt(n))
    assert noise.var().item() == pytest.approx(std**2, rel=5 * math.sqrt(2 / n))
    # Normal: 68.27 % within one standard deviation, 95.45 % within two.
    assert_share((noise - mean).abs() < std, 0.6827)
    assert_share((noise - mean).abs() < 2 * std, 0.9545)
    # Of x, of neighbours and of the sample independent.
    for one, other in [
        (noise, x),
        (noise[:, 1:], noise[:, :-1]),
        (noise[1:], noise[:-1]),
    ]:
        pair = torch.stack((one.flatten(), other.flatten()))
        assert abs(torch.corrcoef(pair)[0, 1]) < 5 / math.sqrt(n)


@pytest.mark.parametrize("clip", [(0, 1), (-0.25, 0.75), (0.25, 2.0)])
def test_clipped_noise(clip):
    x = rand(500, 60)
    free = GaussianNoise(0.5, 0.5)(x, seeded())
    clipped = GaussianNoise(0.5, 0.5, clip=clip)(x, seeded())
    assert (clipped.min(), clipped.max()) == clip
    assert torch.equal(clipped, free.clamp(*clip))


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("salt_vs_pepper", [0.0, 0.5, 0.8, 1.0])
def test_salt_and_pepper(amount, salt_vs_pepper):
    low, high = 0.1, 0.7
    x = 2 + rand(1000, 60)
    out = SaltAndPepper(amount, salt_vs_pepper, low, high)(x, seeded())
    salt, pepper = out == torch.tensor(high), out == torch.tensor(low)
    assert_share(salt, amount * salt_vs_pepper)
    assert_share(pepper, amount * (1 - salt_vs_pepper))
    assert torch.equal(out[~(salt | pepper)], x[~(salt | pepper)])


def test_salt_and_pepper_of_images_by_default_is_white_and_black():
    out = SaltAndPepper(1.0)(rand(100, 6, 6, 3), seeded())
    assert out.unique().tolist() == [0, 1]
    # Channels of a pixel are drawn each by itself.
    assert_share((out[..., 0] == out[..., 1]), 0.5)


@pytest.mark.parametrize("fill_value", [0.0, -0.3])
@pytest.mark.parametrize("amount", [0.0, 0.25, 1.0])
def test_masking(amount, fill_value):
    x = rand(1000, 60) - 2
    out = Masking(amount, fill_value)(x, seeded())
    dropped = out == torch.tensor(fill_value)
    assert_share(dropped, amount)
    assert torch.equal(out[~dropped], x[~dropped])
    if amount == 0.25:
        assert_share(dropped[:, 1:] & dropped[:, :-1], amount**2)


# -- Images -----------------------------------------------------------------------


def erased_by(corruption, n_samples, *shape):
    """Whether each pixel was erased, from images of which no pixel is one."""
    x = rand(n_samples, *shape)
    out = RandomErasing(corruption.area, fill_value=1.0)(x, seeded())
    erased = out == 1
    assert torch.equal(out[~erased], x[~erased])
    return erased


def test_binarize_draws_ones_by_the_intensity():
    gray = torch.linspace(0, 1, 11).expand(20_000, 11)
    bits = Binarize()(gray, seeded())
    assert torch.equal(bits.unique(), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(bits.mean(dim=0), gray[0], atol=0.015, rtol=0)
    # What is black or white stays as it is.
    assert not bits[:, 0].any()
    assert bits[:, -1].all()


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


# -- Mirror images ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1000, 3, 4), (1000, 3, 4, 2)])
def test_some_images_are_mirrored(shape):
    x = rand(*shape)
    out = RandomFlip(0.3)(x, seeded())
    is_kept = (out == x).flatten(1).all(dim=1)
    assert torch.equal(out[~is_kept], x[~is_kept].flip(2))
    assert is_kept.double().mean() == pytest.approx(0.7, abs=0.05)
    assert torch.equal(RandomFlip(0.0)(x, seeded()), x)
    assert torch.equal(RandomFlip(1.0)(x, seeded()), x.flip(2))


# -- One after the other ----------------------------------------------------------


def test_chain_is_in_order():
    x = rand(20, 8, 8)
    noise, mask = GaussianNoise(std=0.1), Masking(0.5)
    generator = seeded()
    expected = mask(noise(x, generator), generator)
    out = Chain([("noise", noise), ("mask", mask)])(x, seeded())
    assert torch.equal(out, expected)
    assert (out == 0).any()
    assert not (Chain([("mask", mask), ("noise", noise)])(x, seeded()) == 0).any()


def test_a_function_may_be_a_step():
    chain = Chain([("negative", lambda x, generator: -x), ("mask", Masking(0.0))])
    x = rand(3, 4)
    assert torch.equal(chain(x, seeded()), -x)
    assert set(chain.get_params()) == {
        *("steps", "negative", "mask", "mask__amount", "mask__fill_value")
    }


def test_parameters_of_steps():
    inner = Chain([("noise", GaussianNoise())])
    chain = Chain([("inner", inner), ("mask", Masking())])
    copied = clone(chain)
    copied.set_params(inner__noise__std=0.3, mask=SaltAndPepper(), mask__amount=0.2)
    assert copied == Chain(
        [
            ("inner", Chain([("noise", GaussianNoise(std=0.3))])),
            ("mask", SaltAndPepper(0.2)),
        ]
    )
    assert chain == Chain([("inner", inner), ("mask", Masking())])
    assert inner.steps[0][1].std == 0.5
    assert chain.get_params()["inner__noise__std"] == 0.5
    assert chain.set_params(steps=[("mask", Masking())]).get_params().keys() == {
        *("steps", "mask", "mask__amount", "mask__fill_value")
    }
    with pytest.raises(ValueError, match="Invalid parameter 'noise' for estimator"):
        chain.set_params(noise__std=1.0)


# -- As augmentation --------------------------------------------------------------

IMAGES = (
    load_digits().images[:300, :, :, None].repeat(3, axis=3).astype(np.float32) / 16
)
IMAGES *= [1.0, 0.5, 0.25]


def make(**parameters):
    return AutoEncoderTransformer(
        4, hidden_layer_sizes=(16,), max_epochs=2, random_state=0, **parameters
    )


@pytest.mark.parametrize("corruption", ALL, ids=repr)
def test_as_augmentation(corruption):
    before = joblib.hash(corruption)
    first, same = (make(augmentation=corruption).fit(IMAGES) for _ in range(2))
    np.testing.assert_array_equal(first.transform(IMAGES), same.transform(IMAGES))
    plain = make().fit(IMAGES)
    assert np.abs(first.transform(IMAGES) - plain.transform(IMAGES)).max() > 1e-3
    assert first.loss_curve_[1] < first.loss_curve_[0]
    assert joblib.hash(corruption) == before


def test_augmentation_of_images_needs_images():
    rows = IMAGES.reshape(len(IMAGES), -1)
    with pytest.raises(
        ValueError, match=r"RandomErasing .*\(128, 192\); give image_sh"
    ):
        make(augmentation=RandomErasing()).fit(rows)
    fitted = make(augmentation=RandomErasing(), image_shape=(8, 8, 3)).fit(rows)
    assert fitted.transform(rows).shape == (300, 4)


def test_bad_parameters_end_a_fit():
    with pytest.raises(ValueError, match="'std' parameter of GaussianNoise"):
        make(augmentation=GaussianNoise(std=-1)).fit(IMAGES)


def test_parameters_are_searched():
    chain = Chain([("torn", RandomErasing()), ("noise", GaussianNoise())])
    grid = {
        "augmentation__torn__area": [0.9],
        "augmentation__noise__std": [0.1, 2.0],
    }
    search = GridSearchCV(make(augmentation=chain), grid, cv=2).fit(IMAGES)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    best = search.best_estimator_.augmentation
    assert best.get_params()["torn__area"] == 0.9
    assert chain.get_params()["torn__area"] == 0.25
    names = make(augmentation=GaussianNoise()).get_params()
    assert {"augmentation__mean", "augmentation__std", "augmentation__clip"} < set(
        names
    )


def test_own_code_is_told_from_what_draws_from_its_generator():
    def own(x, generator):
        return x

    chain = Chain([("mask", Masking()), ("noise", GaussianNoise())])
    assert not is_own_code(chain)
    assert is_own_code(Chain([("mask", Masking()), ("own", own)]))
    assert [is_own_code(code) for code in (None, own)] == [False, True]
    with pytest.raises(ValueError, match="'steps' parameter of Chain"):
        is_own_code(Chain("noise"))


# -- SwapNoise and ImagesOrRows ---------------------------------------------------


def test_swapped_values_come_from_the_same_feature():
    x = torch.arange(2000.0).view(200, 10)  # no value occurs twice
    out = SwapNoise(0.3)(x, seeded())
    swapped = out != x
    # One in two hundred is swapped with itself.
    assert swapped.float().mean().item() == pytest.approx(0.3 * 199 / 200, abs=0.03)
    assert torch.equal(out % 10, x % 10)
    # Each feature has a partner of its own.
    rows = (out[swapped] // 10).int()
    assert len(rows.unique()) > 150


def test_a_tenth_is_swapped_by_default():
    x = torch.arange(100_000.0).view(1000, 100)
    assert_share(SwapNoise()(x, seeded()) != x, 0.1 * 999 / 1000)


def test_swapped_pixels_stay_in_their_place():
    x = rand(50, 4, 5, 3)
    out = SwapNoise(1.0)(x, seeded())
    assert out.shape == x.shape
    assert all(
        torch.isin(out[:, i, j, c], x[:, i, j, c]).all()
        for i, j, c in itertools.product(range(4), range(5), range(3))
    )


def test_images_and_rows_are_corrupted_in_their_own_way():
    both = ImagesOrRows(images=RandomFlip(1.0), rows=Masking(1.0, fill_value=7.0))
    rows, images = rand(5, 6), rand(5, 2, 3)
    assert (both(rows, seeded()) == 7).all()
    assert torch.equal(both(images, seeded()), images.flip(2))
    assert both.set_params(rows__fill_value=8.0).rows.fill_value == 8.0
    assert not is_own_code(both)
    assert is_own_code(ImagesOrRows(images=lambda x, g: x, rows=Masking()))
