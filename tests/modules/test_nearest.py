"""Missing values are means, or draws, of the nearest samples that have them."""

import pickle

import numpy as np
import pytest
import torch

from skae.modules._nearest import NearestSamples

NAN = float("nan")


def test_values_come_from_near_samples_that_have_them():
    rng = np.random.default_rng(0)
    place = np.repeat([0.0, 10.0], 20)
    x = torch.from_numpy(np.stack([place + 0.1 * rng.normal(size=40), place], axis=1))
    x[:5, 1] = NAN
    filled = x.nan_to_num(5.0)
    incomplete = torch.tensor([[0.0, NAN], [10.0, NAN]]).double()
    start = torch.tensor([[0.0, 0.1], [10.0, 9.9]]).double()
    out = NearestSamples(x, filled)(incomplete, start)
    torch.testing.assert_close(
        out, torch.tensor([[0.0, 0.0], [10.0, 10.0]]).double(), rtol=0, atol=0.02
    )


def test_draws_are_values_of_near_samples():
    x = torch.arange(40.0).double().unsqueeze(1).repeat(1, 2)
    incomplete = torch.tensor([[20.0, NAN]]).double().repeat(4000, 1)
    start = torch.full_like(incomplete, 20.0)
    fill, generator = NearestSamples(x, x), torch.Generator().manual_seed(0)
    values, counts = np.unique(
        fill(incomplete, start, generator)[:, 1], return_counts=1
    )
    np.testing.assert_array_equal(values, np.arange(15, 26))
    # A share is 1 / (1 + squared distance / their median).
    share = 1.0 / (1.0 + (values - 20.0) ** 2 / 9.0)
    np.testing.assert_allclose(counts / 4000, share / share.sum(), atol=0.02)


def test_what_no_near_sample_has_stays_as_at_first():
    x = torch.tensor([[0.0, NAN], [1.0, NAN], [50.0, 3.0]]).double().repeat(20, 1)
    start = torch.tensor([[0.5, 7.0]]).double()
    incomplete = torch.tensor([[0.5, NAN]]).double()
    fill = NearestSamples(x, x.nan_to_num(7.0))
    assert fill(incomplete, start)[0, 1].item() == pytest.approx(7.0)
    assert fill(incomplete, start, torch.Generator().manual_seed(0))[0, 1] == 7.0


def test_samples_without_missing_values_are_saved():
    """They are the same tensor before and after the first fill."""
    x = torch.arange(12.0).view(6, 2)
    fill = NearestSamples(x, x)
    loaded = pickle.loads(pickle.dumps(fill))
    incomplete, start = torch.tensor([[4.0, NAN]]), torch.tensor([[4.0, 5.0]])
    torch.testing.assert_close(
        loaded(incomplete, start), fill(incomplete, start), rtol=0, atol=0
    )
