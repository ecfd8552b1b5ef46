"""The average of the weights: what it weighs, and that training does not notice it."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from skae import PseudoLabelClassifier
from skae._training.averaging import AveragedWeights


@pytest.fixture
def module():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def walk(module, n_steps):
    """Let all floats of a module be 0, 1, 2, ... and average them."""
    averaged = AveragedWeights(module)
    for step in range(n_steps):
        with torch.no_grad():
            for tensor in averaged.weights:
                tensor.fill_(float(step))
        averaged.update()
    return averaged


def test_a_step_weighs_by_a_power_of_its_number(module):
    averaged = walk(module, 40)
    steps = np.arange(40)
    # (t + 1) (t + 2) ... (t + 8), a polynomial of degree 8.
    weights = np.prod([steps + k for k in range(1, 9)], axis=0, dtype=float)
    expected = np.average(steps, weights=weights)
    assert len(averaged.averages) == 6  # two layers of two, running mean and variance
    for average in averaged.averages:
        np.testing.assert_allclose(average, expected, rtol=1e-5)


def test_weights_and_averages_change_places(module):
    averaged = walk(module, 5)
    (mean,) = averaged.averages[0].unique()
    averaged.swap()
    assert all((tensor == mean).all() for tensor in averaged.weights)
    assert all((tensor == 4).all() for tensor in averaged.averages)
    assert (module[0].weight == mean).all()
    assert module[0].weight.requires_grad
    averaged.swap()
    assert (module[0].weight == 4).all()


def test_training_goes_on_from_the_weights_not_from_their_average(monkeypatch):
    X, y = load_digits(return_X_y=True)
    classifier = PseudoLabelClassifier(confidence=None, max_epochs=4, random_state=0)
    averaged = classifier.fit(X, y).predict_proba(X)
    losses = classifier.loss_curve_
    monkeypatch.setattr(PseudoLabelClassifier, "_averages_weights", False)
    last = classifier.fit(X, y).predict_proba(X)
    assert classifier.loss_curve_ == losses
    assert np.abs(averaged - last).max() > 1e-3
