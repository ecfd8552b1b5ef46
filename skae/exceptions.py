"""Errors that skae raises beside scikit-learn's own."""


class DivergenceError(RuntimeError):
    """Training went wrong: the loss exploded instead of falling.

    ``fit`` raises it when the training loss is no longer finite, or ends far above
    where it began. The message names the epoch and what to lower. The estimator is
    then what it was before: a model full of NaN is never returned.

    See Also
    --------
    sklearn.exceptions.NotFittedError : Raised by an estimator used before ``fit``.

    Examples
    --------
    >>> from skae.exceptions import DivergenceError
    >>> try:
    ...     raise DivergenceError("the loss is nan after epoch 3; lower lr.")
    ... except RuntimeError as error:
    ...     print(error)
    the loss is nan after epoch 3; lower lr.
    """
