"""Tests of how many threads a fit is worth."""

import threading

import numpy as np
import pytest
import torch
from skae._training.threads import WORTHWHILE_PRODUCTS, worthwhile_threads

from skae import AutoEncoderTransformer


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_small_products_stay_on_one_thread(two_threads):
    with worthwhile_threads(WORTHWHILE_PRODUCTS - 1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with worthwhile_threads(WORTHWHILE_PRODUCTS):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyboardInterrupt), worthwhile_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def test_other_threads_are_not_limited():
    started, over, seen = threading.Event(), threading.Event(), []

    def other():
        torch.set_num_threads(2)
        started.set()
        over.wait(10)
        seen.append(torch.get_num_threads())

    before = torch.get_num_threads()
    thread = threading.Thread(target=other)
    thread.start()
    started.wait(10)
    with worthwhile_threads(1):
        over.set()
        thread.join()
    assert seen == [2]
    torch.set_num_threads(before)


def test_users_threads_are_the_same_after_a_fit(two_threads):
    X = np.random.RandomState(0).randn(30, 4)
    ae = AutoEncoderTransformer(2, max_epochs=1, random_state=0).fit(X)
    assert torch.get_num_threads() == 2
    ae.set_params(lr=1e8, warm_start=True)
    with pytest.raises(RuntimeError):
        ae.set_params(max_epochs=5).fit(X)
    assert torch.get_num_threads() == 2
