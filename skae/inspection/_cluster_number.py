"""How many clusters there are."""

from sklearn.utils.validation import check_is_fitted

from skae.inspection._lines import plot_by_number


class ClusterNumberDisplay:
    """The weakest border between two clusters, for each number of clusters.

    A border with a mean rank of 1/2 or less runs through one dense region and cuts a
    cluster in two. The number of clusters is the largest one without such a border.

    Parameters
    ----------
    weakest_borders : array-like of shape (n_tried,)
        For 1, 2, ... clusters: the smallest mean rank of a border, from 0 to 1.
    n_clusters : int, default=None
        The chosen number, which is marked; None marks none.
    name : str, default=None
        Name of the clusterer in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    chosen_ : matplotlib Line2D or None
        The mark of the chosen number.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    skae.SpectralKMeans : Finds the number with ``n_clusters="auto"``.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skae import SpectralKMeans
    >>> from skae.inspection import ClusterNumberDisplay
    >>> X, _ = make_blobs(200, centers=3, random_state=2)
    >>> clusterer = SpectralKMeans("auto", random_state=0).fit(X)
    >>> display = ClusterNumberDisplay.from_estimator(clusterer)
    >>> display.n_clusters
    3
    """

    def __init__(self, *, weakest_borders, n_clusters=None, name=None):
        self.weakest_borders = weakest_borders
        self.n_clusters = n_clusters
        self.name = name

    def plot(self, ax=None, *, line_kwargs=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for the curve.

        Returns
        -------
        self : ClusterNumberDisplay
            The Display.
        """
        style = {"marker": "o", "label": self.name}
        self.line_, _ = plot_by_number(ax, self.weakest_borders, style, line_kwargs)
        ax = self.line_.axes
        self.chosen_ = None
        if self.n_clusters is not None:
            (self.chosen_,) = ax.plot(
                [self.n_clusters],
                [self.weakest_borders[self.n_clusters - 1]],
                marker="o",
                markersize=14,
                markerfacecolor="none",
                markeredgewidth=2,
                linestyle="",
                color=self.line_.get_color(),
                label=f"{self.n_clusters} clusters",
            )
        ax.set(
            xlabel="number of clusters",
            ylabel="mean rank at the weakest border",
            ylim=(0, 1.05),
        )
        if self.name is not None or self.chosen_ is not None:
            ax.legend()
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, *, name=None, line_kwargs=None, ax=None):
        """Draw the curve of a fitted clusterer.

        Parameters
        ----------
        estimator : object
            Fitted clusterer with ``weakest_border_curve_`` and ``n_clusters_``, such as
            ``SpectralKMeans("auto")``.
        name : str, default=None
            Name of the clusterer in the legend; None means the name of its class.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for the curve.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ClusterNumberDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If the clusterer did not search for the number of clusters.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "weakest_border_curve_"):
            raise ValueError(
                f"{estimator} did not search for the number of clusters; fit it with "
                'n_clusters="auto".'
            )
        display = cls(
            weakest_borders=estimator.weakest_border_curve_,
            n_clusters=estimator.n_clusters_,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, line_kwargs=line_kwargs)
