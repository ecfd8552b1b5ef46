"""Loss per epoch."""

from sklearn.utils.validation import check_is_fitted

from skae.inspection._lines import plot_by_number


class LossCurveDisplay:
    """Training and validation loss per epoch, of one estimator or of several.

    Pass the ``ax_`` of one Display to the next to compare estimators.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss of each epoch.
    validation_loss_curve : array-like of shape (n_epochs,), default=None
        Loss of held-out samples after each epoch; None or empty if no samples were
        held out.
    name : str, default=None
        Name of the estimator in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D or None
        The validation loss, dashed, in the same colour.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Score per number of samples.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoEncoderTransformer
    >>> from skae.inspection import LossCurveDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> _, ax = plt.subplots()
    >>> for n_components in (2, 16):
    ...     autoencoder = AutoEncoderTransformer(n_components, max_epochs=5).fit(X)
    ...     display = LossCurveDisplay.from_estimator(
    ...         autoencoder, name=f"{n_components} components", ax=ax
    ...     )
    >>> [line.get_label() for line in display.ax_.lines]
    ['2 components, training', '16 components, training']
    """

    def __init__(self, *, loss_curve, validation_loss_curve=None, name=None):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.name = name

    def plot(self, ax=None, *, line_kwargs=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for both curves.

        Returns
        -------
        self : LossCurveDisplay
            The Display.
        """
        of_name = "" if self.name is None else f"{self.name}, "
        style = {
            "label": f"{of_name}training",
            # A line needs two points.
            "marker": "o" if len(self.loss_curve) == 1 else "",
        }
        self.line_, style = plot_by_number(ax, self.loss_curve, style, line_kwargs)
        ax = self.line_.axes
        self.validation_line_ = None
        if self.validation_loss_curve is not None and len(self.validation_loss_curve):
            style |= {
                "color": self.line_.get_color(),
                "linestyle": "--",
                "markerfacecolor": "none",
                "label": f"{of_name}validation",
            }
            (self.validation_line_,) = ax.plot(
                self.line_.get_xdata(), self.validation_loss_curve, **style
            )
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    def from_estimator(cls, estimator, *, name=None, line_kwargs=None, ax=None):
        """Draw the loss of a fitted estimator.

        Losses of different likelihoods are different quantities, and cannot be compared
        in one plot.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``loss_curve_``, and ``validation_loss_curve_`` if
            samples were held out.
        name : str, default=None
            Name of the estimator in the legend; None means the name of its class.
        line_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`, for both curves.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : LossCurveDisplay
            The Display, drawn.
        """
        check_is_fitted(estimator)
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_loss_curve=getattr(estimator, "validation_loss_curve_", None),
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, line_kwargs=line_kwargs)
