"""Base class of the Displays that show rows of images."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skae.inspection._drawing import (
    as_floats,
    as_images,
    new_axes,
    value_range,
)
from skae.inspection._tiles import as_panels, draw_tiles

# Colour between two images, which separates black and white ones.
GAP_COLOR = "#6f93b8"


class ImageRowsDisplay:
    """Rows of images; the first row is the truth, the others have an error."""

    def __init__(self, rows, *, image_shape=None):
        self.rows = rows
        self.image_shape = image_shape

    def plot(self, ax=None, *, n_images=10, cmap="gray", interpolation="nearest"):
        """Draw the first images of each row.

        All rows have one scale: the range of the first row's values, or [0, 1] if they
        lie in it. Values beyond are clipped. Channels are drawn side by side in gray,
        unless an image has one or three.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        n_images : int, default=10
            Number of columns.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels. Not used if any row has
            colour images.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.

        Returns
        -------
        self : object
            The Display.

        Raises
        ------
        ValueError
            If the rows are not images, or differ in number or shape, or if
            ``interpolation`` is neither of the two.
        """
        check_scalar(n_images, "n_images", Integral, min_val=1)
        rows = {
            name: as_floats(as_images(row, self.image_shape))
            for name, row in self.rows.items()
        }
        if any(row.shape[3:] == (3,) for row in rows.values()):
            # Gray images beside colour images become colour images.
            for name, row in rows.items():
                if row.ndim == 3:
                    rows[name] = np.broadcast_to(row[..., np.newaxis], (*row.shape, 3))
        shapes = {name: row.shape for name, row in rows.items()}
        if len(set(shapes.values())) != 1:
            raise ValueError(
                "rows must hold one or more arrays with the same number of images of "
                f"one shape; got {shapes}."
            )
        truth_name, truth = next(iter(rows.items()))
        self.mse_ = {
            name: float(np.mean((row - truth) ** 2, dtype=np.float64))
            for name, row in rows.items()
            if name != truth_name
        }

        shown = as_panels(np.stack([row[:n_images] for row in rows.values()]))
        n_rows, n_columns, height, width = shown.shape[:4]
        if ax is None:
            # An inch wide, or wider, so that a row has space for its label.
            inches = max(1.0, 0.5 * width / height)
            size = (n_columns * inches + 1.2, (n_rows + 0.4) * inches * height / width)
            ax = new_axes(*size)
        self.image_, middles = draw_tiles(
            ax, shown, value_range(truth), cmap, interpolation
        )
        errors = [
            f"{name}\nMSE {error:,.0f}" if error >= 1000 else f"{name}\nMSE {error:.3g}"
            for name, error in self.mse_.items()
        ]
        ax.set_yticks(middles, [truth_name, *errors])
        ax.set_xticks([])
        ax.set_title(
            f"First {n_columns} of {len(truth):,} images, MSE over all"
            if n_columns < len(truth)
            else f"{n_columns} images"
        )
        ax.tick_params(length=0)
        ax.set_facecolor(GAP_COLOR)
        ax.spines[:].set_visible(False)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self
