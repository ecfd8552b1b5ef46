"""Exceptions that skae raises in addition to those of scikit-learn."""


class DivergenceError(RuntimeError):
    """The training loss diverged.

    ``fit`` raises it when the training loss is no longer finite, or ends far above
    where it began. The message names the epoch and the parameters to lower. The
    estimator is then in the state from before the call: it never holds weights that are
    NaN.

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
