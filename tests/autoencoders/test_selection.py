"""Autoencoders start at principal components and go back to them in doubt."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import scale

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder
from skae.autoencoders import _probabilistic_pca
from skae.autoencoders._selection import SelectionMixin, compare, judge
from skae.corruption import Masking
from skae.likelihood import Gaussian, Laplace
from skae.modules import Autoencoder

DIGITS = load_digits().data
WINE = scale(load_wine().data)
RNG = np.random.default_rng(0)
# Nothing can be learned from it but its covariance.
NOISE = RNG.normal(size=(200, 6)) * [5, 4, 3, 2, 1, 1]


def bend(n_samples):
    """A curve in three dimensions, which no line goes along."""
    rng = np.random.default_rng(n_samples)  # the same whatever other tests draw
    angle = rng.uniform(-2, 2, size=(n_samples, 1))
    curve = np.hstack([np.sin(angle), np.cos(angle), angle**2])
    return curve + 0.01 * rng.normal(size=curve.shape)


class UserModule(Autoencoder):
    def __init__(self, n_features, n_components):
        super().__init__(
            torch.nn.Linear(n_features, n_components),
            torch.nn.Linear(n_components, n_features),
        )


def error(model, X):
    return np.square(model.inverse_transform(model.transform(X)) - X).mean()


def test_student_and_sign_statistics():
    baseline = np.array([3.0, 3.0, 3.0, 3.0])
    losses = np.array([2.0, 1.0, 2.5, 3.5])
    gain = baseline - losses
    t, z = compare(losses, baseline)
    assert t == pytest.approx(gain.mean() / (gain.std(ddof=1) / 2))
    assert z == pytest.approx((3 - 1) / 2)
    assert compare(baseline, baseline) == (0.0, 0.0)


def test_a_verdict_needs_both_statistics():
    low, high = np.full(40, 1.0), 2.0 + 0.1 * RNG.random(40)
    assert judge(low, high, is_clear=False) == 1
    assert judge(high, low, is_clear=False) == -1
    assert judge(high, high, is_clear=False) == 0
    # A few large gains beside many small losses, and the other way round.
    few = np.where(np.arange(40) < 9, 0.0, low + 0.01)
    assert judge(few, low, is_clear=False) == 0
    assert judge(low, few, is_clear=False) == 0
    assert judge(low, few, is_clear=True) == 1


@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
@pytest.mark.parametrize("is_bent", [False, True])
def test_what_is_clearly_worse_is_not_fitted_again(kind, is_bent, monkeypatch):
    n_folds, held_out_terms = [], SelectionMixin._held_out_terms

    def counted(estimator, batches):
        n_folds.append(batches.n_samples)
        return held_out_terms(estimator, batches)

    monkeypatch.setattr(SelectionMixin, "_held_out_terms", counted)
    # Wide noise is learned by heart.
    X = bend(400) if is_bent else RNG.normal(size=(120, 60))
    model = kind(1 if is_bent else 4, random_state=0).fit(X)
    assert model.is_linear_ is not is_bent
    assert n_folds == ([100] * 4 if is_bent else [30])


def spiked(n_samples, seed):
    """Waves, and features that are zero but in a sample of thousand."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-3, 3, size=(n_samples, 2))
    waves = np.sin(angle @ np.random.default_rng(5).normal(size=(2, 20)))
    waves += 0.05 * rng.normal(size=waves.shape)
    spikes = np.where(rng.random(waves.shape) < 1e-3, 60.0, 0.0)
    return np.hstack([waves, spikes * rng.exponential(size=spikes.shape)])


def test_rare_samples_that_are_not_held_out_are_judged_too(monkeypatch):
    X, new = spiked(1100, 0), spiked(2000, 100)
    pca = PCA(4, svd_solver="full").fit(X)
    model = VariationalAutoEncoder(4, random_state=0).fit(X)
    assert model.is_linear_
    expected = model.noise_variance_, model.score(new)
    assert expected == pytest.approx((pca.noise_variance_, pca.score(new)), rel=0.02)
    # Held-out samples alone would choose what is far worse for new samples.
    monkeypatch.setattr(_probabilistic_pca, "TAIL_SHARE", 1.0)
    model = VariationalAutoEncoder(4, random_state=0).fit(X)
    assert not model.is_linear_
    assert model.score(new) < pca.score(new) - 100


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.Adagrad])
@pytest.mark.parametrize("skip_connection", [True, False])
@pytest.mark.parametrize("X", [DIGITS, 1e3 * WINE], ids=len)
def test_affine_autoencoder_is_pca(X, optimizer, skip_connection):
    affine = AutoEncoderTransformer(
        4,
        hidden_layer_sizes=(),
        optimizer=optimizer,
        skip_connection=skip_connection,
        random_state=0,
    ).fit(X)
    pca = PCA(4).fit(X)
    assert error(affine, X) == pytest.approx(error(pca, X), rel=1e-5)
    assert affine.is_linear_
    assert affine.n_epochs_ == 0
    np.testing.assert_allclose(
        affine.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-4
    )
    # Codes are in the order of the components, in the module's scale.
    codes = affine.transform(X)
    np.testing.assert_allclose(
        np.abs(codes * affine.scale_),
        np.abs(pca.transform(X)),
        atol=1e-4 * codes.std() * affine.scale_,
    )
    assert affine.noise_variance_ == pytest.approx(error(pca, X), rel=1e-4)


def test_what_does_not_help_is_not_kept():
    pca = PCA(8).fit(WINE)
    ae = AutoEncoderTransformer(8, random_state=0).fit(WINE)
    assert ae.is_linear_
    assert ae.error_ratio_ > 0.9
    assert error(ae, WINE) == pytest.approx(error(pca, WINE), rel=1e-5)
    np.testing.assert_allclose(
        ae.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-4
    )
    # The network is there and can be trained further.
    before = ae.loss_curve_
    for _ in range(3):
        ae.partial_fit(WINE)
    assert not ae.is_linear_
    assert not hasattr(ae, "error_ratio_")
    assert not hasattr(ae, "explained_variance_ratio_")
    assert ae.loss_curve_[: len(before)] == before
    assert error(ae, WINE) < 1.2 * error(pca, WINE)


@pytest.mark.parametrize("n_samples", [300, 1200])  # by folds, and by a part
@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
def test_a_curve_is_followed(n_samples, likelihood):
    X, X_new = bend(n_samples), bend(500)
    ae = AutoEncoderTransformer(1, likelihood=likelihood, random_state=0).fit(X)
    assert not ae.is_linear_
    assert ae.error_ratio_ < 0.5
    assert error(ae, X_new) < 0.4 * error(PCA(1).fit(X), X_new)
    assert not hasattr(ae, "explained_variance_ratio_")


def test_images_start_at_pca_too():
    images = DIGITS[:1000].reshape(-1, 8, 8)
    options = {"architecture": "conv", "hidden_layer_sizes": (4,), "random_state": 0}
    # Hardly a step: the start is what is measured.
    start = AutoEncoderTransformer(8, max_steps=1, lr=1e-9, **options).fit(images)
    pca = PCA(8).fit(DIGITS[:1000])
    assert error(start, images) == pytest.approx(error(pca, DIGITS[:1000]), rel=0.01)


def test_all_that_decides_is_the_random_state():
    fits = [AutoEncoderTransformer(3, random_state=0).fit(NOISE[:150]) for _ in "ab"]
    for ae in fits:
        np.testing.assert_array_equal(
            ae.transform(NOISE), pickle.loads(pickle.dumps(fits[0])).transform(NOISE)
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True},
        {"l1_penalty": 0.01},
        {"contractive_penalty": 0.01},
        {"likelihood": Gaussian(covariance_type="diag")},
        {"skip_connection": False},
        {"likelihood": Laplace(link="logit")},
    ],
    ids=str,
)
def test_what_is_not_selected(parameters):
    X = (NOISE - NOISE.min()) / np.ptp(NOISE)
    ae = AutoEncoderTransformer(2, max_epochs=3, random_state=0, **parameters).fit(X)
    assert not ae.is_linear_
    assert not hasattr(ae, "error_ratio_")
    assert ae.n_epochs_ == 3


def test_warm_start_goes_on_from_what_was_selected():
    ae = AutoEncoderTransformer(8, max_epochs=5, warm_start=True, random_state=0)
    first = error(ae.fit(WINE), WINE)
    assert ae.is_linear_
    ae.fit(WINE)
    assert not ae.is_linear_
    assert ae.n_epochs_ == 10
    assert error(ae, WINE) < 1.1 * first


def test_a_module_of_the_user_starts_as_it_is():
    ae = AutoEncoderTransformer(2, max_epochs=2, random_state=0).fit(WINE)
    ae.set_params(module=UserModule).fit(WINE)
    assert not ae.is_linear_
    assert not hasattr(ae, "error_ratio_")


def test_few_samples_are_pca():
    ae = AutoEncoderTransformer(2, random_state=0).fit(NOISE[:59])
    assert ae.is_linear_
    assert ae.n_epochs_ == 0
    # More components than there are directions.
    wide = AutoEncoderTransformer(16, random_state=0).fit(NOISE[:10])
    assert error(wide, NOISE[:10]) < 1e-8
    assert (wide.transform(NOISE)[:, 6:] == 0).all()
    assert (wide.explained_variance_ratio_[6:] == 0).all()


def test_exact_components_leave_nothing_to_learn():
    plane = NOISE[:, :2] @ RNG.normal(size=(2, 6))
    ae = AutoEncoderTransformer(2, random_state=0).fit(np.tile(plane, (6, 1)))
    assert ae.is_linear_
    assert ae.n_epochs_ == 0
    assert error(ae, plane) < 1e-8


def test_a_denoiser_starts_at_the_best_affine_map():
    corruption = Masking(0.3)
    dae = DenoisingAutoEncoder(
        4, corruption=corruption, hidden_layer_sizes=(), random_state=0
    ).fit(DIGITS)
    corrupted = dae.corrupt(DIGITS, random_state=1)
    cleaned = np.square(dae.reconstruct(corrupted) - DIGITS).mean()
    # Reduced-rank regression, fitted on the very samples that it is measured on.
    fitted = LinearRegression().fit(corrupted, DIGITS).predict(corrupted)
    pca = PCA(4).fit(fitted)
    best = np.square(pca.inverse_transform(pca.transform(fitted)) - DIGITS).mean()
    assert best < cleaned < 1.03 * best
    pca = PCA(4).fit(DIGITS)
    projected = pca.inverse_transform(pca.transform(corrupted))
    assert cleaned < 0.98 * np.square(projected - DIGITS).mean()
    # Of recorded pairs, too.
    dae.fit(DIGITS, X_corrupted=corrupted)
    paired = np.square(dae.reconstruct(corrupted) - DIGITS).mean()
    assert best * 0.999 < paired < 1.01 * best


def test_a_fit_that_is_stopped_early_warns_at_the_users_line():
    ae = AutoEncoderTransformer(8, max_epochs=4, skip_connection=False, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"still falling.*max_epochs=4") as told:
        ae.fit(DIGITS)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ae.set_params(max_epochs="auto").fit(DIGITS)
        AutoEncoderTransformer(8, random_state=0).fit(DIGITS)


def test_dead_codes_are_told():
    dead = AutoEncoderTransformer(8, l1_penalty=10.0, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"codes are dead.*l1_penalty=10"):
        dead.fit(DIGITS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoEncoderTransformer(8, l1_penalty=0.01, random_state=0).fit(DIGITS)


@pytest.mark.parametrize(("n_samples", "n_epochs"), [(100, 650), (300, 217)])
def test_small_sets_get_a_floor_of_steps(n_samples, n_epochs):
    X = DIGITS[:n_samples]
    ae = AutoEncoderTransformer(2, skip_connection=False, random_state=0)
    assert ae.fit(X).n_epochs_ == n_epochs
    assert ae.set_params(max_steps=30).fit(X).n_epochs_ == -(
        -30 // -(-n_samples // 128)
    )


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize(("skip", "beta"), [(True, 0.99), (False, 0.999)])
def test_squared_gradients_are_averaged_over_fewer_steps_at_pca(name, skip, beta):
    ae = AutoEncoderTransformer(
        2, optimizer=name, skip_connection=skip, max_epochs=1, random_state=0
    ).fit(DIGITS[:100])
    group = ae.net_.optimizer_.param_groups[0]
    assert group["betas"] == (0.9, beta)
    ae.set_params(optimizer=partial(torch.optim.Adam, betas=(0.8, 0.95)))
    assert ae.fit(DIGITS[:100]).net_.optimizer_.param_groups[0]["betas"] == (0.8, 0.95)
