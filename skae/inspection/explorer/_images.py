"""The decoded images of a page: how many fit, how they are packed, how they blend."""

import zlib
from base64 import b64encode

import numpy as np

from skae.inspection._drawing import shade
from skae.inspection._tiles import as_panels

# Limit in bytes of all decoded images together. zlib hardly enlarges what it cannot
# compress, and base64 adds a third: so a page stays under 3 MB whatever the images are.
MAX_BYTES = 1_800_000
# Limit of the number of codes along an axis; more could not be distinguished.
MAX_STEPS = 64


def find_max_images(image_shape):
    """Find how many images of a shape fit in a page under 3 MB.

    Parameters
    ----------
    image_shape : tuple of int
        Shape of one image.

    Returns
    -------
    int
        The number.
    """
    return MAX_BYTES // as_panels(np.empty((1, 1, *image_shape), dtype="uint8")).size


def find_n_steps(image_shape, n_others=0):
    """Find how many images of a shape fit along each axis of a page under 3 MB.

    Parameters
    ----------
    image_shape : tuple of int
        Shape of one image.
    n_others : int, default=0
        Number of images that the page holds beside those of the plane.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ValueError
        If it is less than 2.
    """
    n_images = find_max_images(image_shape)
    n_steps = min(MAX_STEPS, int(max(n_images - n_others, 0) ** 0.5))
    if n_steps < 2:
        raise ValueError(
            f"image_shape={image_shape!r} is too large for a page under 3 MB: it has "
            f"room for {n_images} images, and two along each axis are "
            f"{4 + n_others}. Use smaller images, or pass n_steps, which allows a "
            "larger file."
        )
    return n_steps


def pack(images, limits):
    """Encode images as bytes, compressed and in base64.

    One PNG of all would be larger, as neighbours on the grid differ little. And
    browsers that protect their users against fingerprinting return false pixels to a
    page that reads those of a picture.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or \
            (n_images, height, width, n_channels)
        The images, neighbours beside each other.
    limits : tuple of float
        The values that become 0 and 255.

    Returns
    -------
    str
        The text.
    """
    values = np.rint(255 * shade(images, limits)).astype(np.uint8)
    rows = values.reshape(len(values), -1)
    differences = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256
    return b64encode(zlib.compress(differences.tobytes(), 9)).decode()


def find_blending_error(images, middles, limits):
    """Return the mean error of the images blended in the middle of four others.

    Blending is worst there.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, n_channels)
        The images of a grid.
    middles : ndarray of shape (n_steps - 1, n_steps - 1, ...)
        The true images in the middle of each four neighbours.
    limits : tuple of float
        The values shown as darkest and brightest.

    Returns
    -------
    float
        The mean absolute error of a pixel, as a share of the range of ``limits``.
    """
    shaded = shade(images, limits)
    lower = shaded[:, :-1] + shaded[:, 1:]
    blended = (lower[:-1] + lower[1:]) / 4
    return float(abs(blended - shade(middles, limits)).mean())
