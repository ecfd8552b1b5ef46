"""Small products stay on one thread, of the calling thread only."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from skae._training.threads import WORTHWHILE_PRODUCTS, worthwhile_threads


def test_small_products_are_limited_here_only_and_only_for_a_while():
    before = torch.get_num_threads()
    with ThreadPoolExecutor(1) as elsewhere:
        there = elsewhere.submit(torch.get_num_threads).result()
        with worthwhile_threads(WORTHWHILE_PRODUCTS - 1):
            assert torch.get_num_threads() == 1
            assert elsewhere.submit(torch.get_num_threads).result() == there
    assert torch.get_num_threads() == before


def test_large_products_are_left_alone():
    before = torch.get_num_threads()
    with worthwhile_threads(WORTHWHILE_PRODUCTS):
        assert torch.get_num_threads() == before


def test_limit_ends_with_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt), worthwhile_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before
