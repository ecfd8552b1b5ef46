"""A page to walk over a plane of codes: the decoded image follows the pointer."""

import json
import zlib
from base64 import b64encode
from html import escape
from importlib.resources import files
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import check_array, check_scalar

from skae.inspection._drawing import (
    COLORS,
    as_floats,
    decode_plane,
    encode_plane,
    find_classes,
    find_image_shape,
    place_labels,
    shade,
    takes_images,
    value_range,
)

# Bytes that all decoded images may have together. What zlib cannot shrink it hardly
# makes larger, and base64 adds a third: so a page stays under 3 MB whatever they show.
MAX_BYTES = 1_800_000
# More codes along an axis would not be told apart.
MAX_STEPS = 64
# Positions on the page are whole numbers up to here, which are short to write.
RESOLUTION = 10_000


def _find_range(codes):
    """Find the part of the plane to show: all of it, but for what lies far out.

    A few codes far from all others would press those into a corner. So the range ends
    where it is wider than that of the middle 98 % by a quarter on each side.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2)
        The codes.

    Returns
    -------
    low, high : ndarray of shape (2,)
        Where it begins and ends along each axis.
    """
    codes = codes.astype(np.float64, copy=False)  # equal steps need its digits
    first, last = np.quantile(codes, [0.01, 0.99], axis=0)
    reach = (last - first) / 4
    low = np.maximum(codes.min(axis=0), first - reach)
    high = np.minimum(codes.max(axis=0), last + reach)
    # Some space, so that no point lies on the edge; and some for a constant.
    margin = np.where(high > low, (high - low) / 50, 0.5)
    return low - margin, high + margin


def _find_ticks(low, high):
    """Find round numbers along an axis, as pairs of their place and their text."""
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


def _pack(images, limits):
    """Write images as bytes, compressed and in base64.

    One picture in PNG would be larger, as neighbours on the grid differ little. And a
    page that reads a picture's pixels gets false ones from browsers that guard their
    users against being recognized by them.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, 3)
        The images.
    limits : tuple of float
        The values that become 0 and 255.

    Returns
    -------
    str
        The text.
    """
    values = np.rint(255 * shade(images, limits)).astype(np.uint8)
    rows = values.reshape(len(values) ** 2, -1)
    differences = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256
    return b64encode(zlib.compress(differences.tobytes(), 9)).decode()


class LatentExplorer:
    """A page that shows the decoded image at the place of the pointer.

    The page is one HTML file, which needs no network and asks for none. It shows the
    codes of samples as points in the colour of their class [1]_; beside them it draws
    what the decoder makes of the code under the mouse, the finger, or the mark that
    the arrow keys move. Opened as ``latent.html#at=0.5,-1``, it starts at that code.

    The browser has no decoder. So the images of a grid of codes are decoded beforehand.
    On a code of the grid the page shows the decoder's own image, rounded to 8 bits; in
    between it blends the images of the four nearest ones.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, 3)
        The decoded images; ``images[i, j]`` belongs to the code
        ``(values[0, i], values[1, j])``.
    values : ndarray of shape (2, n_steps)
        The values of the two components along the axes, in equal steps.
    codes : array-like of shape (n_samples, 2)
        The codes that are drawn as points. What lies beyond ``values`` is left out.
    y : array-like of shape (n_samples,), default=None
        The classes, numbers or names. Without them all points have one colour.
    limits : tuple of float, default=None
        The values shown as darkest and brightest; None takes [0, 1] for images that
        lie in it, else their smallest and largest value.
    max_points : int, default=5000
        How many points are drawn at most. Of more codes, so many are drawn at random,
        always the same ones.
    grid_error : float, default=None
        How far blended images are from decoded ones, for the page to say so: the mean
        absolute difference of a pixel, as a share of the range of ``limits``.
    name : str, default="an autoencoder"
        Whose codes they are, for the page to say so.

    See Also
    --------
    LatentSpaceDisplay : The points as a picture.
    ManifoldDisplay : The images as a picture.

    References
    ----------
    .. [1] M. A. Petroff, "Accessible color sequences for data visualization",
       arXiv:2107.02270, 2021.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.inspection import LatentExplorer
    >>> X, y = load_digits(return_X_y=True)
    >>> pca = PCA(n_components=2).fit(X)
    >>> explorer = LatentExplorer.from_estimator(pca, X, y, image_shape=(8, 8))
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "latent.html")
    ...     explorer.save(path)
    ...     path.stat().st_size < 3e6
    True
    """

    def __init__(
        self,
        *,
        images,
        values,
        codes,
        y=None,
        limits=None,
        max_points=5000,
        grid_error=None,
        name="an autoencoder",
    ):
        self.images = images
        self.values = values
        self.codes = codes
        self.y = y
        self.limits = limits
        self.max_points = max_points
        self.grid_error = grid_error
        self.name = name

    def to_html(self):
        """Write the page.

        Returns
        -------
        str
            The whole page; the same for the same data.

        Raises
        ------
        ValueError
            If the images are not finite or do not lie on a grid in equal steps, if the
            codes are not of two components or all lie beyond the grid, or if ``y`` does
            not hold one class a sample.
        """
        template = files("skae.inspection").joinpath("explorer.html").read_text("utf-8")
        # The text ends up in a <script>, and nothing in it may end that.
        data = json.dumps(self._collect(), separators=(",", ":"))
        return template.replace("__DATA__", data.replace("<", "\\u003c"))

    def save(self, path):
        """Write the page into a file.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.
        """
        Path(path).write_text(self.to_html(), encoding="utf-8", newline="\n")

    def _repr_html_(self):
        """Show the page inside a notebook, in a frame that shares nothing with it."""
        return (
            '<iframe title="Latent space" sandbox="allow-scripts" '
            'style="width: 100%; height: 700px; border: 0" '
            f'srcdoc="{escape(self.to_html())}"></iframe>'
        )

    def _collect(self):
        """Check the data and give what the page's script needs."""
        check_scalar(self.max_points, "max_points", Integral, min_val=1)
        images, values = np.asarray(self.images), np.asarray(self.values)
        is_grid = images.ndim == 4 or (images.ndim == 5 and images.shape[4] == 3)
        if not is_grid or images.shape[0] != images.shape[1]:
            raise ValueError(
                f"images of shape {images.shape} must have the shape (n_steps, "
                "n_steps, height, width) or (n_steps, n_steps, height, width, 3)."
            )
        n_steps, _, height, width = images.shape[:4]
        steps = np.diff(values)
        if (
            values.shape != (2, n_steps)
            or n_steps < 2
            or not (steps > 0).all()
            or not np.allclose(steps, steps[:, :1])
        ):
            raise ValueError(
                f"values of shape {values.shape} must hold the {n_steps} values of the "
                "grid of images along each of two axes, 2 or more in equal steps."
            )
        if not np.isfinite(images).all():
            raise ValueError("images hold NaN or infinity; they must be finite.")
        codes = check_array(self.codes, input_name="codes")
        if codes.shape[1] != 2:
            raise ValueError(
                f"codes have {codes.shape[1]} components; a plane of images needs 2."
            )
        low, high = values[:, 0], values[:, -1]
        points = (codes - low) / (high - low)
        is_inside = ((points >= 0) & (points <= 1)).all(axis=1)
        if not is_inside.any():
            raise ValueError("codes must lie within values, but none of them does.")
        # In random order, so that no class covers the others.
        order = np.random.default_rng(0).permutation(np.flatnonzero(is_inside))
        drawn = order[: self.max_points]
        classes, members, labels = [], np.zeros(len(codes), dtype=int), []
        if self.y is not None:
            classes, members = find_classes(self.y, codes)
            classes = [str(label) for label in classes]
            labels = place_labels(points[drawn], members[drawn], classes).tolist()
        limits = value_range(images) if self.limits is None else self.limits
        return {
            "name": str(self.name),
            "n_samples": len(codes),
            "n_outside": int((~is_inside).sum()),
            "points": np.rint(points[drawn] * RESOLUTION).astype(int).tolist(),
            "members": members[drawn].tolist(),
            "resolution": RESOLUTION,
            "classes": classes,
            "colors": np.take(COLORS, range(len(classes) or 1), mode="wrap").tolist(),
            "labels": labels,
            "low": low.tolist(),
            "high": high.tolist(),
            "ticks": [_find_ticks(*ends) for ends in zip(low, high, strict=True)],
            "n_steps": n_steps,
            "height": height,
            "width": width,
            "n_channels": 3 if images.ndim == 5 else 1,
            "grid_error": self.grid_error,
            "tiles": _pack(images, limits),
        }

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, n_steps=None, image_shape=None, max_points=5000
    ):
        """Encode samples, and decode images over the plane of their codes.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``transform`` to two components, and
            ``inverse_transform``.
        X : array-like of shape (n_samples, n_features) or images
            Samples whose codes are drawn and lay out the grid, such as the training
            samples. A few codes that lie far out are left outside, and the page says
            how many.
        y : array-like of shape (n_samples,), default=None
            Their classes, numbers or names. Without them all points have one colour.
        n_steps : int, default=None
            Number of decoded images along each axis. None takes as many as leave the
            file under 3 MB whatever they show, 64 at most: 47 for images of 28 x 28
            pixels, 24 for 32 x 32 in colour.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None takes X's, or the
            estimator's ``image_shape_``.
        max_points : int, default=5000
            How many points are drawn at most. Of more samples, so many are drawn at
            random, always the same ones.

        Returns
        -------
        explorer : LatentExplorer
            The page, to be saved or to be shown by a notebook.

        Raises
        ------
        ValueError
            If the codes have not two components, if the shape of the images is not
            known or does not fit, or if the images are too large for a page.
        """
        image_shape = find_image_shape(image_shape, X, estimator)
        if n_steps is None:
            n_steps = min(MAX_STEPS, int((MAX_BYTES / np.prod(image_shape)) ** 0.5))
            if n_steps < 2:
                raise ValueError(
                    f"image_shape={image_shape!r} is too large for a page under 3 MB: "
                    f"two images along each axis have {4 * np.prod(image_shape):,} "
                    f"bytes, and {MAX_BYTES:,} are allowed. Give smaller images, or "
                    "n_steps, which allows a larger file."
                )
        check_scalar(n_steps, "n_steps", Integral, min_val=2)
        codes = encode_plane(estimator, X)
        values = np.linspace(*_find_range(codes), n_steps, axis=1)
        images = decode_plane(estimator, values, image_shape)
        limits = value_range(as_floats(X, are_images=takes_images(estimator, X)))
        # Blending is worst in the middle of four images.
        middles = (values[:, :-1] + values[:, 1:]) / 2
        decoded = shade(decode_plane(estimator, middles, image_shape), limits)
        shaded = shade(images, limits)
        lower = shaded[:, :-1] + shaded[:, 1:]
        blended = (lower[:-1] + lower[1:]) / 4
        return cls(
            images=images,
            values=values,
            codes=codes,
            y=y,
            limits=limits,
            max_points=max_points,
            grid_error=float(abs(blended - decoded).mean()),
            name=type(estimator).__name__,
        )
