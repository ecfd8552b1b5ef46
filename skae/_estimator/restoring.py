"""What a fit that fails leaves: the estimator as it was."""

from contextlib import contextmanager

from skae._common.callbacks import restore_attributes
from skae._training.weights import restore, snapshot


@contextmanager
def restore_on_error(estimator, *, continues):
    """Restore an estimator if the code inside raises.

    Parameters
    ----------
    estimator : BaseTorchEstimator
        The estimator.
    continues : bool
        Whether the estimator's module is trained further inside.

    Yields
    ------
    dict
        The attributes that are restored.
    """
    before = dict(vars(estimator))
    weights = snapshot(estimator.module_) if continues else None
    try:
        yield before
    except BaseException:
        restore_attributes(estimator, before)
        if continues:
            restore(estimator.module_, weights)
            estimator.module_.eval()
        raise
