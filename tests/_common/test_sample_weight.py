"""Tests of the weights of samples, alone and in every estimator that takes them."""

import numpy as np
import pytest
import sklearn
from sklearn.cluster import AgglomerativeClustering
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from skae import (
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    SpectralKMeans,
    VariationalAutoEncoder,
)
from skae._common.sample_weight import (
    average,
    check_class_weight,
    draw_rows,
    fit_density,
    moments,
    weighted_quantile,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
y = (X[:, 0] > 0).astype(int)
WEIGHT = rng.integers(0, 4, size=300)
REPEATED, Y_REPEATED = X.repeat(WEIGHT, axis=0), y.repeat(WEIGHT)
FEW = {"max_epochs": 2, "random_state": 0}
FITTED = {
    "transformer": AutoEncoderTransformer(2, **FEW),
    "denoising": DenoisingAutoEncoder(2, **FEW),
    "variational": VariationalAutoEncoder(2, **FEW),
    "colors": ColorizationAutoEncoder(2, **FEW),
    "labels": PseudoLabelClassifier(**FEW),
    "clusters": ClusterClassifier(random_state=0),
}


def answers_of(estimator, *args, **fit_params):
    estimator = sklearn.clone(estimator).fit(X, y, **fit_params)
    method = "transform" if hasattr(estimator, "transform") else "predict_proba"
    return getattr(estimator, method)(X)


@pytest.mark.filterwarnings("ignore:The posterior has collapsed")
@pytest.mark.parametrize("estimator", FITTED.values(), ids=FITTED)
def test_weights_of_one_change_nothing_and_those_of_zero_leave_out(estimator):
    plain = answers_of(estimator)
    np.testing.assert_array_equal(answers_of(estimator, sample_weight=[1] * 300), plain)
    zero = np.where(np.arange(300) < 100, 0.0, 1.0)
    fitted = sklearn.clone(estimator).fit(X, y, sample_weight=zero)
    without = sklearn.clone(estimator).fit(X[100:], y[100:])
    method = "transform" if hasattr(fitted, "transform") else "predict_proba"
    first, second = (getattr(some, method)(X) for some in (fitted, without))
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("estimator", FITTED.values(), ids=FITTED)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0] * 299, "shape"),
        ([-1.0] + [1.0] * 299, "negative"),
        ([0.0] * 300, "zero"),
        ([np.nan] * 300, "NaN"),
    ],
)
def test_weights_that_are_none_are_refused(estimator, weight, message):
    with pytest.raises(ValueError, match=message):
        sklearn.clone(estimator).fit(X, y, sample_weight=weight)


def test_another_argument_of_fit_is_refused():
    with pytest.raises(TypeError, match="'weights'"):
        DenoisingAutoEncoder().fit(X, weights=WEIGHT)


@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
def test_an_integer_weight_of_an_affine_model_is_repeated_rows(kind):
    estimator = kind(2, hidden_layer_sizes=(), random_state=0)
    weighted = sklearn.clone(estimator).fit(X, sample_weight=WEIGHT)
    repeated = sklearn.clone(estimator).fit(REPEATED)
    for name in ("mean_", "scale_", "noise_variance_", "explained_variance_ratio_"):
        first, second = (getattr(some, name) for some in (weighted, repeated))
        np.testing.assert_allclose(first, second, rtol=1e-6, err_msg=name)
    for name in ("mean_", "covariance_"):
        first, second = (getattr(some.density_, name) for some in (weighted, repeated))
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), 1e-5, 1e-6)
    score = weighted.score(X, sample_weight=WEIGHT)
    np.testing.assert_allclose(score, repeated.score(REPEATED), rtol=1e-5)


AFFINE = AutoEncoderTransformer(2, hidden_layer_sizes=(), random_state=0)


@pytest.mark.filterwarnings("ignore:X has . distinct samples")
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize(
    "estimator",
    [
        AFFINE,
        VariationalAutoEncoder(2, hidden_layer_sizes=()),
        SpectralKMeans(2),
        Reconstructor(AFFINE),
        AutoEncoderOutlierDetector(AFFINE),
    ],
    ids=lambda e: type(e).__name__,
)
def test_scikit_learn_check_of_what_draws_nothing(estimator, kind):
    check = f"check_sample_weight_equivalence_on_{kind}_data"
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_a_network_learns_heavy_samples_better():
    heavy = np.where(np.arange(300) < 150, 1e-3, 1.0)
    fitted = AutoEncoderTransformer(
        2, skip_connection=False, random_state=0, max_epochs=100
    ).fit(X, sample_weight=heavy)
    errors = np.square(fitted.reconstruct(X) - X).mean(axis=1)
    plain = AutoEncoderTransformer(
        2, skip_connection=False, random_state=0, max_epochs=100
    ).fit(X)
    errors_plain = np.square(plain.reconstruct(X) - X).mean(axis=1)
    assert errors[150:].mean() < errors_plain[150:].mean()


def test_weights_are_routed():
    pipeline = make_pipeline(StandardScaler(), DenoisingAutoEncoder(2, **FEW))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline[0].set_fit_request(sample_weight=True)
        pipeline[1].set_fit_request(sample_weight=True)
        routed = pipeline.fit(X, sample_weight=WEIGHT)
    alone = StandardScaler().fit(X, sample_weight=WEIGHT).transform(X)
    direct = DenoisingAutoEncoder(2, **FEW).fit(alone, sample_weight=WEIGHT)
    np.testing.assert_array_equal(routed.transform(X), direct.transform(alone))


@pytest.mark.parametrize(
    "estimator",
    [
        AFFINE,
        PseudoLabelClassifier(**FEW),
        ClusterClassifier(random_state=0),
    ],
    ids=lambda e: type(e).__name__,
)
def test_weights_are_routed_through_pipelines_and_searches(estimator):
    name, folds = type(estimator).__name__.lower(), KFold(3)
    parameter = "n_clusters" if name == "clusterclassifier" else "random_state"
    with sklearn.config_context(enable_metadata_routing=True):
        asking = sklearn.clone(estimator).set_fit_request(sample_weight=True)
        asking.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        grid = {f"{name}__{parameter}": [2, 4]}
        search = GridSearchCV(make_pipeline(scaler, asking), grid, cv=folds)
        search.fit(X, y, sample_weight=WEIGHT)
    for i, (train, test) in enumerate(folds.split(X)):
        scaler = StandardScaler().fit(X[train], sample_weight=WEIGHT[train])
        scores = search.cv_results_[f"split{i}_test_score"]
        for value, found in zip((2, 4), scores, strict=True):
            alone = sklearn.clone(estimator).set_params(**{parameter: value})
            alone.fit(scaler.transform(X[train]), y[train], sample_weight=WEIGHT[train])
            score = alone.score(
                scaler.transform(X[test]), y[test], sample_weight=WEIGHT[test]
            )
            assert found == score


def test_the_reconstructor_passes_weights_on():
    inner = AutoEncoderTransformer(2, hidden_layer_sizes=(), random_state=0)
    wrapped = Reconstructor(inner).fit(X, sample_weight=WEIGHT)
    direct = inner.fit(X, sample_weight=WEIGHT)
    np.testing.assert_array_equal(wrapped.transform(X), direct.reconstruct(X))


def test_clusters_count_weights():
    fitted = ClusterClassifier(random_state=0).fit(X, y, sample_weight=WEIGHT)
    assert fitted.contingency_matrix_.sum() == WEIGHT.sum()
    assert len(fitted.labels_) == 300
    with pytest.raises(ValueError, match="takes no weights"):
        ClusterClassifier(clusterer=AgglomerativeClustering()).fit(
            X, y, sample_weight=WEIGHT
        )


def test_class_weight():
    labels = np.array([0, 0, 0, 1, -1])
    classes = np.array(["a", "b"])
    balanced = check_class_weight("balanced", classes, labels)
    np.testing.assert_allclose(balanced, [4 / 6, 4 / 2])
    weighted = check_class_weight(
        "balanced", classes, labels, np.array([1, 1, 1, 3, 9])
    )
    np.testing.assert_allclose(weighted, [1.0, 1.0])
    np.testing.assert_allclose(check_class_weight({"a": 3}, classes, labels), [3, 1])
    with pytest.raises(ValueError, match="class_weight"):
        check_class_weight({"a": -3}, classes, labels)


def test_class_weight_moves_the_boundary():
    overlapping = rng.normal(size=(400, 2)) + 0.5 * (np.arange(400) < 40)[:, None]
    rare = (np.arange(400) < 40).astype(int)
    shares = [
        PseudoLabelClassifier(
            class_weight=class_weight, confidence=None, random_state=0, max_epochs=10
        )
        .fit(overlapping, rare)
        .predict(overlapping)
        .mean()
        for class_weight in (None, "balanced")
    ]
    assert shares[0] < 0.1 < shares[1]


def test_moments_and_average():
    mean, variance = moments(X, WEIGHT)
    np.testing.assert_allclose(mean, REPEATED.mean(axis=0))
    np.testing.assert_allclose(variance, REPEATED.var(axis=0))
    assert average(np.array([1.0, -np.inf]), [2.0, 0.0]) == 1.0


def test_a_density_without_weights_gets_repeated_codes():
    density = fit_density(GaussianMixture(random_state=0), X, WEIGHT.astype(float))
    mean, _ = moments(X, WEIGHT)
    np.testing.assert_allclose(density.means_[0], mean, atol=0.05)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_a_weighted_quantile_is_that_of_repeated_values(share):
    kept = WEIGHT > 0
    found = weighted_quantile(X[kept, 0], share, WEIGHT[kept].astype(float))
    assert found == pytest.approx(np.percentile(REPEATED[:, 0], 100 * share))
    assert found == pytest.approx(weighted_quantile(REPEATED[:, 0], share))
    # Weights below one on average are those of single values.
    light = weighted_quantile(X[:, 0], share, np.full(300, 1e-3))
    assert light == pytest.approx(np.percentile(X[:, 0], 100 * share))


def test_rows_are_drawn_in_proportion_to_their_weights():
    weight = WEIGHT[WEIGHT > 0].astype(float)
    n_samples, rng = len(weight), np.random.RandomState(0)
    draws = [draw_rows(rng, 50, n_samples, weight) for _ in range(2000)]
    counts = np.bincount(np.concatenate(draws), minlength=n_samples) / 2000
    np.testing.assert_allclose(counts, 50 * weight / weight.sum(), atol=0.05)
    assert max(np.bincount(draw).max() for draw in draws) == 1
    # As many rows as there are, of equal weights, are all of them.
    everything = draw_rows(rng, 9, 9, np.full(9, 0.1))
    assert sorted(everything) == list(range(9))


@pytest.mark.parametrize("name", FITTED)
def test_weights_in_read_only_memory(name):
    weight = np.frombuffer(WEIGHT.astype(float).tobytes())  # as pickle 5 passes arrays
    expected = answers_of(FITTED[name], sample_weight=WEIGHT)
    found = answers_of(FITTED[name], sample_weight=weight)
    np.testing.assert_array_equal(found, expected)
