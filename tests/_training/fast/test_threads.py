import threading

import numpy as np
import pytest
import torch
from torch import nn

from skae import AutoEncoderTransformer, VariationalAutoEncoder
from skae._training.fast.threads import MIN_PRODUCTS_FOR_THREADS, limit_threads
from skae.likelihood import Gaussian
from skae.modules import ConvAutoencoder, DenseAutoencoder


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def limit(n_products):
    """Limit the threads of a step whose largest product is of this size."""
    return limit_threads(DenseAutoencoder(2, 1), n_products // 2)


def test_small_products_stay_on_one_thread(two_threads):
    with limit(MIN_PRODUCTS_FOR_THREADS - 2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    users = nn.Sequential(type("Mine", (nn.Linear,), {})(2, 1))
    unlimited_ones = (
        limit(MIN_PRODUCTS_FOR_THREADS),
        limit_threads(ConvAutoencoder((8, 8), 2, (4,)), 1),
        limit_threads(users, 1),
    )
    for unlimited in unlimited_ones:
        with unlimited:
            assert torch.get_num_threads() == 2
    with pytest.raises(KeyboardInterrupt), limit(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def mkl_threads():
    lines = torch.__config__.parallel_info().splitlines()
    return [line.strip() for line in lines if "mkl_get_max_threads" in line]


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="needs MKL")
def test_mkl_is_limited_too_once_the_user_has_set_a_number(two_threads):
    assert mkl_threads() == ["mkl_get_max_threads() : 2"]
    for _ in range(2):
        with limit(1):
            assert mkl_threads() == ["mkl_get_max_threads() : 1"]
            with limit(1):
                pass
            assert mkl_threads() == ["mkl_get_max_threads() : 1"]
        assert mkl_threads() == ["mkl_get_max_threads() : 2"]


def test_the_largest_layer_counts(two_threads):
    batch_size = MIN_PRODUCTS_FOR_THREADS // 600
    for width, n_threads in ((20, 1), (30, 2)):
        with limit_threads(DenseAutoencoder(width, 3, (25,)), batch_size):
            assert torch.get_num_threads() == n_threads


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
    with limit(1):
        over.set()
        thread.join()
    assert seen == [2]
    torch.set_num_threads(before)


def test_users_threads_are_the_same_after_a_fit(two_threads):
    X = np.random.RandomState(0).randn(30, 4)
    ae = AutoEncoderTransformer(
        2, skip_connection=False, max_epochs=1, random_state=0
    ).fit(X)
    assert torch.get_num_threads() == 2
    ae.set_params(lr=1e8, warm_start=True)
    with pytest.raises(RuntimeError):
        ae.set_params(max_epochs=5).fit(X)
    assert torch.get_num_threads() == 2


def test_every_path_follows_the_rule(two_threads):
    seen = []

    class Spy(Gaussian):
        def loss(self, output, x):
            seen.append(torch.get_num_threads())
            return super().loss(output, x)

        def mean(self, output):
            seen.append(torch.get_num_threads())
            return super().mean(output)

        def log_prob(self, x, output, variance=None):
            seen.append(torch.get_num_threads())
            return super().log_prob(x, output, variance)

    X = np.random.RandomState(0).randn(30, 4)
    options = {"max_epochs": 1, "random_state": 0, "skip_connection": False}
    ae = AutoEncoderTransformer(2, likelihood=Spy(), **options).fit(X)  # autograd
    ae.reconstruct(X)
    ae.score_samples(X)
    ae.impute(X)
    vae = VariationalAutoEncoder(2, likelihood=Spy(), **options).fit(X)
    vae.score_samples(X[:1])
    vae.impute(X)
    assert set(seen) == {1}
    assert len(seen) > 20


def test_training_is_limited_to_its_end(two_threads):
    seen = []

    class Spy(Gaussian):
        def error(self, output, x):  # the variance is learned from it after the epochs
            seen.append(len(x) * 64 * 30 < MIN_PRODUCTS_FOR_THREADS)
            seen.append(torch.get_num_threads())
            return super().error(output, x)

    X = np.random.RandomState(0).randn(2500, 30)
    options = {"hidden_layer_sizes": (64,), "max_epochs": 1, "skip_connection": False}
    AutoEncoderTransformer(2, likelihood=Spy(), random_state=0, **options).fit(X)
    assert seen == [False, 1]
