"""An autoencoder that the user passes to the detector, fitted or not."""

from contextlib import contextmanager

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skae._estimator.restoring import restore_on_error

# What a fitted autoencoder has decided about samples.
SAMPLE_ATTRIBUTES = (
    *("n_features_in_", "feature_names_in_"),
    *("image_shape_", "_sample_shape", "_bytes"),
)


def is_prefitted(autoencoder):
    """Return whether an autoencoder was fitted before it was passed.

    Parameters
    ----------
    autoencoder : estimator or None
        What was passed.

    Returns
    -------
    bool
        False also for None.
    """
    if autoencoder is None:
        return False
    try:
        check_is_fitted(autoencoder)
    except NotFittedError:
        return False
    return True


def take_over(detector, autoencoder):
    """Let a fitted autoencoder decide what samples of a detector must look like.

    Parameters
    ----------
    detector : estimator
        Gets the attributes.
    autoencoder : estimator
        The fitted autoencoder.
    """
    detector.__dict__.pop("feature_names_in_", None)
    for name in SAMPLE_ATTRIBUTES:
        if hasattr(autoencoder, name):
            setattr(detector, name, getattr(autoencoder, name))


@contextmanager
def restore_training(autoencoder):
    """Restore an autoencoder that is trained further inside, if the code raises.

    Parameters
    ----------
    autoencoder : BaseAutoEncoder
        The fitted autoencoder.

    Yields
    ------
    None
        Its optimizer is dropped with the failed training.
    """
    with restore_on_error(autoencoder, continues=True) as before:
        before.pop("_trainer", None)  # the optimizer is about to change
        before.pop("net_", None)
        yield
