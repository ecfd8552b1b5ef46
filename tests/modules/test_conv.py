"""Tests of the convolutional modules."""

import copy
import pickle
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skae.modules import ConvAutoencoder, ConvDecoder, ConvEncoder

SHAPES = [
    *((28, 28), (32, 32, 3), (8, 8, 2), (5, 7, 3), (13, 2), (3, 1), (1, 6, 2)),
    *((1, 1), (1, 1, 4)),
]


def rows_of(image_shape, n=5):
    x = torch.randn(n, *image_shape, generator=torch.Generator().manual_seed(0))
    return x.flatten(1)


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("image_shape", SHAPES)
@pytest.mark.parametrize("channels", [(3,), (4, 5), (4, 3, 2, 6)])
def test_any_image_comes_back_in_its_shape(image_shape, channels):
    module, x = ConvAutoencoder(image_shape, 3, channels), rows_of(image_shape)
    assert module.encode(x).shape == (5, 3)
    output = module(x)
    assert output.shape == x.shape
    assert output.is_contiguous()
    sides = torch.tensor(image_shape[:2])
    maps = module.encoder.feature_maps(x)
    assert module.encoder.map_channels == ((*image_shape, 1)[2], *channels)
    for i, (n_channels, some) in enumerate(
        zip(module.encoder.map_channels, maps, strict=True)
    ):
        assert some.shape == (5, n_channels, *torch.ceil(sides / 2**i).long())


@pytest.mark.parametrize("image_shape", SHAPES)
def test_gradient_reaches_all_parameters(image_shape):
    torch.manual_seed(0)
    module = ConvAutoencoder(image_shape, 3, (4, 6), activation="tanh")
    module(rows_of(image_shape)).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_published_network_has_54_thousand_parameters():
    # The lecture's: convolutions of 16, 32 and 64 channels and a code of two numbers.
    module = ConvAutoencoder((28, 28), 2, channels=(16, 32, 64))
    assert n_parameters(module) == 53_971
    convs = [layer for layer in module.encoder.modules() if type(layer) is nn.Conv2d]
    assert [conv.out_channels for conv in convs] == [16, 32, 64]
    assert {(conv.kernel_size, conv.stride) for conv in convs} == {((3, 3), (2, 2))}


def test_parameter_counts_of_the_docstring():
    cell = r"(\([\d, ]+\)) +(\([\d, ]+\)) +(\d+) +([\d,]+)"
    lines = re.findall(cell, ConvAutoencoder.__doc__)
    assert len(lines) == 4
    for image_shape, channels, n_components, count in lines:
        image_shape, channels = eval(image_shape), eval(channels)
        module = ConvAutoencoder(image_shape, int(n_components), channels)
        assert n_parameters(module) == int(count.replace(",", ""))

    # The formula, on an image of which 3 x 2 pixels are left.
    a, b, c, m, k = 5, 7, 3, 3 * 2, 4
    n_weights = 9 * (c * a + a * b) + m * b * k
    n_weights += k * m * b + 9 * (b * a + a * a + a * c)
    n_biases = (a + b + k) + (m * b + a + a + c)
    module = ConvAutoencoder((10, 8, c), k, (a, b))
    assert n_parameters(module) == n_weights + n_biases


def test_rows_are_images_with_channels_last():
    encoder = ConvEncoder((6, 4, 3), 2, (5,))
    images = torch.randn(8, 6, 4, 3, generator=torch.Generator().manual_seed(0))
    conv, linear = encoder.stages[0][0], encoder.to_code
    maps = F.relu(F.conv2d(images.movedim(3, 1), conv.weight, conv.bias, 2, 1))
    expected = F.linear(maps.movedim(1, 3).flatten(1), linear.weight, linear.bias)
    torch.testing.assert_close(encoder(images.flatten(1)), expected)

    decoder = ConvDecoder((6, 4, 3), 2, (5,))
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        decoder.image.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    output = decoder(torch.zeros(8, 2)).view(8, 6, 4, 3)
    assert torch.equal(output, torch.tensor([1.0, 2.0, 3.0]).expand(8, 6, 4, 3))


@pytest.mark.parametrize("image_shape", [(9, 4), (7, 8)])
def test_pixels_stay_in_their_place(image_shape):
    """A pixel reaches only output near it, when nothing goes through the code."""
    height, width = image_shape
    encoder = ConvEncoder(image_shape, 1, (2,), "identity")
    decoder = ConvDecoder(image_shape, 1, (2,), "identity", encoder.map_channels)
    x = rows_of(image_shape, 1).requires_grad_()
    output = decoder(torch.zeros(1, 1), encoder.feature_maps(x))
    for row, column in [(0, 0), (height - 1, width - 1), (3, 2)]:
        (grad,) = torch.autograd.grad(
            output[0, row * width + column], x, retain_graph=True
        )
        where = grad.view(height, width).nonzero()
        distance = (where - torch.tensor([row, column])).abs()
        # Each of the three layers on the way reaches one pixel further.
        assert len(where) > 0
        assert distance.max() <= 3


def test_transposed_network_passes_the_same_on_transposed_images():
    module = ConvAutoencoder((6, 9, 2), 3, (4, 5))
    mirror = ConvAutoencoder((9, 6, 2), 3, (4, 5))
    n_rows, n_columns, n_channels = 2, 3, 5
    with torch.no_grad():
        for (name, there), here in zip(
            mirror.named_parameters(), module.parameters(), strict=True
        ):
            if here.dim() == 4:
                there.copy_(here.transpose(2, 3))
            elif name == "encoder.to_code.weight":
                grid = here.view(3, n_rows, n_columns, n_channels)
                there.copy_(grid.transpose(1, 2).reshape(3, -1))
            elif name.startswith("decoder.maps.0"):
                grid = here.view(n_rows, n_columns, n_channels, -1)
                there.copy_(grid.transpose(0, 1).reshape(there.shape))
            else:
                there.copy_(here)
    images = rows_of((6, 9, 2)).view(5, 6, 9, 2)
    expected = module(images.flatten(1)).view(5, 6, 9, 2).transpose(1, 2)
    output = mirror(images.transpose(1, 2).flatten(1)).view(5, 9, 6, 2)
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_signals_neither_grow_nor_fade_at_the_start(activation):
    torch.manual_seed(0)
    module = ConvAutoencoder((32, 32, 8), 256, (64, 64, 64, 64), activation)
    sizes = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(
                lambda layer, x, y: sizes.append(y.square().mean().item())
            )
    with torch.no_grad():
        module(rows_of((32, 32, 8), 64))
    assert len(sizes) == 4 + 1 + 1 + 4 + 1
    # Some is lost through the eleven layers, at the images' margins of zeros.
    assert max(sizes) < 1.5
    assert min(sizes) > 0.05


def test_skips_reach_the_output():
    encoder = ConvEncoder((9, 6, 1), 2, (4, 5))
    decoder = ConvDecoder((9, 6, 2), 2, (4, 5), skip_channels=encoder.map_channels)
    x = rows_of((9, 6))
    h, maps = encoder(x), encoder.feature_maps(x)
    output = decoder(h, maps)
    assert output.shape == (5, 9 * 6 * 2)
    for i, some in enumerate(maps):
        changed = [*maps]
        changed[i] = some + 1.0
        assert not torch.allclose(decoder(h, changed), output)
    for missing in (None, maps[1:]):
        with pytest.raises((RuntimeError, ValueError)):
            decoder(h, missing)


def test_float64_and_copies():
    module, x = ConvAutoencoder((5, 6, 2), 3, (4, 5)), rows_of((5, 6, 2))
    exact = copy.deepcopy(module).double()
    assert exact(x.double()).dtype == torch.float64
    torch.testing.assert_close(exact(x.double()).float(), module(x))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x), module(x))


def test_one_sample_is_as_in_a_batch():
    module, x = ConvAutoencoder((5, 6), 3, (4, 5)).double(), rows_of((5, 6)).double()
    for mode in (True, False):
        module.train(mode)
        alone = torch.cat([module(row[None]) for row in x])
        torch.testing.assert_close(alone, module(x))


@pytest.mark.parametrize("kind", [ConvAutoencoder, ConvEncoder, ConvDecoder])
def test_no_stages_is_an_error(kind):
    with pytest.raises(ValueError, match=r"channels=\(\) must hold one number or more"):
        kind((8, 8), 2, ())
