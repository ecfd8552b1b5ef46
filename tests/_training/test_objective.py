"""Tests of what training minimizes."""

import pytest
import torch
from torch import distributions, nn
from torch.func import jacrev, vmap

from skae._training.negative_log_likelihood import NegativeLogLikelihood
from skae._training.objective import (
    ReconstructionObjective,
    compile_objective,
    weighted_mean,
)
from skae._training.supervised_objective import (
    ClassificationObjective,
    PredictionObjective,
)
from skae._training.trainer import Trainer
from skae._training.variational_objective import VariationalObjective, kl_divergence
from skae.likelihood import Bernoulli, Gaussian, Laplace
from skae.modules import DenseAutoencoder, VariationalModule


@pytest.fixture
def module():
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    yield DenseAutoencoder(5, 3, (4,), "tanh")
    torch.set_rng_state(torch_state)


@pytest.fixture
def x():
    return torch.rand(6, 5, generator=torch.Generator().manual_seed(1))


def exact_contraction(module, x):
    jacobians = vmap(jacrev(lambda row: module.encode(row[None])[0]))(x)
    return jacobians.square().sum(dim=(1, 2)).mean().item()


def test_contractive_penalty_is_unbiased(module, x):
    objective = ReconstructionObjective(
        module,
        Gaussian(),
        contractive_penalty=1.0,
        generator=torch.Generator().manual_seed(2),
    )
    plain = ReconstructionObjective(module, Gaussian())(x, x).item()
    draws = torch.tensor([objective(x, x).item() - plain for _ in range(3000)])
    error = draws.std() / len(draws) ** 0.5
    assert draws.std() > 0.02 * draws.mean()  # an estimate, from random directions
    assert error < 0.01 * draws.mean()
    assert abs(draws.mean() - exact_contraction(module, x)) < 3 * error


def test_contractive_penalty_reaches_the_weights(module, x):
    # With one component there is one direction but for its sign: nothing is random.
    module = DenseAutoencoder(5, 1, (4,), "tanh")
    objective = ReconstructionObjective(module, Gaussian(), contractive_penalty=0.7)
    x_before = x.clone()
    objective(x, x).backward()
    grads = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    jacobian = vmap(jacrev(lambda row: module.encode(row[None])[0]))(x)
    loss = (module(x) - x).square().mean() + 0.7 * jacobian.square().sum() / len(x)
    loss.backward()
    for grad, parameter in zip(grads, module.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad)
    assert not x.requires_grad
    assert torch.equal(x, x_before)


def test_l1_penalty_is_the_mean_absolute_sum_of_codes(module, x):
    plain = ReconstructionObjective(module, Laplace())(x, x)
    penalized = ReconstructionObjective(module, Laplace(), l1_penalty=0.3)(x, x)
    expected = 0.3 * module.encode(x).abs().sum(dim=1).mean()
    torch.testing.assert_close(penalized - plain, expected)


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), Bernoulli()], ids=str)
def test_penalties_vanish_in_eval_mode(module, x, likelihood):
    penalized = ReconstructionObjective(
        module, likelihood, l1_penalty=1.0, contractive_penalty=1.0
    )
    expected = likelihood.loss(module(x), x).mean()
    assert penalized.train()(x, x) > expected
    assert torch.equal(penalized.eval()(x, x), expected)


def test_target_may_differ_from_input(module, x):
    target = x.flip(0)
    found = ReconstructionObjective(module, Gaussian())(x, target)
    torch.testing.assert_close(found, (module(x) - target).square().mean())


def test_kl_divergence_agrees_with_torch():
    mean, std = torch.tensor([[-1.0, 0.0, 2.0], [0.0, 1.0, 0.5]]), torch.tensor(0.7)
    expected = distributions.kl_divergence(
        distributions.Normal(mean, std), distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_divergence(mean, std), expected)
    assert kl_divergence(torch.zeros(1), torch.ones(1)) == 0


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace()], ids=str)
def test_variance_is_learned_along_the_way(x, likelihood):
    nll, output = NegativeLogLikelihood(likelihood), torch.zeros_like(x)

    def expected(target):
        error = likelihood.error(output, target).mean(dim=0)
        return -likelihood.log_prob(target, output, likelihood.variance(error))

    variance = likelihood.variance(likelihood.error(output, x).mean(dim=0))
    torch.testing.assert_close(nll(output, x), expected(x))
    # In evaluation the variance stays.
    far = nll.eval()(output, 3 * x)
    torch.testing.assert_close(far, -likelihood.log_prob(3 * x, output, variance))
    # In training it nears that of the newer batches.
    nll.train()
    for _ in range(100):
        found = nll(output, 3 * x)
    torch.testing.assert_close(found, expected(3 * x), rtol=1e-3, atol=1e-3)
    perfect = NegativeLogLikelihood(likelihood)(x, x)
    assert perfect.isfinite().all()


def test_variance_is_that_of_a_running_mean_of_the_errors(x):
    likelihood, output = Gaussian(covariance_type="diag"), torch.zeros_like(x)
    nll = NegativeLogLikelihood(likelihood)
    nll(output, x)
    second = nll(output, 3 * x)
    error = x.square().mean(dim=0)
    variance = 0.9 * error + 0.1 * 9 * error
    expected = -likelihood.log_prob(3 * x, output, variance)
    torch.testing.assert_close(second, expected)
    # It is part of the state.
    other = NegativeLogLikelihood(likelihood)
    other.load_state_dict(nll.state_dict())
    assert torch.equal(other.eval()(output, x), nll.eval()(output, x))


def make_variational():
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    module = VariationalModule(nn.Linear(5, 6), nn.Linear(3, 5))
    torch.set_rng_state(torch_state)
    return module


@pytest.mark.parametrize("is_variational", [True, False])
def test_variance_learns_nothing_from_what_is_held_out(module, x, is_variational):
    likelihood = Gaussian(covariance_type="diag")
    objective = ReconstructionObjective(module, likelihood)
    if is_variational:
        module = make_variational()
        objective = VariationalObjective(
            module, likelihood, generator=torch.Generator()
        )

    def judge():
        if is_variational:
            objective.generator.manual_seed(0)
        return objective.eval()(x, x)

    objective.train()(x, x)
    before = judge()
    assert torch.equal(judge(), before)
    objective.eval()(9 * x, 5 * x)
    assert torch.equal(judge(), before)
    objective.train()(9 * x, 5 * x)
    assert not torch.equal(judge(), before)


def test_variational_objective_is_the_negative_elbo(x):
    module = make_variational()
    objective = VariationalObjective(
        module,
        Bernoulli(),
        beta=2.0,
        beta_warm_up=4,
        generator=torch.Generator().manual_seed(3),
    )
    objective.begin_epoch(1)  # a quarter of the way
    found = objective.train()(x, x)
    mean, std = module.encode_distribution(x)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3))
    nll = Bernoulli().loss(module.decode(mean + std * noise), x).mean()
    divergence = kl_divergence(mean, std).sum(dim=1).mean() / 5
    torch.testing.assert_close(found, nll + 0.5 * divergence)
    expected = pytest.approx([5 * nll.item(), 5 * divergence.item()])
    terms = objective.end_epoch(2, 9)
    assert [*terms] == ["reconstruction_loss", "kl_divergence"]
    assert [*terms.values()] == expected
    # Held-out samples: the final weight, and nothing is noted.
    objective.generator.manual_seed(3)
    held_out = objective.eval()(x, x)
    torch.testing.assert_close(held_out, nll + 2.0 * divergence)
    assert [*objective.end_epoch(2, 9).values()] == expected
    objective.begin_epoch(2)
    objective.train()(x[:2], x[:2])
    assert objective.end_epoch(3, 9) != terms
    for epoch, weight in ((0, 0.0), (3, 1.5), (4, 2.0), (9, 2.0)):
        objective.begin_epoch(epoch)
        assert objective.weight == weight


@pytest.mark.parametrize("kind", ["reconstruction", "penalized", "elbo", "prediction"])
def test_weights_of_samples_weigh_all_terms(module, x, kind):
    if kind == "elbo":
        objective = VariationalObjective(
            make_variational(), Bernoulli(), generator=torch.Generator()
        )
        # Equal draws for equal samples would need the same place in the stream.
        objective._draw = lambda shape, device: torch.ones(shape)
    elif kind == "prediction":
        objective = PredictionObjective(module, Laplace())
    else:
        penalty = 0.3 if kind == "penalized" else 0.0
        objective = ReconstructionObjective(module, Laplace(), l1_penalty=penalty)
    weight = torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 1.0])
    repeated = x.repeat_interleave(weight.long(), dim=0)
    weighted = objective(x, x, weight / weight.mean())  # one on average
    torch.testing.assert_close(weighted, objective(repeated, repeated))
    assert torch.equal(weighted_mean(x), x.mean())


def test_losses_are_told_in_the_scale_of_the_data(module):
    def told(likelihood, kind=ReconstructionObjective, **options):
        return kind(module, likelihood, 10.0, **options).to_data_scale(2.0)

    assert told(Gaussian()) == told(Gaussian(), PredictionObjective) == 200.0
    assert told(Laplace()) == told(Laplace(), PredictionObjective) == 20.0
    assert told(Bernoulli()) == 2.0
    log_10 = 2.302585092994046
    diag = Gaussian(covariance_type="diag")
    assert told(diag) == pytest.approx(2.0 + log_10)
    variational = VariationalObjective(make_variational(), diag, 10.0)
    variational.n_features = 5
    assert variational.to_data_scale(2.0) == pytest.approx(5 * (2.0 + log_10))


@pytest.mark.parametrize("kind", ["reconstruction", "elbo", "classes"])
def test_what_is_compiled_is_the_objective(module, kind, monkeypatch):
    objective = {
        "reconstruction": lambda: ReconstructionObjective(module, Gaussian()),
        "elbo": lambda: VariationalObjective(make_variational(), Gaussian()),
        "classes": lambda: ClassificationObjective(module, None, dropout=0.5),
    }[kind]()
    compiled, kept = [], []

    def disable(method):
        kept.append(method.__name__)
        return method

    monkeypatch.setattr(torch, "compile", lambda f, **_: compiled.append(f) or f)
    monkeypatch.setattr(torch.compiler, "disable", disable)
    assert compile_objective(objective) is objective
    assert compiled == [objective]
    # What cannot be compiled, and need not be, is kept from it.
    assert kept == list(getattr(objective, "not_compiled", ()))
    trainer = Trainer(objective, {}, 0, torch.optim.SGD, {"lr": 0.1}, compile_step=True)
    assert compiled == [objective] * 2
    assert trainer.evaluate is objective
    assert trainer.dense_step is None
