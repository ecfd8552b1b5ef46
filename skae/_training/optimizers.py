"""The optimizers by name, and a short way into torch's fused kernels."""

from functools import partial

import torch

OPTIMIZERS = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True, fused=True),
}
# What these do to a number depends on that number and its derivatives alone.
ELEMENTWISE = {
    *(torch.optim.Adam, torch.optim.AdamW, torch.optim.Adamax, torch.optim.NAdam),
    *(torch.optim.RAdam, torch.optim.SGD, torch.optim.ASGD, torch.optim.RMSprop),
    *(torch.optim.Rprop, torch.optim.Adagrad, torch.optim.Adadelta),
}
FUSED_KERNELS = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}


def is_elementwise(optimizer):
    """Whether an optimizer takes no notice of which numbers make up a parameter.

    Parameters
    ----------
    optimizer : type or partial
        What makes the optimizer.

    Returns
    -------
    bool
        False for what is not known.
    """
    return getattr(optimizer, "func", optimizer) in ELEMENTWISE


def make_step(optimizer):
    """Give the fastest way to take a step of an optimizer.

    ``Optimizer.step`` prepares its kernel call for 30 µs, which is a sixth of the whole
    training step of a small network. Once the first step has made the optimizer's
    state, Adam and AdamW of a single tensor go straight to the same kernel, on the same
    state and options; everything else takes its own ``step``.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Any optimizer.

    Returns
    -------
    callable
        Takes a closure that fills the gradients and returns the loss, and returns that.
    """
    kernel = FUSED_KERNELS.get(type(optimizer))
    group, *more_groups = optimizer.param_groups
    parameter, *more_parameters = group["params"]
    options = ("amsgrad", "capturable", "differentiable")
    short = (
        kernel is not None
        and not (more_groups or more_parameters)
        and group.get("fused")
        and not any(group.get(option) for option in options)
    )
    if not short:
        # Looked up at each call: learning rate schedulers wrap it later.
        return lambda closure: optimizer.step(closure)

    # A tensor, because to make one of a number takes longer than to add it.
    one = torch.ones((), device=parameter.device)

    def step(closure):
        state = optimizer.state.get(parameter)
        if not state:
            return optimizer.step(closure)
        loss = closure()
        state["step"].add_(one)
        kernel(
            [parameter.data],
            [parameter.grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=group["maximize"],
        )
        return loss

    return step
