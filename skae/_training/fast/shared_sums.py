"""Gradients of weights that the processes of torchrun compute together."""

from torch import distributed

from skae._common.processes import (
    average_over_shares,
    divide,
    shared_zeros,
    wait_for_all,
)
from skae._training.fast.dense_network import fill_gradients

# torch sums so many columns at a time, and those that remain in another order.
UNITS = 64


class SharedSums:
    """Sums over the rows of a batch, of which each process has some.

    Sums over the rows of each process, added up, differ in the last digit from a sum
    over all rows, and Adam amplifies this from step to step. So the processes write
    their rows into memory that they share, and each fills the gradients of some units,
    over all rows and in the order of one process.

    The gradients that are filled lie in shared memory, too, and must be read before the
    next call of :meth:`evaluate`.
    """

    def __init__(self):
        self.layers = []
        self.rows = []

    def add(self, grad, x, grad_weight, grad_bias):
        """Fill the gradients of a layer when :meth:`evaluate` is called.

        Parameters
        ----------
        grad : torch.Tensor of shape (n_samples, n_outputs)
            Gradient of its output; that of the batch is the sum over the processes.
        x : torch.Tensor of shape (n_samples, n_inputs)
            Its input.
        grad_weight : torch.Tensor of shape (n_outputs, n_inputs)
            Gradient of its weight, in shared memory.
        grad_bias : torch.Tensor of shape (n_outputs,)
            Gradient of its bias, in shared memory.
        """
        self.layers.append((grad, x, grad_weight, grad_bias))

    def evaluate(self, share, loss):
        """Fill the gradients of all layers that were added.

        Parameters
        ----------
        share : Share
            The rows that were added.
        loss : torch.Tensor
            Mean over them, afterwards over the batch.
        """
        layers, self.layers = self.layers, []
        if not self.rows or len(self.rows[0][0]) < share.n_rows:
            self.rows = [
                [shared_zeros(share.n_rows, t.shape[1], dtype=t.dtype) for t in layer]
                for layer in ((grad, x) for grad, x, _, _ in layers)
            ]
        for (grad, x, _, _), (grads, inputs) in zip(layers, self.rows, strict=True):
            grads[share.rows].copy_(grad)
            inputs[share.rows].copy_(x)
        # Which waits for the rows of all.
        average_over_shares([loss])
        for layer, (grads, inputs) in zip(layers, self.rows, strict=True):
            _, _, grad_weight, grad_bias = layer
            grads, inputs = grads[: share.n_rows], inputs[: share.n_rows]
            units = divide(len(grad_bias), UNITS)[distributed.get_rank()]
            fill_gradients(
                grads[:, units], inputs, grad_weight[units], grad_bias[units]
            )
        wait_for_all()
