"""The training step of a dense network, written out.

A small dense network spends most of its step in the bookkeeping of autograd and of the
optimizer, not in arithmetic. Its derivative is four lines of matrix products per layer,
and all its weights together are one tensor for the optimizer's kernel. Written out, a
step of digits 64-64-16 takes a third of the time of a plain torch loop.
"""

from functools import partial

import torch

from skae._common.processes import average_over_shares, current_share, shared_zeros
from skae._training.fast.codes import PlainCode, VariationalCode
from skae._training.fast.dense_network import (
    DenseNetwork,
    fill_gradients,
    is_written_out,
)
from skae._training.fast.losses import LOSSES, mean_loss, mean_nll
from skae._training.fast.shared_sums import SharedSums
from skae._training.objective import ReconstructionObjective, replace_missing
from skae._training.variational_objective import VariationalObjective
from skae.modules import DenseAutoencoder, VariationalModule

# Every tensor in the vector of weights begins at a multiple of this many numbers, in
# bfloat16 too a whole cache line: products of unaligned matrices are slower.
ALIGNMENT = 32

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
    module = objective.module
    if type(objective) is ReconstructionObjective:
        is_known = type(module) is DenseAutoencoder and not (
            objective.nll or objective.contractive_penalty
        )
    else:
        is_known = (
            type(objective) is VariationalObjective
            and type(module) is VariationalModule
            and not objective.likelihood.loss_needs_variance
        )
    if (
        is_known
        and type(objective.likelihood) in LOSSES
        and is_written_out(module.encoder)
        and is_written_out(module.decoder)
    ):
        return DenseStep(objective, optimizer, compute_dtype)
    return None


class DenseStep:
    """Gradient of a dense autoencoder and the step of its optimizer.

    All weights lie in one vector, of which the module's parameters are views, and so
    do their gradients and the state of Adam. The optimizer itself sees the parameters
    of the module, as everyone else does.

    Parameters
    ----------
    objective : ReconstructionObjective or VariationalObjective
        Its module's parameters become views.
    optimizer : torch.optim.Optimizer
        Of its parameters.
    compute_dtype : torch.dtype
        Type of the matrix products. Weights and gradients are float32 all the same.
    """

    def __init__(self, objective, optimizer, compute_dtype):
        self.objective = objective
        self.optimizer = optimizer
        self.compute_dtype = compute_dtype
        if type(objective) is VariationalObjective:
            self.code = VariationalCode(objective)
            self.evaluate = partial(mean_nll, objective.nll)
        else:
            self.code = PlainCode(objective)
            self.evaluate = partial(mean_loss, objective.likelihood)
        parts = (objective.module.encoder, objective.module.decoder)
        networks = [getattr(part, "network", part) for part in parts]
        skips = [
            [part.affine] if part is not network else []
            for part, network in zip(parts, networks, strict=True)
        ]
        groups = [*(network.linears() for network in networks), *skips]
        linears = [layer for group in groups for layer in group]
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
            weights = self._views(self.low_vector)
        # Processes that can share memory have the gradient of the products there.
        self.sums = None
        if self.vector.device.type == "cpu":
            shared_grad = shared_zeros(length, dtype=compute_dtype)
            if shared_grad is not None:
                self.low_grad, self.sums = shared_grad, SharedSums()
        if self.low_grad is not None:
            grads = self._views(self.low_grad)
        # Per layer: weight, its transpose, bias, their gradients.
        layers = [
            (w, w.t(), b, grad_w, grad_b)
            for w, b, grad_w, grad_b in zip(
                weights[::2], weights[1::2], grads[::2], grads[1::2], strict=True
            )
        ]
        layers = iter(layers)
        encoder, decoder, *skips = [[next(layers) for _ in group] for group in groups]
        self.encoder = DenseNetwork(networks[0].activation, encoder, *skips[0])
        self.decoder = DenseNetwork(networks[1].activation, decoder, *skips[1])

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

        sums = self.sums if (share := current_share()) else None
        fill = sums.add if sums else fill_gradients
        encoded = self.encoder.forward(x)
        decoded = self.decoder.forward(self.code.forward(encoded[-1]))
        output, missing = decoded[-1].float(), None
        if self.objective.is_incomplete:
            likelihood = self.objective.likelihood
            target, missing = replace_missing(likelihood, output, target)
        loss, grad = self.evaluate(output, target, weight, missing)
        fraction = share.fraction if sums else 1.0
        if fraction < 1.0:
            grad = grad.mul_(fraction)
        grad = grad.to(self.compute_dtype)
        grad = self.decoder.backward(decoded, grad, to_input=True, fill=fill)
        loss, grad = self.code.backward(loss, grad, target.shape[1], weight, fraction)
        self.encoder.backward(encoded, grad, fill=fill)
        if sums:
            sums.evaluate(share, loss)
        if self.low_grad is not None:
            self.grad.copy_(self.low_grad)
        if not sums:
            average_over_shares([loss, self.grad])
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
