"""Tests of clusters beside the classes and their typical images."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoEncoderTransformer, ClusterClassifier
from skae.inspection import ClusterDisplay


@pytest.fixture(scope="module")
def classifier(digits):
    X, y = digits
    return ClusterClassifier(PCA(8, random_state=0), random_state=0).fit(X, y)


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def tile(display, row, column, size=8):
    """Cut an image out of a Display's picture."""
    picture = display.image_.get_array()
    top, left = row * (size + 1), column * (size + 1)
    return picture[top : top + size, left : left + size]


def test_table_is_the_mapped_confusion_matrix(classifier, digits, ax):
    X, y = digits
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    assert display.accuracy_ == accuracy_score(y, classifier.predict(X))
    np.testing.assert_array_equal(display.contingency, classifier.contingency_matrix_)
    np.testing.assert_array_equal(display.classes, range(10))
    # One cluster a class here, so that the columns are the predicted classes.
    share = np.array(display.matrix_.get_array())
    for row, column in np.ndindex(10, 10):
        in_class = y == row
        expected = (classifier.predict(X)[in_class] == column).mean()
        assert share[row, column] == pytest.approx(expected)
    assert tick_labels(ax.xaxis) == list("0123456789")
    assert tick_labels(ax.yaxis) == [*"0123456789", "most\ntypical"]
    assert ax.get_title() == (
        f"Percent of each class in each cluster\naccuracy {display.accuracy_:.3f}"
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_numbers_stand_in_their_fields(classifier, digits, ax):
    X, y = digits
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    share = np.array(display.matrix_.get_array())
    written = {text.get_position(): text for text in display.texts_}
    for row, column in np.ndindex(share.shape):
        if share[row, column] > 0.005:
            text = written.pop((column, row))
            assert text.get_text() == f"{100 * share[row, column]:.0f}"
            brightness = np.mean(text.get_color()[:3])
            assert (brightness > 0.5) == (share[row, column] > 0.63)
    assert written == {}


def test_clusters_stand_in_the_order_of_their_classes(ax):
    images = np.arange(3.0).reshape(3, 1, 1, 1) * np.ones((1, 2, 4, 4)) / 2
    display = ClusterDisplay(
        cluster_to_class=["b", "a", "b"],
        images=images,
        contingency=[[1, 8, 1], [3, 0, 2]],
        classes=["a", "b"],
    ).plot(ax)
    assert tick_labels(ax.xaxis) == ["a", "b", "b"]
    np.testing.assert_allclose(
        display.matrix_.get_array(), [[0.8, 0.1, 0.1], [0, 0.6, 0.4]]
    )
    assert display.accuracy_ == pytest.approx((8 + 3 + 2) / 15)
    for column, value in enumerate([0.5, 0, 1]):
        np.testing.assert_allclose(
            tile(display, 1, column, 4)[..., 0], value, atol=1 / 255
        )


def test_images_are_the_nearest_to_the_exemplar(classifier, digits, ax):
    X, y = digits
    display = ClusterDisplay.from_estimator(
        classifier, X, y, image_shape=(8, 8), n_images=3, ax=ax
    )
    codes = classifier.encoder_.transform(X)
    assert display.images.shape == (10, 3, 8, 8)
    for cluster, exemplar in enumerate(classifier.exemplar_indices_):
        np.testing.assert_array_equal(
            display.images[cluster, 0], X[exemplar].reshape(8, 8)
        )
        members = np.flatnonzero(classifier.labels_ == cluster)
        distances = np.linalg.norm(codes[members] - codes[exemplar], axis=1)
        nearest = members[distances.argsort()[:3]]
        np.testing.assert_array_equal(
            display.images[cluster], X[nearest].reshape(3, 8, 8)
        )
        column = classifier.cluster_to_class_[cluster]
        np.testing.assert_allclose(
            tile(display, 2, column)[..., 0] * 16,
            X[nearest[2]].reshape(8, 8),
            atol=0.1,
        )


def test_images_stand_below_their_columns(classifier, digits, ax):
    X, y = digits
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    left, right, bottom, top = display.image_.get_extent()
    assert -0.5 < left < -0.4
    assert 9.4 < right < 9.5
    assert 9.5 < top < 10  # the table ends at 9.5
    assert bottom == pytest.approx(top + 4, abs=0.2)
    assert ax.get_xlim() == (-0.5, 9.5)
    assert ax.get_ylim() == (bottom, -0.5)
    assert top < ax.get_yticks()[-1] < bottom
    _, y = ax.yaxis.label.get_position()
    assert y == pytest.approx((bottom - 4.5) / (bottom + 0.5))  # beside the table


def test_small_clusters_leave_blank_tiles(ax):
    X = np.array([[0.0] * 4, [0.1] * 4, [0.0] * 4, [1.0] * 4])
    classifier = ClusterClassifier(n_clusters=2, random_state=0).fit(X, [0, 0, 0, 1])
    display = ClusterDisplay.from_estimator(
        classifier, X, [0, 0, 0, 1], image_shape=(2, 2), ax=ax
    )
    assert (tile(display, 2, 0, 2)[..., 3] == 1).all()
    assert (tile(display, 3, 0, 2)[..., 3] == 0).all()
    assert (tile(display, 0, 1, 2)[..., 3] == 1).all()
    assert (tile(display, 1, 1, 2)[..., 3] == 0).all()


def test_more_clusters_than_classes(digits, ax):
    X, y = digits
    names = np.array(["even", "odd"])[y % 2]
    classifier = ClusterClassifier(n_clusters=10, random_state=0).fit(X, names)
    display = ClusterDisplay.from_estimator(
        classifier, X, names, image_shape=(8, 8), ax=ax
    )
    assert display.accuracy_ == accuracy_score(names, classifier.predict(X))
    assert display.matrix_.get_array().shape == (2, 10)
    assert tick_labels(ax.xaxis) == sorted(classifier.cluster_to_class_)
    assert tick_labels(ax.yaxis)[:2] == ["even", "odd"]


def test_long_names_stand_upright(ax):
    display = ClusterDisplay(
        cluster_to_class=["automobile", "airplane"], images=np.zeros((2, 1, 3, 3))
    )
    display.plot(ax)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90}


def test_without_classes_only_images_are_drawn(digits, ax):
    X, _ = digits
    classifier = ClusterClassifier(n_clusters=4, random_state=0).fit(X)
    display = ClusterDisplay.from_estimator(
        classifier, X, image_shape=(8, 8), n_images=2, ax=ax
    )
    assert display.accuracy_ is None
    assert display.matrix_ is None
    assert display.texts_ == []
    assert ax.get_title() == "Most typical images of each cluster"
    assert tick_labels(ax.xaxis) == list("0123")
    assert tick_labels(ax.yaxis) == ["most\ntypical"]
    assert ax.get_ylabel() == ""
    assert len(ax.images) == 1


@pytest.mark.parametrize(
    "unlabeled", [-1, "?", np.nan], ids=["a number", "a string", "NaN"]
)
def test_samples_without_a_class_do_not_count(unlabeled, digits, ax):
    X, y = digits
    few = y.astype(object if unlabeled == "?" else float)
    few[300:] = unlabeled
    classifier = ClusterClassifier(
        n_clusters=10, unlabeled=unlabeled, random_state=0
    ).fit(X, few)
    display = ClusterDisplay.from_estimator(
        classifier, X, few, image_shape=(8, 8), ax=ax
    )
    np.testing.assert_array_equal(display.contingency, classifier.contingency_matrix_)
    assert display.contingency.sum() == 300
    # The true classes of all may be given as well.
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    assert display.accuracy_ == accuracy_score(y, classifier.predict(X))


def test_pipeline(digits, ax):
    X, y = digits
    pipeline = make_pipeline(
        StandardScaler(), "passthrough", PCA(8), ClusterClassifier(random_state=0)
    ).fit(X, y)
    display = ClusterDisplay.from_estimator(pipeline, X, y, image_shape=(8, 8), ax=ax)
    assert display.accuracy_ == accuracy_score(y, pipeline.predict(X))
    exemplars = X[pipeline[-1].exemplar_indices_]
    np.testing.assert_array_equal(display.images[:, 0].reshape(10, 64), exemplars)


def test_autoencoder_of_byte_images(image_autoencoder, byte_images, digits, ax):
    y = digits[1]
    classifier = ClusterClassifier(image_autoencoder, random_state=0)
    classifier.fit(byte_images, y)
    display = ClusterDisplay.from_estimator(classifier, byte_images, y, ax=ax)
    np.testing.assert_allclose(
        display.images[:, 0], byte_images[classifier.exemplar_indices_] / 255, rtol=1e-6
    )


def test_data_frame(digits, ax):
    pd = pytest.importorskip("pandas")
    X, y = pd.DataFrame(digits[0]).add_prefix("pixel"), pd.Series(digits[1])
    classifier = ClusterClassifier(PCA(4), random_state=0).fit(X, y)
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    assert display.accuracy_ == accuracy_score(y, classifier.predict(X))


@pytest.mark.parametrize("unlabeled", ["?", None, np.nan])
def test_labels_that_the_classifier_takes(digits, ax, unlabeled):
    X, y = digits
    # A list of numbers and a string: numpy alone would make strings of all.
    some = [unlabeled] * 200 + y[200:].tolist()
    classifier = ClusterClassifier(
        PCA(4),
        unlabeled=np.nan if unlabeled is None else unlabeled,
        random_state=0,
    ).fit(X, some)
    display = ClusterDisplay.from_estimator(
        classifier, X, some, image_shape=(8, 8), ax=ax
    )
    assert display.accuracy_ == accuracy_score(y[200:], classifier.predict(X[200:]))
    np.testing.assert_array_equal(display.contingency, classifier.contingency_matrix_)


def test_nullable_labels(digits, ax):
    pd = pytest.importorskip("pandas")
    X, y = digits[0], pd.Series(digits[1], dtype="Int64")
    y[:200] = pd.NA
    classifier = ClusterClassifier(PCA(4), unlabeled=pd.NA, random_state=0).fit(X, y)
    display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8), ax=ax)
    np.testing.assert_array_equal(display.contingency, classifier.contingency_matrix_)


def test_images_of_several_encoders_side_by_side(digits, ax):
    X, y = digits

    def encoder(seed):
        return AutoEncoderTransformer(
            4, image_shape=(8, 8), max_epochs=1, random_state=seed
        )

    union = FeatureUnion([("a", encoder(0)), ("b", encoder(1))])
    classifier = ClusterClassifier(union, random_state=0).fit(X, y)
    display = ClusterDisplay.from_estimator(classifier, X, y, ax=ax)
    assert display.images.shape == (10, 4, 8, 8)


def test_wrong_input_is_named(classifier, digits, ax):
    X, y = digits

    def draw(X, y=None, **kwargs):
        kwargs = {"image_shape": (8, 8), "ax": ax} | kwargs
        return ClusterDisplay.from_estimator(classifier, X, y, **kwargs)

    with pytest.raises(ValueError, match=r"X has 9 samples, but .* fitted on 1797"):
        draw(X[:9])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        draw(X, y[:9])
    with pytest.raises(ValueError, match="y has no labelled sample"):
        draw(X, [None] * len(X))
    with pytest.raises(ValueError, match="n_images"):
        draw(X, n_images=0)
    with pytest.raises(ValueError, match="image_shape=None, and PCA takes rows"):
        draw(X, image_shape=None)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) does not fit"):
        draw(X, image_shape=(8, 9))
    with pytest.raises(NotFittedError):
        ClusterDisplay.from_estimator(ClusterClassifier(), X, y, ax=ax)


@pytest.mark.parametrize("classes", [None, ["a"]])
def test_counts_that_do_not_fit_are_named(classes, ax):
    display = ClusterDisplay(
        cluster_to_class=[0, 1],
        images=np.zeros((2, 1, 3, 3)),
        contingency=[[1, 2], [3, 4]],
        classes=classes,
    )
    with pytest.raises(ValueError, match=r"contingency has shape \(2, 2\)"):
        display.plot(ax)


def test_new_figure(classifier, digits):
    import matplotlib.pyplot as plt

    display = ClusterDisplay.from_estimator(classifier, digits[0], image_shape=(8, 8))
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)


def test_two_channels_are_panels(ax):
    images = np.random.default_rng(0).random((2, 3, 4, 5, 2))
    display = ClusterDisplay(cluster_to_class=[1, 0], images=images).plot(ax)
    picture = display.image_.get_array()
    assert picture.shape == (3 * 5 - 1, 2 * 14 - 1, 4)
    # The cluster of class 0 stands first.
    np.testing.assert_allclose(picture[:4, 1:6, 0], images[1, 0, ..., 0], atol=1 / 255)
    np.testing.assert_allclose(picture[:4, 7:12, 0], images[1, 0, ..., 1], atol=1 / 255)


def test_smooth_images(classifier, digits, ax):
    display = ClusterDisplay.from_estimator(
        classifier,
        digits[0],
        n_images=2,
        image_shape=(8, 8),
        interpolation="bicubic",
        ax=ax,
    )
    assert display.image_.get_array().shape == (8 * 17, 8 * 89, 4)
