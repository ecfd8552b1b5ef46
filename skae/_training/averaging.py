"""The running mean of a module's weights, which predicts better than the last weights.

In the t-th step the average moves by (η + 1) / (t + η) of the way to the weights
(Shamir and Zhang 2013). So early weights are forgotten without choosing the length of
a window.
"""

import torch
from torch.optim.swa_utils import AveragedModel

from skae._training.weights import tensors_of

# η: the average looks back over the last ninth of the training so far.
POWER = 8


def make_average(module):
    """Make the average of a module's weights over the following steps.

    Parameters
    ----------
    module : torch.nn.Module
        The module that is trained. Buffers of floats are averaged too.

    Returns
    -------
    torch.optim.swa_utils.AveragedModel
        The average, to be updated after each step.
    """
    return AveragedModel(module, multi_avg_fn=_average_by_power, use_buffers=True)


def _average_by_power(averages, weights, n_averaged):
    if averages[0].is_floating_point():
        share = (POWER + 1) / (POWER + 1 + n_averaged.item())
        torch._foreach_lerp_(averages, weights, share)
    else:  # a counter of batches has no average
        torch._foreach_copy_(averages, weights)


@torch.no_grad()
def swap(average, module):
    """Exchange the weights of a module and their average.

    Parameters
    ----------
    average : AveragedModel
        As :func:`make_average` returned it.
    module : torch.nn.Module
        The module that it was made for.
    """
    averages = tensors_of(average.module)
    for mean, weight in zip(averages, tensors_of(module), strict=True):
        if weight.is_floating_point():
            kept = weight.clone()
            weight.copy_(mean)
            mean.copy_(kept)
