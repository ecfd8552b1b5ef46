"""Small colour images without a download: patches of scikit-learn's photographs."""

from numbers import Integral

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

PHOTOGRAPHS = ("china", "flower")
# Share of a photograph's columns, from the left, for the training patches.
TRAINING_SHARE = 0.75


@validate_params(
    {
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "patch_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "subset": [StrOptions({"train", "test", "all"})],
        "photographs": [tuple, list],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def load_color_patches(
    *,
    n_patches=10_000,
    patch_size=8,
    subset="train",
    photographs=PHOTOGRAPHS,
    random_state=0,
):
    """Extract patches from the colour photographs that come with scikit-learn.

    Positions are drawn at random, the same number per photograph, so patches of one
    subset may overlap. Those of ``"train"`` and ``"test"`` never do: they come from the
    left three quarters and the right quarter of each photograph. For a harder test,
    train on one photograph and test on the other.

    Parameters
    ----------
    n_patches : int, default=10_000
        Number of patches.
    patch_size : int or (int, int), default=8
        Height and width of a patch in pixels; an int for both.
    subset : {"train", "test", "all"}, default="train"
        Where in the photographs the patches lie: in the left three quarters, in the
        right quarter, or anywhere.
    photographs : sequence of {"china", "flower"}, default=("china", "flower")
        The photographs, each 427 pixels high and 640 wide.
    random_state : int, RandomState instance or None, default=0
        Determines the positions and the order of the patches. By default they are
        always the same.

    Returns
    -------
    patches : ndarray of shape (n_patches, height, width, 3), dtype uint8
        The patches, with the channels red, green and blue last.

    Raises
    ------
    ValueError
        If a parameter is not valid, or if the photographs have fewer positions than
        patches.

    See Also
    --------
    fetch_cifar10 : Small colour photographs of ten classes; downloads them.
    sklearn.datasets.load_sample_images : The photographs.

    Examples
    --------
    >>> from skae.datasets import load_color_patches
    >>> X_train = load_color_patches(n_patches=500)
    >>> X_test = load_color_patches(n_patches=100, subset="test")
    >>> X_train.shape, X_test.shape, X_train.dtype
    ((500, 8, 8, 3), (100, 8, 8, 3), dtype('uint8'))

    Patches of one photograph only:

    >>> load_color_patches(n_patches=100, photographs=["flower"]).shape
    (100, 8, 8, 3)
    """
    if not photographs or not set(photographs) <= set(PHOTOGRAPHS):
        raise ValueError(
            f"photographs={photographs!r} must hold one or more of {PHOTOGRAPHS}."
        )
    size = (patch_size, patch_size) if isinstance(patch_size, Integral) else patch_size
    if len(size) != 2 or not all(isinstance(s, Integral) and s > 0 for s in size):
        raise ValueError(
            f"patch_size={patch_size!r} must be a positive integer or two of them, "
            "(height, width)."
        )
    rng = check_random_state(random_state)
    shares = np.array_split(np.arange(n_patches), len(photographs))
    patches = []
    for name, share in zip(photographs, shares, strict=True):
        photograph = load_sample_image(f"{name}.jpg")
        border = round(TRAINING_SHARE * photograph.shape[1])
        columns = {"train": slice(border), "test": slice(border, None)}
        part = photograph[:, columns.get(subset, slice(None))]
        n_positions = [
            max(0, length - s + 1)
            for length, s in zip(part.shape[:2], size, strict=True)
        ]
        if len(share) > np.prod(n_positions):
            raise ValueError(
                f"n_patches={n_patches!r} is too large: with subset={subset!r}, each "
                f"photograph has {np.prod(n_positions)} positions for patches of "
                f"patch_size={patch_size!r}."
            )
        if len(share):
            patches.append(
                extract_patches_2d(
                    part, tuple(size), max_patches=len(share), random_state=rng
                )
            )
    return np.concatenate(patches)[rng.permutation(n_patches)]
