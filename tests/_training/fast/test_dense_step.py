"""Tests of the written-out step."""

import copy
from functools import partial
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn, optim

from skae._training.fast.dense_step import DenseStep
from skae._training.fast.steps import make_step
from skae._training.objective import ReconstructionObjective
from skae._training.optimizers import OPTIMIZERS
from skae._training.variational_objective import VariationalObjective
from skae.likelihood import Bernoulli, Gaussian, Laplace, Likelihood
from skae.modules import DenseAutoencoder, VariationalModule
from skae.modules._variational import VARIATIONAL_MODULES

FLOAT32, BFLOAT16 = torch.float32, torch.bfloat16
LIKELIHOODS = [
    Gaussian(),
    Gaussian(link="logit"),
    Laplace(),
    Laplace(link="logit"),
    Bernoulli(),
]
CASES = list(
    product(
        [(), (8, 6)],
        ["identity", "leaky_relu", "logistic", "relu", "tanh"],
        LIKELIHOODS,
        [0.0, 0.1],
    )
)


@pytest.fixture
def x():
    return torch.rand(13, 9, generator=torch.Generator().manual_seed(1))


def make_objective(
    hidden=(8,), activation="relu", likelihood=None, l1_penalty=0.0, sizes=(9, 3)
):
    """Make an objective of a module that always has the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = DenseAutoencoder(*sizes, hidden, activation)
        for name, tensor in module.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(tensor)
    likelihood = likelihood or Gaussian()
    return ReconstructionObjective(module, likelihood, l1_penalty=l1_penalty)


def step_of(objective, dtype=FLOAT32, optimizer=OPTIMIZERS["adam"]):
    return make_step(objective, optimizer(objective.parameters()), dtype)


def autograd(objective, *batch, dtype=FLOAT32):
    """Return the loss, and fill the gradients, by autograd and autocast."""
    objective.zero_grad()
    with torch.autocast("cpu", dtype=BFLOAT16, enabled=dtype == BFLOAT16):
        loss = objective(*batch)
    loss.backward()
    return loss.detach()


# -- The gradient -----------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "activation", "likelihood", "l1_penalty"), CASES)
@pytest.mark.parametrize(
    "weight", [(), (torch.linspace(0, 2, 13),)], ids=["", "weight"]
)
def test_written_out_gradient_is_that_of_autograd(
    weight, hidden, activation, likelihood, l1_penalty, x
):
    ours, theirs = (
        make_objective(hidden, activation, likelihood, l1_penalty) for _ in range(2)
    )
    batch = x, x.flip(0), *weight
    step = step_of(ours)
    assert type(step) is DenseStep
    expected_loss = autograd(theirs, *batch)
    for _ in range(2):  # the second call adds nothing to the first
        torch.testing.assert_close(step.gradient(*batch), expected_loss)
    for (name, tensor), expected in zip(
        ours.named_parameters(), theirs.parameters(), strict=True
    ):
        torch.testing.assert_close(
            tensor.grad,
            expected.grad,
            rtol=1e-4,
            atol=1e-6,
            msg=lambda m, n=name: n + m,
        )


def make_variational(likelihood, hidden=(8, 6), *, skip_connection=False):
    """Make a variational objective with the same weights and draws each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = VARIATIONAL_MODULES["dense"](9, 3, hidden, "tanh", skip_connection)
        for tensor in module.parameters():
            torch.nn.init.normal_(tensor, std=0.3)
    objective = VariationalObjective(
        module, likelihood, beta=0.7, generator=torch.Generator().manual_seed(2)
    )
    objective.begin_epoch(0)
    return objective


@pytest.mark.parametrize("weight", [(), (torch.linspace(0, 2, 13),)])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize(
    ("hidden", "skip_connection"), [((), False), ((8, 6), False), ((8, 6), True)]
)
def test_variational_gradient_is_that_of_autograd(
    hidden, skip_connection, likelihood, weight, x
):
    ours, theirs = (
        make_variational(likelihood, hidden, skip_connection=skip_connection)
        for _ in range(2)
    )
    step = step_of(ours)
    for batch in ((x, x.flip(0), *weight), (x.flip(0), x, *weight)):
        expected_loss = autograd(theirs, *batch)
        torch.testing.assert_close(step.gradient(*batch), expected_loss)
        for (name, tensor), expected in zip(
            ours.named_parameters(), theirs.parameters(), strict=True
        ):
            torch.testing.assert_close(
                tensor.grad,
                expected.grad,
                rtol=1e-4,
                atol=1e-6,
                msg=lambda m, n=name: n + m,
            )
    expected = theirs.end_epoch(1, 1)
    assert ours.end_epoch(1, 1) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", [(), (torch.linspace(0, 2, 13),)])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("make", [make_variational, partial(make_objective, (8,))])
def test_missing_values_count_as_in_autograd(make, likelihood, weight, x):
    ours, theirs = (make(likelihood=likelihood) for _ in range(2))
    step, target = step_of(ours), x.flip(0).clone()
    target[::2, 1] = target[3] = float("nan")
    for objective in (ours, theirs):
        objective.is_incomplete = True
    for _ in range(2):
        expected_loss = autograd(theirs, x, target, *weight)
        torch.testing.assert_close(step.gradient(x, target, *weight), expected_loss)
        for tensor, expected in zip(
            ours.parameters(), theirs.parameters(), strict=True
        ):
            torch.testing.assert_close(tensor.grad, expected.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()], ids=str)
def test_variational_bfloat16_gradient_is_close_to_that_of_autocast(likelihood, x):
    ours, theirs = make_variational(likelihood), make_variational(likelihood)
    loss = step_of(ours, BFLOAT16).gradient(x, x)
    expected = autograd(theirs, x, x, dtype=BFLOAT16)
    torch.testing.assert_close(loss, expected, rtol=0.01, atol=0)
    grad, reference = (
        torch.cat([p.grad.flatten() for p in o.parameters()]) for o in (ours, theirs)
    )
    assert 0 < (grad - reference).norm() < 0.03 * reference.norm()


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_bfloat16_gradient_is_close_to_that_of_autocast(likelihood, activation, x):
    ours, theirs, exact = (
        make_objective((8, 6), activation, likelihood, 0.1) for _ in range(3)
    )
    low, full = step_of(ours, BFLOAT16), step_of(exact)
    losses = [
        low.gradient(x, x).item(),
        autograd(theirs, x, x, dtype=BFLOAT16).item(),
        full.gradient(x, x).item(),
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert losses[0] == pytest.approx(losses[2], rel=0.02)
    reference = torch.cat([p.grad.flatten() for p in theirs.parameters()])
    grads = [p.grad.flatten() for p in ours.parameters()]
    assert {grad.dtype for grad in grads} == {low.vector.dtype} == {FLOAT32}
    if not isinstance(likelihood, Laplace):  # signs of errors may flip there
        assert (torch.cat(grads) - reference).norm() < 0.03 * reference.norm()
    # It did compute in bfloat16:
    assert (low.grad - full.grad).norm() > 0


class WithoutGrad(Likelihood):
    def loss(self, output, x):
        return F.huber_loss(output, x, reduction="none")


class Huber(Gaussian):
    def loss(self, output, x):
        return F.huber_loss(output, x, delta=0.1, reduction="none")


class Positive(Gaussian):
    scale_exponent = 0

    def mean(self, output):
        return F.softplus(output)


class UserModule(DenseAutoencoder):
    def encode(self, x):
        return super().encode(x) ** 3


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (DenseAutoencoder, {"likelihood": Gaussian(), "contractive_penalty": 0.1}),
        (DenseAutoencoder, {"likelihood": Gaussian(covariance_type="diag")}),
        (DenseAutoencoder, {"likelihood": WithoutGrad()}),
        # Their loss, or their mean, may be another than that of their base.
        (DenseAutoencoder, {"likelihood": Huber()}),
        (DenseAutoencoder, {"likelihood": Positive()}),
        (UserModule, {"likelihood": Gaussian()}),
    ],
)
def test_everything_else_goes_through_autograd(module, options):
    objective = ReconstructionObjective(module(9, 3, (4,)), **options)
    assert step_of(objective) is None


def test_variational_objectives_of_other_parts_go_through_autograd():
    encoder, decoder = nn.Linear(9, 6), nn.Linear(3, 9)
    mine = VariationalObjective(VariationalModule(encoder, decoder), Gaussian())
    diag = make_variational(Gaussian(covariance_type="diag"))
    derived = make_variational(Huber())
    for objective in (mine, diag, derived):
        assert step_of(objective) is None


# -- One vector, and the optimizer's state ----------------------------------------


@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16])
def test_parameters_are_views_of_one_vector(dtype, x):
    objective = make_objective()
    module, step = objective.module, step_of(objective, dtype)
    before = step.gradient(x, x)
    n_parameters = len(list(module.parameters()))
    n_weights = sum(p.numel() for p in module.parameters())
    assert step.vector.shape == step.grad.shape
    assert n_weights <= len(step.vector) < n_weights + 32 * n_parameters
    storage = step.vector.untyped_storage().data_ptr()
    grad_storage = step.grad.untyped_storage().data_ptr()
    for parameter in module.parameters():
        assert parameter.untyped_storage().data_ptr() == storage
        assert parameter.grad.untyped_storage().data_ptr() == grad_storage
        # Whole cache lines: products of unaligned matrices are slower.
        assert parameter.storage_offset() % 32 == 0
    with torch.no_grad():
        step.vector -= 0.1 * step.grad
    assert step.gradient(x, x) < before
    # Weights that are loaded, the best ones for instance, arrive in the vector.
    module.load_state_dict(
        {k: torch.zeros_like(v) for k, v in module.state_dict().items()}
    )
    assert not step.vector.any()


def take_steps(objective, step, x, n_steps=7):
    """Take some steps, with another rate each; return the losses."""
    losses = []
    for k in range(n_steps):
        for group in step.optimizer.param_groups:
            group["lr"] = 0.01 / (1 + k)
        losses.append(step.step(lambda: step.gradient(x, x)).item())
    return losses


def weights_of(objective):
    return torch.cat([p.detach().flatten() for p in objective.parameters()])


EVERY_OPTIMIZER = [
    OPTIMIZERS["adam"],
    OPTIMIZERS["adamw"],
    partial(OPTIMIZERS["adam"], weight_decay=0.1),
    partial(OPTIMIZERS["adamw"], weight_decay=0.1, betas=(0.5, 0.8), eps=1e-3),
    partial(OPTIMIZERS["adam"], maximize=True),
    partial(OPTIMIZERS["adam"], amsgrad=True),
    OPTIMIZERS["sgd"],
    partial(OPTIMIZERS["sgd"], weight_decay=0.1),
    optim.Adam,
    optim.SGD,
    optim.Adagrad,
    optim.LBFGS,
]


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_short_way_is_bitwise_the_optimizers_own_step(optimizer):
    # The kernel rounds the last numbers of a tensor differently if they do not fill a
    # vector of the processor; here all do.
    x = torch.rand(13, 64, generator=torch.Generator().manual_seed(1))
    ours, theirs = (make_objective((32,), sizes=(64, 32)) for _ in range(2))
    losses = take_steps(ours, step_of(ours, optimizer=optimizer), x)
    expected_step = step_of(theirs, optimizer=optimizer)
    expected_step.step = expected_step.optimizer.step
    assert take_steps(theirs, expected_step, x) == losses
    assert torch.equal(weights_of(ours), weights_of(theirs))
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_groups_of_parameters_take_the_optimizers_own_step(name, x):
    def in_groups(parameters):
        parameters = list(parameters)
        groups = [
            {"params": parameters[::2]},
            {"params": parameters[1::2], "weight_decay": 0.1},
        ]
        return OPTIMIZERS[name](groups)

    ours, theirs, plain = (make_objective() for _ in range(3))
    take_steps(ours, step_of(ours, optimizer=in_groups), x)
    expected_step = step_of(theirs, optimizer=in_groups)
    expected_step.step = expected_step.optimizer.step
    take_steps(theirs, expected_step, x)
    assert torch.equal(weights_of(ours), weights_of(theirs))
    take_steps(plain, step_of(plain, optimizer=OPTIMIZERS[name]), x)
    assert not torch.equal(weights_of(ours), weights_of(plain))


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_named_optimizers_take_the_short_way(name, monkeypatch, x):
    calls, cls = [], OPTIMIZERS[name].func
    own = cls.step
    monkeypatch.setattr(cls, "step", lambda *args: calls.append(args) or own(*args))
    objective = make_objective()
    take_steps(objective, step_of(objective, optimizer=OPTIMIZERS[name]), x)
    assert len(calls) == 1  # the first step, which makes the state


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER[:-1])
def test_the_optimizer_sees_the_parameters_of_the_module(optimizer, x):
    ours, theirs = make_objective(), make_objective()
    step = step_of(ours, optimizer=optimizer)
    seen = [p for group in step.optimizer.param_groups for p in group["params"]]
    assert all(a is b for a, b in zip(seen, ours.module.parameters(), strict=True))
    take_steps(ours, step, x)
    own = optimizer(theirs.parameters())
    for k in range(7):
        own.param_groups[0]["lr"] = 0.01 / (1 + k)
        autograd(theirs, x, x)
        own.step()
    state, expected = step.optimizer.state_dict(), own.state_dict()
    assert state["param_groups"] == expected["param_groups"]
    assert state["state"].keys() == expected["state"].keys()
    for key, values in expected["state"].items():
        assert state["state"][key].keys() == values.keys()
        for name, value in values.items():
            found = state["state"][key][name]
            torch.testing.assert_close(found, value, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER[:-1])
def test_a_state_goes_on_wherever_it_is_loaded(optimizer, x):
    objective = make_objective()
    step = step_of(objective, optimizer=optimizer)
    take_steps(objective, step, x, 3)
    weights = copy.deepcopy(objective.state_dict())
    state = copy.deepcopy(step.optimizer.state_dict())
    take_steps(objective, step, x)
    # The same step, which had gone further.
    expected = weights_of(objective)
    objective.load_state_dict(weights)
    step.optimizer.load_state_dict(copy.deepcopy(state))
    take_steps(objective, step, x)
    assert torch.equal(weights_of(objective), expected)
    # Another one.
    other = make_objective()
    other.load_state_dict(weights)
    step = step_of(other, optimizer=optimizer)
    step.optimizer.load_state_dict(copy.deepcopy(state))
    take_steps(other, step, x)
    assert torch.equal(weights_of(other), expected)
    # torch's own optimizer alone.
    alone = make_objective()
    alone.load_state_dict(weights)
    own = optimizer(alone.parameters())
    own.load_state_dict(copy.deepcopy(state))
    for k in range(7):
        own.param_groups[0]["lr"] = 0.01 / (1 + k)
        autograd(alone, x, x)
        own.step()
    torch.testing.assert_close(weights_of(alone), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", [OPTIMIZERS["adam"], OPTIMIZERS["sgd"]])
def test_released_parameters_go_on_with_the_optimizer(optimizer, x):
    ours, theirs = make_objective(), make_objective()
    step, own = step_of(ours, optimizer=optimizer), optimizer(theirs.parameters())
    take_steps(ours, step, x, 3)
    assert step.release() is None
    for k in range(6):
        if k >= 3:
            autograd(ours, x, x)
            step.optimizer.step()
        else:
            own.param_groups[0]["lr"] = 0.01 / (1 + k)
        autograd(theirs, x, x)
        own.step()
    torch.testing.assert_close(
        weights_of(ours), weights_of(theirs), rtol=1e-4, atol=1e-5
    )
