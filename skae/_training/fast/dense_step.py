"""The training step of a dense network, written out.

A small dense network spends most of its step in the bookkeeping of autograd and of the
optimizer, not in arithmetic. Its derivative is four lines of matrix products per layer,
and all its weights together are one tensor for the optimizer's kernel. Written out, a
step of digits 64-64-16 takes a third of the time of a plain torch loop.
"""

from functools import partial

import torch
from torch.autograd.graph import increment_version

from skae._common.processes import average_over_shares
from skae._training.fast.codes import PlainCode, VariationalCode
from skae._training.fast.dense_network import DenseNetwork, aligned
from skae._training.fast.losses import mean_loss, mean_nll
from skae._training.objective import replace_missing
from skae._training.variational_objective import VariationalObjective

FUSED_KERNELS = {
    torch.optim.Adam: getattr(torch, "_fused_adam_", None),
    torch.optim.AdamW: getattr(torch, "_fused_adamw_", None),
}
UNFUSED_OPTIONS = ("amsgrad", "capturable", "differentiable")


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
    sums : SharedSums, default=None
        Where the processes that train together fill gradients; None without others.
    """

    def __init__(self, objective, optimizer, compute_dtype, sums=None):
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
        length = sum(aligned(p.numel()) for p in self.parameters)
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

        self.factors, self.products = self._make_product_vectors()
        weights, grads = self._views(self.factors), self._views(self.products)
        # Per layer: weight, its transpose, bias, their gradients.
        layers = [
            (w, w.t(), b, grad_w, grad_b)
            for w, b, grad_w, grad_b in zip(
                weights[::2], weights[1::2], grads[::2], grads[1::2], strict=True
            )
        ]
        layers = iter(layers)
        encoder, decoder, *skips = [[next(layers) for _ in group] for group in groups]
        self.encoder, self.decoder = (
            DenseNetwork(network.activation, layers, *skip, sums=sums)
            for network, layers, skip in zip(
                networks, (encoder, decoder), skips, strict=True
            )
        )

    def _make_product_vectors(self):
        """Make the vectors of weights and gradients that matrix products work on."""
        if self.compute_dtype == torch.float32:
            return self.vector, self.grad
        factors = self.vector.to(self.compute_dtype)
        return factors, torch.zeros_like(factors)

    def _views(self, vector):
        """Return views of the vector, one for each parameter, of its shape."""
        views, start = [], 0
        for parameter in self.parameters:
            stop = start + parameter.numel()
            views.append(vector[start:stop].view(parameter.shape))
            start += aligned(parameter.numel())
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
        self._begin_gradient()
        fraction = self._fraction()
        encoded = self.encoder.forward(x.to(self.compute_dtype))
        decoded = self.decoder.forward(self.code.forward(encoded[-1]))
        output, missing = decoded[-1].float(), None
        if self.objective.is_incomplete:
            likelihood = self.objective.likelihood
            target, missing = replace_missing(likelihood, output, target)
        loss, grad = self.evaluate(output, target, weight, missing)
        if fraction != 1.0:
            grad.mul_(fraction)
        grad = grad.to(self.compute_dtype)
        grad = self.decoder.backward(decoded, grad, to_input=True)
        n_features = target.shape[1]
        loss, grad = self.code.backward(loss, grad, n_features, weight, fraction)
        self.encoder.backward(encoded, grad)
        self._end_gradient(loss)
        if self.parameters[0].grad is not self.grads[0]:
            # A callback has had them set to None, and the optimizer would skip them.
            for parameter, grad in zip(self.parameters, self.grads, strict=True):
                parameter.grad = grad
        return loss

    def _fraction(self):
        """Return the part that the samples are of those whose gradient is filled."""
        return 1.0  # the mean over a share, which is averaged over the shares

    def _begin_gradient(self):
        """Bring the weights to where the products need them."""
        if self.factors is not self.vector:
            self.factors.copy_(self.vector)

    def _end_gradient(self, loss):
        """Turn loss and products into the loss and the gradient of the batch."""
        if self.products is not self.grad:
            self.grad.copy_(self.products)
        average_over_shares([loss, self.grad])

    def begin_epoch(self, *, is_read):
        """Prepare for the steps of an epoch.

        Parameters
        ----------
        is_read : bool
            Whether weights or gradients are read between the steps.
        """

    def end_epoch(self):
        """Let all parameters and the state of the optimizer be as of the last step."""
        increment_version(self.parameters)  # they were changed behind torch's back

    def own(self, parameters):
        """Return what this process changes of parameters between two steps.

        Parameters
        ----------
        parameters : list of torch.nn.Parameter
            Some of the parameters.

        Returns
        -------
        list of torch.Tensor
            Tensors to change in place: without other processes, the parameters.
        """
        return parameters

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
        weights, grads, first, second = self._updated()
        if weights:
            FUSED_KERNELS[type(self.optimizer)](
                weights,
                grads,
                first,
                second,
                [],
                [state["step"]] * len(weights),
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )
        return loss

    def _updated(self):
        """Return lists of weights, gradients, first and second moments to step."""
        return [self.vector], [self.grad], *([moment] for moment in self.moments)

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
