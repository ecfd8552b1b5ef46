"""Tests of the rule for the type of the matrix products."""

import pytest
import torch
from torch import nn

from skae._training import compute_dtype as rule
from skae._training import resolve_compute_dtype
from skae.modules import ConvAutoencoder, ConvColorizer

CPU = torch.device("cpu")
LIMIT = rule.WORTHWHILE_PRODUCTS


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
def fast(request, monkeypatch):
    monkeypatch.setattr(rule, "has_fast_bfloat16", lambda device: request.param)
    return request.param


def layers(*sizes):
    return nn.Sequential(*(nn.Linear(*size, device="meta") for size in sizes))


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
def test_auto_follows_from_shapes_and_hardware(fast, module, batch_size, large):
    found = resolve_compute_dtype("auto", module, batch_size, 1024, CPU)
    assert found == (torch.bfloat16 if fast and large else torch.float32)


def test_weights_of_a_convolution_count_once_a_pixel(fast):
    module = ConvAutoencoder((28, 28), 16, (32, 64))
    # Layer by layer: pixels, kernel, channels in and out; the code's maps are dense.
    encoder = 14**2 * 9 * 32 + 7**2 * 9 * 32 * 64 + 7**2 * 64 * 16
    decoder = 16 * 7**2 * 64 + 7**2 * 9 * 64 * 32 + 14**2 * 9 * 32 * 32 + 28**2 * 9 * 32
    assert rule._products_a_layer(module, 784, CPU) == (encoder + decoder) / 7
    least = -(-7 * LIMIT // (encoder + decoder))
    for batch_size, large in [(least, True), (least - 1, False)]:
        found = resolve_compute_dtype("auto", module, batch_size, 784, CPU)
        assert found == (torch.bfloat16 if fast and large else torch.float32)
    colorizer = ConvColorizer((32, 32), 16)
    found = resolve_compute_dtype("auto", colorizer, 128, 1024, CPU)
    assert found == (torch.bfloat16 if fast else torch.float32)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_explicit_choice_is_respected(fast, name):
    for module in (layers((2, 2)), layers((2**13, 2**13))):
        assert resolve_compute_dtype(name, module, 512, 2, CPU) == getattr(torch, name)
