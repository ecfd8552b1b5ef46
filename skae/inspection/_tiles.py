"""Images as tiles of one picture."""

import numpy as np

from skae.inspection._drawing import as_floats, shade

# Pixels along the side of an image that is drawn smooth, at least.
SMOOTH = 64


def as_panels(images):
    """Put the channels of images side by side, unless they are one or three.

    Parameters
    ----------
    images : array-like of shape (n_rows, n_columns, height, width) or \
            (n_rows, n_columns, height, width, n_channels)
        Images.

    Returns
    -------
    ndarray of shape (n_rows, n_columns, height, width) or \
            (n_rows, n_columns, height, width, 3)
        Gray or colour images. Channels become gray images with a column of NaN, which
        stays blank, on both sides of each: so neighbouring images are farther apart
        than the channels of one image.
    """
    images = np.asarray(images)
    if images.shape[4:] in ((), (3,)):
        return images
    if images.shape[4:] == (1,):
        return images[..., 0]
    panels = np.moveaxis(as_floats(images, are_images=False), -1, -2)
    panels = np.pad(panels, [(0, 0)] * 4 + [(0, 1)], constant_values=np.nan)
    panels = panels.reshape(*panels.shape[:3], -1)
    return np.pad(panels, [(0, 0)] * 3 + [(1, 0)], constant_values=np.nan)


def enlarge(tiles, factor):
    """Enlarge pictures by cubic interpolation, each of them by itself.

    Parameters
    ----------
    tiles : ndarray of shape (n_rows, n_columns, height, width, 4)
        Red, green, blue and opacity in [0, 1].
    factor : int
        Length of a side divided by its length before.

    Returns
    -------
    ndarray of shape (n_rows, n_columns, factor * height, factor * width, 4)
        The pictures. Colours of transparent pixels have no influence.
    """
    from torch import from_numpy
    from torch.nn.functional import interpolate

    opacity = tiles[..., 3:]
    stacked = np.concatenate([tiles[..., :3] * opacity, opacity], axis=-1)
    stacked = from_numpy(stacked.reshape(-1, *tiles.shape[2:])).movedim(-1, 1)
    stacked = interpolate(stacked, scale_factor=factor, mode="bicubic")
    large = stacked.movedim(1, -1).numpy()
    large[..., :3] /= np.where(large[..., 3:] > 0, large[..., 3:], 1)
    return large.clip(0, 1).reshape(*tiles.shape[:2], *large.shape[1:])


def mosaic(images, limits, cmap, factor=1):
    """Put images side by side into one picture.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, height, width) or \
            (n_rows, n_columns, height, width, 3)
        Gray or colour images, in rows from the top. NaN stays blank.
    limits : tuple of float
        The values shown as darkest and brightest; values beyond are clipped.
    cmap : str or Colormap
        Colours of gray images.
    factor : int, default=1
        Length of a pixel in the picture; pixels of more than 1 are smooth.

    Returns
    -------
    ndarray of shape (factor * (n_rows * (height + 1) - 1), \
            factor * (n_columns * (width + 1) - 1), 4)
        Red, green, blue and opacity in [0, 1]; one blank pixel between two images.
    """
    from matplotlib import colormaps

    images = shade(images, limits)
    if images.ndim == 4:
        tiles = colormaps.get_cmap(cmap)(np.ma.masked_invalid(images))
    else:
        opacity = np.isfinite(images).all(axis=-1, keepdims=True)
        tiles = np.concatenate([np.nan_to_num(images), opacity], axis=-1)
    if factor > 1:
        tiles = enlarge(tiles, factor)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (0, factor), (0, factor), (0, 0)))
    n_rows, n_columns, height, width, _ = tiles.shape
    picture = tiles.swapaxes(1, 2).reshape(n_rows * height, n_columns * width, 4)
    return picture[:-factor, :-factor]


def draw_tiles(ax, images, limits, cmap, interpolation, top=-0.5):
    """Draw images in rows and columns; column j has width 1 and its center at j.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw; its second axis then grows downwards.
    images : ndarray of shape (n_rows, n_columns, height, width) or \
            (n_rows, n_columns, height, width, 3)
        As for :func:`mosaic`.
    limits : tuple of float
        As for :func:`mosaic`.
    cmap : str or Colormap
        As for :func:`mosaic`.
    interpolation : {"nearest", "bicubic"}
        Whether pixels are drawn as blocks or smooth.
    top : float, default=-0.5
        Where the first row begins.

    Returns
    -------
    image : matplotlib AxesImage
        All images as one picture.
    middles : ndarray of shape (n_rows,)
        Centers of the rows.

    Raises
    ------
    ValueError
        If ``interpolation`` is neither of them.
    """
    if interpolation not in ("nearest", "bicubic"):
        raise ValueError(
            f"interpolation={interpolation!r} must be 'nearest' or 'bicubic'."
        )
    n_rows, n_columns, height, width = images.shape[:4]
    pixel = 1 / (width + 1)
    row_height = (height + 1) * pixel
    bottom = top + n_rows * row_height
    # Each field has half of the blank pixel on every side.
    extent = np.array([-0.5, n_columns - 0.5, bottom, top])
    extent += np.array([1, -1, -1, 1]) * pixel / 2
    # Matplotlib would interpolate across the borders of the images.
    factor = -(-SMOOTH // min(height, width)) if interpolation == "bicubic" else 1
    picture = mosaic(images, limits, cmap, factor)
    image = ax.imshow(picture, extent=extent, aspect="equal")
    return image, top + (np.arange(n_rows) + 0.5) * row_height
