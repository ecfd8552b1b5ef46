"""Data for the tests of the likelihoods."""

import pytest
import torch


@pytest.fixture
def batch():
    """Outputs and samples, in float64; the samples are probabilities too."""
    generator = torch.Generator().manual_seed(0)
    options = {"generator": generator, "dtype": torch.float64}
    return 2 * torch.randn(7, 5, **options), torch.rand(7, 5, **options)
