"""Where the channels of images are; without torch, for the Displays."""


def refuse_channels_first(shape):
    """Refuse images as torch has them, which would be a few rows of many channels.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image.

    Raises
    ------
    ValueError
        If its first side looks like channels.
    """
    if len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) > 4:
        raise ValueError(
            f"X has images of shape {shape}, which look like ({shape[0]} channels, "
            "height, width); the channels must come last. Pass "
            "np.moveaxis(images, 1, -1)."
        )
