"""The written-out step, divided between the processes of one machine."""

import torch

from skae._common.processes import current_share, shared_zeros, wait_for_all
from skae._training.fast.dense_network import aligned
from skae._training.fast.dense_step import DenseStep
from skae._training.fast.shared_sums import SharedSums, own_units


class DividedStep(DenseStep):
    """Step of a dense autoencoder of which each process of one machine takes a part.

    The vectors that matrix products work on lie in memory that the processes share.
    Each process fills the gradients of some units, by :class:`SharedSums`, and lets
    Adam update their weights and nothing else, so that no gradient is exchanged. The
    module's parameters and the state of the optimizer are then those of the last step
    at the end of an epoch only. Where somebody reads them before, and with other
    optimizers, each process updates everything.

    Parameters
    ----------
    objective : ReconstructionObjective or VariationalObjective
        Its module's parameters become views.
    optimizer : torch.optim.Optimizer
        Of its parameters.
    compute_dtype : torch.dtype
        Type of the matrix products.
    """

    def __init__(self, objective, optimizer, compute_dtype):
        # Of each layer input and output, and the gradients of both.
        widths = (p.shape for p in objective.parameters() if p.dim() > 1)
        width = 2 * sum(aligned(n) for shape in widths for n in shape)
        self.sums = SharedSums(width, compute_dtype)
        super().__init__(objective, optimizer, compute_dtype, self.sums)
        self.is_read, self.is_divided = True, False
        # What this process updates: parts of the vectors, of parameters by their id.
        self.parts = {}
        for parameter, view in zip(
            self.parameters, self._views(self.vector), strict=True
        ):
            units, size = own_units(len(view)), view.stride(0)
            start = view.storage_offset() + units.start * size
            if length := aligned((units.stop - units.start) * size):
                self.parts[id(parameter)] = slice(start, start + length)

    def _make_product_vectors(self):
        # The weights, and both moments of Adam.
        self.shared = shared_zeros(3, len(self.vector), dtype=torch.float32)
        products = shared_zeros(len(self.vector), dtype=self.compute_dtype)
        if self.compute_dtype == torch.float32:
            return self.shared[0], products
        return shared_zeros(len(self.vector), dtype=self.compute_dtype), products

    def _own(self, vector):
        """Return the parts of a vector that this process updates."""
        return [vector[part] for part in self.parts.values()]

    def begin_epoch(self, *, is_read):
        self.is_read, self.is_divided = is_read, False

    def end_epoch(self):
        if self.is_divided:
            wait_for_all()
            for private, shared in zip(self._state(), self.shared, strict=True):
                private.copy_(shared)
            self.is_divided = False
            wait_for_all()  # before a next step writes there
        super().end_epoch()

    def _state(self):
        return self.vector, *self.moments

    def own(self, parameters):
        if not self.is_divided:
            return parameters
        parts = [self.parts.get(id(parameter)) for parameter in parameters]
        return [self.shared[0][part] for part in parts if part is not None]

    def step(self, closure):
        loss = super().step(closure)
        if not (self.is_divided or self.is_read or self.moments is None):
            # From the next step on; the first one makes the state of the optimizer.
            for private, shared in zip(self._state(), self.shared, strict=True):
                torch._foreach_copy_(self._own(shared), self._own(private))
            self.is_divided = True
        return loss

    def _updated(self):
        if not self.is_divided:
            return super()._updated()
        grad = self.products if self.compute_dtype == torch.float32 else self.grad
        weights, *moments = self.shared
        return [self._own(vector) for vector in (weights, grad, *moments)]

    def _fraction(self):
        return current_share().fraction

    def _begin_gradient(self):
        vector = self.shared[0] if self.is_divided else self.vector
        if vector is not self.factors:
            torch._foreach_copy_(self._own(self.factors), self._own(vector))
        wait_for_all()

    def _end_gradient(self, loss):
        self.sums.evaluate(loss)
        if not self.is_divided:
            wait_for_all()
            self.grad.copy_(self.products)
        elif self.compute_dtype != torch.float32:
            torch._foreach_copy_(self._own(self.grad), self._own(self.products))
