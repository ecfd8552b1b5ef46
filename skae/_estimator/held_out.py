"""Samples of one's own to validate on."""

from functools import partial


def bind(validate, X, **others):
    """Bind samples to validate on to the function that checks them.

    Parameters
    ----------
    validate : callable
        Called as ``validate(X, **others, reset=False)``.
    X : array-like or None
        The samples, ``X_val``.
    **others : array-like or None
        What belongs to them.

    Returns
    -------
    functools.partial or None
        Called as ``function(reset=False)``, it raises errors that name ``X_val``. None
        where there are no samples.
    """

    def validate_held_out(X, **arguments):
        try:
            return validate(X, **arguments)
        except ValueError as error:
            raise ValueError(f"X_val cannot be used: {error}") from error

    return None if X is None else partial(validate_held_out, X, **others)
