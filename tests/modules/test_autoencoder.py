"""Tests of what every autoencoder module is."""

import torch
from torch import nn

from skae.modules import Autoencoder


def test_forward_encodes_and_decodes():
    encoder, decoder = nn.Linear(6, 2), nn.Linear(2, 6)
    module, x = Autoencoder(encoder, decoder), torch.rand(5, 6)
    assert torch.equal(module.encode(x), encoder(x))
    assert torch.equal(module.decode(encoder(x)), decoder(encoder(x)))
    assert torch.equal(module(x), decoder(encoder(x)))
    assert set(module.state_dict()) == {
        *("encoder.weight", "encoder.bias"),
        *("decoder.weight", "decoder.bias"),
    }


def test_subclass_overrides_a_half():
    class Halved(Autoencoder):
        def encode(self, x):
            return super().encode(x) / 2

    module, x = Halved(nn.Identity(), nn.Identity()), torch.ones(1, 3)
    assert torch.equal(module(x), x / 2)
