"""Tests of the fully connected modules."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from skae.modules import DenseAutoencoder

ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "tanh": torch.tanh,
}


def sizes(dense):
    widths = [dense.linears()[0].in_features]
    return widths + [linear.out_features for linear in dense.linears()]


@pytest.mark.parametrize("hidden", [(), (7,), (9, 5), np.array([9, 5, 4])])
def test_decoder_mirrors_encoder(hidden):
    module = DenseAutoencoder(11, 3, hidden)
    widths = [11, *hidden, 3]
    assert sizes(module.encoder) == widths
    assert sizes(module.decoder) == widths[::-1]
    n_weights = 2 * sum(a * b for a, b in itertools.pairwise(widths))
    n_biases = sum(widths[1:]) + sum(widths[:-1])
    assert sum(p.numel() for p in module.parameters()) == n_weights + n_biases


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_between_the_layers_only(activation):
    module = DenseAutoencoder(6, 2, (5, 4), activation)
    nn.init.normal_(module.encoder.linears()[0].bias)
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    for half in (module.encoder, module.decoder):
        *inner, last = half.linears()
        for linear in inner:
            x = ACTIVATIONS[activation](x @ linear.weight.t() + linear.bias)
        x = x @ last.weight.t() + last.bias
    torch.testing.assert_close(
        module(torch.randn(8, 6, generator=torch.Generator().manual_seed(0))), x
    )


@pytest.mark.parametrize(("activation", "gain"), [("tanh", 1.0), ("relu", 2**0.5)])
def test_weights_start_as_glorot_and_he_have_it(activation, gain):
    module = DenseAutoencoder(60, 30, (50,), activation)
    for half in (module.encoder, module.decoder):
        for linear in half.linears():
            last = linear is half.linears()[-1]
            bound = (1.0 if last else gain) * np.sqrt(6 / sum(linear.weight.shape))
            assert 0.98 * bound < linear.weight.abs().max() <= bound
            assert not linear.bias.any()
