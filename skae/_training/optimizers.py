"""The optimizers by name."""

from functools import partial
from inspect import signature

import torch

OPTIMIZERS = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True, fused=True),
}
# Those of fits that start at principal components. By default Adam averages squared
# gradients over about 1000 steps, and a fit of a small table has fewer.
OPTIMIZERS_AT_PCA = OPTIMIZERS | {
    name: partial(OPTIMIZERS[name], betas=(0.9, 0.99)) for name in ("adam", "adamw")
}


def resolve_optimizer(optimizer, lr, weight_decay, starts_at_pca):
    """Return a callable that makes an optimizer, and its options.

    Parameters
    ----------
    optimizer : str, type or functools.partial
        The parameter of the estimators.
    lr : float
        Learning rate.
    weight_decay : float or "auto"
        Weight decay; "auto" is none.
    starts_at_pca : bool
        Whether training starts at principal components.

    Returns
    -------
    make : callable
        Makes the optimizer of parameters.
    options : dict
        Options to make it with.

    Raises
    ------
    ValueError
        If it is not an optimizer, or cannot have the weight decay.
    """
    if weight_decay == "auto":  # which is decoupled from the optimizer
        weight_decay = 0.0
    named = OPTIMIZERS_AT_PCA if starts_at_pca else OPTIMIZERS
    make = named[optimizer] if isinstance(optimizer, str) else optimizer
    kind = getattr(make, "func", make)  # of functools.partial
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        raise ValueError(
            f"optimizer={optimizer!r} must be 'adam', 'adamw', 'sgd', a class derived "
            "from torch.optim.Optimizer, or functools.partial of such a class."
        )
    options = {"lr": lr}
    given = getattr(make, "keywords", {})
    # Passed also where it is zero, because AdamW's own default is not zero.
    if "weight_decay" in signature(kind).parameters:
        if weight_decay or "weight_decay" not in given:
            options["weight_decay"] = weight_decay
    elif weight_decay:
        raise ValueError(
            f"weight_decay={weight_decay!r} must be 0 with optimizer={optimizer!r}, "
            "which has none."
        )
    return make, options
