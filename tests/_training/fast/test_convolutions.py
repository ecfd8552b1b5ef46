"""Gradients of convolutions are those of torch."""

import pytest
import torch
from torch import nn

from skae._training.fast.convolutions import _Convolution, with_fast_convolutions
from skae.modules import ConvAutoencoder, ConvEncoder

# Layers, and whether their gradients are not left to torch.
LAYERS = {
    "narrow": (nn.Conv2d(5, 2, (3, 2), padding=(1, 0)), True),
    "narrow, without a bias": (nn.Conv2d(4, 1, 3, bias=False), True),
    "wide": (nn.Conv2d(4, 20, 3), False),
    "padded by more than its kernel": (nn.Conv2d(4, 1, 2, padding=2), False),
    "padded by name": (nn.Conv2d(4, 1, 3, padding="same"), False),
    "with a stride": (nn.Conv2d(4, 1, 3, stride=2), False),
    "in groups": (nn.Conv2d(4, 2, 3, groups=2), False),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, 2, 1, (1, 0)), True),
    "transposed, in groups": (nn.ConvTranspose2d(4, 4, 3, groups=2, dilation=2), True),
    "transposed, without a bias": (nn.ConvTranspose2d(3, 4, 3, bias=False), False),
}


class WithSlowLayer(nn.Module):
    """A function, and a layer for which convolutions are made faster at all."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.slow = nn.Conv2d(3, 1, 3)

    def forward(self, x):
        return self.function(x)


def gradients(layer, function, x, dtype):
    """Return the outputs of a function and all gradients."""
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        output = function(x)
    weights = torch.linspace(-1, 1, output.numel()).view(output.shape)
    parameters = layer.parameters()
    return output, *torch.autograd.grad((output * weights).sum(), [x, *parameters])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_torch(name, dtype, monkeypatch):
    layer, is_faster = LAYERS[name]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, layer.in_channels, 7, 5, generator=generator)
    x.requires_grad_()
    calls, apply = [], _Convolution.apply
    monkeypatch.setattr(
        _Convolution, "apply", lambda *args: calls.append(args) or apply(*args)
    )
    expected = gradients(layer, layer, x, dtype)
    found = gradients(layer, with_fast_convolutions(WithSlowLayer(layer)), x, dtype)
    assert len(calls) == is_faster
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        atol = 1e-5 * other.abs().max().item() if dtype == torch.float32 else 0.0
        torch.testing.assert_close(one, other, rtol=2**-7, atol=max(atol, 1e-6))


def test_sizes_may_be_passed_as_numbers():
    x, weight = torch.arange(72.0).view(2, 4, 3, 3), torch.ones(4, 1, 2, 2)

    def convolve(x):
        return (
            torch.conv_transpose2d(x, weight, torch.ones(1), 2, padding=1),
            torch.conv2d(x, weight.transpose(0, 1), stride=1, padding=1),
        )

    found = with_fast_convolutions(WithSlowLayer(convolve))(x)
    for one, other in zip(found, convolve(x), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_gradients_of_gradients():
    # As a contractive penalty takes them.
    layer = nn.ConvTranspose2d(2, 3, 3, 2).double()
    x = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(with_fast_convolutions(layer), x)


def test_only_modules_that_need_it():
    for module in (ConvEncoder((8, 8), 2), nn.Linear(3, 1)):
        assert with_fast_convolutions(module) is module
    module = ConvAutoencoder((8, 8), 2)
    assert with_fast_convolutions(module) is not module
