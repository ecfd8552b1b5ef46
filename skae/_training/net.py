"""The skorch net that trains every model of skae."""

import math

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, ParamMapper

from skae._training.averaging import AveragedWeights
from skae._training.gradient import make_gradient
from skae._training.optimizers import is_elementwise, make_step
from skae._training.schedules import SCHEDULES
from skae._training.tensors import keep, put_back
from skae._training.threads import worthwhile_threads
from skae.exceptions import DivergenceError

BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
# A fit that ends this many times above where it began has not learned but diverged.
DIVERGENCE_FACTOR = 3.0
# ... where a start below this counts as this, so that noise around zero is no matter.
SMALLEST_START = 1e-3


class TrainingNet(NeuralNet):
    """A skorch net whose epochs run over :class:`Batches`.

    Between the callbacks' epoch events it is a plain torch loop: no history and no
    synchronization a batch. Only callbacks that ask for batch events get them, and
    only then they cost something. Unlike skorch's ``fit``, :meth:`train` lets a
    ``KeyboardInterrupt`` out.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    criterion : callable
        The objective: gives a scalar for (module, x, target).
    compute_dtype : torch.dtype, default=torch.float32
        Type of the matrix products.
    compile_step : bool, default=False
        Use ``torch.compile``.
    average_weights : bool, default=False
        Let the average of the weights over the last steps be the module's between two
        epochs and in the end.
    **kwargs : dict
        Parameters of ``skorch.NeuralNet``.

    Attributes
    ----------
    first_loss_ : float
        Loss of the first batch before the first step of the last training.
    stop_training_ : bool
        A callback sets it to end the training after the epoch.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        compute_dtype=torch.float32,
        compile_step=False,
        average_weights=False,
        **kwargs,
    ):
        super().__init__(
            module,
            criterion,
            train_split=None,
            verbose=0,
            device=None,
            batch_size=1,  # skorch's bar divides by it, and counts batches here
            **kwargs,
        )
        self.compute_dtype = compute_dtype
        self.compile_step = compile_step
        self.average_weights = average_weights

    @property
    def _default_callbacks(self):
        return []

    def get_all_learnable_params(self):
        """Give what the optimizer updates.

        Returns
        -------
        list of (str, torch.nn.Parameter)
            The module's parameters, or one vector of which they are views.
        """
        return self.gradient_.parameters

    def initialize_optimizer(self, triggered_directly=None):
        """Make the optimizer of the tensors that the gradient is taken for.

        Parameters
        ----------
        triggered_directly : object, default=None
            Unused, skorch's.

        Returns
        -------
        self : TrainingNet
            This net.
        """
        self.gradient_ = make_gradient(
            self.module_,
            self.criterion_,
            self.compute_dtype,
            self.compile_step,
            # skorch's Freezer and its kin know parameters by their names.
            as_one=is_elementwise(self.optimizer)
            and not any(isinstance(c, ParamMapper) for _, c in self.callbacks_),
        )
        super().initialize_optimizer(triggered_directly)
        self.take_step_ = make_step(self.optimizer_)
        return self

    def initialize_history(self):
        """Make an empty history.

        Returns
        -------
        self : TrainingNet
            This net.
        """
        self.lowest_losses_ = {}
        return super().initialize_history()

    def set_course(self, lr, schedule):
        """Set the learning rate of the epochs to come.

        Parameters
        ----------
        lr : float
            The rate, or its peak.
        schedule : {"constant", "cosine", "one_cycle"}
            Its course over the steps of one call of :meth:`train`.
        """
        self.lr = lr
        self.schedule_ = SCHEDULES[schedule]
        self._set_rate(lr)

    def _rates(self, n_steps):
        """Yield the learning rate of each step."""
        for step in range(n_steps):
            yield self.lr * self.schedule_(step / n_steps)

    def _set_rate(self, rate):
        for group in self.optimizer_.param_groups:
            group["lr"] = rate

    def _asked_for(self, event):
        return any(
            getattr(type(callback), event) is not getattr(Callback, event)
            for _, callback in self.callbacks_
        )

    def train(self, training, validation=None, epochs=1):
        """Train for some epochs.

        Parameters
        ----------
        training : Batches
            What is learned from.
        validation : Batches, default=None
            What the loss is measured on after each epoch.
        epochs : int, default=1
            How many times over the training data, unless a callback stops it.

        Returns
        -------
        self : TrainingNet
            This net; the losses are in ``history``.

        Raises
        ------
        DivergenceError
            If the loss is not finite or ends far above where it began.
        """
        self.stop_training_ = False
        self.first_loss_ = None
        self.batch_events_ = any(self._asked_for(event) for event in BATCH_EVENTS)
        self.n_epochs_planned_ = epochs
        self.rates_ = None
        if self.schedule_ is not None:
            self.rates_ = self._rates(epochs * len(training))
        self.notify("on_train_begin", X=training, y=validation)
        start = keep(self.module_)
        largest = training.batch_size * self.gradient_.largest_matrix
        with worthwhile_threads(largest):
            self._run_epochs(training, validation, epochs)
        self._check_end(training, start)
        self.module_.eval()
        self.notify("on_train_end", X=training, y=validation)
        return self

    def _check_end(self, training, start):
        """Refuse a loss far above where it began."""
        loss = self.history[-1, "train_loss"]
        limit = loss / DIVERGENCE_FACTOR
        if limit <= max(self.first_loss_, SMALLEST_START):
            return
        # The first batch may only have been an easy one: ask all of them.
        end = keep(self.module_)
        # The objective may learn from what it is asked, such as the noise; it then has
        # new tensors in the place of the old.
        learned = [dict(vars(part)) for part in self.criterion_.modules()]
        put_back(self.module_, start)
        self.module_.train()
        losses = [self.gradient_.loss(*batch).item() for batch in training]
        put_back(self.module_, end)
        for part, state in zip(self.criterion_.modules(), learned, strict=True):
            vars(part).update(state)
        began = sum(losses) / len(losses)
        if limit > began:
            raise self._divergence(f"ended at {loss:.3g} and began at {began:.3g}")

    def _run_epochs(self, training, validation, epochs):
        datasets = {"dataset_train": training, "dataset_valid": validation}
        self.averaged_ = AveragedWeights(self.module_) if self.average_weights else None
        for epoch in range(epochs):
            self.notify("on_epoch_begin", **datasets)
            if self.averaged_ and epoch:
                self.averaged_.swap()
            # To look is quicker than to set it once more.
            if not all(part.training for part in self.module_.modules()):
                self.module_.train()
            self.run_single_epoch(training, True, "train", self.train_step)
            if self.averaged_:
                self.averaged_.swap()
            if validation is not None:
                self.module_.eval()
                self.run_single_epoch(validation, False, "valid", self.validation_step)
            self.notify("on_epoch_end", **datasets)
            if self.stop_training_:
                break
        self.averaged_ = None  # which now holds the weights that nobody needs

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run over the data once and record the mean loss.

        Parameters
        ----------
        iterator : Batches
            The data.
        training : bool
            Whether the weights are updated.
        prefix : {"train", "valid"}
            Where the loss goes in the history.
        step_fn : callable
            Called on each batch, gives its loss.
        **fit_params : dict
            Unused, skorch's.
        """
        total, n_rows, first_loss = None, 0, None
        for batch in iterator:
            if self.batch_events_:
                self.notify("on_batch_begin", batch=batch, training=training)
            loss, length = step_fn(batch), len(batch[0])
            if total is None:
                # Cloned: a compiled step on a GPU gives its losses in one place.
                total, first_loss = torch.zeros_like(loss), loss.clone()
            total.add_(loss, alpha=length)
            n_rows += length
            if self.batch_events_:
                self.history.record_batch(f"{prefix}_loss", loss.item())
                self.history.record_batch(f"{prefix}_batch_size", length)
                self.notify("on_batch_end", batch=batch, training=training, loss=loss)
        # The one place where the host waits for the device.
        mean = total.item() / n_rows
        if not math.isfinite(mean):
            raise self._divergence(f"is {mean}")
        if training and not self.batch_events_:
            # As if the epoch had been one batch: skorch's Checkpoint wants to see one.
            self.history.new_batch()
        # Kept, since the history would have to be read from its beginning.
        lowest = self.lowest_losses_.get(prefix, math.inf)
        self.lowest_losses_[prefix] = min(mean, lowest)
        self.history.record(f"{prefix}_loss", mean)
        self.history.record(f"{prefix}_loss_best", mean < lowest)
        if training and self.first_loss_ is None:
            self.first_loss_ = first_loss.item()

    def train_step(self, batch, **fit_params):
        """Update the weights on a batch.

        Parameters
        ----------
        batch : (torch.Tensor, torch.Tensor)
            Input and target.
        **fit_params : dict
            Unused, skorch's.

        Returns
        -------
        torch.Tensor
            The loss before the step.
        """
        if self.rates_ is not None:
            self._set_rate(next(self.rates_))

        def closure():
            loss = self.gradient_(*batch)
            if self.batch_events_:
                self.notify(
                    "on_grad_computed",
                    named_parameters=self.get_all_learnable_params(),
                    batch=batch,
                    training=True,
                )
            return loss

        loss = self.take_step_(closure)
        if self.averaged_:
            self.averaged_.update()
        return loss

    @torch.no_grad()
    def validation_step(self, batch, **fit_params):
        """Measure the loss on a batch.

        Parameters
        ----------
        batch : (torch.Tensor, torch.Tensor)
            Input and target.
        **fit_params : dict
            Unused, skorch's.

        Returns
        -------
        torch.Tensor
            The loss.
        """
        return self.gradient_.loss(*batch)

    def _divergence(self, what):
        return DivergenceError(
            f"The training loss {what} in epoch {len(self.history)}: the fit diverged. "
            f"Lower lr (lr={self.lr:g})."
        )
