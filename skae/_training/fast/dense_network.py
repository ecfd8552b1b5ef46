"""A dense network whose derivative is written out."""

import torch

from skae.modules._dense import Dense, Residual

# Every tensor begins at a multiple of this many numbers, in bfloat16 too a whole cache
# line: products of unaligned matrices are slower.
ALIGNMENT = 32
LEAK = torch.nn.LeakyReLU().negative_slope
ACTIVATIONS = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "logistic": torch.sigmoid_,
    "leaky_relu": torch.nn.functional.leaky_relu_,
    "identity": None,
}
# Derivatives of the activations in terms of their results, in place.
_aten = torch.ops.aten
ACTIVATION_GRADS = {
    "relu": lambda grad, result: _aten.threshold_backward.grad_input(
        grad, result, 0, grad_input=grad
    ),
    "tanh": lambda grad, result: _aten.tanh_backward.grad_input(
        grad, result, grad_input=grad
    ),
    "logistic": lambda grad, result: _aten.sigmoid_backward.grad_input(
        grad, result, grad_input=grad
    ),
    "leaky_relu": lambda grad, result: _aten.leaky_relu_backward.grad_input(
        grad, result, LEAK, True, grad_input=grad
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


def aligned(length):
    """Return the length that a tensor takes, with what lies before the next one.

    Parameters
    ----------
    length : int
        Its length.

    Returns
    -------
    int
        The next multiple of a whole cache line, of bfloat16 too.
    """
    return -(-length // ALIGNMENT) * ALIGNMENT


def fill_gradients(grad, x, grad_weight, grad_bias):
    """Fill the gradients of an affine layer.

    Parameters
    ----------
    grad : torch.Tensor of shape (n_samples, n_outputs)
        Gradient of its output.
    x : torch.Tensor of shape (n_samples, n_inputs)
        Its input.
    grad_weight : torch.Tensor of shape (n_outputs, n_inputs)
        Gradient of its weight.
    grad_bias : torch.Tensor of shape (n_outputs,)
        Gradient of its bias.
    """
    torch.mm(grad.t(), x, out=grad_weight)
    torch.sum(grad, 0, out=grad_bias)


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
    sums : SharedSums, default=None
        Where the processes that train together fill gradients; None without others.
    """

    def __init__(self, activation, layers, skip=None, sums=None):
        self.layers = layers
        self.skip = skip
        self.sums = sums
        self.fill = fill_gradients if sums is None else sums.add
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
        if self.sums is not None:
            x = self.sums.hold(x)
        results = [x]
        for i, (_, weight_t, bias, _, _) in enumerate(self.layers):
            if i and self.activation is not None:
                self.activation(x)  # in place, also in the results
            x = torch.addmm(bias, x, weight_t, out=self._rows(bias.shape[0]))
            results.append(x)
        if self.skip is not None:
            _, weight_t, bias, _, _ = self.skip
            x.addmm_(results[0], weight_t).add_(bias)
        return results

    def _rows(self, width):
        """Return where results of a layer are written; None for new memory."""
        return None if self.sums is None else self.sums.empty(width)

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
        if self.sums is not None:
            grad = self.sums.hold(grad)
        grad_output, last = grad, len(self.layers) - 1
        for i in reversed(range(len(self.layers))):
            weight, _, _, grad_weight, grad_bias = self.layers[i]
            if i < last and self.activation_grad is not None:
                self.activation_grad(grad, results[i + 1])  # in place
            if grad_weight is not None:
                self.fill(grad, results[i], grad_weight, grad_bias)
            if i or to_input:
                grad = torch.mm(grad, weight, out=self._rows(weight.shape[1]))
        if self.skip is not None:
            weight, _, _, grad_weight, grad_bias = self.skip
            if grad_weight is not None:
                self.fill(grad_output, results[0], grad_weight, grad_bias)
            if to_input:
                grad.addmm_(grad_output, weight)
        return grad if to_input else None
