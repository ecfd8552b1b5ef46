"""Tests of the two ways to the gradient."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from skae._training.gradient import AutogradGradient, DenseGradient, make_gradient

from skae._training.objective import (
    ClassificationObjective,
    ReconstructionObjective,
    VariationalObjective,
)
from skae.likelihood import Bernoulli, Gaussian, Laplace, Likelihood
from skae.modules import DenseAutoencoder

FLOAT32, BFLOAT16 = torch.float32, torch.bfloat16
CASES = list(
    product(
        [(), (8, 6)],
        ["identity", "logistic", "relu", "tanh"],
        [Gaussian(), Laplace(), Bernoulli()],
        [0.0, 0.1],
    )
)


@pytest.fixture
def x():
    return torch.rand(13, 9, generator=torch.Generator().manual_seed(1))


def make_pair(hidden, activation, likelihood, l1_penalty, dtype):
    """The two ways, each with a module of its own but the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours = DenseAutoencoder(9, 3, hidden, activation)
        for name, tensor in ours.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(tensor)
    theirs = DenseAutoencoder(9, 3, hidden, activation)
    theirs.load_state_dict(ours.state_dict())
    objective = ReconstructionObjective(likelihood, l1_penalty)
    return (
        make_gradient(ours, objective, dtype, False),
        AutogradGradient(theirs, objective, dtype),
    )


@pytest.mark.parametrize(("hidden", "activation", "likelihood", "l1_penalty"), CASES)
def test_written_out_gradient_is_autograds(
    hidden, activation, likelihood, l1_penalty, x
):
    ours, theirs = make_pair(hidden, activation, likelihood, l1_penalty, FLOAT32)
    assert type(ours) is DenseGradient
    target = x.flip(0)
    for _ in range(2):  # the second call adds nothing to the first
        torch.testing.assert_close(ours(x, target), theirs(x, target))
    torch.testing.assert_close(ours.loss(x, target), theirs.loss(x, target))
    for (name, tensor), (_, expected) in zip(
        ours.autograd.parameters, theirs.parameters, strict=True
    ):
        torch.testing.assert_close(
            tensor.grad,
            expected.grad,
            rtol=1e-4,
            atol=1e-6,
            msg=lambda m, n=name: n + m,
        )


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), Bernoulli()], ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_bfloat16_gradient_is_close_to_autocasts(likelihood, activation, x):
    ours, theirs = make_pair((8, 6), activation, likelihood, 0.1, BFLOAT16)
    exact, _ = make_pair((8, 6), activation, likelihood, 0.1, FLOAT32)
    losses = [way(x, x).item() for way in (ours, theirs, exact)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert losses[0] == pytest.approx(losses[2], rel=0.02)
    reference = torch.cat([p.grad.flatten() for _, p in theirs.parameters])
    grads = [p.grad.flatten() for _, p in ours.autograd.parameters]
    assert {grad.dtype for grad in grads} == {ours.vector.dtype} == {FLOAT32}
    if not isinstance(likelihood, Laplace):  # signs of errors may flip there
        assert (torch.cat(grads) - reference).norm() < 0.03 * reference.norm()
    # It did compute in bfloat16:
    assert (ours.vector.grad - exact.vector.grad).norm() > 0


@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16])
def test_parameters_are_views_of_one_vector(dtype, x):
    ours, _ = make_pair((8,), "relu", Gaussian(), 0.0, dtype)
    module = ours.autograd.module
    before = ours(x, x)
    n_parameters = len(list(module.parameters()))
    n_weights = sum(p.numel() for p in module.parameters())
    assert ours.vector.shape == ours.vector.grad.shape
    assert n_weights <= len(ours.vector) < n_weights + 32 * n_parameters
    storage = ours.vector.untyped_storage().data_ptr()
    grad_storage = ours.vector.grad.untyped_storage().data_ptr()
    for parameter in module.parameters():
        assert parameter.untyped_storage().data_ptr() == storage
        assert parameter.grad.untyped_storage().data_ptr() == grad_storage
        # Whole cache lines: products of unaligned matrices are slower.
        assert parameter.storage_offset() % 32 == 0
    with torch.no_grad():
        ours.vector -= 0.1 * ours.vector.grad
    assert ours(x, x) < before
    # Weights that are loaded, the best ones for instance, arrive in the vector.
    module.load_state_dict(
        {k: torch.zeros_like(v) for k, v in module.state_dict().items()}
    )
    assert not ours.vector.any()


class WithoutGrad(Likelihood):
    def loss(self, output, x):
        return F.huber_loss(output, x)


class Huber(Gaussian):
    def loss(self, output, x):
        return F.huber_loss(output, x, delta=0.1)


class OwnGrad(Huber):
    def loss_grad(self, output, x):
        grad = (output - x).clamp(-0.1, 0.1) / output.numel()
        return self.loss(output, x), grad


class Positive(Gaussian):
    unit_power = 0

    def mean(self, output):
        return F.softplus(output)


class OwnModule(DenseAutoencoder):
    def encode(self, x):
        return super().encode(x) ** 3


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (DenseAutoencoder, {"likelihood": Gaussian(), "contractive_penalty": 0.1}),
        (DenseAutoencoder, {"likelihood": WithoutGrad()}),
        (OwnModule, {"likelihood": Gaussian()}),
    ],
)
def test_everything_else_goes_through_autograd(module, options):
    objective = ReconstructionObjective(**options)
    way = make_gradient(module(9, 3, (4,)), objective, FLOAT32, False)
    assert type(way) is AutogradGradient
    assert way.objective is objective


def test_a_frozen_parameter_goes_through_autograd(x):
    module = DenseAutoencoder(9, 3, (4,))
    module.encoder[0].bias.requires_grad_(False)
    way = make_gradient(module, ReconstructionObjective(Gaussian()), FLOAT32, False)
    assert type(way) is AutogradGradient


def test_what_is_compiled_is_the_objective(monkeypatch, x):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda f, **_: compiled.append(f) or f)
    module, objective = DenseAutoencoder(9, 3), ReconstructionObjective(Gaussian())
    way = make_gradient(module, objective, FLOAT32, True)
    assert compiled == [objective]
    assert way(x, x) == objective(module, x, x)
    assert [name for name, _ in way.parameters] == list(module.state_dict())


@pytest.mark.parametrize(
    "objective",
    [VariationalObjective(Gaussian(), 1.0), ClassificationObjective(dropout=0.5)],
    ids=lambda objective: type(objective).__name__,
)
def test_what_is_no_matter_for_the_compiler_is_kept_from_it(objective, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    kept = []

    def disable(method):
        kept.append(method.__name__)
        return method

    monkeypatch.setattr(torch.compiler, "disable", disable)
    make_gradient(DenseAutoencoder(9, 3), objective, FLOAT32, True)
    assert kept == list(objective.not_compiled)


@pytest.mark.parametrize("likelihood", [Huber(), OwnGrad(), Positive()], ids=str)
def test_likelihood_that_overrides_a_loss_is_trained_on_that_loss(likelihood, x):
    ours, theirs = make_pair((8,), "tanh", likelihood, 0.0, FLOAT32)
    torch.testing.assert_close(ours(x, x), theirs(x, x))
    module = ours.autograd.module if type(ours) is DenseGradient else ours.module
    found = torch.cat([p.grad.flatten() for p in module.parameters()])
    expected = torch.cat([p.grad.flatten() for _, p in theirs.parameters])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
