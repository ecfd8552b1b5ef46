"""The average of the weights: how it weighs the steps, and its exchange."""

import numpy as np
import pytest
import torch
from torch import nn

from skae._training.averaging import make_average, swap
from skae._training.weights import tensors_of


@pytest.fixture
def module():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def floats_of(module):
    return [t for t in tensors_of(module) if t.is_floating_point()]


def walk(module, n_steps):
    """Let all floats of a module be 0, 1, 2, ... and average them."""
    average = make_average(module)
    for step in range(n_steps):
        with torch.no_grad():
            for tensor in floats_of(module):
                tensor.fill_(float(step))
            module[1].num_batches_tracked.fill_(step)
        average.update_parameters(module)
    return average


def test_a_step_weighs_by_a_power_of_its_number(module):
    average = walk(module, 40)
    steps = np.arange(40)
    # (t + 1) (t + 2) ... (t + 8), a polynomial of degree 8.
    weights = np.prod([steps + k for k in range(1, 9)], axis=0, dtype=float)
    expected = np.average(steps, weights=weights)
    averages = floats_of(average.module)
    assert len(averages) == 6  # two layers of two, running mean and variance
    for tensor in averages:
        np.testing.assert_allclose(tensor.detach(), expected, rtol=1e-5)
    assert average.module[1].num_batches_tracked == 39  # a count has no average


def test_weights_and_averages_change_places(module):
    average = walk(module, 5)
    (mean,) = average.module[0].weight.unique()
    swap(average, module)
    assert all((tensor == mean).all() for tensor in floats_of(module))
    assert all((tensor == 4).all() for tensor in floats_of(average.module))
    assert (module[0].weight == mean).all()
    assert module[0].weight.requires_grad
    swap(average, module)
    assert (module[0].weight == 4).all()
    assert module[1].num_batches_tracked == 4
