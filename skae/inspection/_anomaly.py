"""Anomaly scores beside their threshold, and what makes a sample unusual."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae.inspection._drawing import (
    COLORS,
    find_image_shape,
    new_axes,
    on_numpy,
    takes_images,
)

# Bins of the histogram. A rule that adapts to most scores could make millions of them,
# where one sample has a score far below all others.
N_BINS = 50


class AnomalyDisplay:
    """Scores of samples with the threshold, or the contributions to one score.

    Without ``contributions`` a histogram of the scores is drawn. With them the features
    of one sample are drawn: bars for the largest contributions, or a heat map if the
    sample is an image.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Scores; lower means less usual. With ``contributions``, the score of the one
        sample.
    threshold : float
        Samples with lower scores are outliers.
    contributions : array-like of shape (n_features,) or an image, default=None
        How much each feature of one sample adds to its negative score.
    feature_names : array-like of shape (n_features,), default=None
        Names of the features; None means their numbers.

    Attributes
    ----------
    bars_ : matplotlib BarContainer, sequence of two or None
        The contributions, or the histograms of other samples and of outliers. None for
        an image.
    line_ : matplotlib Line2D or None
        The threshold.
    image_ : matplotlib AxesImage or None
        The heat map.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    skae.AutoEncoderOutlierDetector : Finds outliers and the contributions.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoEncoderOutlierDetector
    >>> from skae.inspection import AnomalyDisplay
    >>> X, _ = load_wine(return_X_y=True, as_frame=True)
    >>> X.loc[0, "magnesium"] = 300
    >>> detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    >>> AnomalyDisplay.from_estimator(detector, X).ax_.get_title()
    '18 outliers among 178 samples'

    Why is the first wine one of them?

    >>> display = AnomalyDisplay.from_estimator(detector, X, index=0)
    >>> display.ax_.get_yticklabels()[0].get_text()
    'magnesium'
    """

    def __init__(self, *, scores, threshold, contributions=None, feature_names=None):
        self.scores = scores
        self.threshold = threshold
        self.contributions = contributions
        self.feature_names = feature_names

    def plot(self, ax=None, *, n_features=10, cmap="coolwarm"):
        """Draw the scores, or the contributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        n_features : int, default=10
            Number of bars, for the features that contribute most.
        cmap : str or matplotlib Colormap, default="coolwarm"
            Colours of a heat map, from the largest negative contribution to the largest
            positive one.

        Returns
        -------
        self : AnomalyDisplay
            The Display.
        """
        check_scalar(n_features, "n_features", Integral, min_val=1)
        self.bars_ = self.line_ = self.image_ = None
        if ax is None:
            ax = new_axes(7, 4.5)
        if self.contributions is None:
            self._draw_scores(ax)
        else:
            self._draw_contributions(ax, n_features, cmap)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_scores(self, ax):
        scores = np.asarray(self.scores)
        is_outlier = scores < self.threshold
        _, _, self.bars_ = ax.hist(
            [scores[~is_outlier], scores[is_outlier]],
            N_BINS,
            stacked=True,
            log=True,  # few outliers are seen beside many other samples
            color=[COLORS[0], COLORS[2]],
            label=["other samples", "outliers"],
        )
        self.line_ = ax.axvline(
            self.threshold, color="black", linestyle="--", label="threshold"
        )
        ax.legend()
        ax.set(
            title=f"{is_outlier.sum():,} outliers among {len(scores):,} samples",
            xlabel="score, the lower, the less usual",
            ylabel="number of samples",
        )

    def _draw_contributions(self, ax, n_features, cmap):
        contributions = np.asarray(self.contributions)
        score = float(np.reshape(self.scores, -1)[0])
        if contributions.ndim > 1:
            # The channels of a pixel together.
            values = contributions.reshape(*contributions.shape[:2], -1).sum(axis=2)
            limit = np.abs(values).max()
            self.image_ = ax.imshow(values, cmap=cmap, vmin=-limit, vmax=limit)
            ax.figure.colorbar(
                self.image_, ax=ax, label="contribution to minus the score"
            )
            ax.set(xticks=[], yticks=[])
        else:
            names = self.feature_names
            if names is None:
                names = [f"feature {i}" for i in range(len(contributions))]
            order = np.argsort(-contributions, kind="stable")[:n_features]
            values = contributions[order]
            self.bars_ = ax.barh(
                np.arange(len(order)),
                values,
                color=np.where(values > 0, COLORS[2], COLORS[0]),
            )
            ax.set_yticks(np.arange(len(order)), [str(names[i]) for i in order])
            ax.invert_yaxis()
            ax.set_xlabel("contribution to minus the score")
        ax.set_title(f"score {score:.3g}, threshold {self.threshold:.3g}")

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        index=None,
        image_shape=None,
        n_features=10,
        cmap="coolwarm",
        ax=None,
    ):
        """Draw the scores of samples, or the contributions to one of them.

        Parameters
        ----------
        estimator : object
            Fitted outlier detector with ``score_samples`` and ``offset_``. With
            ``index`` it needs ``feature_contributions``.
        X : array-like of shape (n_samples, n_features) or images
            The samples.
        index : int, default=None
            Number of the sample whose features are drawn; None draws the scores of all.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels) of images given as rows. None
            means the shape of X, or the estimator's ``image_shape_``.
        n_features : int, default=10
            Number of bars, for the features that contribute most.
        cmap : str or matplotlib Colormap, default="coolwarm"
            Colours of a heat map.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : AnomalyDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If ``index`` is not the number of a sample.
        """
        check_is_fitted(estimator)
        contributions = None
        if index is not None:
            n_samples = np.shape(X)[0]
            check_scalar(
                index, "index", Integral, min_val=-n_samples, max_val=n_samples - 1
            )
            index %= n_samples
            X = X[index : index + 1]
            contributions = np.asarray(estimator.feature_contributions(X))[0]
            if image_shape is not None or takes_images(estimator, X):
                shape = find_image_shape(image_shape, X, estimator)
                contributions = contributions.reshape(shape)
        display = cls(
            scores=estimator.score_samples(X),
            threshold=estimator.offset_,
            contributions=contributions,
            feature_names=getattr(estimator, "feature_names_in_", None),
        )
        return display.plot(ax, n_features=n_features, cmap=cmap)
