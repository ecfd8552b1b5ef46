"""DenoisingAutoEncoder: what it does beyond the other autoencoders."""

import pickle
import random

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from skae import AutoEncoderTransformer, DenoisingAutoEncoder
from skae.autoencoders._scoring import SCORE_SEED
from skae.corruption import GaussianNoise, Masking, RandomErasing, SaltAndPepper
from skae.likelihood import Gaussian
from skae.modules import Autoencoder

X, y = load_digits(return_X_y=True)
X = X / 16


def make(**parameters):
    defaults = {"hidden_layer_sizes": (64,), "max_epochs": 15, "random_state": 0}
    return DenoisingAutoEncoder(16, **(defaults | parameters))


def states():
    numpy_state = np.random.get_state()[1].tolist()
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


class Drawing(Autoencoder):
    """A user's module that draws from torch's global generator in inference, too."""

    def __init__(self, n_features, n_components):
        super().__init__(
            nn.Linear(n_features, n_components), nn.Linear(n_components, n_features)
        )

    def encode(self, x):
        return super().encode(x) + 0.1 * torch.randn(len(x), 1)


@pytest.mark.parametrize(
    "corruption", [GaussianNoise(std=0.3), Masking(0.3), SaltAndPepper(0.2)], ids=repr
)
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "laplace"])
def test_it_gives_back_cleaner_samples(corruption, likelihood):
    denoiser = make(
        corruption=corruption, likelihood=likelihood, lr=3e-3, max_epochs=50
    ).fit(X)
    corrupted = denoiser.corrupt(X, random_state=1)
    before = np.square(corrupted - X).mean()
    after = np.square(denoiser.reconstruct(corrupted) - X).mean()
    assert after < before / 2
    # An autoencoder that never saw the noise leaves more of it.
    plain = AutoEncoderTransformer(
        16, hidden_layer_sizes=(64,), max_epochs=40, random_state=0
    ).fit(X)
    assert after < np.square(plain.reconstruct(corrupted) - X).mean()


def test_corruption_is_fresh_in_each_epoch():
    seen = []

    def note(x, generator):
        noisy = x + torch.randn(x.shape, generator=generator)
        seen.append((x, noisy))
        return noisy

    make(corruption=note, batch_size=len(X), max_epochs=3, likelihood="bernoulli").fit(
        X
    )
    assert len(seen) == 3
    order = [np.lexsort(clean.numpy().T) for clean, _ in seen]
    clean, noisy = zip(
        *((c[o], n[o]) for (c, n), o in zip(seen, order, strict=True)), strict=True
    )
    assert torch.equal(clean[0], clean[1])
    assert not torch.isclose(noisy[0], noisy[1]).any(dim=1).all()


def test_input_is_corrupted_and_target_is_not():
    constant = make(corruption=lambda x, generator: torch.zeros_like(x)).fit(X)
    # All that is left to learn from nothing is the mean of the clean samples.
    np.testing.assert_allclose(
        constant.reconstruct(np.zeros((1, 64)))[0], X.mean(axis=0), atol=0.05
    )
    variance = X.var(axis=0).mean()
    assert constant.noise_variance_ == pytest.approx(variance, rel=0.02)


def test_random_state_alone_decides():
    before = states()
    corruption = RandomErasing()
    first, second = (
        make(corruption=corruption, image_shape=(8, 8)).fit(X) for _ in range(2)
    )
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    one, same = (first.corrupt(X, random_state=1) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert (one != first.corrupt(X, random_state=2)).any()
    assert first.score(X) == second.score(X)
    assert states() == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_corrupt_keeps_shapes_and_types(dtype):
    images = (X * (255 if dtype == np.uint8 else 1)).astype(dtype).reshape(-1, 8, 8)
    kept = images.copy()
    denoiser = make(corruption=GaussianNoise(std=0.1), max_epochs=2).fit(images)
    corrupted = denoiser.corrupt(images, random_state=0)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == (np.float64 if dtype == np.float64 else np.float32)
    # In the units of the pixels as the estimator sees them, [0, 1].
    assert np.std(corrupted - X.reshape(-1, 8, 8)) == pytest.approx(0.1, rel=0.05)
    assert denoiser.reconstruct(corrupted).shape == images.shape
    np.testing.assert_array_equal(images, kept)


def test_recorded_pairs():
    rng = np.random.default_rng(0)
    recorded = X * 0.5 + rng.normal(0.2, 0.1, X.shape)
    denoiser = make(lr=3e-3, max_epochs=80).fit(X[:1200], X_corrupted=recorded[:1200])
    assert denoiser.corruption_ is None
    before = np.square(recorded[1200:] - X[1200:]).mean()
    after = np.square(denoiser.reconstruct(recorded[1200:]) - X[1200:]).mean()
    assert after < before / 2
    better, worse = (
        denoiser.score(X[1200:], X_corrupted=corrupted)
        for corrupted in (recorded[1200:], rng.permutation(recorded[1200:]))
    )
    assert better > worse
    for call in (denoiser.corrupt, denoiser.score):
        with pytest.raises(ValueError, match="X_corrupted"):
            call(X)
    # A refit forgets the pairs, and the other way round.
    assert denoiser.fit(X[:100]).corrupt(X).shape == X.shape
    assert denoiser.fit(X, X_corrupted=recorded).corruption_ is None
    warm = make(warm_start=True, max_epochs=2).fit(X)
    assert warm.fit(X, X_corrupted=recorded).corruption_ is None
    assert warm.fit(X).corruption_ is not None


def test_pairs_of_images_are_augmented_alike():
    images = X.reshape(-1, 8, 8).astype(np.float32)
    seen = []

    def note(x, generator):
        seen.append(x)
        return x.flip(2)

    options = {"max_epochs": 1, "batch_size": len(X), "skip_connection": False}
    make(augmentation=note, **options).fit(images, X_corrupted=images + 3)
    (together,) = seen
    assert together.shape == (len(X), 8, 8, 2)
    torch.testing.assert_close(together[..., 0], together[..., 1] + 3)
    with pytest.raises(ValueError, match=r"augmentation=.*only images"):
        make(augmentation=note).fit(X, X_corrupted=X)


@pytest.mark.parametrize(
    ("corrupted", "message"),
    [
        (X[:10], r"X_corrupted has the shape \(10, 64\); .* X's 1797"),
        (X[:, :10], r"X_corrupted has the shape \(1797, 10\)"),
        (
            np.full_like(X, np.nan),
            "X_corrupted has only missing values in",
        ),
    ],
)
def test_bad_pairs(corrupted, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, X_corrupted=corrupted)


def test_default_noise_is_half_the_spread_of_the_samples():
    for factor in (1.0, 1000.0):
        denoiser = make(max_epochs=1).fit(factor * X)
        noise = denoiser.corrupt(factor * X, random_state=0) - factor * X
        spread = factor * np.sqrt(X.var(axis=0).mean())
        assert noise.std() == pytest.approx(spread / 2, rel=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.02 * spread)
    # Whatever units the module works in, and whatever those of X are.
    images = np.round(255 * X).astype(np.uint8).reshape(-1, 8, 8)
    spread = np.sqrt(X.var(axis=0).mean())
    for samples, clean in ((X, X), (images, images / 255)):
        denoiser = make(max_epochs=1, likelihood="bernoulli").fit(samples)
        noise = denoiser.corrupt(samples, random_state=0) - clean
        assert noise.std() == pytest.approx(spread / 2, rel=0.02)


def test_own_corruption_may_use_global_generators_and_change_its_input():
    def own(x, generator):
        return x.mul_(0.5).add_(torch.randn(x.shape, dtype=x.dtype), alpha=0.1)

    kept, before = X.copy(), states()
    first, second = (make(corruption=own, max_epochs=2).fit(X) for _ in range(2))
    assert first.noise_variance_ == second.noise_variance_
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    np.testing.assert_array_equal(first.corrupt(X, 0), first.corrupt(X, 0))
    assert first.score(X) == first.score(X)
    assert states() == before
    np.testing.assert_array_equal(X, kept)
    # The target is the clean sample all the same.
    assert make(corruption=own, max_epochs=30).fit(X).loss_curve_[-1] > 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs_of_two_types_are_scored(dtype):
    other = np.float64 if dtype == np.float32 else np.float32
    denoiser = make(max_epochs=2).fit(X.astype(dtype), X_corrupted=X.astype(other))
    score = denoiser.score(X.astype(dtype), X_corrupted=X.astype(other))
    assert score == pytest.approx(denoiser.score(X, X_corrupted=X), rel=1e-4)


def test_pairs_of_frames_keep_to_their_columns():
    frame = pd.DataFrame(X[:200], columns=[f"pixel{i}" for i in range(64)])
    denoiser = make(max_epochs=2).fit(frame, X_corrupted=frame + 1)
    assert np.isfinite(denoiser.score(frame, X_corrupted=frame + 1))
    with pytest.raises(ValueError, match="feature names should match"):
        make().fit(frame, X_corrupted=frame[frame.columns[::-1]])


def test_partial_fit_after_pairs_needs_a_process():
    denoiser = make(max_epochs=1).fit(X, X_corrupted=X + 1)
    with pytest.raises(ValueError, match="partial_fit cannot draw corrupted samples"):
        denoiser.partial_fit(X)
    denoiser.set_params(corruption=Masking(0.1)).partial_fit(X)
    assert denoiser.corruption_ == Masking(0.1)


def test_default_noise_comes_back_with_warm_start():
    denoiser = make(corruption=Masking(0.5), warm_start=True, max_epochs=1).fit(X)
    denoiser.set_params(corruption=None).fit(X)
    assert isinstance(denoiser.corruption_, GaussianNoise)
    noise = denoiser.corruption_
    assert denoiser.partial_fit(5 * X).corruption_ == noise


def test_a_class_in_place_of_an_object_is_named():
    for name in ("corruption", "augmentation"):
        with pytest.raises(
            ValueError, match=f"{name} is the class GaussianNoise; pass"
        ):
            make(**{name: GaussianNoise}).fit(X)


def test_parameters_of_the_noise_are_searched_and_left_alone():
    search = GridSearchCV(
        make(corruption=GaussianNoise(), max_epochs=2),
        {"corruption__std": [0.1, 0.5]},
        cv=2,
    ).fit(X)
    best = search.best_estimator_
    assert best.corruption_ == best.corruption
    assert best.corruption_ is not best.corruption
    assert search.best_params_ == {"corruption__std": 0.1}  # less noise, easier
    copied = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(copied.corrupt(X, 0), best.corrupt(X, 0))
    assert clone(best).get_params()["corruption__std"] == 0.1


def test_score_is_the_likelihood_of_clean_samples_given_corrupted_ones():
    denoiser = make(corruption=Masking(0.5), max_epochs=30).fit(X)
    corrupted = denoiser.corrupt(X, random_state=3)
    error = np.square(denoiser.reconstruct(corrupted) - X).sum(axis=1)
    variance = denoiser.noise_variance_
    expected = -0.5 * (error / variance + 64 * np.log(2 * np.pi * variance)).mean()
    assert denoiser.score(X, X_corrupted=corrupted) == pytest.approx(expected)
    # Other draws of the same process: the same up to chance, and always the same.
    assert denoiser.score(X) == pytest.approx(expected, abs=1.5)
    assert denoiser.score(X) == denoiser.score(X)
    # A sample by itself is scored as it comes.
    error = np.square(denoiser.reconstruct(X) - X).sum(axis=1)
    expected = -0.5 * (error / variance + 64 * np.log(2 * np.pi * variance))
    np.testing.assert_allclose(denoiser.score_samples(X), expected, rtol=1e-6)


def test_corruption_may_change_between_two_calls():
    denoiser = make().partial_fit(X)
    usual = denoiser.corruption_
    denoiser.set_params(corruption=Masking(0.1)).partial_fit(X)
    assert denoiser.corruption_ == Masking(0.1)
    denoiser.set_params(corruption=None).partial_fit(5 * X)
    assert denoiser.corruption_ == usual  # of the first samples
    late = make(corruption=Masking(0.1)).partial_fit(X).set_params(corruption=None)
    assert late.partial_fit(5 * X).corruption_ == usual


def test_the_corruption_in_use_decides_what_is_isolated():
    def noisy(x, generator):
        return x + torch.randn_like(x)

    denoiser = DenoisingAutoEncoder(3, noisy, max_epochs=2, random_state=0).fit(X)
    denoiser.set_params(corruption=None)
    before = torch.get_rng_state()
    first, second = (denoiser.corrupt(X, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert denoiser.score(X) == denoiser.score(X)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_of_own_corruptions_beside_own_modules():
    def noisy(x, generator):
        return x + torch.randn_like(x)

    first, second = (
        DenoisingAutoEncoder(3, noisy, module=Drawing, max_epochs=1, random_state=seed)
        for seed in (0, 1)
    )
    first.fit(X)
    assert (first.corrupt(X, random_state=0) != first.corrupt(X, random_state=1)).any()
    second.fit(X)
    # `score` draws the same for every estimator; `corrupt` shows by which seed.
    noise = [
        fitted.corrupt(X, random_state=SCORE_SEED) - X for fitted in (first, second)
    ]
    np.testing.assert_array_equal(*noise)
    assert first.score(X) == first.score(X)


def test_own_corruption_must_give_what_looks_like_samples():
    with pytest.raises(
        ValueError, match=r"corruption=.* must return .* got \(\(5, 64\)"
    ):
        make(corruption=lambda x, generator: x[:5]).fit(X)


def test_partial_fit_goes_on_corrupting():
    denoiser = make(corruption=GaussianNoise(std=0.3), skip_connection=False)
    for _ in range(20):
        denoiser.partial_fit(X)
    assert denoiser.n_epochs_ == 20
    assert denoiser.loss_curve_[-1] < 0.5 * denoiser.loss_curve_[0]


@pytest.mark.parametrize(
    ("corruption", "share"), [(SaltAndPepper(0.3), 0.15), (RandomErasing(), 0.6)]
)
def test_mnist_is_repaired(mnist, corruption, share):
    X_train, y_train, X_test, y_test = mnist
    denoiser = DenoisingAutoEncoder(
        64,
        corruption,
        image_shape=(28, 28),
        hidden_layer_sizes=(512, 256),
        likelihood=Gaussian(link="logit"),
        optimizer="adamw",
        weight_decay=0.1,
        lr=4e-3,
        max_epochs=10,
        random_state=0,
    ).fit(X_train[:20_000])
    clean = X_test[:2000] / np.float32(255)
    corrupted = denoiser.corrupt(X_test[:2000], random_state=0)
    cleaned = denoiser.reconstruct(corrupted)
    before, after = (np.square(x - clean).mean() for x in (corrupted, cleaned))
    assert after < share * before
    # Torn digits are hard to classify; more than half of the loss comes back.
    if isinstance(corruption, RandomErasing):
        neighbors = KNeighborsClassifier(3)
        neighbors.fit(X_train[:6000] / np.float32(255), y_train[:6000])
        best, torn, mended = (
            neighbors.score(x, y_test[:2000]) for x in (clean, corrupted, cleaned)
        )
        assert mended - torn > (best - torn) / 2


def test_holes_are_filled_as_was_learned():
    X = load_digits().data[:600] / 16
    missing = np.random.default_rng(0).random(X.shape) < 0.3
    holes = np.where(missing, np.nan, X)
    options = {"max_epochs": 60, "lr": 3e-3, "random_state": 0}
    masked = DenoisingAutoEncoder(corruption=Masking(0.3, 0.5), **options).fit(X)
    filled = masked.impute(holes)
    np.testing.assert_array_equal(filled[~missing], X[~missing])
    by_hand = masked.reconstruct(np.where(missing, 0.5, X))
    np.testing.assert_allclose(filled[missing], by_hand[missing])
    noisy = DenoisingAutoEncoder(corruption=GaussianNoise(std=0.2), **options).fit(X)
    by_mean = ((X.mean(axis=0) - X)[missing] ** 2).mean()
    for found in (filled, noisy.impute(holes)):
        assert ((found - X)[missing] ** 2).mean() < by_mean / 2
