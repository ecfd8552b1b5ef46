"""A page to explore a plane of codes: the decoded image follows the pointer."""

from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import check_scalar

from skae._common.atomic_write import write_atomically
from skae.inspection._drawing import (
    COLORS,
    check_plane,
    choose_limits,
    find_image_shape,
    find_limits,
    on_numpy,
)
from skae.inspection._point_labels import find_classes, place_labels
from skae.inspection._tiles import as_panels
from skae.inspection.explorer._axes import find_range, find_ticks
from skae.inspection.explorer._images import find_blending_error, find_n_steps, pack
from skae.inspection.explorer._page import fill_page, frame_page
from skae.inspection.explorer._plane import find_plane
from skae.inspection.explorer._sliders import (
    N_IMAGES,
    check_sliders,
    count_sliders,
    make_sliders,
)

# Positions on the page are whole numbers from 0 to this, which makes the file smaller.
RESOLUTION = 10_000


class LatentExplorer:
    """A page that shows the decoded image at the position of the pointer.

    The page is one HTML file, which does not use the network. It shows the codes of
    samples as points in the colour of their class [1]_; beside them it draws the
    decoded image of the code under the mouse, the finger, or the mark that the arrow
    keys move. Opened as ``latent.html#at=0.5,-1``, it starts at that code; further
    numbers set the sliders.

    The browser has no decoder. So the images of a grid of codes are decoded beforehand.
    At a code of the grid the page shows the decoded image itself, rounded to 8 bits;
    in between it blends the images of the four nearest codes. Images of less than 16
    pixels a side are drawn smooth, since blocks that large would hide what they show.

    Codes of more than two components are projected to a plane, by default that of their
    first two principal components. The page shows which fraction of the variance of the
    codes the plane has. Up to four sliders change the image along the next principal
    components. Each slider has images of its own, of a coarse grid. The page adds the
    changes of several sliders, and shows the error of that, too. Until a slider is
    moved, the images are decoded from the plane, so the image at a point is not the
    reconstruction of its sample.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, n_channels)
        The decoded images; ``images[i, j]`` belongs to the code
        ``(values[0, i], values[1, j])``.
    values : ndarray of shape (2, n_steps)
        The values of the two components along the axes, in equal steps.
    codes : array-like of shape (n_samples, 2)
        The codes that are drawn as points. Those beyond ``values`` are left out.
    y : array-like of shape (n_samples,), default=None
        The classes, numbers or names. Without them all points have one colour.
    limits : tuple of float, default=None
        The values shown as darkest and brightest; None means [0, 1] for images that
        lie in it, else their smallest and largest value.
    max_points : int, default=5000
        Maximum number of points. If there are more codes, a random subset is drawn,
        always the same one.
    grid_error : float, default=None
        Error of blended images, shown on the page: the mean absolute difference of a
        pixel to the decoded image, as a share of the range of ``limits``.
    explained : float, default=None
        Fraction of the variance of the codes that the plane has, shown on the page.
        None means that the plane is that of the codes themselves.
    slider_values : array-like of shape (n_sliders, n_values), default=None
        The values of each slider, an odd number in equal steps. The middle one is that
        of ``images``. None means that there are no sliders.
    slider_images : array-like of shape \
            (n_sliders, n_coarse, n_coarse, n_values, height, width) or \
            (n_sliders, n_coarse, n_coarse, n_values, height, width, n_channels), \
            default=None
        The decoded images of the sliders. Those of ``slider_images[k, i, j]`` belong to
        the values of slider k; i and j count equal steps from the first to the last of
        ``values``.
    slider_error : float, default=None
        Error of the images at the codes of samples, shown on the page, in the unit of
        ``grid_error``.
    name : str, default="an autoencoder"
        Name of the estimator, shown on the page.

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
        explained=None,
        slider_values=None,
        slider_images=None,
        slider_error=None,
        name="an autoencoder",
    ):
        self.images = images
        self.values = values
        self.codes = codes
        self.y = y
        self.limits = limits
        self.max_points = max_points
        self.grid_error = grid_error
        self.explained = explained
        self.slider_values = slider_values
        self.slider_images = slider_images
        self.slider_error = slider_error
        self.name = name

    def to_html(self):
        """Return the page.

        Returns
        -------
        str
            The whole page; the same for the same data.

        Raises
        ------
        ValueError
            If the images are not finite or do not lie on a grid in equal steps, if the
            codes do not have two components or all lie beyond the grid, if ``y`` does
            not hold one class per sample, or if the sliders do not fit the images.
        """
        return fill_page(self._collect())

    def save(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : str or path-like
            The file; an existing one is replaced, once the new page is on the disk.
        """
        write_atomically(Path(path), self.to_html().encode())

    def _repr_html_(self):
        """Return the page in a frame, which a notebook shows."""
        return frame_page(self.to_html())

    def _check_grid(self):
        """Return the images and the values of their grid, checked."""
        images, values = np.asarray(self.images), np.asarray(self.values)
        if images.ndim not in (4, 5) or images.shape[0] != images.shape[1]:
            raise ValueError(
                f"images of shape {images.shape} must have the shape (n_steps, "
                "n_steps, height, width) or (n_steps, n_steps, height, width, "
                "n_channels)."
            )
        n_steps = len(images)
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
        return images, values

    def _collect(self):
        """Return what the page's script needs, from checked data."""
        check_scalar(self.max_points, "max_points", Integral, min_val=1)
        images, values = self._check_grid()
        slider_values, slider_images = check_sliders(
            self.slider_values, self.slider_images, images.shape[2:]
        )
        codes = check_plane(self.codes)
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
        limits = choose_limits(self.limits, images)
        # One image after the other, those of the sliders last.
        rows = [grid.reshape(-1, *images.shape[2:]) for grid in (images, slider_images)]
        tiles = as_panels(np.concatenate(rows)[np.newaxis])[0]
        # Between panels neither dark nor bright, so that it differs from both.
        tiles = np.nan_to_num(tiles, nan=np.mean(limits))
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
            "ticks": [find_ticks(*ends) for ends in zip(low, high, strict=True)],
            "n_steps": len(images),
            "height": tiles.shape[1],
            "width": tiles.shape[2],
            "n_channels": 3 if tiles.ndim == 4 else 1,
            "sliders": slider_values[:, [0, -1]].tolist(),
            "n_values": slider_values.shape[1],
            "n_coarse": slider_images.shape[1],
            "slider_error": self.slider_error,
            "grid_error": self.grid_error,
            "explained": self.explained,
            "tiles": pack(tiles, limits),
        }

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        projection=None,
        n_steps=None,
        image_shape=None,
        max_points=5000,
    ):
        """Encode samples, and decode images over the plane of their codes.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``transform`` to two or more components, and
            ``inverse_transform``.
        X : array-like of shape (n_samples, n_features) or images
            Samples whose codes are drawn and determine the grid, such as the training
            samples. A few outliers among the codes are left out, and the page shows
            their number.
        y : array-like of shape (n_samples,), default=None
            Their classes, numbers or names. Without them all points have one colour.
        projection : transformer, default=None
            Maps codes to two or more components, and back by ``inverse_transform``. It
            is cloned, and fitted on the codes. The first two components are the axes of
            the plane; sliders change the next ones. None means PCA if the codes have
            more than two components.
        n_steps : int, default=None
            Number of decoded images along each axis. None means the largest number, at
            most 64, for which any images give a file under 3 MB: without sliders, 47
            for images of 28 x 28 pixels and 24 for 32 x 32 in colour. Sliders have at
            most half of the file.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None means X's, or the
            estimator's ``image_shape_``.
        max_points : int, default=5000
            Maximum number of points. If there are more samples, a random subset is
            drawn, always the same one.

        Returns
        -------
        explorer : LatentExplorer
            The page, to be saved or shown in a notebook.

        Raises
        ------
        ValueError
            If the plane does not have two components, if the shape of the images is not
            known or does not fit, or if the images are too large for a page.
        """
        image_shape = find_image_shape(image_shape, X, estimator)
        plane = find_plane(estimator, X, projection)
        n_sliders = count_sliders(plane.points.shape[1] - 2, image_shape)
        if n_steps is None:
            n_steps = find_n_steps(image_shape, n_sliders * N_IMAGES)
        check_scalar(n_steps, "n_steps", Integral, min_val=2)
        codes, others = plane.points[:, :2], plane.points[:, 2 : 2 + n_sliders]
        values = np.linspace(*find_range(codes), n_steps, axis=1)
        images = plane.decode(dict(enumerate(values)), image_shape)
        limits = find_limits(estimator, X)
        middles = (values[:, :-1] + values[:, 1:]) / 2
        decoded = plane.decode(dict(enumerate(middles)), image_shape)
        sliders = {}
        if n_sliders:
            sliders = make_sliders(plane, others, values, images, limits)
        return cls(
            images=images,
            values=values,
            codes=codes,
            y=y,
            limits=limits,
            max_points=max_points,
            grid_error=find_blending_error(images, decoded, limits),
            explained=plane.explained,
            name=type(estimator).__name__,
            **sliders,
        )
