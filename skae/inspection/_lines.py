"""Displays that are one line."""

import numpy as np

from skae.inspection._drawing import COLORS, new_axes


def plot_by_number(ax, values, style, line_kwargs):
    """Draw a line of the values for 1, 2, ...

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes to draw on; None makes a new figure.
    values : array-like of shape (n_values,)
        The values.
    style : dict
        Keywords for :meth:`matplotlib.axes.Axes.plot`.
    line_kwargs : dict or None
        The user's keywords, which come first.

    Returns
    -------
    line : matplotlib Line2D
        The line.
    style : dict
        All keywords.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        ax = new_axes(7, 4.5)
        ax.set_prop_cycle(color=COLORS)
    style = style | normalize_kwargs(line_kwargs, Line2D)
    (line,) = ax.plot(np.arange(1, len(values) + 1), values, **style)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    return line, style
