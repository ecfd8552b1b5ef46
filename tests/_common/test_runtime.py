"""Tests of devices, torch's modes, seeds and generators."""

import random
import threading
from itertools import product

import numpy as np
import pytest
import torch

from skae._common.runtime import (
    available_devices,
    default_modes,
    draw_seed,
    isolated_generators,
    make_generator,
    reseed,
    resolve_device,
)

CPU = torch.device("cpu")


# -- Devices and modes ------------------------------------------------------------


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(no_accelerator, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_without_accelerator_there_is_the_cpu(no_accelerator):
    assert available_devices() == ["cpu"]
    assert resolve_device("auto") == CPU


@pytest.mark.parametrize(
    ("device", "resolved"),
    [
        ("auto", "cuda:0"),
        ("cuda", "cuda:0"),
        ("cuda:1", "cuda:1"),
        (torch.device("cuda"), "cuda:0"),
        (torch.device("cuda:1"), "cuda:1"),
        ("cpu", "cpu"),
        ("cpu:0", "cpu"),
    ],
)
def test_names_of_devices(two_gpus, device, resolved):
    assert available_devices() == ["cuda:0", "cuda:1", "cpu"]
    assert str(resolve_device(device)) == resolved


def test_auto_takes_apples_gpu(no_accelerator, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("mps") == torch.device("mps")


@pytest.mark.parametrize("device", ["cuda:2", torch.device("cuda:7"), "mps", "meta"])
def test_absent_device_is_an_error_that_says_what_is_there(two_gpus, device):
    with pytest.raises(
        ValueError, match=r"not available.*: cuda:0, cuda:1, cpu\."
    ) as e:
        resolve_device(device)
    assert f"device={device!r}" in str(e.value)


@pytest.mark.parametrize("device", ["nonsense", "cuda:one", ""])
def test_unknown_device_is_an_error_that_says_what_is_allowed(device):
    with pytest.raises(ValueError, match=rf"device='{device}' is not a device.*'auto'"):
        resolve_device(device)


def test_default_modes_are_those_of_a_new_session():
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert (x @ x).dtype == torch.bfloat16
        with default_modes(torch.device("cpu")):
            assert (x @ x).dtype == torch.float32
            assert torch.is_grad_enabled()
    with torch.inference_mode(), default_modes(torch.device("cpu")):
        assert not torch.ones(1).is_inference()
    with torch.device("meta"), default_modes(torch.device("cpu")):
        assert torch.ones(1).device.type == "cpu"
    torch.set_default_dtype(torch.float64)
    try:
        with default_modes(torch.device("cpu")):
            assert torch.ones(1).dtype == torch.float32
        assert torch.ones(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# -- Seeds and generators ---------------------------------------------------------


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


def test_reseeding_begins_a_stream_again():
    generator = torch.Generator()
    first = torch.rand(4, generator=reseed(generator, 7, 2, 1))
    assert torch.equal(torch.rand(4, generator=make_generator(7, 2, 1)), first)
    assert not torch.equal(torch.rand(4, generator=generator), first)
    assert reseed(generator, 7, 2, 1) is generator
    assert torch.equal(torch.rand(4, generator=generator), first)
    assert not torch.equal(torch.rand(4, generator=reseed(generator, 7, 1, 2)), first)


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
