"""Warnings that point to the user's line."""

import sys
import warnings

# Packages between the user's line and the code that warns.
BETWEEN = ("skae", "sklearn", "joblib")


def warn_user(message, category=UserWarning):
    """Warn as if the line outside of skae and scikit-learn had done so.

    Parameters
    ----------
    message : str
        The text.
    category : type, default=UserWarning
        Class of the warning.
    """
    # Imported here, since it imports torch, which displays do without.
    from skae._common.processes import is_first

    if not is_first():  # of several processes that train together
        return
    frame, stacklevel = sys._getframe(1), 2
    while frame and frame.f_globals.get("__name__", "").split(".")[0] in BETWEEN:
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
