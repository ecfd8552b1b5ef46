"""The recipe for a self-supervised classifier."""

from numbers import Integral

from sklearn.base import clone
from sklearn.pipeline import FeatureUnion
from sklearn.utils._param_validation import Interval, validate_params

from skae.autoencoders._transformer import AutoEncoderTransformer
from skae.clustering import SpectralKMeans
from skae.corruption import ImagesOrRows, RandomAffine, SwapNoise
from skae.semi_supervised._cluster_classifier import ClusterClassifier
from skae.semi_supervised._pseudo_label import PseudoLabelClassifier


@validate_params(
    {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "n_encoders": [Interval(Integral, 0, None, closed="left")],
        "effort": [Interval(Integral, 1, None, closed="left")],
        "image_shape": ["array-like", None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_self_supervised_classifier(
    n_clusters=None,
    *,
    n_encoders=2,
    effort=1,
    image_shape=None,
    n_jobs=2,
    random_state=None,
):
    """Make a classifier that finds the classes itself; labels only name them.

    1. Several autoencoders learn codes from randomly augmented samples. So the
       codes depend less on differences that do not matter for a class. Each autoencoder
       makes other errors, so their codes are concatenated.
    2. :class:`SpectralKMeans` finds clusters on the graph of neighbouring codes.
    3. A :class:`PseudoLabelClassifier` learns the clusters, on augmented samples again,
       and corrects the samples that do not fit in. It begins with those whose cluster
       is certain.

    Augmentation rotates, shifts, scales and shears images a little, each on its own
    background; in rows of a table it replaces some values by those of other samples.

    Parameters
    ----------
    n_clusters : int, default=None
        Number of clusters. None means the number of classes in y.

    n_encoders : int, default=2
        Number of autoencoders. More make the clusters better and more reliable, but
        take longer. With 0 the samples are clustered as they are, and step 3 is left
        out as well: the choice for tables, see Notes.

    effort : int, default=1
        How much more to train than by default, from 1. The number of encoders is
        multiplied by it, and the number of training steps of the refiner by its square.
        With 2, MNIST takes about three times as long and has a quarter fewer errors.
        More adds little. It changes nothing where there are no encoders.

    image_shape : tuple of int, default=None
        Shape of an image, (height, width) or (height, width, n_channels), if the rows
        of X are images. Not needed for X of shape (n_samples, height, width) or
        (n_samples, height, width, n_channels). Other rows are those of a table, without
        networks and augmentation for images: with flat images of MNIST the accuracy is
        0.967 instead of 0.99.

    n_jobs : int, default=2
        Number of autoencoders that are fitted at a time, each in a process of its own,
        and number of threads that search for neighbours. The cores are divided between
        the processes, so with more processes than autoencoders some cores are idle.
        None means 1, -1 the number of cores.

    random_state : int, RandomState instance or None, default=None
        Seed of everything.

    Returns
    -------
    ClusterClassifier
        The classifier, not fitted. All parts and parameters can be inspected and
        changed, as in any estimator of scikit-learn. For a clusterer without
        ``certainty_`` set ``doubtful=0``.

    Raises
    ------
    ValueError
        If a parameter is not valid.

    See Also
    --------
    ClusterClassifier : The estimator that it makes.

    Notes
    -----
    A random state determines the result for a given number of threads: with another
    ``n_jobs``, or on a machine with more cores, sums are rounded in another order.

    The columns of a table should have comparable scales; put a
    :class:`~sklearn.preprocessing.StandardScaler` before it if they have not. On most
    tables neither autoencoders nor the refiner improve the clusters, because there is
    no augmentation that keeps the class of a sample. ``n_encoders=0`` has clusters that
    are as good in a fraction of the time.

    Examples
    --------
    >>> from skae import make_self_supervised_classifier
    >>> classifier = make_self_supervised_classifier(10, random_state=0)
    >>> classifier = classifier.set_params(
    ...     encoder__ae1__n_components=16, refiner__augmentation__images__rotation=5.0
    ... )
    >>> classifier.clusterer
    SpectralKMeans(n_jobs=2)

    Fitted without labels, it finds a typical flower of each cluster. The labels of
    these three flowers then determine the classes of the clusters:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_iris(return_X_y=True)
    >>> X = scale(X)
    >>> classifier = make_self_supervised_classifier(3, n_encoders=0, random_state=0)
    >>> classifier = classifier.fit(X)
    >>> to_label = classifier.exemplar_indices_
    >>> classifier.map_labels(X[to_label], y[to_label]).score(X, y) > 0.8
    True
    """
    clusterer = SpectralKMeans(n_jobs=n_jobs)
    if n_encoders == 0:
        return ClusterClassifier(
            None, clusterer, n_clusters=n_clusters, random_state=random_state
        )
    augmentation = ImagesOrRows(
        images=RandomAffine(
            rotation=10, shift=0.1, scale=(0.9, 1.1), shear=10, outside="background"
        ),
        rows=SwapNoise(0.1),
    )
    encoders = [
        (
            f"ae{number}",
            AutoEncoderTransformer(
                10,
                hidden_layer_sizes=(500, 500, 500),
                # Principal components differ between views of a sample.
                skip_connection=False,
                image_shape=image_shape,
                # Codes may lose larger rotations than the refiner, which sets borders.
                augmentation=clone(augmentation).set_params(images__rotation=15),
                lr=2e-3,
                batch_size=256,
                max_epochs=400,
                max_steps=11500,
            ),
        )
        for number in range(n_encoders * effort)
    ]
    return ClusterClassifier(
        FeatureUnion(encoders, n_jobs=n_jobs),
        clusterer,
        refiner=PseudoLabelClassifier(
            # As most labels are right, even a weak prediction is seldom wrong.
            confidence=0.7,
            image_shape=image_shape,
            augmentation=clone(augmentation),
            lr=6e-3,
            max_epochs=100 * effort**2,
            max_steps=2800 * effort**2,
        ),
        doubtful=0.15,
        n_clusters=n_clusters,
        random_state=random_state,
    )
