"""Tests of the module with a stochastic encoder."""

import numpy as np
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


def test_rescaled_takes_and_gives_other_units():
    module = VariationalModule(nn.Linear(3, 4), nn.Linear(2, 3))
    units = (np.array([1.0, 2.0, 3.0]), 5.0)
    rescaled = module.rescaled(units, units, torch.float64)
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    other = (x * 5 + torch.tensor([1.0, 2.0, 3.0])).double()
    for found, expected in zip(
        rescaled.encode_distribution(other), module.encode_distribution(x), strict=True
    ):
        torch.testing.assert_close(found, expected.double(), atol=1e-6, rtol=1e-5)
