"""Tests of the likelihood of columns of several kinds."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from skae import AutoEncoderTransformer, VariationalAutoEncoder
from skae._common.runtime import isolated_generators
from skae.likelihood import Bernoulli, Categorical, Gaussian, Laplace, Mixed

NAMES = ["length", "width", "sold", "red", "green", "blue"]


def mixed(numbers, bit, colour):
    return Mixed(
        [
            ("numbers", Gaussian(covariance_type="diag"), numbers),
            ("bit", "bernoulli", bit),
            ("colour", Categorical(), colour),
        ]
    )


@pytest.mark.parametrize(
    "columns",
    [
        ([0, 1], 2, [3, 4, 5]),
        (slice(0, 2), [2], slice(3, None)),
        (slice("length", "width"), ["sold"], ["red", "green", "blue"]),
        (["length", "width"], "sold", slice("red", None)),
        (slice(1, None, -1), [2], [3, 4, 5]),
        (np.arange(6) < 2, [i == 2 for i in range(6)], np.arange(6) > 2),
    ],
)
def test_columns_are_named_as_in_column_transformer(columns):
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    x[:, 2] = (x[:, 2] > 0).double()
    x[:, 3:] = torch.eye(3, dtype=torch.float64)[torch.arange(7) % 3]
    likelihood = mixed(*columns)
    likelihood.bind(6, NAMES)
    likelihood.check(x.numpy())
    variance = likelihood.variance(likelihood.error(output, x).mean(dim=0))
    assert torch.isnan(variance[2:]).all()
    expected = [
        Gaussian().log_prob(x[:, :2], output[:, :2], variance[:2]),
        Bernoulli().log_prob(x[:, 2:3], output[:, 2:3]),
        Categorical().log_prob(x[:, 3:], output[:, 3:]),
    ]
    expected = torch.cat(expected, dim=1)
    torch.testing.assert_close(likelihood.log_prob(x, output, variance), expected)
    mean = likelihood.mean(output)
    torch.testing.assert_close(mean[:, :2], output[:, :2])
    torch.testing.assert_close(mean[:, 2], output[:, 2].sigmoid())
    torch.testing.assert_close(mean[:, 3:].sum(dim=1), torch.ones(7).double())


def test_values_stand_in_the_place_of_their_columns():
    likelihood = Mixed(
        [
            ("colour", Categorical(), [4, 0]),
            ("wide", Gaussian(), [1, 3]),
            ("bit", "bernoulli", 2),
        ]
    )
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(7, 5, generator=generator, requires_grad=True)
    x = torch.rand(7, 5, generator=generator)
    error = likelihood.error(output, x)
    assert torch.equal(error[:, [1, 3]], (output - x).square()[:, [1, 3]])
    assert (error[:, [0, 2, 4]] == 0).all()
    variance = likelihood.variance(error.detach().mean(dim=0))
    assert variance[1] == variance[3]
    assert torch.isnan(variance[[0, 2, 4]]).all()
    log_prob = likelihood.log_prob(x, output, variance)
    assert log_prob.shape == x.shape
    for part, columns, spread in (
        (Categorical(), [4, 0], None),
        (Gaussian(), [1, 3], variance[[1, 3]]),
        (Bernoulli(), [2], None),
    ):
        expected = part.log_prob(x[:, columns], output[:, columns], spread)
        assert torch.equal(log_prob[:, columns], expected)
    # It is what training maximizes.
    (grad,) = torch.autograd.grad(log_prob.sum(), output)
    assert (grad != 0).all()
    bits = Mixed([("bits", "bernoulli", slice(None))])
    torch.testing.assert_close(
        bits.log_prob(x, output), Bernoulli().log_prob(x, output)
    )


def test_samples_of_several_kinds_have_the_variance_of_their_columns():
    likelihood = Mixed(
        [
            ("bit", "bernoulli", [1]),
            ("wide", Gaussian(covariance_type="diag"), [3, 0]),
            ("heavy", Laplace(), [2]),
        ]
    )
    likelihood.bind(4)
    output = torch.tensor([[5.0, 0.0, -3.0, 1.0]]).expand(20_000, 4)
    variance = torch.tensor([0.01, torch.nan, 1.0, 9.0])
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output, variance)
    assert set(drawn[:, 1].tolist()) == {0, 1}
    columns = [0, 2, 3]
    means = drawn.mean(dim=0)[columns]
    error = 5 * (variance[columns] / len(drawn)).sqrt()
    assert ((means - output[0, columns]).abs() < error).all()
    torch.testing.assert_close(
        drawn.var(dim=0)[columns], variance[columns], rtol=0.1, atol=0
    )


def test_each_kind_checks_its_own_columns():
    likelihood = mixed([0, 5], [4], [1, 2, 3])
    x = np.zeros((4, 6))
    x[:, [0, 5]] = [100.0, -7.0]
    x[:, 2] = 1.0
    likelihood.check(x)
    for column, value, message in (
        (4, 2.0, "'bernoulli' needs X in"),
        (3, 1.0, "sum is one"),
    ):
        spoiled = x.copy()
        spoiled[2, column] = value
        with pytest.raises(ValueError, match=message):
            likelihood.check(spoiled)
        with pytest.raises(ValueError, match=message):
            VariationalAutoEncoder(1, likelihood=likelihood).fit(spoiled)


def test_mixed_is_a_parameter_like_others():
    likelihood = mixed([0, 1], [2], [3, 4, 5])
    same = clone(likelihood)
    assert joblib.hash(same) == joblib.hash(likelihood)
    same.set_params(numbers__link="logit", bit=Laplace())
    assert same.likelihoods[0][1].link == "logit"
    assert isinstance(same.likelihoods[1][1], Laplace)
    assert likelihood.likelihoods[0][1].link == "identity"
    assert likelihood.has_variance
    assert not Mixed([("bits", "bernoulli", [0])]).has_variance


@pytest.mark.parametrize(
    ("likelihoods", "message"),
    [
        ([], "must be a list of"),
        ([("a", "gauss", [0])], "must be a list of"),
        ([("a", Gaussian, [0])], "must be a list of"),
        ([("a", "gaussian", [0, 1])], "column 2 has 0"),
        ([("a", "gaussian", [0, 1]), ("b", "gaussian", [1, 2])], "column 1 has 2"),
        ([("a", "gaussian", [0, 0, 1, 2])], "column 0 has 2"),
        (
            [("a", "gaussian", [])],
            r"the columns \[\], which select none of the 3",
        ),
        ([("a", "gaussian", 0), ("a", "gaussian", [1, 2])], "not unique"),
        ([("a", "gaussian", [5])], r"'a' of Mixed is for the columns \[5\], but X has"),
        ([("a", "gaussian", ["x"])], r"Mixed is for the column 'x', but .* not known"),
        ([("a", Gaussian("log"), [0, 1, 2])], "'link' parameter of Gaussian"),
        ([("a", Categorical([2]), [0, 1, 2])], r"n_levels=\[2\] makes 2"),
    ],
)
def test_wrong_columns_are_named(likelihoods, message):
    with pytest.raises(ValueError, match=message):
        Mixed(likelihoods).bind(3)


@pytest.mark.parametrize("likelihoods", [None, ["a"], [("a", "gaussian")]])
def test_parameters_can_be_looked_at_before_they_are_refused(likelihoods):
    assert Mixed(likelihoods).get_params()["likelihoods"] == likelihoods
    with pytest.raises(ValueError, match="'likelihoods' parameter of Mixed must be"):
        Mixed(likelihoods).bind(1)


def test_columns_are_bound_before_use():
    likelihood = mixed([0, 1], [2], [3, 4, 5])
    assert likelihood.binds_features
    assert likelihood.loss_needs_variance
    with pytest.raises(NotImplementedError, match="'loss'"):
        likelihood.loss(torch.zeros(1, 6), torch.zeros(1, 6))


def test_columns_come_out_of_a_memory_map_as_copies(tmp_path):
    likelihood = mixed([0, 1], [2], [3, 4, 5])
    likelihood.bind(6)
    joblib.dump(likelihood, tmp_path / "likelihood.joblib")
    mapped = joblib.load(tmp_path / "likelihood.joblib", mmap_mode="r")
    output = torch.zeros(1, 6)
    assert torch.equal(mapped.mean(output), likelihood.mean(output))
    unbound = pickle.loads(pickle.dumps(clone(likelihood)))
    assert torch.equal(unbound.mean(output), likelihood.mean(output))


def test_a_table_of_several_kinds():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(1000, 1))
    frame = pd.DataFrame(
        cause + rng.normal(size=(1000, 2)) * [0.3, 1], columns=NAMES[:2]
    )
    frame["sold"] = (cause[:, 0] + rng.normal(size=1000) > 0).astype(float)
    level = np.digitize(cause[:, 0] + 0.5 * rng.normal(size=1000), [-0.5, 0.5])
    frame[NAMES[3:]] = np.eye(3)[level]
    likelihood = mixed(slice("length", "width"), "sold", ["red", "green", "blue"])
    options = {"likelihood": likelihood, "hidden_layer_sizes": (16,), "lr": 1e-2}
    for kind in (AutoEncoderTransformer, VariationalAutoEncoder):
        model = kind(1, max_epochs=30, random_state=0, **options).fit(frame)
        variances = model.noise_variance_
        assert variances[0] < variances[1]
        assert np.isnan(variances[2:]).all()
        drawn = model.sample(500, random_state=0)
        assert set(np.unique(drawn[:, 2:])) == {0, 1}
        np.testing.assert_array_equal(drawn[:, 3:].sum(axis=1), 1)
        holes = frame.copy()
        holes.loc[::3, NAMES[3:]] = np.nan
        filled = model.impute(holes)[::3, 3:]
        np.testing.assert_allclose(filled.sum(axis=1), 1)
        assert (filled.argmax(axis=1) == level[::3]).mean() > 0.6
        same = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(
            same.score_samples(frame), model.score_samples(frame)
        )
    with pytest.raises(ValueError, match="'sold', but the names of X's columns"):
        model.fit(frame.rename(columns={"sold": "bought"}))


@pytest.mark.parametrize("seed", range(3))
def test_a_code_is_not_spent_on_copying_a_number(seed):
    rng = np.random.default_rng(seed)
    number, coins = rng.normal(size=(600, 1)), rng.integers(2, size=(600, 2))
    X = np.hstack([number, coins]).astype(float)
    likelihood = Mixed([("number", "gaussian", [0]), ("coins", "bernoulli", [1, 2])])
    # A number and two coins fit into two numbers.
    ae = AutoEncoderTransformer(2, likelihood=likelihood, random_state=seed).fit(X)
    found = ae.reconstruct(X)
    assert ((found[:, 1:] > 0.5) == coins).mean() > 0.97
    assert np.square(found - X)[:, 0].mean() < 0.05
