"""Tests of the module with a stochastic encoder."""

import torch
from torch import nn

from skae.modules import VariationalModule


def test_encoder_gives_means_and_log_variances():
    encoder = nn.Linear(3, 4)
    module = VariationalModule(encoder, nn.Linear(2, 3))
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    mean, std = module.encode_distribution(x)
    torch.testing.assert_close(mean, encoder(x)[:, :2])
    torch.testing.assert_close(std.square().log(), encoder(x)[:, 2:])
    assert torch.equal(module.encode(x), mean)
    assert module(x).shape == (5, 3)
