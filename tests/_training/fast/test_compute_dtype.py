import pytest
import torch
from torch import nn

from skae._training.fast import compute_dtype
from skae._training.fast.compute_dtype import (
    MIN_PRODUCTS_FOR_BFLOAT16,
    has_fast_bfloat16,
    resolve_compute_dtype,
)
from skae.modules import ConvAutoencoder, ConvColorizer, DenseAutoencoder

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
def is_fast(request, monkeypatch):
    monkeypatch.setattr(
        compute_dtype, "has_fast_bfloat16", lambda device: request.param
    )
    return request.param


def layers(*sizes):
    return nn.Sequential(*(nn.Linear(*size, device="meta") for size in sizes))


LIMIT = MIN_PRODUCTS_FOR_BFLOAT16


@pytest.mark.parametrize(
    ("module", "batch_size", "large"),
    [
        (layers((1024, 1024)), LIMIT // 1024**2, True),
        (layers((1024, 1024)), LIMIT // 1024**2 - 1, False),
        # The average of the matrices counts, not their sum; biases do not.
        (layers((1024, 1024), (512, 1024)), LIMIT // 1024**2, False),
        (layers((1024, 1024), (512, 1024)), LIMIT // (3 * 2**18) + 1, True),
        (nn.BatchNorm1d(2**20), 2**20, False),
    ],
)
def test_auto_follows_from_shapes_and_hardware(is_fast, module, batch_size, large):
    found = resolve_compute_dtype("auto", module, batch_size, 1024, CPU)
    assert found == (torch.bfloat16 if is_fast and large else torch.float32)


def test_weights_of_a_convolution_count_once_per_pixel(is_fast):
    module = ConvAutoencoder((28, 28), 16, (32, 64))
    # Layer by layer: pixels, kernel, channels in and out; the code's maps are dense.
    encoder = 14**2 * 9 * 32 + 7**2 * 9 * 32 * 64 + 7**2 * 64 * 16
    decoder = 16 * 7**2 * 64 + 7**2 * 9 * 64 * 32 + 14**2 * 9 * 32 * 32 + 28**2 * 9 * 32
    products = compute_dtype._products_per_layer(module, 784, CPU)
    assert products == (encoder + decoder) / 7
    least = -(-7 * LIMIT // (encoder + decoder))
    for batch_size, large in [(least, True), (least - 1, False)]:
        found = resolve_compute_dtype("auto", module, batch_size, 784, CPU)
        assert found == (torch.bfloat16 if is_fast and large else torch.float32)
    colorizer = ConvColorizer((32, 32), 16)
    found = resolve_compute_dtype("auto", colorizer, 128, 1024, CPU)
    assert found == (torch.bfloat16 if is_fast else torch.float32)


def test_affine_maps_beside_networks_do_not_count():
    products = [
        compute_dtype._products_per_layer(
            DenseAutoencoder(784, 16, (256, 64), skip_connection=skip), 784, CPU
        )
        for skip in (False, True)
    ]
    assert products == [(784 * 256 + 256 * 64 + 64 * 16) / 3] * 2


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_explicit_choice_is_respected(is_fast, name):
    for module in (layers((2, 2)), layers((2**13, 2**13))):
        assert resolve_compute_dtype(name, module, 512, 2, CPU) == getattr(torch, name)


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


def test_apples_gpus_stay_with_float32():
    assert has_fast_bfloat16(torch.device("mps")) is False
