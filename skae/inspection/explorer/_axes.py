"""The axes of the plane: which range they show, and where their ticks are."""

import numpy as np


def find_range(codes):
    """Find the range of the plane to show: all of it, except for outliers.

    A few codes far from all others would press those into a corner. So on each side the
    range extends beyond that of the middle 98 % by at most a quarter of its width.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2)
        The codes.

    Returns
    -------
    low, high : ndarray of shape (2,)
        Where the range begins and ends along each axis.
    """
    codes = codes.astype(np.float64, copy=False)  # equal steps need its precision
    first, last = np.quantile(codes, [0.01, 0.99], axis=0)
    reach = (last - first) / 4
    low = np.maximum(codes.min(axis=0), first - reach)
    high = np.minimum(codes.max(axis=0), last + reach)
    # A margin, so that no point lies on the edge; a wider one for constant codes.
    margin = np.where(high > low, (high - low) / 50, 0.5)
    return low - margin, high + margin


def find_ticks(low, high):
    """Find round numbers along an axis.

    Parameters
    ----------
    low, high : float
        Where the axis begins and ends.

    Returns
    -------
    list of [float, str]
        The place of each tick as a share of the axis, and its text.
    """
    from matplotlib.ticker import Formatter, MaxNLocator

    values = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(low, high)
    values = values[(low <= values) & (values <= high)]
    step = np.diff(values).min(initial=high - low)
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    places = (values - low) / (high - low)
    # Adding zero makes 0.0 of -0.0.
    texts = [f"{value + 0.0:.{decimals}f}" for value in values.round(decimals)]
    return [
        [float(place), Formatter.fix_minus(text)]
        for place, text in zip(places.round(6), texts, strict=True)
    ]
