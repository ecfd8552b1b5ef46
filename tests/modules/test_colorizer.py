"""ConvColorizer: the gray goes round the bottleneck."""

import copy
import pickle
import re

import pytest
import torch

from skae.modules import ConvColorizer
from skae.modules._colorizer import chroma_basis

WEIGHTS = [(1 / 3, 1 / 3, 1 / 3), (0.299, 0.587, 0.114)]


def rows(shape, n=5):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)).flatten(1)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_basis_is_orthonormal_and_has_no_gray(weights):
    basis = chroma_basis(weights)
    torch.testing.assert_close(basis @ basis.T, torch.eye(2))
    torch.testing.assert_close(basis @ torch.tensor(weights), torch.zeros(2))


@pytest.mark.parametrize("skip_connections", [True, False])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [(8, 8), (9, 4), (1, 1)])
def test_gray_of_the_output_is_the_input(shape, weights, skip_connections):
    torch.manual_seed(0)
    module = ConvColorizer(
        shape,
        3,
        (4, 6),
        skip_connections=skip_connections,
        gray_weights=weights,
    ).double()
    x = rows(shape).double()
    color = module(x).view(5, -1, 3)
    gray = color @ torch.tensor(weights, dtype=torch.float64)
    torch.testing.assert_close(gray, x, atol=1e-6, rtol=0)
    assert (color - gray.unsqueeze(2)).abs().max() > 0
    assert module.encode(x).shape == (5, 3)


def test_gradient_reaches_all_parameters():
    torch.manual_seed(0)
    module = ConvColorizer((9, 7), 3, (4, 6), "tanh")
    (module(rows((9, 7))) - 1).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_output_keeps_the_gray_of_float32_under_autocast():
    module, x = ConvColorizer((8, 8), 3, (4, 6)), rows((8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        color = module(x)
    assert color.dtype == torch.float32
    torch.testing.assert_close(color.view(5, -1, 3).mean(dim=2), x, atol=1e-6, rtol=0)


def test_parameter_counts_of_the_docstring():
    counts = re.findall(r"([\d,]{9})[ ,.]", ConvColorizer.__doc__)
    made = [
        ConvColorizer((32, 32), 256, skip_connections=skip) for skip in (True, False)
    ]
    assert [int(count.replace(",", "")) for count in counts] == [
        sum(p.numel() for p in module.parameters()) for module in made
    ]


def test_copies_answer_alike():
    module, x = ConvColorizer((5, 6), 3, (4, 5)), rows((5, 6))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x), module(x))
