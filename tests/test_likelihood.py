"""Tests of the likelihoods."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import special, stats
from sklearn.base import clone

from skae import AutoEncoderTransformer, VariationalAutoEncoder
from skae._random import isolated_generators
from skae.likelihood import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
    make_likelihood,
)

BOUND = [Gaussian(link="logit"), Laplace(link="logit")]
LIKELIHOODS = [Gaussian(), Laplace(), *BOUND, Bernoulli()]


@pytest.fixture
def batch():
    """Outputs and samples, in float64; the samples are probabilities too."""
    generator = torch.Generator().manual_seed(0)
    options = {"generator": generator, "dtype": torch.float64}
    return 2 * torch.randn(7, 5, **options), torch.rand(7, 5, **options)


@pytest.mark.parametrize("noise", [0.01, 1.0, 3.0])
@pytest.mark.parametrize(
    ("likelihood", "of_scipy"),
    [
        # Noise is a variance; Laplace's is 2 b².
        (Gaussian(), lambda loc, noise: stats.norm(loc, np.sqrt(noise))),
        (Laplace(), lambda loc, noise: stats.laplace(loc, np.sqrt(noise / 2))),
    ],
)
def test_log_prob_of_numbers_agrees_with_scipy(batch, likelihood, of_scipy, noise):
    output, x = batch
    expected = of_scipy(output.numpy(), noise).logpdf(x.numpy()).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(x, output, noise), expected)
    assert of_scipy(0.0, noise).var() == pytest.approx(noise)
    assert torch.equal(likelihood.mean(output), output)


def test_log_prob_of_bits_agrees_with_scipy(batch):
    output, x = batch
    bits = x.round()
    bernoulli = stats.bernoulli(1 / (1 + np.exp(-output.numpy())))
    np.testing.assert_allclose(
        Bernoulli().log_prob(bits, output), bernoulli.logpmf(bits.numpy()).sum(axis=1)
    )
    np.testing.assert_allclose(Bernoulli().mean(output), bernoulli.mean())
    # Shares of ones: the average over the bits that they stand for.
    np.testing.assert_allclose(
        Bernoulli().log_prob(x, output),
        np.sum(x.numpy() * bernoulli.logpmf(1), axis=1)
        + np.sum((1 - x.numpy()) * bernoulli.logpmf(0), axis=1),
    )
    certain = torch.tensor([[200.0, -200.0]])
    assert Bernoulli().log_prob(torch.tensor([[1.0, 0.0]]), certain) == 0.0
    assert Bernoulli().log_prob(torch.tensor([[0.0, 1.0]]), certain) == -400.0


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_loss_grad_is_the_derivative_of_loss(batch, likelihood):
    output, x = batch
    leaf = output.clone().requires_grad_()
    expected = likelihood.loss(leaf, x)
    expected.backward()
    kept = output.clone(), x.clone()
    loss, grad = likelihood.loss_grad(output, x)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(grad, leaf.grad, rtol=1e-12, atol=1e-15)
    assert torch.equal(output, kept[0])
    assert torch.equal(x, kept[1])


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_training_maximizes_the_log_likelihood(batch, likelihood):
    output, x = batch
    leaf = output.clone().requires_grad_()
    likelihood.log_prob(x, leaf, noise=1.0).sum().backward()
    _, grad = likelihood.loss_grad(output, x)
    ratio = -leaf.grad / grad
    assert ratio.min() > 0
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), *BOUND], ids=str)
def test_noise_is_the_most_likely_variance(batch, likelihood):
    output, x = batch
    noise = likelihood.noise(likelihood.error(output, x).mean(dim=0))
    at = {f: likelihood.log_prob(x, output, f * noise).sum() for f in (0.98, 1.0, 1.02)}
    assert at[1.0] > max(at[0.98], at[1.02])


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [
        (Gaussian(), 4.0),
        (Gaussian(covariance_type="diag"), [1.0, 7.0]),
        (Laplace(), 2 * 4.0**2),
    ],
    ids=str,
)
def test_noise_is_one_for_all_features_or_one_for_each(likelihood, expected):
    noise = likelihood.noise(torch.tensor([1.0, 7.0]))
    torch.testing.assert_close(noise, torch.tensor(expected))


def test_bernoulli_has_no_noise():
    assert Bernoulli().noise(torch.ones(1)) is None
    assert not Bernoulli().has_noise
    assert all(likelihood.has_noise for likelihood in [Gaussian(), *BOUND])


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_logit_binds_the_mean(batch, kind):
    output, x = batch
    bound, free = kind(link="logit"), kind()
    mean = torch.sigmoid(output)
    assert torch.equal(bound.mean(output), mean)
    torch.testing.assert_close(bound.loss(output, x), free.loss(mean, x))
    expected = free.log_prob(x, mean, 0.1)
    torch.testing.assert_close(bound.log_prob(x, output, 0.1), expected)
    assert bound.unit_power == 0
    assert {kind().unit_power for kind in (Gaussian, Laplace)} == {1, 2}


def test_unknown_link_is_named():
    with pytest.raises(ValueError, match=r"'link' parameter of Gaussian .*Got 'log'"):
        make_likelihood(Gaussian(link="log"))


@pytest.mark.parametrize(
    ("X", "got"),
    [([[0.0, 1.5]], "from 0 to 1.5"), ([[-3, 1]], "from -3 to 1")],
)
def test_bernoulli_refuses_what_is_no_probability(X, got):
    message = rf"likelihood='bernoulli' needs X in \[0, 1\]; got values {got}\."
    with pytest.raises(ValueError, match=message):
        Bernoulli().check(np.array(X))
    Gaussian().check(np.array(X))
    Laplace().check(np.array(X))
    for bound in BOUND:
        with pytest.raises(ValueError, match=rf"link='logit'\) needs X .*{got}\."):
            bound.check(np.array(X))


def test_bernoulli_takes_probabilities_and_bits():
    for dtype in (np.float64, np.float16, np.uint8, bool):
        Bernoulli().check(np.array([[0, 1], [1, 0]], dtype))


def test_names_are_short_for_objects():
    assert type(make_likelihood("gaussian")) is Gaussian
    assert type(make_likelihood("laplace")) is Laplace
    assert type(make_likelihood("bernoulli")) is Bernoulli
    own = Laplace()
    assert make_likelihood(own) is own


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_likelihoods_are_parameters_like_others(likelihood):
    assert joblib.hash(clone(likelihood)) == joblib.hash(likelihood)
    others = {joblib.hash(other) for other in LIKELIHOODS}
    assert len(others) == len(LIKELIHOODS)


def test_own_likelihood_overrides_what_differs():
    class Huber(Likelihood):
        def loss(self, output, x):
            return torch.nn.functional.huber_loss(output, x)

    likelihood = Huber()
    likelihood.check(np.array([[-1e9]]))
    assert likelihood.unit_power == 0
    assert likelihood.noise(torch.ones(1)) is None
    with pytest.raises(NotImplementedError):
        likelihood.log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    with pytest.raises(NotImplementedError):
        Likelihood().loss(torch.zeros(1, 1), torch.zeros(1, 1))


def test_a_variance_a_feature_agrees_with_scipy(batch):
    output, x = batch
    likelihood = Gaussian(covariance_type="diag")
    noise = likelihood.noise(likelihood.error(output, x).mean(dim=0))
    np.testing.assert_allclose(noise, ((output - x) ** 2).mean(dim=0))
    expected = stats.norm(output.numpy(), np.sqrt(noise.numpy())).logpdf(x.numpy())
    np.testing.assert_allclose(
        likelihood.log_prob(x, output, noise), expected.sum(axis=1)
    )
    best = likelihood.log_prob(x, output, noise).sum()
    for j in range(5):
        for factor in (0.98, 1.02):
            other = noise.clone()
            other[j] *= factor
            assert likelihood.log_prob(x, output, other).sum() < best
    assert likelihood.loss_needs_noise
    assert not Gaussian().loss_needs_noise


def one_hot(levels, n_levels):
    return torch.eye(n_levels, dtype=torch.float64)[levels]


def test_log_prob_of_levels_agrees_with_scipy(batch):
    output, _ = batch
    levels = torch.arange(7) % 3
    x = torch.cat([one_hot(levels, 3), one_hot(levels % 2, 2)], dim=1)
    likelihood = Categorical([3, 2])
    first, second = (
        special.softmax(part.numpy(), axis=1) for part in output.split([3, 2], dim=1)
    )
    np.testing.assert_allclose(likelihood.mean(output), np.hstack([first, second]))
    expected = stats.multinomial(1, first).logpmf(x[:, :3].numpy())
    expected += stats.multinomial(1, second).logpmf(x[:, 3:].numpy())
    np.testing.assert_allclose(likelihood.log_prob(x, output), expected)
    loss = likelihood.loss(output, x)
    np.testing.assert_allclose(loss, -expected.mean() / 5)
    one = Categorical()
    np.testing.assert_allclose(
        one.log_prob(x[:, :3], output[:, :3]),
        Categorical([3]).log_prob(x[:, :3], output[:, :3]),
    )


def test_levels_are_checked():
    one = np.eye(3)
    Categorical().check(one)
    Categorical([3, 3]).check(np.hstack([one, one]))
    with pytest.raises(ValueError, match=r"sum is one .* got sums from 0 to 2"):
        Categorical([2, 1]).check(one[[0]] * 0 + [1, 1, 0])
    # One but for rounding.
    Categorical().check(np.full((2, 3), 1 / 3, np.float32))
    for almost in ([0.9, 0.0, 0.0], [1.0, 0.05, 0.0], [0.3, 0.3, 0.3]):
        with pytest.raises(ValueError, match="sum is one"):
            Categorical().check(np.vstack([one, almost]))
    with pytest.raises(ValueError, match=r"Categorical\(\) needs X in \[0, 1\]"):
        Categorical().check(np.array([[2.0, -1.0]]))
    with pytest.raises(ValueError, match=r"n_levels=\[3, 2\] makes 5 .* there are 6"):
        Categorical([3, 2]).bind(6)
    with pytest.raises(ValueError, match="must be positive integers"):
        Categorical([3, -2]).bind(1)


def test_levels_are_drawn_for_each_variable_by_its_probabilities():
    output = torch.tensor([[0.0, 1.0, -1.0, 2.0, 1.0]]).expand(20_000, 5)
    likelihood = Categorical([3, 2])
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output)
    assert drawn.unique().tolist() == [0, 1]
    assert (drawn[:, :3].sum(dim=1) == 1).all()
    assert (drawn[:, 3:].sum(dim=1) == 1).all()
    expected = likelihood.mean(output)[0]
    torch.testing.assert_close(drawn.mean(dim=0), expected, atol=0.015, rtol=0)
    # The variables are independent.
    together = (drawn[:, 1] * drawn[:, 3]).mean()
    assert together == pytest.approx(float(expected[1] * expected[3]), abs=0.015)


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
        (np.arange(6) < 2, [i == 2 for i in range(6)], np.arange(6) > 2),
    ],
)
def test_columns_are_named_as_in_column_transformer(columns):
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    x = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    x[:, 2] = (x[:, 2] > 0).double()
    x[:, 3:] = one_hot(torch.arange(7) % 3, 3)
    likelihood = mixed(*columns)
    likelihood.bind(6, NAMES)
    likelihood.check(x.numpy())
    noise = likelihood.noise(likelihood.error(output, x).mean(dim=0))
    assert torch.isnan(noise[2:]).all()
    expected = (
        Gaussian().log_prob(x[:, :2], output[:, :2], noise[:2])
        + Bernoulli().log_prob(x[:, 2:3], output[:, 2:3])
        + Categorical().log_prob(x[:, 3:], output[:, 3:])
    )
    torch.testing.assert_close(likelihood.log_prob(x, output, noise), expected)
    mean = likelihood.mean(output)
    torch.testing.assert_close(mean[:, :2], output[:, :2])
    torch.testing.assert_close(mean[:, 2], output[:, 2].sigmoid())
    torch.testing.assert_close(mean[:, 3:].sum(dim=1), torch.ones(7).double())


def test_samples_of_several_kinds_have_the_noise_of_their_columns():
    likelihood = Mixed(
        [
            ("bit", "bernoulli", [1]),
            ("wide", Gaussian(covariance_type="diag"), [3, 0]),
            ("heavy", Laplace(), [2]),
        ]
    )
    likelihood.bind(4)
    output = torch.tensor([[5.0, 0.0, -3.0, 1.0]]).expand(20_000, 4)
    noise = torch.tensor([0.01, torch.nan, 1.0, 9.0])
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output, noise)
    assert set(drawn[:, 1].tolist()) == {0, 1}
    columns = [0, 2, 3]
    means = drawn.mean(dim=0)[columns]
    error = 5 * (noise[columns] / len(drawn)).sqrt()
    assert ((means - output[0, columns]).abs() < error).all()
    torch.testing.assert_close(
        drawn.var(dim=0)[columns], noise[columns], rtol=0.1, atol=0
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
    assert likelihood.has_noise
    assert not Mixed([("bits", "bernoulli", [0])]).has_noise


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
            r"the columns \[\], which are none of X's 3",
        ),
        ([("a", "gaussian", 0), ("a", "gaussian", [1, 2])], "not unique"),
        ([("a", "gaussian", [5])], r"'a' is for the columns \[5\], but X has 3"),
        ([("a", "gaussian", ["x"])], "'a' is for the column 'x', but .* not known"),
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


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_samples_have_the_mean(likelihood):
    output = torch.tensor([[0.3, -1.0]]).expand(20_000, 2)
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output, 0.04)
    torch.testing.assert_close(
        drawn.mean(dim=0), likelihood.mean(output)[0], atol=0.02, rtol=0
    )
    if likelihood.has_noise:
        assert drawn.var(dim=0).mean() == pytest.approx(0.04, rel=0.05)
