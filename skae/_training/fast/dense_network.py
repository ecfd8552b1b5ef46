"""A dense network whose derivative is written out."""

import torch
from torch import distributed

from skae._common.processes import current_share, divide, exchange
from skae.modules._dense import Dense, Residual

LEAK = torch.nn.LeakyReLU().negative_slope
# Weights of a layer that each process computes with in whole: to exchange the results
# would take longer.
MAX_WHOLE = 2**16
ACTIVATIONS = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "logistic": torch.sigmoid_,
    "leaky_relu": torch.nn.functional.leaky_relu_,
    "identity": None,
}
# Derivatives of the activations in terms of their results.
ACTIVATION_GRADS = {
    "relu": lambda grad, result: torch.ops.aten.threshold_backward(grad, result, 0),
    "tanh": torch.ops.aten.tanh_backward,
    "logistic": torch.ops.aten.sigmoid_backward,
    "leaky_relu": lambda grad, result: torch.ops.aten.leaky_relu_backward(
        grad, result, LEAK, True
    ),
    "identity": None,
}


def is_written_out(part):
    """Whether layers with a written-out derivative are all that a network has.

    Parameters
    ----------
    part : torch.nn.Module
        An encoder or a decoder.

    Returns
    -------
    bool
        False if autograd has to take the derivative.
    """
    network = part.network if type(part) is Residual else part
    return (
        type(network) is Dense
        and isinstance(network.activation, str)
        and network.activation in ACTIVATIONS
        and len(network) == 2 * len(network.linears()) - 1
    )


def make_network(part):
    """Make a network without gradients of its parameters.

    Parameters
    ----------
    part : torch.nn.Module
        An encoder or a decoder for which :func:`is_written_out`.

    Returns
    -------
    DenseNetwork
        Its parameters are those of the part.
    """
    network = getattr(part, "network", part)
    layers = [*network.linears(), *([part.affine] if part is not network else [])]
    layers = [
        (weight := layer.weight.detach(), weight.t(), layer.bias.detach(), None, None)
        for layer in layers
    ]
    n_layers = len(network.linears())
    return DenseNetwork(network.activation, layers[:n_layers], *layers[n_layers:])


class DenseNetwork:
    """Outputs and gradients of a dense network, maybe with an affine map beside it.

    Parameters
    ----------
    activation : str
        Activation of the hidden layers.
    layers : list of tuple
        Of each affine layer the weight, its transpose, the bias, and the gradients of
        weight and bias, which are filled, or None in their place.
    skip : tuple, default=None
        The same of the affine map beside the network.
    """

    def __init__(self, activation, layers, skip=None):
        self.layers = layers
        self.skip = skip
        self.activation = ACTIVATIONS[activation]
        self.activation_grad = ACTIVATION_GRADS[activation]

    def forward(self, x):
        """Evaluate the network.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_inputs)
            Input.

        Returns
        -------
        list of torch.Tensor
            Input of each layer, and the output.
        """
        results = [x]
        for i, (_, weight_t, bias, _, _) in enumerate(self.layers):
            if i and self.activation is not None:
                self.activation(x)  # in place, also in the results
            x = torch.addmm(bias, x, weight_t)
            results.append(x)
        if self.skip is not None:
            _, weight_t, bias, _, _ = self.skip
            x.addmm_(results[0], weight_t).add_(bias)
        return results

    def backward(self, results, grad, *, to_input=False):
        """Fill the gradients of the parameters, where there are.

        Parameters
        ----------
        results : list of torch.Tensor
            As :meth:`forward` returned it.
        grad : torch.Tensor of shape (n_samples, n_outputs)
            Gradient of the output.
        to_input : bool, default=False
            Whether the gradient of the input is computed.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_inputs) or None
            Gradient of the input.
        """
        share = current_share()
        if share is not None:
            return self._backward_shared(share, results, grad, to_input)
        grad_output, last = grad, len(self.layers) - 1
        for i in reversed(range(len(self.layers))):
            weight, _, _, grad_weight, grad_bias = self.layers[i]
            if i < last and self.activation_grad is not None:
                grad = self.activation_grad(grad, results[i + 1])
            if grad_weight is not None:
                torch.mm(grad.t(), results[i], out=grad_weight)
                torch.sum(grad, 0, out=grad_bias)
            if i or to_input:
                grad = torch.mm(grad, weight)
        if self.skip is not None:
            weight, _, _, grad_weight, grad_bias = self.skip
            if grad_weight is not None:
                torch.mm(grad_output.t(), results[0], out=grad_weight)
                grad_bias.copy_(self.layers[last][-1])
            if to_input:
                grad.addmm_(grad_output, weight)
        return grad if to_input else None

    def _backward_shared(self, share, results, grad, to_input):
        """Fill the gradients of a batch of which each process has some rows.

        Sums over the rows of each process, added up, differ in the last digit from a
        sum over all rows, and Adam amplifies this from step to step. So all rows
        are exchanged, and each process computes some columns of each product.
        """
        rank, n_rows = distributed.get_rank(), share.n_rows
        factor = share.size / n_rows  # the loss is a mean over rows
        known = [*results[:-1], grad * factor]
        whole = grad.new_empty(n_rows, sum(part.shape[1] for part in known))
        torch.cat(known, dim=1, out=whole[share.rows])
        exchange([whole[rows] for rows in divide(n_rows)])()
        *inputs, grad = whole.split([part.shape[1] for part in known], dim=1)
        grad_output, waits = grad, []

        def share_out(n, weight):
            parts = divide(n) if weight.numel() > MAX_WHOLE else [slice(0, n)]
            return parts, parts[rank % len(parts)]

        def fill(grad_weight, grad, x):
            units, own = share_out(len(grad_weight), grad_weight)
            torch.mm(grad[:, own].t(), x, out=grad_weight[own])
            waits.append(exchange([grad_weight[some] for some in units]))

        for i in reversed(range(len(self.layers))):
            weight, _, _, grad_weight, grad_bias = self.layers[i]
            received = None
            if i or to_input:
                columns, own = share_out(weight.shape[1], weight)
                part = torch.mm(grad, weight[:, own])
                if i == 0 and self.skip is not None:
                    part.addmm_(grad_output, self.skip[0][:, own])
                if i and self.activation_grad is not None:
                    part = self.activation_grad(part, inputs[i][:, own])
                parts = [part.new_empty(n_rows, c.stop - c.start) for c in columns]
                parts[rank % len(parts)] = part.contiguous()
                received = exchange(parts)
            fill(grad_weight, grad, inputs[i])
            torch.sum(grad, 0, out=grad_bias)
            if received is not None:
                grad = torch.cat(received(), dim=1)
        if self.skip is not None:
            _, _, _, grad_weight, grad_bias = self.skip
            fill(grad_weight, grad_output, inputs[0])
            grad_bias.copy_(self.layers[-1][-1])
        for wait in waits:
            wait()
        return grad[share.rows] / factor if to_input else None
