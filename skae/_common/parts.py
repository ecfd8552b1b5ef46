"""Checks of the estimators that an estimator is composed of."""

from sklearn.base import BaseEstimator


def check_parts(*parts):
    """Check the parameters of estimators before anything is trained.

    Each estimator does so in its own ``fit``, which may come after hours of training of
    another part.

    Parameters
    ----------
    *parts : estimator or None
        Those inside of them are checked, too. What has no declared parameters is left
        out.

    Raises
    ------
    ValueError
        If a parameter is not valid.
    """
    for part in parts:
        if not isinstance(part, BaseEstimator):
            continue
        for estimator in (part, *part.get_params(deep=True).values()):
            if isinstance(estimator, BaseEstimator) and hasattr(
                estimator, "_parameter_constraints"
            ):
                estimator._validate_params()
