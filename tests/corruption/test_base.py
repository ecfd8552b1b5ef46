"""Tests of what all corruptions have in common."""

import math
import pickle
import random

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

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
         r"\[0.0, inf\) or .* 'tuple'. Got -0.1"),
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


def test_bad_parameters_end_a_fit():
    with pytest.raises(ValueError, match="'std' parameter of GaussianNoise"):
        make(augmentation=GaussianNoise(std=-1)).fit(IMAGES)
