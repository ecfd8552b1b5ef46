"""Tests of the optimizers and of the short way to their steps."""

from functools import partial

import pytest
import torch
from torch import optim

from skae._training.optimizers import OPTIMIZERS, make_step


def trained(optimizer, *, short, n_tensors=1, n_groups=1):
    """Weights after some steps on a fixed problem, by either way."""
    generator = torch.Generator().manual_seed(0)
    targets = [torch.randn(50, generator=generator) for _ in range(n_tensors)]
    tensors = [torch.nn.Parameter(torch.zeros(50)) for _ in targets]
    groups = [{"params": tensors[i::n_groups]} for i in range(n_groups)]
    optimizer = optimizer(groups)
    step = make_step(optimizer) if short else optimizer.step

    def closure():
        optimizer.zero_grad()
        with torch.enable_grad():
            errors = [x - t for x, t in zip(tensors, targets, strict=True)]
            loss = sum(error.square().sum() for error in errors)
        loss.backward()
        return loss.detach()

    losses = []
    for k in range(7):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (1 + k)  # a schedule changes it between steps
        losses.append(step(closure).item())
    return torch.stack([t.detach() for t in tensors]), losses


@pytest.mark.parametrize(
    "optimizer",
    [
        OPTIMIZERS["adam"],
        OPTIMIZERS["adamw"],
        partial(OPTIMIZERS["adam"], weight_decay=0.1),
        partial(OPTIMIZERS["adamw"], weight_decay=0.1, betas=(0.5, 0.8), eps=1e-3),
        partial(OPTIMIZERS["adam"], maximize=True, lr=1e-4),
        partial(OPTIMIZERS["adam"], amsgrad=True),
        OPTIMIZERS["sgd"],
        partial(OPTIMIZERS["sgd"], weight_decay=0.1),
        optim.Adam,
        optim.SGD,
        optim.Adagrad,
        optim.LBFGS,
    ],
)
def test_short_way_is_bitwise_the_optimizers_own_step(optimizer):
    expected, expected_losses = trained(optimizer, short=False)
    found, losses = trained(optimizer, short=True)
    assert torch.equal(found, expected)
    assert losses == expected_losses
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("n_groups", [1, 3])
def test_several_tensors_take_the_optimizers_own_step(name, n_groups):
    options = {"n_tensors": 3, "n_groups": n_groups}
    expected, _ = trained(OPTIMIZERS[name], short=False, **options)
    found, _ = trained(OPTIMIZERS[name], short=True, **options)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_named_optimizers_take_the_short_way(name, monkeypatch):
    calls, cls = [], OPTIMIZERS[name].func
    step = cls.step
    monkeypatch.setattr(cls, "step", lambda *args: calls.append(args) or step(*args))
    trained(OPTIMIZERS[name], short=True)
    assert len(calls) == 1  # the first step, which makes the state
