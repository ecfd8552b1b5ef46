"""Tests of seeds and generators."""

import random
import threading
from itertools import product

import numpy as np
import pytest
import torch

from skae._common.runtime import draw_seed, isolated_generators, make_generator

CPU = torch.device("cpu")


def draw():
    """Draw from each of the global generators."""
    return random.random(), np.random.rand(), torch.rand(1).item()


def states():
    return (
        random.getstate(),
        repr(np.random.get_state()),
        torch.get_rng_state().tolist(),
    )


def test_draw_seed_follows_random_state():
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    state = np.random.RandomState(3)
    assert [draw_seed(state), draw_seed(state)] != [draw_seed(3)] * 2
    assert 0 <= draw_seed(0) < 2**31 - 1


def test_draw_seed_of_none_draws_from_numpy():
    before = np.random.get_state()
    try:
        np.random.seed(0)
        first, second = draw_seed(None), draw_seed(None)
        np.random.seed(0)
        assert draw_seed(None) == first != second
    finally:
        np.random.set_state(before)


def test_generators_of_one_seed_differ_by_stream():
    def numbers(*seed_and_stream):
        return tuple(torch.rand(4, generator=make_generator(*seed_and_stream)).tolist())

    before = states()
    streams = list(product(range(3), repeat=3))
    assert len({numbers(*stream) for stream in streams}) == len(streams)
    assert numbers(0, 1, 2) == numbers(0, 1, 2)
    assert states() == before


def test_isolated_generators_are_seeded_inside_and_untouched_outside():
    before = states()
    with isolated_generators(5, CPU):
        first = draw()
        with isolated_generators(6, CPU):
            other = draw()
        second = draw()
    with isolated_generators(5, CPU):
        assert (draw(), draw()) == (first, second)
    assert len({first, second, other}) == 3
    with pytest.raises(KeyboardInterrupt), isolated_generators(5, CPU):  # noqa: PT012
        draw()
        raise KeyboardInterrupt
    assert states() == before


def test_one_thread_at_a_time_is_inside():
    before, drawn = states(), {}

    def inside(seed):
        with isolated_generators(seed, CPU):
            drawn[seed] = draw()

    with isolated_generators(1, CPU):
        other = threading.Thread(target=inside, args=(2,))
        other.start()
        other.join(timeout=0.2)  # without a lock it would draw now
        drawn[1] = draw()
    other.join()
    expected = dict(drawn)
    for seed in (1, 2):
        inside(seed)
    assert drawn == expected
    assert states() == before


def test_another_thread_draws_no_seed_from_the_isolated_generators():
    before, seeds = np.random.get_state(), []
    try:
        with isolated_generators(1, CPU):
            other = threading.Thread(target=lambda: seeds.append(draw_seed(None)))
            other.start()
            other.join(timeout=0.2)
        other.join()
    finally:
        np.random.set_state(before)
    assert seeds == [draw_seed(None)]
    np.random.set_state(before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_gpus_generators_are_untouched(device):
    before = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    with isolated_generators(5, torch.device(device)):
        torch.rand(1, device=device)
    assert [state.tolist() for state in torch.cuda.get_rng_state_all()] == before
