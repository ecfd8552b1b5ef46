"""Activations by name and by class, normalization and dropout of hidden layers."""

import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skae.modules import ConvEncoder, DenseAutoencoder
from skae.modules._hidden import ACTIVATIONS, after_layer, gain_of, make_activation

VALUES = torch.linspace(-3, 3, 13)
EXPECTED = {
    "identity": lambda x: x,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    nn.ELU: F.elu,
    partial(nn.LeakyReLU, 0.2): lambda x: torch.where(x > 0, x, 0.2 * x),
}


@pytest.mark.parametrize("activation", EXPECTED)
def test_activations(activation):
    made = make_activation(activation)
    torch.testing.assert_close(made(VALUES), EXPECTED[activation](VALUES))
    assert made.training


def test_every_name_is_tested():
    assert set(ACTIVATIONS) < set(EXPECTED)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (nn.GELU(), "is a built GELU; pass its class"),
        (partial(nn.Linear, 3, 3), "maps each number to one"),
        (nn.Linear, "without arguments that maps each number to one. TypeError"),
        (dict, "must make a torch.nn.Module"),
        (nn.Flatten, "it made Flatten"),
    ],
)
def test_what_is_not_an_activation_is_refused(activation, message):
    with pytest.raises(ValueError, match=message) as raised:
        make_activation(activation)
    assert re.match("activation", str(raised.value))


def test_a_class_starts_as_its_name_does():
    modules = []
    for activation in ("relu", nn.ReLU):
        torch.manual_seed(0)
        modules.append(DenseAutoencoder(6, 2, (5,), activation))
    for one, other in zip(*(m.parameters() for m in modules), strict=True):
        assert torch.equal(one, other)
    assert gain_of(nn.Tanh) == gain_of("tanh") == 1.0


def test_order_of_what_follows_a_layer():
    kinds = [type(layer) for layer in after_layer(4, nn.GELU, 0.5, "layer_norm")]
    assert kinds == [nn.LayerNorm, nn.GELU, nn.Dropout]
    assert len(after_layer(4, "relu")) == 1


def test_batch_norm_of_rows_and_of_maps():
    generator = torch.Generator().manual_seed(0)
    for maps, shape in ((False, (50, 4)), (True, (50, 4, 3, 2))):
        norm, _ = after_layer(4, "identity", 0.0, "batch_norm", maps=maps)
        out = norm(3 * torch.randn(shape, generator=generator) + 5)
        others = [axis for axis in range(len(shape)) if axis != 1]
        torch.testing.assert_close(out.mean(others), torch.zeros(4), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            out.var(others, correction=0), torch.ones(4), atol=1e-4, rtol=0
        )


def test_layer_norm_of_rows_and_of_maps():
    generator = torch.Generator().manual_seed(0)
    for maps, shape in ((False, (5, 40)), (True, (5, 40, 3, 2))):
        norm, _ = after_layer(40, "identity", 0.0, "layer_norm", maps=maps)
        out = norm(3 * torch.randn(shape, generator=generator) + 5).flatten(1)
        torch.testing.assert_close(out.mean(1), torch.zeros(5), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            out.var(1, correction=0), torch.ones(5), atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("maps", [False, True])
def test_one_value_is_normalized_as_in_inference(maps):
    norm, _ = after_layer(4, "identity", 0.0, "batch_norm", maps=maps)
    x = torch.full((1, 4, 1, 1) if maps else (1, 4), 3.0)
    torch.testing.assert_close(norm(x), norm.eval()(x))


def test_dropout_is_of_hidden_layers_and_of_training_only():
    module = DenseAutoencoder(6, 2, (50,), dropout=0.5)
    x = torch.ones(4, 6)
    assert not torch.equal(module.encode(x), module.encode(x))
    module.eval()
    assert torch.equal(module.encode(x), module.encode(x))
    encoder = ConvEncoder((4, 4), 2, (3, 5), dropout=0.5, normalization="layer_norm")
    kinds = [type(layer).__name__ for layer in encoder.stages[0]]
    assert kinds == ["Conv2d", "GroupNorm", "ReLU", "Dropout"]
