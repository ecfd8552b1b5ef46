"""Samples in the container that ``set_output`` requests."""

from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config


def as_requested(estimator, rows, X):
    """Return samples as ``set_output`` requests what ``transform`` returns.

    Parameters
    ----------
    estimator : estimator
        With ``_sample_shape``.
    rows : ndarray of shape (n_samples, n_features)
        The samples as rows.
    X : array-like
        What they were made of; a frame keeps its index.

    Returns
    -------
    ndarray or frame
        An array has images as ``fit`` saw them, a frame as rows. Its columns have the
        names of the features.
    """
    container = _get_output_config("transform", estimator)["dense"]
    if container == "default":
        return rows.reshape(-1, *estimator._sample_shape)
    numbered = [f"x{i}" for i in range(rows.shape[1])]
    names = getattr(estimator, "feature_names_in_", numbered)
    adapter = ADAPTERS_MANAGER.adapters[container]
    return adapter.create_container(rows, X, columns=names)
