"""Clusters beside the classes, and their typical images."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._common.labels import count_classes, split_labels
from skae.inspection._drawing import (
    as_floats,
    as_images,
    find_image_shape,
    new_axes,
    on_numpy,
    takes_images,
    value_range,
)
from skae.inspection._tiles import as_panels, draw_tiles

# Space between the table and the images, in widths of a field of the table.
GAP = 0.2


def _find_typical(codes, labels, exemplars, n_images):
    """Find the members of each cluster whose codes are nearest to its exemplar's.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        The codes.
    labels : ndarray of shape (n_samples,)
        The cluster of each sample.
    exemplars : ndarray of shape (n_clusters,)
        Index of the exemplar of each cluster.
    n_images : int
        Maximum number of members of each cluster.

    Yields
    ------
    ndarray
        The members of one cluster, the nearest first.
    """
    for cluster, exemplar in enumerate(exemplars):
        members = np.flatnonzero(labels == cluster)
        distances = ((codes[members] - codes[exemplar]) ** 2).sum(axis=1)
        yield members[distances.argsort(kind="stable")[:n_images]]


class ClusterDisplay:
    """Clusters in columns: their share of each class, and their typical images.

    The clusters are in the order of their classes, so that correctly classified samples
    lie on the diagonal (or on its steps, if a class has several clusters). Below each
    cluster are its most typical images.

    Parameters
    ----------
    cluster_to_class : array-like of shape (n_clusters,)
        The class of each cluster.
    images : ndarray of shape (n_clusters, n_images, height, width) or \
            (n_clusters, n_images, height, width, n_channels)
        The most typical images of each cluster, the best first. NaN stays blank.
    contingency : ndarray of shape (n_classes, n_clusters), default=None
        Number of samples of each class in each cluster. Without it only the images
        are drawn.
    classes : array-like of shape (n_classes,), default=None
        The classes of the rows of ``contingency``.

    Attributes
    ----------
    accuracy_ : float or None
        Share of the samples that lie in a cluster of their class; None without
        ``contingency``.
    matrix_ : matplotlib AxesImage or None
        The table of classes and clusters, in shares of the class.
    texts_ : list of matplotlib Text
        The numbers in the table, in percent of the class; left out for 0.5 % or less.
    image_ : matplotlib AxesImage
        The typical images as one picture.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    skae.ClusterClassifier : Finds the clusters and their classes.
    sklearn.metrics.ConfusionMatrixDisplay : True classes against predicted ones.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import ClusterClassifier
    >>> from skae.inspection import ClusterDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = ClusterClassifier(PCA(16), random_state=0).fit(X, y)
    >>> display = ClusterDisplay.from_estimator(classifier, X, y, image_shape=(8, 8))
    >>> display.accuracy_
    0.7...
    """

    def __init__(self, *, cluster_to_class, images, contingency=None, classes=None):
        self.cluster_to_class = cluster_to_class
        self.images = images
        self.contingency = contingency
        self.classes = classes

    def plot(
        self, ax=None, *, cmap="Blues", image_cmap="gray", interpolation="nearest"
    ):
        """Draw the clusters.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of the table.
        image_cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.

        Returns
        -------
        self : ClusterDisplay
            The Display.

        Raises
        ------
        ValueError
            If ``contingency`` does not have one row per class and one column per
            cluster, or if ``interpolation`` is neither of the two.
        """
        cluster_classes = np.asarray(self.cluster_to_class)
        order = np.argsort(cluster_classes, kind="stable")
        cluster_classes = cluster_classes[order]
        images = as_panels(self.images)[order].swapaxes(0, 1)
        n_images, n_clusters, height, width = images.shape[:4]
        classes, top = [], -0.5
        if self.contingency is not None:
            classes = [] if self.classes is None else list(self.classes)
            if np.shape(self.contingency) != (len(classes), n_clusters):
                raise ValueError(
                    f"contingency has shape {np.shape(self.contingency)}; it must have "
                    f"one row for each of the {len(classes)} classes and one column "
                    f"for each of the {n_clusters} clusters."
                )
            top += len(classes) + GAP
        if ax is None:
            n_rows = top + n_images * height / width
            ax = new_axes(1.2 + 0.6 * n_clusters, 1.4 + 0.6 * n_rows)

        self.accuracy_, self.matrix_, self.texts_ = None, None, []
        ax.set_title("Most typical images of each cluster")
        if classes:
            contingency = np.asarray(self.contingency)[:, order]
            is_correct = np.array(classes)[:, np.newaxis] == cluster_classes
            self.accuracy_ = float(contingency[is_correct].sum() / contingency.sum())
            n_members = contingency.sum(axis=1, keepdims=True)
            share = contingency / n_members.clip(min=1)
            self.matrix_ = ax.imshow(share, cmap=cmap, vmin=0, vmax=1)
            dark, light = self.matrix_.cmap(1.0), self.matrix_.cmap(0.0)
            self.texts_ = [
                ax.text(
                    column,
                    row,
                    f"{100 * share[row, column]:.0f}",
                    # At 0.63 dark and light text have the same contrast.
                    color=light if share[row, column] > 0.63 else dark,
                    ha="center",
                    va="center",
                )
                for row, column in np.argwhere(share > 0.005)
            ]
            ax.set_title(
                f"Percent of each class in each cluster\naccuracy {self.accuracy_:.3f}"
            )
        self.image_, middles = draw_tiles(
            ax, images, value_range(images), image_cmap, interpolation, top
        )
        bottom = self.image_.get_extent()[2]
        ax.set(xlim=(-0.5, n_clusters - 0.5), ylim=(bottom, -0.5))
        ax.set_xticks(np.arange(n_clusters), cluster_classes)
        if max(len(str(label)) for label in cluster_classes) > 4:
            ax.tick_params(axis="x", labelrotation=90)
        ax.set_yticks(
            [*range(len(classes)), middles.mean()], [*classes, "most\ntypical"]
        )
        ax.set_xlabel("cluster, by its class")
        if classes:
            # Beside the center of the table, not of table and images.
            ax.set_ylabel("class", y=1 - len(classes) / 2 / (bottom + 0.5))
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        n_images=4,
        image_shape=None,
        cmap="Blues",
        image_cmap="gray",
        interpolation="nearest",
        ax=None,
    ):
        """Draw the clusters of a classifier.

        Parameters
        ----------
        estimator : object
            Fitted :class:`~skae.ClusterClassifier`, or a pipeline that ends in one.
            If it was fitted without y, call ``map_labels`` before you pass ``y`` here.
        X : array-like of shape (n_samples, n_features) or images
            The samples that it was fitted on.
        y : array-like of shape (n_samples,), default=None
            Their classes; samples without one (the classifier's ``unlabeled``, or
            None and NaN if that is None) are not counted. Without ``y`` only the images
            are drawn, from which the clusters can be labelled.
        n_images : int, default=4
            Number of typical images of a cluster: its exemplar, and the members whose
            codes are nearest to the exemplar's.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None means X's, or the
            ``image_shape_`` of the estimator's encoder.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of the table.
        image_cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ClusterDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If X or y has another number of samples than in ``fit``, if ``y`` holds no
            class, or if the shape of the images is not known or does not fit.
        """
        check_is_fitted(estimator)
        check_scalar(n_images, "n_images", Integral, min_val=1)
        *transformers, classifier = [
            step
            for _, step in getattr(estimator, "steps", [("", estimator)])
            if step not in (None, "passthrough")
        ]
        if classifier.encoder_ is not None:
            transformers.append(classifier.encoder_)
        labels = classifier.labels_
        if len(X) != len(labels):
            raise ValueError(
                f"X has {len(X)} samples, but the estimator was fitted on "
                f"{len(labels)}: pass the samples that it was fitted on."
            )
        # The step that takes X knows the shape of its images.
        first = transformers[0] if transformers else classifier
        image_shape = find_image_shape(image_shape, X, first)
        samples = as_images(X, image_shape)
        codes = X
        for transformer in transformers:
            codes = transformer.transform(codes)
        codes = np.asarray(codes).astype(np.float64, copy=False)

        exemplars = classifier.exemplar_indices_
        images = np.full((len(exemplars), n_images, *samples.shape[1:]), np.nan)
        are_images = takes_images(first, X)
        typical = _find_typical(codes, labels, exemplars, n_images)
        for row, members in zip(images, typical, strict=True):
            row[: len(members)] = as_floats(samples[members], are_images=are_images)
        classes = contingency = None
        if y is not None:
            unlabeled = getattr(classifier, "unlabeled", None)
            if unlabeled is None:
                unlabeled = np.nan
            is_labeled, known = split_labels(y, unlabeled)
            check_consistent_length(labels, is_labeled)
            classes, contingency = count_classes(
                known, labels[is_labeled], len(exemplars)
            )
        display = cls(
            cluster_to_class=classifier.cluster_to_class_,
            images=images,
            contingency=contingency,
            classes=classes,
        )
        return display.plot(
            ax, cmap=cmap, image_cmap=image_cmap, interpolation=interpolation
        )
