"""Gradients of convolutions on a CPU, without what oneDNN is slow at."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

# oneDNN computes the gradient of so many output channels at a time, also of fewer.
CHANNELS = 16


def with_fast_convolutions(objective):
    """Give the convolutions of an objective gradients that are computed faster.

    Parameters
    ----------
    objective : torch.nn.Module
        What is minimized.

    Returns
    -------
    callable
        Called as the objective is. Gradients are the same within rounding.
    """
    on_cpu = all(p.device.type == "cpu" for p in objective.parameters())
    has_slow = any(
        isinstance(part, nn.Conv2d | nn.ConvTranspose2d)
        and _is_slow(part.weight, part.bias, part.transposed)
        for part in objective.modules()
    )
    if not (on_cpu and has_slow):
        return objective

    def evaluate(*batch):
        with _FastConvolutions():
            return objective(*batch)

    return evaluate


def _is_slow(weight, bias, transposed):
    """Whether oneDNN is slow at the gradient of the bias or of the weight.

    A transposed convolution's takes several times as long with its bias as without.
    """
    if transposed:
        return bias is not None
    return len(weight) < min(weight.shape[1], CHANNELS)


class _FastConvolutions(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.conv2d:
            return _convolve(func, *args, **(kwargs or {}))
        if func is torch.conv_transpose2d:
            return _convolve_transposed(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _convolve(
    func, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
):
    plain = stride in (1, (1, 1)) and dilation in (1, (1, 1)) and groups == 1
    if (
        not plain
        or not isinstance(padding, tuple)
        or any(p >= size for p, size in zip(padding, weight.shape[2:], strict=True))
        or not _is_slow(weight, bias, transposed=False)
    ):
        return func(input, weight, bias, stride, padding, dilation, groups)
    return _apply(input, weight, bias, (1, 1), padding, (1, 1), False, (0, 0), 1)


def _convolve_transposed(
    func,
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    options = stride, padding, output_padding, dilation
    if bias is None or not all(isinstance(option, tuple) for option in options):
        return func(input, weight, bias, *options[:3], groups, dilation)
    return _apply(
        input, weight, bias, stride, padding, dilation, True, output_padding, groups
    )


def _apply(x, weight, bias, *options):
    tensors = x, weight, bias
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        tensors = (None if t is None else t.to(dtype) for t in tensors)
    return _Convolution.apply(*tensors, *options)


class _Convolution(torch.autograd.Function):
    """``torch.convolution``, and the gradients of its tensors."""

    @staticmethod
    def forward(ctx, x, weight, bias, *options):
        ctx.save_for_backward(x, weight)
        ctx.options = options
        return torch.convolution(x, weight, bias, *options)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        stride, padding, dilation, transposed, output_padding, groups = ctx.options
        of_x, of_weight, of_bias = ctx.needs_input_grad[:3]
        grad_bias = grad.sum(dim=(0, 2, 3)) if of_bias else None
        grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
            *(grad, x, weight, None, *ctx.options),
            (of_x, of_weight and transposed, False),
        )
        if of_weight and not transposed:
            # The gradient of a convolution from its outputs to its inputs is the same
            # one, turned around, and is computed for all of its inputs at a time.
            size = zip(weight.shape[2:], padding, strict=True)
            padding = [length - 1 - p for length, p in size]
            _, grad_weight, _ = torch.ops.aten.convolution_backward(
                *(x, grad, weight.transpose(0, 1), None, stride, padding),
                *(dilation, transposed, output_padding, groups),
                (False, True, False),
            )
            grad_weight = grad_weight.transpose(0, 1).flip(2, 3)
        return grad_x, grad_weight, grad_bias, *([None] * len(ctx.options))
