"""Tests of the rule for the type of the matrix products."""

import pytest
import torch
from torch import nn

from skae._training import compute_dtype as rule
from skae._training import resolve_compute_dtype

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
    found = resolve_compute_dtype("auto", module, batch_size, CPU)
    assert found == (torch.bfloat16 if fast and large else torch.float32)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_explicit_choice_is_respected(fast, name):
    for module in (layers((2, 2)), layers((2**13, 2**13))):
        assert resolve_compute_dtype(name, module, 512, CPU) == getattr(torch, name)
