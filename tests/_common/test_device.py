"""Tests of the definition of which devices are there."""

import pytest
import torch

from skae._common.runtime import (
    available_devices,
    default_modes,
    resolve_device,
)
from skae._training.fast.dense_step import has_fast_bfloat16

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


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


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True)])
def test_gpus_with_fast_bfloat16(monkeypatch, capability, fast):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert has_fast_bfloat16(CUDA) is fast


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize("amx", [True, False])
def test_cpus_with_fast_bfloat16(monkeypatch, avx512, amx):
    answers = {"_is_avx512_bf16_supported": avx512, "_is_amx_tile_supported": amx}
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cpu, name, lambda answer=answer: answer, False)
    assert has_fast_bfloat16(CPU) is (avx512 or amx)
    for name in answers:  # a version of torch that cannot say
        monkeypatch.delattr(torch.cpu, name)
    assert has_fast_bfloat16(CPU) is False


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


def test_apples_gpus_stay_with_float32():
    assert has_fast_bfloat16(torch.device("mps")) is False
