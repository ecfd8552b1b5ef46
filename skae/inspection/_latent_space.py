"""Codes as points of a plane."""

from numbers import Integral

import numpy as np

from skae.inspection._drawing import (
    COLORS,
    check_codes,
    new_axes,
    on_numpy,
)
from skae.inspection._point_labels import find_classes, place_labels


class LatentSpaceDisplay:
    """Codes of samples as points of a plane, coloured and labelled by class.

    Each class has a colour, and its label is placed where the class is densest and
    purest. Up to ten classes have colours that colour-blind readers can distinguish
    [1]_; with more classes the colours repeat, and the labels identify the classes.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes.
    y : array-like of shape (n_samples,), default=None
        The classes, numbers or names. Without them all points have one colour.
    components : tuple of int, default=None
        The two components of the code that are drawn; None if it has just two.

    Attributes
    ----------
    scatter_ : matplotlib PathCollection
        The points, rasterized also in vector graphics.
    texts_ : list of matplotlib Text
        The labels of the classes, if there is room for them; empty without ``y``.
    legend_ : matplotlib Legend or None
        The classes by colour; None without ``y``.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    ManifoldDisplay : The images decoded from the plane.

    References
    ----------
    .. [1] M. A. Petroff, "Accessible color sequences for data visualization",
       arXiv:2107.02270, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.inspection import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> pca = PCA(n_components=2).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(pca, X, y)
    >>> [text.get_text() for text in display.texts_]
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """

    def __init__(self, *, codes, y=None, components=None):
        self.codes = codes
        self.y = y
        self.components = components

    def plot(self, ax=None, *, scatter_kwargs=None):
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        scatter_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`, such as ``s`` and
            ``alpha``; lists and arrays hold one value per sample.

        Returns
        -------
        self : LatentSpaceDisplay
            The Display.

        Raises
        ------
        ValueError
            If ``components`` is not valid or is None for codes of more than two
            components, or if ``y`` does not hold one class per sample.
        """
        codes = check_codes(self.codes)
        components = self._check_components(codes.shape[1])
        points = codes[:, list(components)]
        colors = np.full(len(points), COLORS[0])
        classes = []
        if self.y is not None:
            classes, members = find_classes(self.y, points)
            colors = np.take(COLORS, members, mode="wrap")

        from matplotlib.cbook import normalize_kwargs
        from matplotlib.collections import PathCollection
        from matplotlib.lines import Line2D

        if ax is None:
            ax = new_axes(7, 6)
        style = {
            "s": np.clip(2e4 / len(points), 3, 25),
            "linewidth": 0,
            "rasterized": True,
        }
        style |= normalize_kwargs(scatter_kwargs, PathCollection)
        if not {"color", "facecolor"} & style.keys():
            style.setdefault("c", colors)
        # In random order, so that no class covers the others.
        order = np.random.default_rng(0).permutation(len(points))
        for name, value in style.items():
            # A tuple is one colour or one line style.
            is_one = isinstance(value, str | tuple) or not np.iterable(value)
            if not is_one and len(value) == len(order):
                style[name] = np.asarray(value)[order]
        self.scatter_ = ax.scatter(*points[order].T, **style)
        self.texts_, self.legend_ = [], None
        if len(classes):
            labels = [str(label) for label in classes]
            places = place_labels(points, members, labels)
            colors = np.take(COLORS, range(len(classes)), mode="wrap")
            box = {"boxstyle": "round", "facecolor": "white", "linewidth": 2}
            self.texts_ = [
                ax.text(
                    *place,
                    label,
                    color="black",
                    weight="bold",
                    ha="center",
                    va="center",
                    bbox=box | {"edgecolor": color},
                )
                for label, place, color in zip(labels, places, colors, strict=True)
                if np.isfinite(place).all()
            ]
            keys = [
                Line2D([], [], color=color, marker="o", linestyle="", label=label)
                for label, color in zip(labels, colors, strict=True)
            ]
            self.legend_ = ax.legend(
                handles=keys,
                title="class",
                loc="upper left",
                bbox_to_anchor=(1, 1),
                ncols=-(-len(keys) // 20),
            )
        ax.set(
            title=f"Codes of {len(points):,} samples",
            xlabel=f"component {components[0]}",
            ylabel=f"component {components[1]}",
        )
        ax.set_aspect("equal", adjustable="datalim")
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _check_components(self, n_components):
        """Return the two components to draw, checked."""
        components = self.components
        if n_components < 2:
            raise ValueError("codes have 1 component, but a plane needs 2 or more.")
        if components is None:
            if n_components == 2:
                return 0, 1
            raise ValueError(
                f"components=None, and the codes have {n_components} components. A "
                "plane shows two: pass components=(0, 1), for example."
            )
        if (
            not isinstance(components, (tuple, list))
            or len(components) != 2
            or not all(
                isinstance(c, Integral) and 0 <= c < n_components for c in components
            )
            or components[0] == components[1]
        ):
            raise ValueError(
                f"components={components!r} must be two different integers from 0 to "
                f"{n_components - 1}, as the codes have {n_components} components."
            )
        return components

    @classmethod
    @on_numpy
    def from_estimator(
        cls, estimator, X, y=None, *, components=None, scatter_kwargs=None, ax=None
    ):
        """Encode samples and draw their codes.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``transform``.
        X : array-like of shape (n_samples, n_features) or images
            Samples.
        y : array-like of shape (n_samples,), default=None
            Their classes. Without them all points have one colour.
        components : tuple of int, default=None
            The two components of the code that are drawn; None if it has just two.
        scatter_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`, such as ``s`` and
            ``alpha``; lists and arrays hold one value per sample.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : LatentSpaceDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If ``components`` is not valid or is None for codes of more than two
            components, or if ``y`` does not hold one class per sample.
        """
        display = cls(codes=estimator.transform(X), y=y, components=components)
        return display.plot(ax, scatter_kwargs=scatter_kwargs)
