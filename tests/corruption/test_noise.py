"""Tests of the corruptions of single features against their definitions."""

import itertools
import math

import pytest
import torch

from skae.corruption import Binarize, GaussianNoise, Masking, SaltAndPepper, SwapNoise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rand(*shape, dtype=torch.float32):
    return torch.rand(shape, generator=seeded(99), dtype=dtype)


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


def test_noise_of_each_feature():
    x = torch.zeros(10_000, 3)
    noise = GaussianNoise(std=(0.0, 1.0, 1e3))(x, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        noise.std(dim=0), torch.tensor([0.0, 1.0, 1e3]), rtol=0.05, atol=0.0
    )
    assert GaussianNoise(std=(1.0, 2.0)) == GaussianNoise(std=(1.0, 2.0))


@pytest.mark.parametrize(
    ("std", "shape", "message"),
    [
        ((1.0, 2.0), (5, 3), "std for 2 features of a table"),
        ((1.0, 2.0), (5, 2, 2), "std for 2 features of a table"),
        ((1.0, -2.0), (5, 2), "at least 0"),
        ((1.0, "a"), (5, 2), "at least 0"),
    ],
)
def test_wrong_noise_of_features_is_refused(std, shape, message):
    with pytest.raises(ValueError, match=message):
        GaussianNoise(std=std)(torch.zeros(shape), torch.Generator())


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


def test_binarize_draws_ones_by_the_intensity():
    gray = torch.linspace(0, 1, 11).expand(20_000, 11)
    bits = Binarize()(gray, seeded())
    assert torch.equal(bits.unique(), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(bits.mean(dim=0), gray[0], atol=0.015, rtol=0)
    # What is black or white stays as it is.
    assert not bits[:, 0].any()
    assert bits[:, -1].all()


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
