"""The running mean of a module's weights, which predicts better than the last ones."""

import torch

from skae._training.tensors import tensors_of

# Steps count by their number to this power: the mean then looks back over the last
# ninth of the training so far, however long it is.
POWER = 8


class AveragedWeights:
    """Polynomial-decay average of the weights over the steps of the optimizer.

    In the t-th step the average moves by (η + 1) / (t + η) of the way to the weights
    [1]_, so that the beginning is forgotten and no length of a window needs choosing.
    What a module has learned shows earlier and more steadily in the average than in
    weights that still move [2]_.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained. Buffers that are not integers are averaged too.

    References
    ----------
    .. [1] O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth
       optimization: convergence results and optimal averaging schemes", ICML 2013.
    .. [2] A. Tarvainen and H. Valpola, "Mean teachers are better role models:
       weight-averaged consistency targets improve semi-supervised deep learning
       results", NIPS 2017.
    """

    def __init__(self, module):
        tensors = [t.detach() for t in tensors_of(module)]
        self.weights = [t for t in tensors if t.is_floating_point()]
        self.averages = [t.clone() for t in self.weights]
        self.n_steps = 0

    @torch.no_grad()
    def update(self):
        """Take in the weights after a step."""
        self.n_steps += 1
        share = (POWER + 1) / (POWER + self.n_steps)
        torch._foreach_lerp_(self.averages, self.weights, share)

    @torch.no_grad()
    def swap(self):
        """Exchange weights and averages, in the module itself."""
        for average, weight in zip(self.averages, self.weights, strict=True):
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)
