"""Checkpoints of the estimators that a classifier is composed of."""

from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

from skae._common.fingerprint import describe_params
from skae._common.runtime import draw_seed
from skae._training.checkpoint import Checkpoint


def resume_random_state(estimator):
    """Return the source of the seeds of a fit, the same if it is called again.

    Parameters
    ----------
    estimator : estimator
        With the parameters ``checkpoint`` and ``random_state``.

    Returns
    -------
    RandomState
        That of ``random_state``. Where that is None, its seed is in the checkpoint.

    Raises
    ------
    ValueError
        If the folder holds a fit with other parameters.
    """
    random_state = check_random_state(estimator.random_state)
    if estimator.checkpoint is None:
        return random_state
    checkpoint = Checkpoint(estimator.checkpoint)
    is_new, seed = checkpoint.seed is None, checkpoint.seed
    if is_new:
        seed = 0 if estimator.random_state is not None else draw_seed(None)
    told = {"estimator": type(estimator).__name__, **describe_params(estimator)}
    checkpoint.begin(seed, told)
    if is_new:
        checkpoint.save(0, None)
    if estimator.random_state is None:
        random_state = np.random.RandomState(seed)
    return random_state


def set_checkpoints(part, folder, name):
    """Let each estimator in a part that can have checkpoints have its own folder.

    Parameters
    ----------
    part : estimator
        A part of the classifier; changed in place.
    folder : str, os.PathLike or None
        Folder of the classifier; None sets none.
    name : str
        Name of the part.
    """
    if folder is None:
        return
    folders = {
        path: str(Path(folder, name, *path.split("__")[:-1]))
        for path, value in part.get_params(deep=True).items()
        if path.split("__")[-1] == "checkpoint" and value is None
    }
    part.set_params(**folders)
