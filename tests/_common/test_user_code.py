"""Tests of what is taken for code that may draw from global generators."""

import functools

import pytest
import torch

import skae.corruption
from skae._common.user_code import is_user_code
from skae.corruption import (
    Chain,
    Corruption,
    GaussianNoise,
    ImagesOrRows,
    Masking,
    RandomFlip,
)


def own(x, generator):
    return x + torch.rand(x.shape)


class Inherited(GaussianNoise):
    def _corrupt(self, x, generator):
        return own(x, generator)


class Own(Corruption):
    def _corrupt(self, x, generator):
        return own(x, generator)


class Declared(Masking):
    uses_generator_only = True


class InheritedFromDeclared(Declared):
    pass


class OwnChain(Chain):
    pass


class OwnImagesOrRows(ImagesOrRows):
    pass


class Callable:
    """Not a corruption, but of their form."""

    uses_generator_only = True

    def __call__(self, x, generator):
        return x


class InheritedFromCallable(Callable):
    pass


def chain(*steps):
    return Chain([(f"step{i}", step) for i, step in enumerate(steps)])


CONCRETE = [
    getattr(skae.corruption, name)
    for name in skae.corruption.__all__
    if name not in ("Corruption", "Chain", "ImagesOrRows")
]


@pytest.mark.parametrize("kind", CONCRETE)
def test_our_own_corruptions_are_not_user_code(kind):
    assert not is_user_code(kind())
    assert vars(kind)["uses_generator_only"] is True


@pytest.mark.parametrize(
    "code",
    [
        own,
        lambda x, generator: x,
        functools.partial(own),
        torch.nn.Dropout(),
        Corruption(),
        Own(),
        Inherited(),
        InheritedFromDeclared(),
        InheritedFromCallable(),
        OwnChain([("mask", Masking())]),
        OwnImagesOrRows(images=RandomFlip(), rows=Masking()),
    ],
)
def test_what_users_write_is_user_code(code):
    assert is_user_code(code)
    assert is_user_code(chain(code))
    assert is_user_code(chain(Masking(), code, GaussianNoise()))
    assert is_user_code(chain(Masking(), chain(code)))
    assert is_user_code(ImagesOrRows(images=code, rows=Masking()))
    assert is_user_code(ImagesOrRows(images=RandomFlip(), rows=code))
    assert is_user_code(ImagesOrRows(images=RandomFlip(), rows=chain(code)))
    assert is_user_code(chain(ImagesOrRows(images=code, rows=Masking())))


@pytest.mark.parametrize(
    "code",
    [
        None,
        Declared(),
        Callable(),
        chain(Masking(), GaussianNoise()),
        chain(chain(Masking()), Declared()),
        ImagesOrRows(images=RandomFlip(), rows=chain(Masking())),
        chain(ImagesOrRows(images=RandomFlip(), rows=Masking())),
    ],
)
def test_what_declares_it_is_not_user_code(code):
    assert not is_user_code(code)


def test_steps_are_read_when_it_is_requested():
    steps = chain(Masking())
    assert not is_user_code(steps)
    assert is_user_code(steps.set_params(step0=own))


def test_a_chain_is_checked_before():
    with pytest.raises(ValueError, match="'steps' parameter of Chain"):
        is_user_code(Chain("noise"))
