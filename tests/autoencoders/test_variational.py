"""Tests of the variational autoencoder."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from torch import nn

from skae import VariationalAutoEncoder
from skae._training import variational_objective
from skae._training.variational_objective import importance_bound, log_ratio
from skae.corruption import Binarize
from skae.likelihood import Gaussian
from skae.modules import Autoencoder, VariationalModule

X = load_digits().data[:400]


def make(n_components=4, **parameters):
    defaults = {"hidden_layer_sizes": (16,), "lr": 1e-2}
    defaults |= {"batch_size": 32, "max_epochs": 30}
    return VariationalAutoEncoder(
        n_components, **(defaults | {"random_state": 0} | parameters)
    )


def states():
    numpy_state = np.random.get_state()[1].tolist()
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


@pytest.fixture(scope="module")
def model():
    return make().fit(X)


@pytest.mark.parametrize("n_components", [2, 10])
def test_affine_model_is_probabilistic_pca(n_components):
    X = load_digits().data
    pca = PCA(n_components).fit(X)
    model = make(n_components, hidden_layer_sizes=()).fit(X)
    assert model.score(X) == pytest.approx(pca.score(X), rel=1e-6)
    assert model.noise_variance_ == pytest.approx(pca.noise_variance_, rel=1e-5)
    assert model.n_active_components_ == n_components
    assert model.is_linear_
    assert not model.loss_curve_
    # With networks at the start from random weights it has to be learned.
    model = make(
        n_components, hidden_layer_sizes=(16,), activation="identity", max_epochs=100
    )
    model.set_params(skip_connection=False).fit(X)
    assert model.score(X) == pytest.approx(pca.score(X), rel=0.01)
    assert -model.loss_curve_[-1] == pytest.approx(pca.score(X), rel=0.02)


@pytest.mark.parametrize("n_components", [3, 16])
def test_closed_form_is_probabilistic_pca_of_new_samples(n_components):
    X, _ = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)  # 13 features
    pca = PCA(min(n_components, 13)).fit(X[::2])
    model = VariationalAutoEncoder(n_components, hidden_layer_sizes=(), random_state=0)
    model.fit(X[::2])
    # p_enc(h|x) is p(h|x): whatever codes are drawn, the bound is log p(x) itself.
    for n_draws in (1, 5):
        scores = model.set_params(n_importance_samples=n_draws).score_samples(X[1::2])
        np.testing.assert_allclose(scores, pca.score_samples(X[1::2]), rtol=1e-5)
    mean, std = model.encode_distribution(X)
    eigenvalues = pca.explained_variance_
    noise = model.noise_variance_
    assert noise == pytest.approx(pca.noise_variance_ or eigenvalues[-1], rel=1e-5)
    variance = std[0, : pca.n_components_] ** 2
    np.testing.assert_allclose(variance, noise / eigenvalues, rtol=1e-5)
    np.testing.assert_array_equal(std[:, pca.n_components_ :], 1.0)
    np.testing.assert_array_equal(mean[:, pca.n_components_ :], 0.0)
    ratio = model.explained_variance_ratio_[: pca.n_components_]
    np.testing.assert_allclose(ratio, pca.explained_variance_ratio_, rtol=1e-5)
    assert model.n_epochs_ == 0


def test_training_that_does_not_help_returns_to_probabilistic_pca():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 8)) + rng.normal(size=(60, 8))
    model = make(2).fit(rows)
    assert model.is_linear_
    assert model.elbo_gain_ < 1.0
    assert model.n_epochs_ == 30
    pca = PCA(2).fit(rows)
    np.testing.assert_allclose(
        model.score_samples(rows), pca.score_samples(rows), rtol=1e-5
    )
    assert model.noise_variance_ == pytest.approx(pca.noise_variance_, rel=1e-5)
    assert np.isclose(model.kl_divergence_.sum(), model.kl_divergence_[:2].sum())


def test_training_that_helps_is_kept():
    X = load_digits().data
    X_train, X_test = X[::2], X[1::2]
    model = make(8, hidden_layer_sizes=None, lr="auto", max_epochs="auto").fit(X_train)
    assert not model.is_linear_
    assert not hasattr(model, "explained_variance_ratio_")
    gain = model.set_params(n_importance_samples=1).score(X_test)
    gain -= PCA(8).fit(X_train).score(X_test)
    assert gain > 5.0
    assert model.elbo_gain_ == pytest.approx(gain, rel=0.5)
    # The variance is that of samples that were not trained on.
    training_error = np.square(model.reconstruct(X_train) - X_train).mean()
    assert model.noise_variance_ > training_error


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_training_starts_at_probabilistic_pca(architecture):
    images = X.reshape(-1, 8, 8)
    model = make(6, architecture=architecture, hidden_layer_sizes=(8,), lr=1e-30)
    model.partial_fit(images)
    pca = PCA(6).fit(X)
    np.testing.assert_allclose(model.score(images), pca.score(X), rtol=1e-3)
    assert not model.is_linear_
    # As well where another weight of the divergence is asked for, which is then kept.
    other = model.set_params(beta=2.0, max_epochs=1).fit(images)
    np.testing.assert_allclose(other.score(images), pca.score(X), rtol=1e-3)
    assert not hasattr(other, "elbo_gain_")


@pytest.mark.parametrize(
    "parameters",
    [
        {"skip_connection": False},
        {"likelihood": "laplace"},
        {"likelihood": Gaussian(covariance_type="diag")},
        {"likelihood": Gaussian(link="logit")},
    ],
    ids=str,
)
def test_others_start_from_random_weights(parameters):
    model = make(max_epochs=1, lr="auto", **parameters).fit(X / 16)
    assert not model.module_.network_weights()
    assert not model.is_linear_
    assert not hasattr(model, "elbo_gain_")
    assert model.net_.lr == 1e-3


def test_score_samples_is_the_bound_by_its_formula(model):
    mean, std = model.encode_distribution(X)
    # More draws, a tighter bound; in the mean over samples it grows.
    bounds = [
        clone(model).set_params(n_importance_samples=n).fit(X).score(X)
        for n in (1, 10, 200)
    ]
    assert bounds == sorted(bounds)
    # Of one draw it is the ELBO, whose terms training recorded.
    misfit, divergence = model.reconstruction_loss_curve_, model.kl_curve_
    total = np.add(misfit, divergence)
    np.testing.assert_allclose(model.loss_curve_, total, rtol=1e-5)
    assert bounds[0] == pytest.approx(-model.loss_curve_[-1], rel=0.02)
    kl = 0.5 * (mean**2 + std**2 - 1) - np.log(std)
    np.testing.assert_allclose(model.kl_divergence_, kl.mean(axis=0))
    assert model.kl_divergence_.sum() == pytest.approx(divergence[-1], rel=0.05)


def test_importance_weights_by_hand(model):
    one = pickle.loads(pickle.dumps(model)).set_params(n_importance_samples=3)
    mean, std = one.encode_distribution(X[:5])
    generator = np.random.SeedSequence([0]).generate_state(1, np.uint64)[0] >> 1
    draws = torch.randn(
        3,
        4,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(int(generator)),
    ).numpy()
    weights = []
    for noise in draws:
        h = mean + std * noise
        error = ((X[:5] - one.inverse_transform(h)) ** 2).sum(axis=1)
        log_p = -0.5 * error / one.noise_variance_
        log_p -= 32 * np.log(2 * np.pi * one.noise_variance_)
        log_prior = -0.5 * (h**2 + np.log(2 * np.pi)).sum(axis=1)
        log_q = -0.5 * (noise**2 + np.log(2 * np.pi * std**2)).sum(axis=1)
        weights.append(log_p + log_prior - log_q)
    expected = np.logaddexp.reduce(weights, axis=0) - np.log(3)
    np.testing.assert_allclose(one.score_samples(X[:5]), expected)


@pytest.mark.parametrize("n_samples", [1, 3, 1000])
def test_draws_may_be_decoded_together(n_samples):
    module = VariationalModule(torch.nn.Linear(6, 4), torch.nn.Linear(2, 6)).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n_samples, 6, generator=generator, dtype=torch.float64)
    draws = torch.randn(700, 2, generator=generator, dtype=torch.float64)

    def log_prob(x, output):
        return -(output - x).square().sum(dim=1)

    with torch.no_grad():
        bound = importance_bound(module, x, x, log_prob, draws)
        mean, std = module.encode_distribution(x)
        weights = []
        for noise in draws:
            h = mean + std * noise
            ratio = log_ratio(h, noise, std).sum(dim=1)
            weights.append(log_prob(x, module.decode(h)) - ratio)
    expected = torch.stack(weights).logsumexp(dim=0) - np.log(700)
    torch.testing.assert_close(bound, expected, rtol=1e-12, atol=0)


def test_score_of_a_sample_depends_on_nothing_but_it(model):
    scores = model.score_samples(X)
    alone = np.concatenate([model.score_samples(x[None]) for x in X[:20]])
    np.testing.assert_allclose(scores[:20], alone, rtol=1e-12)
    np.testing.assert_allclose(model.score_samples(X[::-1])[::-1], scores, rtol=1e-12)
    single = model.score_samples(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, scores, rtol=1e-4)
    assert model.score(X) == scores.mean()


def test_score_is_that_of_the_unit_of_x():
    # In more epochs rounding errors would grow.
    other = make(max_epochs=15).fit(1000 * X + 7)
    same = make(max_epochs=15).fit(X)
    shift = 64 * np.log(1000)
    np.testing.assert_allclose(
        other.score_samples(1000 * X + 7), same.score_samples(X) - shift, atol=0.1
    )
    assert other.loss_curve_[-1] == pytest.approx(same.loss_curve_[-1] + shift)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [1e2, 1e4, 1e6])
def test_scores_far_from_the_training_are_finite(dtype, factor):
    X = load_digits().data[:300].astype(dtype)
    model = VariationalAutoEncoder(
        4, hidden_layer_sizes=(32,), lr=1e-2, max_epochs=15, random_state=0
    ).fit(X)
    scores = model.score_samples(X * dtype(factor))
    assert np.isfinite(scores).all()
    assert scores.max() < model.score_samples(X).min()


def test_transform_is_the_mean(model):
    mean, std = model.encode_distribution(X)
    np.testing.assert_array_equal(model.transform(X), mean)
    assert (std > 0).all()
    assert (std < 1).all()
    reconstructed = model.inverse_transform(mean)
    np.testing.assert_allclose(model.reconstruct(X), reconstructed)


def test_random_state_alone_decides(model):
    np.testing.assert_array_equal(make().fit(X).transform(X), model.transform(X))
    assert (make(random_state=1).fit(X).transform(X) != model.transform(X)).any()
    first, second = (model.sample(5, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (model.sample(5, random_state=4) != first).any()


def test_global_generators_stay_as_they_are():
    before = states()
    model = make(early_stopping=True, augmentation=Binarize(), likelihood="bernoulli")
    model.fit(X / 16).score(X / 16)
    model.sample(3, random_state=0)
    model.impute(X / 16)
    model.set_params(early_stopping=False).partial_fit(X / 16)
    assert states() == before


def test_threads_don_t_disturb_each_other(model):
    expected = model.score_samples(X), model.sample(4, random_state=0)
    with ThreadPoolExecutor(6) as pool:
        fits = [pool.submit(make().fit, X) for _ in range(3)]
        scores = [pool.submit(model.score_samples, X) for _ in range(6)]
        samples = [pool.submit(model.sample, 4, 0) for _ in range(6)]
        for fit in fits:
            np.testing.assert_array_equal(fit.result().transform(X), model.transform(X))
        for score, sample in zip(scores, samples, strict=True):
            np.testing.assert_array_equal(score.result(), expected[0])
            np.testing.assert_array_equal(sample.result(), expected[1])


def test_a_copy_answers_the_same(model):
    same = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(same.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(same.sample(3, 0), model.sample(3, 0))
    same.partial_fit(X)
    assert len(same.kl_curve_) == same.n_epochs_ == model.n_epochs_ + 1


def test_curves_go_on_with_partial_fit_and_warm_start():
    model = make(max_epochs=3)
    for n in range(1, 4):
        model.partial_fit(X)
        lengths = {
            len(model.kl_curve_),
            len(model.loss_curve_),
            len(model.reconstruction_loss_curve_),
        }
        assert lengths == {n}
    warm = make(max_epochs=3, warm_start=True).fit(X).fit(X)
    assert len(warm.kl_curve_) == 6


def test_warm_up_raises_the_weight_of_the_divergence():
    model = make(beta=2.0, beta_warm_up=4, max_epochs=6).fit(X)
    rest = np.subtract(model.loss_curve_, model.reconstruction_loss_curve_)
    weights = rest / model.kl_curve_
    np.testing.assert_allclose(weights, [0, 0.5, 1, 1.5, 2, 2], atol=1e-3)
    stepwise = make(beta=2.0, beta_warm_up=4)
    for _ in range(2):
        stepwise.partial_fit(X)
    resumed = pickle.loads(pickle.dumps(stepwise)).partial_fit(X)
    rest = resumed.loss_curve_[2] - resumed.reconstruction_loss_curve_[2]
    assert rest / resumed.kl_curve_[2] == pytest.approx(1, abs=1e-3)
    # What is held out is judged by the weight at last.
    held_out = make(beta=9.0, beta_warm_up=10**6, early_stopping=True, max_epochs=2)
    held_out.fit(X)
    assert held_out.validation_loss_curve_[0] > held_out.loss_curve_[0]


def test_beta_trades_the_divergence_for_the_error():
    low, high = (make(beta=beta).fit(X) for beta in (0.1, 3.0))
    assert low.kl_divergence_.sum() > high.kl_divergence_.sum()
    assert low.noise_variance_ < high.noise_variance_


def test_active_components_vary_by_more_than_a_hundredth():
    variances = torch.tensor([0.009, 0.011, 0.5])

    def build(n_features, n_components):
        encoder = nn.Linear(n_features, 2 * n_components)
        nn.init.zeros_(encoder.weight)
        encoder.weight.data[:3, 0] = variances.sqrt()
        return VariationalModule(encoder, nn.Linear(n_components, n_features))

    rows = np.random.default_rng(0).normal(size=(200, 4))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    model = make(3, module=build, max_epochs=1, lr=1e-30).fit(rows)
    found = model.transform(rows).var(axis=0)
    np.testing.assert_allclose(found, variances, rtol=1e-3)
    assert model.n_active_components_ == 2


def test_collapse_is_told():
    told = r"posterior has collapsed.*beta=1000"
    with pytest.warns(ConvergenceWarning, match=told) as caught:
        model = make(beta=1000, max_epochs=80).fit(X)
    assert {warning.filename for warning in caught} == {__file__}
    assert model.n_active_components_ == 0
    assert model.kl_divergence_.max() < 0.01


def test_samples_are_like_the_training_samples():
    X = load_digits().data
    model = make(8, hidden_layer_sizes=(64,), max_epochs=40).fit(X)
    drawn = model.sample(2000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=1.5)
    assert drawn.var() == pytest.approx(X.var(), rel=0.1)
    # A draw is the mean and noise of the learned size.
    means = model.sample(2000, random_state=0, noise=False)
    assert (drawn - means).var() == pytest.approx(model.noise_variance_, rel=0.05)
    likely = model.score_samples(drawn)
    assert np.median(likely) > np.median(model.score_samples(X)) - 20


def test_density_is_that_of_the_codes_of_training_samples(model):
    np.testing.assert_array_equal(model.density_.mean_, np.zeros(4))
    np.testing.assert_array_equal(model.density_.covariance_, np.eye(4))
    # At beta=0 codes are far from p(h), and little noise is added to their means.
    far = make(beta=0.01, density=GaussianMixture(1)).fit(X)
    mean, std = far.encode_distribution(X)
    np.testing.assert_allclose(far.density_.means_[0], mean.mean(axis=0), atol=0.15)
    expected = np.cov(mean.T) + np.diag(np.square(std).mean(axis=0))
    scale = np.sqrt(expected.diagonal())
    difference = (far.density_.covariances_[0] - expected) / np.outer(scale, scale)
    np.testing.assert_allclose(difference, 0.0, atol=0.1)
    # Digits that it draws are as far from digits as the digits that it reconstructs.
    drawn = far.sample(2000, random_state=0, noise=False)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=1.0)
    np.testing.assert_array_equal(far.sample(2000, 0, noise=False), drawn)
    prior = far.set_params(density=None).fit(X).sample(2000, 0, noise=False)
    spread = far.reconstruct(X).var(axis=0).sum()
    ratios = [rows.var(axis=0).sum() / spread for rows in (drawn, prior)]
    assert ratios[0] == pytest.approx(1.0, abs=0.15)
    assert ratios[1] < 0.5


def test_density_may_follow_a_fit_and_changes_no_score(model):
    own = make(density=GaussianMixture(3)).fit(X)
    assert own.density_.n_components == 3
    np.testing.assert_array_equal(own.score_samples(X), model.score_samples(X))
    copied = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(copied.sample(9, 0), own.sample(9, 0))
    stream = make(density=GaussianMixture(2)).partial_fit(X[:200]).partial_fit(X[200:])
    mean, _ = stream.encode_distribution(X)
    average = stream.density_.weights_ @ stream.density_.means_
    np.testing.assert_allclose(average, mean.mean(axis=0), atol=0.15)
    with pytest.raises(ValueError, match="'density' parameter of VariationalAuto"):
        make(density=PCA()).fit(X)


def test_sample_of_bits_and_images():
    images = (X > 8).astype(np.float32).reshape(-1, 8, 8)
    model = make(likelihood="bernoulli", architecture="conv", hidden_layer_sizes=(8,))
    model.fit(images)
    drawn = model.sample(7, random_state=0)
    assert drawn.shape == (7, 8, 8)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    means = model.sample(7, random_state=0, noise=False)
    assert ((means > 0) & (means < 1)).all()
    assert model.sample().shape == (1, 8, 8)
    for n_samples, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="n_samples"):
            model.sample(n_samples)


def test_augmentation_by_binarize_trains_on_bits():
    gray = X / 16
    bits = (np.random.default_rng(0).random(gray.shape) < gray).astype(float)
    on_bits = make(likelihood="bernoulli", augmentation=Binarize()).fit(gray)
    assert on_bits.score(bits) == pytest.approx(-on_bits.loss_curve_[-1], rel=0.1)


def test_search_by_the_likelihood():
    search = GridSearchCV(make(), {"n_components": [1, 6]}, cv=2).fit(X)
    assert search.best_params_ == {"n_components": 6}


def test_own_module_and_its_errors():
    def build(n_features, n_components):
        return VariationalModule(
            nn.Linear(n_features, 2 * n_components), nn.Linear(n_components, n_features)
        )

    model = make(module=build).fit(X)
    assert model.scale_ == 1.0
    assert model.sample(2, random_state=0).shape == (2, 64)

    def plain(n_features, n_components):
        return Autoencoder(
            nn.Linear(n_features, n_components), nn.Linear(n_components, n_features)
        )

    with pytest.raises(ValueError, match="without the method 'encode_distribution'"):
        make(module=plain).fit(X)


def test_laplace_and_a_variance_a_feature():
    laplace = make(likelihood="laplace").fit(X)
    assert laplace.score(X) == pytest.approx(-laplace.loss_curve_[-1], rel=0.05)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4)) * [0.3, 0.5, 1.0, 2.0]
    analysis = FactorAnalysis(1, tol=1e-8).fit(rows)
    likelihood = Gaussian(covariance_type="diag")
    model = make(1, likelihood=likelihood, hidden_layer_sizes=(), max_epochs=100)
    model.fit(rows)
    expected = analysis.noise_variance_
    np.testing.assert_allclose(model.noise_variance_, expected, rtol=0.02, atol=0.05)
    assert model.score(rows) == pytest.approx(analysis.score(rows), rel=0.01)


def test_compute_dtypes_agree():
    rough = make(compute_dtype="bfloat16").fit(X)
    exact = make(compute_dtype="float32").fit(X)
    assert rough.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=0.02)


def test_frames_and_not_fitted(model):
    frame = pd.DataFrame(X).add_prefix("pixel")
    codes = make().set_output(transform="pandas").fit_transform(frame)
    assert codes.columns[0] == "variationalautoencoder0"
    for method in ("sample", "encode_distribution", "score_samples", "impute"):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(X)


def test_impute_by_what_is_there(model):
    missing = np.random.default_rng(0).random(X.shape) < 0.3
    holes = np.where(missing, np.nan, X)
    filled = model.impute(holes)
    np.testing.assert_array_equal(filled[~missing], X[~missing])
    by_mean = ((X.mean(axis=0) - X)[missing] ** 2).mean()
    assert ((filled - X)[missing] ** 2).mean() < 0.7 * by_mean
    alone = np.concatenate([model.impute(x[None]) for x in holes[:10]])
    np.testing.assert_allclose(alone, filled[:10], rtol=1e-10)
    assert np.isnan(holes).any()
    np.testing.assert_array_equal(model.impute(X), X)
    with pytest.raises(ValueError, match="infinity"):
        model.impute(np.full((1, 64), np.inf))


@pytest.mark.parametrize(("max_iter", "rest"), [(1, 0.12), (10, 0.05)])
def test_impute_of_an_affine_model_is_the_conditional_mean(max_iter, rest):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6)) + 5
    rows += 0.7 * rng.normal(size=rows.shape)
    model = make(2, hidden_layer_sizes=(), max_epochs=60).fit(rows)
    mean = model.inverse_transform(np.zeros((1, 2)))[0]
    loadings = model.inverse_transform(np.eye(2)) - mean
    variance, by_mean = model.noise_variance_, rows.mean(axis=0)

    rows = rows[:100]
    missing = rng.random(rows.shape) < 0.5
    missing[0] = True  # all that is known of it is what is known before
    expected = rows.copy()
    for row, is_missing in zip(expected, missing, strict=True):
        known = loadings[:, ~is_missing]
        precision = np.eye(2) + known @ known.T / variance
        error = row[~is_missing] - mean[~is_missing]
        code = np.linalg.solve(precision, known @ error / variance)
        row[is_missing] = (mean + code @ loadings)[is_missing]

    def distance(found):
        return np.sqrt(np.square((found - expected)[missing]).mean())

    found = model.impute(np.where(missing, np.nan, rows), max_iter=max_iter)
    assert distance(found) < rest * distance(np.broadcast_to(by_mean, rows.shape))


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_number_of_importance_samples_is_checked_when_it_is_used(n):
    model = VariationalAutoEncoder(2, max_epochs=1, random_state=0).fit(X)
    with pytest.raises((ValueError, TypeError), match="n_importance_samples"):
        model.set_params(n_importance_samples=n).score(X)


def test_scores_of_wide_rows_decode_few_numbers_at_a_time(monkeypatch):
    X = np.random.default_rng(0).normal(size=(3, 8))
    model = VariationalAutoEncoder(2, hidden_layer_sizes=(), random_state=0).fit(X)
    scores, sizes = model.score_samples(X), []
    decode = type(model.module_).decode

    def counted(module, code):
        sizes.append(len(code) * 8)
        return decode(module, code)

    monkeypatch.setattr(type(model.module_), "decode", counted)
    monkeypatch.setattr(variational_objective, "MAX_NUMBERS", 100)
    np.testing.assert_allclose(model.score_samples(X), scores, rtol=1e-9)
    assert max(sizes) <= 100
    assert len(sizes) > 1
