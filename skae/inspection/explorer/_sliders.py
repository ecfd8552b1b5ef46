"""The sliders of a page: how images change along the axes beyond the plane.

A grid over all axes would need far too many images. So each slider has a coarse grid
over the plane and its own axis, and the page adds the changes along the axes.
"""

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from skae.inspection._drawing import as_floats, as_images, shade
from skae.inspection.explorer._axes import find_range
from skae.inspection.explorer._images import find_max_images

# Limit of the number of sliders.
MAX_SLIDERS = 4
# Number of values of the grid of a slider, along its own axis and those of the plane.
# The first is odd, so that the middle is one of them.
N_VALUES = 7
N_COARSE = 4
# Number of images of a slider.
N_IMAGES = N_COARSE**2 * N_VALUES
# Limit of the number of samples that the error is measured on.
_MAX_MEASURED = 300


def count_sliders(n_axes, image_shape):
    """Count the sliders whose images fill at most half of a page.

    Parameters
    ----------
    n_axes : int
        Number of axes beyond the plane.
    image_shape : tuple of int
        Shape of one image.

    Returns
    -------
    int
        The number, at most `MAX_SLIDERS`.
    """
    return min(n_axes, MAX_SLIDERS, find_max_images(image_shape) // 2 // N_IMAGES)


def check_sliders(values, images, image_shape):
    """Check the sliders that a user passes.

    Parameters
    ----------
    values : array-like of shape (n_sliders, n_values) or None
        The values of each slider. None means that there are none.
    images : array-like of shape (n_sliders, n_coarse, n_coarse, n_values, ...)
        Their images.
    image_shape : tuple of int
        Shape of one image.

    Returns
    -------
    values : ndarray of shape (n_sliders, n_values)
        The values.
    images : ndarray of shape (n_sliders, n_coarse, n_coarse, n_values, ...)
        The images.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    if values is None:
        empty = np.empty((0, 1, 1, 1, *image_shape), dtype=np.float32)
        return np.empty((0, 1)), empty
    values, images = np.asarray(values), np.asarray(images)
    n_sliders, n_values = values.shape if values.ndim == 2 else (0, 0)
    steps = np.diff(values)
    if not (
        n_values >= 3
        and n_values % 2
        and (steps > 0).all()
        and np.allclose(steps, steps[:, :1])
    ):
        raise ValueError(
            f"slider_values of shape {values.shape} must hold an odd number of values "
            "of each slider, 3 or more in equal steps."
        )
    n_coarse = images.shape[1] if images.ndim > 1 else 0
    if n_coarse < 2 or images.shape != (
        *(n_sliders, n_coarse, n_coarse, n_values),
        *image_shape,
    ):
        sizes = ", ".join(map(str, (n_values, *image_shape)))
        raise ValueError(
            f"slider_images of shape {images.shape} must have the shape ({n_sliders}, "
            f"n_coarse, n_coarse, {sizes}), with n_coarse of 2 or more."
        )
    if not np.isfinite(images).all():
        raise ValueError("slider_images hold NaN or infinity; they must be finite.")
    return values, images


def make_sliders(plane, others, values, images, limits):
    """Decode the images of sliders, and measure their error.

    Parameters
    ----------
    plane : Plane
        The plane.
    others : ndarray of shape (n_samples, n_sliders)
        The points of samples along the axes of the sliders.
    values : ndarray of shape (2, n_steps)
        The values of the grid of the plane.
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, n_channels)
        The images of the plane.
    limits : tuple of float
        The values shown as darkest and brightest.

    Returns
    -------
    dict
        The parameters of LatentExplorer about sliders.
    """
    low, high = find_range(others)
    middle = others.mean(axis=0, dtype=np.float64)
    reach = np.maximum(high - middle, middle - low)
    slider_values = np.linspace(middle - reach, middle + reach, N_VALUES, axis=1)
    coarse = np.linspace(values[:, 0], values[:, -1], N_COARSE, axis=1)
    slider_images, grids = [], []
    for axis, own in enumerate(slider_values, start=2):
        grids.append((*coarse, own))
        grid = {0: coarse[0], 1: coarse[1], axis: own}
        slider_images.append(plane.decode(grid, images.shape[2:]))

    # What the page shows at the codes of samples.
    points = plane.points[:: -(-len(plane.points) // _MAX_MEASURED)].copy()
    points[:, 2 + len(grids) :] = plane.middle[2 + len(grids) :]
    for axis, own in enumerate([*values, *slider_values]):
        points[:, axis] = points[:, axis].clip(own[0], own[-1])
    shown = RegularGridInterpolator(values, shade(images, limits))(points[:, :2])
    for axis, grid in enumerate(grids, start=2):
        blend = RegularGridInterpolator(grid, shade(slider_images[axis - 2], limits))
        moved, unmoved = points[:, [0, 1, axis]], points[:, [0, 1, axis]]
        unmoved[:, 2] = plane.middle[axis]
        shown += blend(moved) - blend(unmoved)
    decoded = as_images(plane.estimator.inverse_transform(points), images.shape[2:])
    error = abs(shown.clip(0, 1) - shade(as_floats(decoded), limits)).mean()
    return {
        "slider_values": slider_values,
        "slider_images": np.stack(slider_images),
        "slider_error": float(error),
    }
