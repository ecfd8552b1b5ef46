"""Two ways to the gradient of a batch: autograd, and the chain rule written out.

A small dense network spends most of its step in autograd's bookkeeping, not in
arithmetic. Its derivative is four lines of matrix products a layer, and written out
it trains digits 64-64-16 about twice as fast as a plain torch loop. Everything else
goes through autograd. Both fill ``.grad`` of ``parameters`` and return the loss.
"""

import math

import torch
from torch import nn

from skae._training.objective import ReconstructionObjective
from skae.modules import DenseAutoencoder

# Every tensor in the vector of weights begins at a multiple of this many numbers, in
# bfloat16 too a whole cache line: products of unaligned matrices are slower.
ALIGNMENT = 32
# Derivatives of the activations in terms of their results.
ACTIVATION_GRADS = {
    "relu": lambda grad, result: torch.ops.aten.threshold_backward(grad, result, 0),
    "tanh": torch.ops.aten.tanh_backward,
    "logistic": torch.ops.aten.sigmoid_backward,
    "identity": None,
}
ACTIVATIONS = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "logistic": torch.sigmoid_,
    "identity": None,
}


def _has_own_derivative(likelihood_class):
    """Whether ``loss_grad`` belongs to ``loss`` and ``mean``, and not to older ones."""

    def owner(method):
        return next((c for c in likelihood_class.__mro__ if method in vars(c)), object)

    return all(issubclass(owner("loss_grad"), owner(m)) for m in ("loss", "mean"))


def make_gradient(module, objective, compute_dtype, compile_step, *, as_one=True):
    """Choose the way to the gradient.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    objective : callable
        Gives a scalar for (module, x, target).
    compute_dtype : torch.dtype
        Type of the matrix products.
    compile_step : bool
        Compile the objective with ``torch.compile``.
    as_one : bool, default=True
        Whether the parameters may be handed out as one vector.

    Returns
    -------
    AutogradGradient or DenseGradient
        A callable on (x, target) that fills ``.grad`` and returns the loss.
    """
    written_out = (
        as_one
        and not compile_step
        and type(module) is DenseAutoencoder
        and all(p.requires_grad for p in module.parameters())
        and type(objective) is ReconstructionObjective
        and not objective.contractive_penalty
        and objective.weighed is None
        and _has_own_derivative(type(objective.likelihood))
    )
    if written_out:
        return DenseGradient(module, objective, compute_dtype)
    return AutogradGradient(module, objective, compute_dtype, compile_step)


class AutogradGradient:
    """Gradient by autograd, for any module and objective.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    objective : callable
        Gives a scalar for (module, x, target).
    compute_dtype : torch.dtype
        With ``torch.bfloat16`` the objective runs under autocast.
    compile_step : bool
        Compile the objective. The function is compiled and not the module, which so
        keeps its class and the names of its parameters.
    """

    def __init__(self, module, objective, compute_dtype, compile_step=False):
        self.module = module
        self.compute_dtype = compute_dtype
        self.objective = objective
        self.parameters = list(module.named_parameters())
        # Unknown: the weights of a convolution are multiplied many times a sample.
        self.largest_matrix = math.inf
        if compile_step:
            # Not by decorators: those import the compiler, which takes a second.
            for name in getattr(objective, "not_compiled", ()):
                method = torch.compiler.disable(getattr(objective, name))
                setattr(objective, name, method)
            on_cpu = all(p.device.type == "cpu" for _, p in self.parameters)
            self.objective = torch.compile(
                objective, mode="default" if on_cpu else "reduce-overhead"
            )

    def loss(self, x, target):
        """Evaluate the objective.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input.
        target : torch.Tensor of shape (n_samples, n_outputs)
            Target.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        if self.compute_dtype == torch.float32:
            return self.objective(self.module, x, target)
        # No cache: it would outlive the step if there is another autocast around.
        with torch.autocast(
            x.device.type, dtype=self.compute_dtype, cache_enabled=False
        ):
            return self.objective(self.module, x, target)

    def __call__(self, x, target):
        """Evaluate the objective and fill the gradients.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input.
        target : torch.Tensor of shape (n_samples, n_outputs)
            Target.

        Returns
        -------
        torch.Tensor
            The loss, detached.
        """
        for _, parameter in self.parameters:
            parameter.grad = None
        loss = self.loss(x, target)
        loss.backward()
        return loss.detach()


class DenseGradient:
    """Gradient of a dense autoencoder, the chain rule written out.

    All weights lie in one vector, of which the module's parameters are views, and so
    do their gradients: the optimizer then has a single tensor to update.

    Parameters
    ----------
    module : DenseAutoencoder
        What is trained; its parameters become views.
    objective : ReconstructionObjective
        Without a contractive penalty.
    compute_dtype : torch.dtype
        Type of the matrix products. Weights and gradients are float32 all the same.
    """

    def __init__(self, module, objective, compute_dtype):
        self.objective = objective
        self.autograd = AutogradGradient(module, objective, compute_dtype)
        linears = [*module.encoder.linears(), *module.decoder.linears()]
        activation = module.encoder.activation
        n_encoder = len(module.encoder.linears())
        last = (n_encoder - 1, len(linears) - 1)  # code and output have no activation
        self.activations = [
            "identity" if i in last else activation for i in range(len(linears))
        ]
        self.n_encoder = n_encoder
        self.largest_matrix = max(layer.weight.numel() for layer in linears)

        tensors = [t for layer in linears for t in (layer.weight, layer.bias)]
        length = sum(map(self._room, tensors))
        self.vector = nn.Parameter(tensors[0].detach().new_zeros(length))
        self.vector.grad = torch.zeros_like(self.vector)
        self.parameters = [("weights", self.vector)]
        weights = self._views(self.vector.data, tensors)
        grads = self._views(self.vector.grad, tensors)
        for tensor, weight, grad in zip(tensors, weights, grads, strict=True):
            tensor.data, tensor.grad = weight.copy_(tensor.data), grad

        # In bfloat16 the products work on copies of the vectors.
        self.low_weights = self.low_grads = None
        if compute_dtype != torch.float32:
            self.low_weights = self.vector.data.to(compute_dtype)
            self.low_grads = torch.zeros_like(self.low_weights)
            weights = self._views(self.low_weights, tensors)
            grads = self._views(self.low_grads, tensors)
        self.compute_dtype = compute_dtype
        forward = [ACTIVATIONS[name] for name in self.activations]
        backward = [ACTIVATION_GRADS[name] for name in self.activations]
        # Per layer: weight, its transpose, bias, their gradients, the activation.
        self.layers = [
            (w, w.t(), b, grad_w, grad_b, act, act_grad)
            for w, b, grad_w, grad_b, act, act_grad in zip(
                weights[::2],
                weights[1::2],
                grads[::2],
                grads[1::2],
                forward,
                backward,
                strict=True,
            )
        ]

    @staticmethod
    def _room(tensor):
        """Numbers that a tensor takes up in the vector."""
        return -(-tensor.numel() // ALIGNMENT) * ALIGNMENT

    @staticmethod
    def _views(vector, tensors):
        """Give views of the vector, one for each tensor, of its shape."""
        pieces = vector.split([DenseGradient._room(t) for t in tensors])
        return [p[: t.numel()].view_as(t) for p, t in zip(pieces, tensors, strict=True)]

    def loss(self, x, target):
        """Evaluate the objective.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input.
        target : torch.Tensor of shape (n_samples, n_outputs)
            Target.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        return self.autograd.loss(x, target)

    def __call__(self, x, target):
        """Evaluate the objective and fill the gradients.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input.
        target : torch.Tensor of shape (n_samples, n_outputs)
            Target.

        Returns
        -------
        torch.Tensor
            The loss.
        """
        if self.low_weights is not None:
            self.low_weights.copy_(self.vector.data)
            x = x.to(self.compute_dtype)

        results = [x]  # input of each layer, and the output
        for _, weight_t, bias, _, _, activation, _ in self.layers:
            x = torch.addmm(bias, x, weight_t)
            if activation is not None:
                x = activation(x)
            results.append(x)
        loss, grad = self.objective.likelihood.loss_grad(x.float(), target)

        code = results[self.n_encoder]
        if self.low_weights is not None:
            grad = grad.to(self.compute_dtype)
        for i in reversed(range(len(self.layers))):
            weight, _, _, grad_weight, grad_bias, _, activation_grad = self.layers[i]
            if i == self.n_encoder - 1 and self.objective.l1_penalty:
                rate = self.objective.l1_penalty / len(code)
                loss = loss + rate * code.float().abs().sum()
                grad = grad + rate * code.sign()
            if activation_grad is not None:
                grad = activation_grad(grad, results[i + 1])
            torch.mm(grad.t(), results[i], out=grad_weight)
            torch.sum(grad, 0, out=grad_bias)
            if i:
                grad = torch.mm(grad, weight)
        if self.low_grads is not None:
            self.vector.grad.copy_(self.low_grads)
        return loss
