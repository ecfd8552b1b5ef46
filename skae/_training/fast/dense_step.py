"""The training step of a dense network, written out.

A small dense network spends most of its step in the bookkeeping of autograd and of the
optimizer, not in arithmetic. Its derivative is four lines of matrix products per layer,
and all its weights together are one tensor for the optimizer's kernel. Written out, a
step of digits 64-64-16 takes a third of the time of a plain torch loop.
"""

import torch

from skae._training.fast.losses import LOSSES
from skae._training.objective import (
    ReconstructionObjective,
    inverse_share,
    replace_missing,
)
from skae.modules import DenseAutoencoder
from skae.modules._dense import Residual

# Every tensor in the vector of weights begins at a multiple of this many numbers, in
# bfloat16 too a whole cache line: products of unaligned matrices are slower.
ALIGNMENT = 32

LEAK = torch.nn.LeakyReLU().negative_slope
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


FUSED_KERNELS = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}
UNFUSED_OPTIONS = ("amsgrad", "capturable", "differentiable")


def make_step(objective, optimizer, compute_dtype):
    """Make the written-out step, if there is one for the network and its objective.

    Parameters
    ----------
    objective : Objective
        What is minimized.
    optimizer : torch.optim.Optimizer
        Of the parameters of its module.
    compute_dtype : torch.dtype
        Type of the matrix products.

    Returns
    -------
    DenseStep or None
        None where autograd has to take the derivative.
    """
    written_out = (
        type(objective) is ReconstructionObjective
        and type(objective.module) is DenseAutoencoder
        and type(objective.likelihood) in LOSSES
        and objective.nll is None
        and not objective.contractive_penalty
        and _is_plain(objective.module.encoder)
    )
    return DenseStep(objective, optimizer, compute_dtype) if written_out else None


def _is_plain(network):
    """Whether layers with a written-out derivative are all that there is."""
    network = network.network if isinstance(network, Residual) else network
    is_known = isinstance(network.activation, str) and network.activation in ACTIVATIONS
    return is_known and len(network) == 2 * len(network.linears()) - 1


class DenseStep:
    """Gradient of a dense autoencoder and the step of its optimizer.

    All weights lie in one vector, of which the module's parameters are views, and so
    do their gradients and the state of Adam. The optimizer itself sees the parameters
    of the module, as everyone else does.

    Parameters
    ----------
    objective : ReconstructionObjective
        Of a :class:`~skae.modules.DenseAutoencoder`, whose parameters become views.
    optimizer : torch.optim.Optimizer
        Of its parameters.
    compute_dtype : torch.dtype
        Type of the matrix products. Weights and gradients are float32 all the same.
    """

    def __init__(self, objective, optimizer, compute_dtype):
        self.objective = objective
        self.optimizer = optimizer
        self.compute_dtype = compute_dtype
        self.loss = LOSSES[type(objective.likelihood)]
        parts = (objective.module.encoder, objective.module.decoder)
        has_skips = isinstance(parts[0], Residual)
        networks = [part.network if has_skips else part for part in parts]
        linears = [*networks[0].linears(), *networks[1].linears()]
        self.n_encoder, n_layers = len(networks[0].linears()), len(linears)
        # Code and output have no activation.
        last = (self.n_encoder - 1, n_layers - 1)
        names = [networks[0].activation] * n_layers
        names = ["identity" if i in last else name for i, name in enumerate(names)]

        if has_skips:
            linears += [part.affine for part in parts]
        self.parameters = [t for layer in linears for t in (layer.weight, layer.bias)]
        length = sum(-(-p.numel() // ALIGNMENT) * ALIGNMENT for p in self.parameters)
        self.vector = torch.zeros(length, device=linears[0].weight.device)
        self.grad = torch.zeros_like(self.vector)
        weights, grads = self._views(self.vector), self._views(self.grad)
        for parameter, weight, grad in zip(
            self.parameters, weights, grads, strict=True
        ):
            parameter.data, parameter.grad = weight.copy_(parameter.data), grad
        self.grads = grads
        self.moments = self.first_moment = self.n_steps = None
        # A tensor, because to make one of a number takes longer than to add it.
        self.one = torch.ones((), device=self.vector.device)

        # In bfloat16 the products work on copies of the vectors.
        self.low_vector = self.low_grad = None
        if compute_dtype != torch.float32:
            self.low_vector = self.vector.to(compute_dtype)
            self.low_grad = torch.zeros_like(self.low_vector)
            weights, grads = self._views(self.low_vector), self._views(self.low_grad)
        # Per layer: weight, its transpose, bias, their gradients.
        layers = [
            (w, w.t(), b, grad_w, grad_b)
            for w, b, grad_w, grad_b in zip(
                weights[::2], weights[1::2], grads[::2], grads[1::2], strict=True
            )
        ]
        self.activations = [(ACTIVATIONS[n], ACTIVATION_GRADS[n]) for n in names]
        self.layers = layers[:n_layers]
        # The affine maps beside the networks, by the layer that they are added to.
        self.skips = dict(zip(last, layers[n_layers:], strict=False))

    def _views(self, vector):
        """Return views of the vector, one for each parameter, of its shape."""
        views, start = [], 0
        for parameter in self.parameters:
            stop = start + parameter.numel()
            views.append(vector[start:stop].view(parameter.shape))
            start += -(-parameter.numel() // ALIGNMENT) * ALIGNMENT
        return views

    def gradient(self, x, target, weight=None):
        """Evaluate the objective and fill the gradients.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Input.
        target : torch.Tensor of shape (n_samples, n_outputs)
            Target.
        weight : torch.Tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        torch.Tensor
            The loss.
        """
        if self.low_vector is not None:
            self.low_vector.copy_(self.vector)
            x = x.to(self.compute_dtype)

        results, first = [x], 0  # input of each layer, and the output
        for i, (_, weight_t, bias, _, _) in enumerate(self.layers):
            x = torch.addmm(bias, x, weight_t)
            if i in self.skips:
                _, weight_t, bias, _, _ = self.skips[i]
                x = x.addmm_(results[first], weight_t).add_(bias)
                first = self.n_encoder
            activation, _ = self.activations[i]
            if activation is not None:
                x = activation(x)
            results.append(x)
        output, objective = x.float(), self.objective
        likelihood, filled, missing = objective.likelihood, target, None
        if objective.is_incomplete:
            filled, missing = replace_missing(likelihood, output, target)
        loss, grad = self.loss(likelihood, output, filled)
        factor = None  # of the gradient of each sample
        if weight is not None or missing is not None:
            loss = objective.mean_loss(output, target, weight)
        if missing is not None:
            grad = grad.masked_fill_(missing, 0.0) * inverse_share(missing)
        if weight is not None:
            factor = weight.unsqueeze(1)
            grad = grad * factor

        code, grad_output = results[self.n_encoder], None
        if self.low_vector is not None:
            grad = grad.to(self.compute_dtype)
        for i in reversed(range(len(self.layers))):
            if i == self.n_encoder - 1:  # the gradient is that of the code
                if self.skips:
                    grad = grad.addmm_(grad_output, self.skips[len(self.layers) - 1][0])
                if objective.l1_penalty:
                    rate, sizes = objective.l1_penalty / len(code), code.float()
                    signs = code.sign()
                    if factor is not None:
                        sizes, signs = sizes * factor, signs * factor.to(signs.dtype)
                    loss = loss + rate * sizes.abs().sum()
                    grad = grad + rate * signs
            weight, _, _, grad_weight, grad_bias = self.layers[i]
            _, activation_grad = self.activations[i]
            if activation_grad is not None:
                grad = activation_grad(grad, results[i + 1])
            torch.mm(grad.t(), results[i], out=grad_weight)
            torch.sum(grad, 0, out=grad_bias)
            if i in self.skips:
                _, _, _, grad_affine, grad_offset = self.skips[i]
                torch.mm(grad.t(), results[first], out=grad_affine)
                grad_offset.copy_(grad_bias)
                first, grad_output = 0, grad
            if i:
                grad = torch.mm(grad, weight)
        if self.low_grad is not None:
            self.grad.copy_(self.low_grad)
        if self.parameters[0].grad is not self.grads[0]:
            # A callback has had them set to None, and the optimizer would skip them.
            for parameter, grad in zip(self.parameters, self.grads, strict=True):
                parameter.grad = grad
        return loss

    def step(self, closure):
        """Take a step of the optimizer.

        ``Optimizer.step`` prepares its kernel call for 30 µs, a sixth of the whole step
        of a small network. Adam and AdamW go straight to the same kernel, on the same
        state and options; other optimizers take their own ``step``.

        Parameters
        ----------
        closure : callable
            Fills the gradients and returns the loss.

        Returns
        -------
        torch.Tensor
            The loss before the step.
        """
        state = self.optimizer.state.get(self.parameters[0], {})
        # The first step makes the state; loading one replaces it.
        group, *more = self.optimizer.param_groups
        if state.get("exp_avg") is not self.first_moment or more:
            self._adopt_state()
        if self.moments is None:
            return self.optimizer.step(closure)
        loss = closure()
        self.n_steps.add_(self.one)
        FUSED_KERNELS[type(self.optimizer)](
            [self.vector],
            [self.grad],
            [self.moments[0]],
            [self.moments[1]],
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

    def _adopt_state(self):
        """Let the state of Adam lie in vectors, too."""
        self.moments = self.first_moment = None
        kernel = FUSED_KERNELS.get(type(self.optimizer))
        group, *more = self.optimizer.param_groups
        known = {id(parameter) for parameter in group["params"]}
        if (
            kernel is None
            or "exp_avg" not in self.optimizer.state[self.parameters[0]]
            or more
            or known != set(map(id, self.parameters))
            or not group.get("fused")
            or any(group.get(option) for option in UNFUSED_OPTIONS)
        ):
            return
        states = [self.optimizer.state[p] for p in self.parameters]
        self.moments = []
        for name in ("exp_avg", "exp_avg_sq"):
            self.moments.append(torch.zeros_like(self.vector))
            views = self._views(self.moments[-1])
            for state, view in zip(states, views, strict=True):
                state[name] = view.copy_(state[name])
        self.first_moment = states[0]["exp_avg"]
        # A number of its own for each parameter: one that they share would be counted
        # up once per parameter by an optimizer that loads this state.
        self.n_steps = torch.stack([state["step"] for state in states])
        for state, n_steps in zip(states, self.n_steps.unbind(), strict=True):
            state["step"] = n_steps

    def release(self):
        """Leave the step to the optimizer, whose own goes on with the same state."""
        self.moments = None
