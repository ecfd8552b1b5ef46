"""Tests of the corruptions that are made of others."""

import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skae import AutoEncoderTransformer
from skae.corruption import (
    Chain,
    GaussianNoise,
    ImagesOrRows,
    Masking,
    RandomErasing,
    RandomFlip,
    SaltAndPepper,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rand(*shape, dtype=torch.float32):
    return torch.rand(shape, generator=seeded(99), dtype=dtype)


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


def test_images_and_rows_are_corrupted_in_their_own_way():
    both = ImagesOrRows(images=RandomFlip(1.0), rows=Masking(1.0, fill_value=7.0))
    rows, images = rand(5, 6), rand(5, 2, 3)
    assert (both(rows, seeded()) == 7).all()
    assert torch.equal(both(images, seeded()), images.flip(2))
    assert both.set_params(rows__fill_value=8.0).rows.fill_value == 8.0


def test_parameters_are_searched():
    chain = Chain([("torn", RandomErasing()), ("noise", GaussianNoise())])
    grid = {
        "augmentation__torn__area": [0.9],
        "augmentation__noise__std": [0.1, 2.0],
    }
    model = AutoEncoderTransformer(
        4,
        hidden_layer_sizes=(16,),
        max_epochs=2,
        random_state=0,
        augmentation=chain,
    )
    search = GridSearchCV(model, grid, cv=2).fit(load_digits().images[:300] / 16)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    best = search.best_estimator_.augmentation
    assert best.get_params()["torn__area"] == 0.9
    assert chain.get_params()["torn__area"] == 0.25
    names = model.set_params(augmentation=GaussianNoise()).get_params()
    assert {"augmentation__mean", "augmentation__std", "augmentation__clip"} < set(
        names
    )
