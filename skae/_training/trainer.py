"""The one training loop, and everything that changes during a fit."""

import math

import torch

from skae._common import processes
from skae._common.runtime import STREAMS, reseed
from skae._training.averaging import make_average, swap
from skae._training.callbacks import watches_batches
from skae._training.net import TrainingNet
from skae._training.objective import compile_objective
from skae._training.schedules import SCHEDULES
from skae._training.weights import restore, snapshot
from skae._training.whole_epoch import WholeEpoch
from skae.exceptions import DivergenceError

try:
    from skae._training import fast
except ImportError:  # without that folder results are the same, only slower
    from skae._training import plain as fast

# A fit that ends this many times above where it began has not learned but diverged.
DIVERGENCE_FACTOR = 3.0
# ... where a start below this counts as this, so that noise around zero is ignored.
SMALLEST_START = 1e-3
# Attributes of a trainer that are its state as they are.
PLAIN_STATE = (
    *("n_epochs", "epoch", "n_steps", "step", "lr", "lr_schedule", "sum_of_rates"),
    *("first_loss", "last_loss", "lowest_losses", "is_over"),
    *("best", "best_loss", "n_stale", "loss_curve", "validation_loss_curve", "terms"),
)


class Trainer:
    """The training loop and its state: whatever changes during a fit is here.

    Between the epoch events of the callbacks it is a plain torch loop, with no history
    and no synchronization per batch. Only callbacks that listen to batch events get
    them, since they cost time.

    Parameters
    ----------
    objective : Objective
        The objective that is minimized; it owns the module.
    generators : dict of str to torch.Generator
        One per name in ``STREAMS``.
    seed : int
        Seed of the generators at the beginning of each run.
    optimizer : callable
        Makes the optimizer, called with parameters and ``lr``.
    optimizer_params : dict
        Further options of the optimizer.
    callbacks : list, default=()
        Callbacks of skorch.
    compute_dtype : torch.dtype, default=torch.float32
        Type of the matrix products.
    compile_step : bool, default=False
        Use ``torch.compile``.
    average_weights : bool, default=False
        Whether the module has the average of its weights over the last steps [1]_ after
        each epoch, which is more accurate than the last weights [2]_.
    patience : int, default=None
        Epochs without improvement of the validation loss after which training stops.
        None never stops early.
    tol : float, default=0.0
        By how much the validation loss must fall to count as an improvement.

    Attributes
    ----------
    net : TrainingNet
        Host of the callbacks and the history.
    loss_curve, validation_loss_curve : list of float
        Loss of each epoch, in X's scale.
    terms : list of dict
        Further values that the objective reports for each epoch.

    References
    ----------
    .. [1] O. Shamir and T. Zhang, "Stochastic gradient descent for non-smooth
       optimization: convergence results and optimal averaging schemes", ICML 2013.
    .. [2] A. Tarvainen and H. Valpola, "Mean teachers are better role models:
       weight-averaged consistency targets improve semi-supervised deep learning
       results", NIPS 2017.
    """

    def __init__(
        self,
        objective,
        generators,
        seed,
        optimizer,
        optimizer_params,
        callbacks=(),
        *,
        compute_dtype=torch.float32,
        compile_step=False,
        average_weights=False,
        patience=None,
        tol=0.0,
    ):
        self.objective = objective
        self.generators = generators
        self.seed = seed
        self.compute_dtype = compute_dtype
        self.average_weights = average_weights
        self.patience = patience
        self.tol = tol
        self.loss_curve, self.validation_loss_curve, self.terms = [], [], []
        self.lowest_losses = {}
        self.net = TrainingNet(
            objective.module,
            objective,
            optimizer=optimizer,
            callbacks=list(callbacks),
            train_split=None,
            device=None,
            batch_size=1,  # skorch's bar divides by it, and counts batches here
            verbose=1,  # at zero its callbacks print nothing
            **{f"optimizer__{name}": value for name, value in optimizer_params.items()},
        ).initialize()
        prepare = compile_objective if compile_step else fast.with_fast_convolutions
        self.evaluate = prepare(objective)
        self.dense_step = None
        if not compile_step:
            optimizer = self.net.optimizer_  # the class was passed
            self.dense_step = fast.make_step(objective, optimizer, compute_dtype)

    def plan(self, n_epochs, n_batches, lr, lr_schedule):
        """Plan a run that starts from the weights and the optimizer that are there.

        Parameters
        ----------
        n_epochs : int
            Number of passes over the training data.
        n_batches : int
            Steps per epoch.
        lr : float
            Learning rate; with a schedule its largest value.
        lr_schedule : {"constant", "cosine", "one_cycle"}
            Its schedule over the steps of the run.
        """
        self.n_epochs, self.n_steps = n_epochs, n_epochs * n_batches
        self.epoch = self.step = 0
        self.lr, self.lr_schedule, rate = lr, lr_schedule, SCHEDULES[lr_schedule]
        self.sum_of_rates = sum(rate(i / self.n_steps) for i in range(self.n_steps))
        self.first_loss = self.last_loss = None
        self.is_over = False
        self.best, self.best_loss, self.n_stale = None, math.inf, 0
        self.average = None
        if self.average_weights:
            self.average = make_average(self.objective.module)
        for name, stream in STREAMS.items():
            reseed(self.generators[name], self.seed, len(self.loss_curve), stream)
        self.net.lr, self.net.max_epochs = lr, n_epochs  # for callbacks to look at
        for group in self.net.optimizer_.param_groups:
            group["lr"] = lr

    def run(self, training, validation=None, checkpoint=None):
        """Train as planned, or the rest of what was planned.

        Parameters
        ----------
        training : Batches
            Batches to train on.
        validation : Batches, default=None
            Batches to evaluate the loss on after each epoch.
        checkpoint : Checkpoint, default=None
            What the run continues from, and saves its state to.

        Returns
        -------
        self : Trainer
            With the module in evaluation mode.

        Raises
        ------
        DivergenceError
            If the loss is not finite or ends far above where it began.
        KeyboardInterrupt
            If it is interrupted, with the module as of the last whole epoch.
        """
        net = self.net
        net.stop_training_ = False
        listens = net.callbacks_ and watches_batches(net.callbacks_)
        self.watched = net if listens else None
        net.notify("on_train_begin", X=training, y=validation)
        self.start = snapshot(self.objective.module)
        if checkpoint is not None:
            checkpoint.restore(self)
        self.last_whole = WholeEpoch(self)
        try:
            self._run_epochs(training, validation, checkpoint)
            self._check_end(training)
        except KeyboardInterrupt:
            self.last_whole.restore(self)
            self._end(training, validation)
            raise
        self._end(training, validation)
        return self

    def _end(self, training, validation):
        """Leave the module as a run leaves it."""
        self.objective.eval()
        if self.best is not None:
            restore(self.objective.module, self.best)
        self.best = self.start = self.average = self.last_whole = None
        self.net.notify("on_train_end", X=training, y=validation)

    def _run_epochs(self, training, validation, checkpoint):
        """Train until the last epoch, or until something asks for an end."""
        net, objective = self.net, self.objective
        datasets = {"dataset_train": training, "dataset_valid": validation}
        evaluates = objective.evaluates or validation is not None
        looks, first = evaluates or net.callbacks_, self.epoch
        while not self.is_over:
            net.notify("on_epoch_begin", **datasets)
            if looks or self.epoch == first:
                objective.train()
                dense = self.dense_step
                if dense and not all(w.requires_grad for w in dense.parameters):
                    self.dense_step = dense.release()  # the rest is for autograd
            objective.begin_epoch(len(self.loss_curve))
            if self.average is not None and self.epoch:
                swap(self.average, objective.module)
            if dense := self.dense_step:
                dense.begin_epoch(is_read=bool(self.watched or self.average))
            losses = {"train": self._run_epoch(training, self._train_step)}
            processes.average_buffers(objective)
            if dense:
                dense.end_epoch()
            if self.average is not None:
                swap(self.average, objective.module)
            if looks:  # between the epochs
                objective.eval()
            if validation is not None:
                losses["valid"] = self._run_epoch(validation, self._validation_step)
            self._end_epoch(losses)
            if net.callbacks_ or self.last_whole.is_old():
                self.last_whole = WholeEpoch(self)
            net.notify("on_epoch_end", **datasets)
            self.is_over = (
                self.epoch == self.n_epochs
                or net.stop_training_
                or self.n_stale == self.patience
            )
            if checkpoint is not None and processes.is_first():
                checkpoint.end_epoch(self)

    def _run_epoch(self, batches, take_step):
        """Run over the data once and return the mean loss."""
        training, watched = self.objective.training, self.watched
        total, n_rows = None, 0
        for batch in batches:
            if watched:
                watched.notify("on_batch_begin", batch=batch, training=training)
            loss, length = take_step(batch), batch[0].shape[0]
            if total is None:
                # Cloned: a compiled step on a GPU returns its losses in one place.
                total, first_loss = torch.zeros_like(loss), loss.clone()
            total.add_(loss, alpha=length)
            n_rows += length
            if watched:
                prefix = "train" if training else "valid"
                told = self.objective.to_data_scale(loss.item())
                watched.history.record_batch(f"{prefix}_loss", told)
                watched.history.record_batch(f"{prefix}_batch_size", length)
                watched.notify(
                    "on_batch_end", batch=batch, training=training, loss=loss
                )
        # The one place where the host waits for the device.
        mean = total.item() / n_rows
        if not math.isfinite(mean):
            raise self._divergence(f"is {mean}")
        if training and self.first_loss is None:
            self.first_loss = first_loss.item()
        return mean

    def _train_step(self, batch):
        """Update the weights on a batch and return the loss before the step."""
        dense, optimizer, watched = self.dense_step, self.net.optimizer_, self.watched
        rate = SCHEDULES[self.lr_schedule](self.step / self.n_steps)
        if self.lr_schedule != "constant":  # which leaves the rate to callbacks
            for group in optimizer.param_groups:
                group["lr"] = self.lr * rate
        if (regularization := self.objective.regularization) is not None:
            own = list if dense is None else dense.own
            share = rate / self.sum_of_rates
            x = regularization.step(batch[0], self.step, self.n_steps, share, own)
            batch = (x, *batch[1:])

        losses = []

        def closure():
            gradient = self._autograd if dense is None else dense.gradient
            losses.append(loss := processes.share_gradient(gradient, batch))
            if watched:
                watched.notify(
                    "on_grad_computed",
                    named_parameters=list(self.objective.module.named_parameters()),
                    batch=batch,
                    training=True,
                )
            return loss

        if dense is not None:
            dense.optimizer = optimizer  # a callback may have replaced the last one
        (optimizer if dense is None else dense).step(closure)
        if self.average is not None:
            self.average.update_parameters(self.objective.module)
        self.step += 1
        # Not what the step returns: an optimizer that wraps another may return nothing.
        return losses[0]

    def _autograd(self, *batch):
        self.net.optimizer_.zero_grad()
        loss = self._loss(*batch)
        loss.backward()
        processes.average_gradients(loss := loss.detach(), self.objective)
        return loss

    @torch.no_grad()
    def _validation_step(self, batch):
        return self._loss(*batch)

    def _loss(self, *batch):
        if self.compute_dtype == torch.float32:
            return self.evaluate(*batch)
        # No cache: it would outlive the step if there is another autocast around.
        with torch.autocast(
            batch[0].device.type, dtype=self.compute_dtype, cache_enabled=False
        ):
            return self.evaluate(*batch)

    def _end_epoch(self, losses):
        """Record the losses of an epoch, and whether it was the best."""
        history, told = self.net.history, self.objective.to_data_scale
        self.epoch += 1
        self.last_loss = losses["train"]
        self.terms.append(terms := self.objective.end_epoch(self.epoch, self.n_epochs))
        self.loss_curve.append(told(losses["train"]))
        if "batches" not in history[-1] or not history[-1]["batches"]:
            # As if the epoch had been one batch: skorch's Checkpoint expects one.
            history.new_batch()
        for prefix, loss in losses.items():
            lowest = self.lowest_losses.get(prefix, math.inf)
            self.lowest_losses[prefix] = min(loss, lowest)
            history.record(f"{prefix}_loss", told(loss))
            history.record(f"{prefix}_loss_best", loss < lowest)
        for name, value in terms.items():
            history.record(name, value)
        if "valid" not in losses:
            return
        loss = losses["valid"]
        self.validation_loss_curve.append(told(loss))
        self.n_stale = 0 if loss < self.best_loss - self.tol else self.n_stale + 1
        if loss < self.best_loss:
            self.best_loss = loss
            if self.patience is not None:
                self.best = snapshot(self.objective.module)

    def _check_end(self, training):
        """Refuse a loss far above where it began."""
        loss = self.last_loss
        limit = loss / DIVERGENCE_FACTOR
        if limit <= max(self.first_loss, SMALLEST_START):
            return
        # The first batch may only have been an easy one: evaluate all of them.
        module, objective = self.objective.module, self.objective
        end = snapshot(module)
        # Evaluating may change the state of the objective, such as the variance, which
        # then has new tensors in the place of the old.
        learned = [dict(vars(part)) for part in objective.modules()]
        restore(module, self.start)
        objective.train()
        losses = [self._loss(*batch).item() for batch in training]
        restore(module, end)
        for part, state in zip(objective.modules(), learned, strict=True):
            vars(part).update(state)
        began = sum(losses) / len(losses)
        if limit > began:
            raise self._divergence(f"ended at {loss:.3g} and began at {began:.3g}")

    def _divergence(self, what):
        return DivergenceError(
            f"The training loss {what} in epoch {len(self.net.history)}: the fit "
            f"diverged. Lower lr (lr={self.lr:g})."
        )

    # -- Its state ----------------------------------------------------------------

    def state_dict(self):
        """Return everything that a run needs to continue after any of its epochs.

        Returns
        -------
        dict
            Tensors, numbers, and lists and dicts of these; tensors are not copied.
        """
        state = {name: getattr(self, name) for name in PLAIN_STATE}
        objective, net = self.objective, self.net
        state["objective"] = objective.state_dict()
        state["buffers"] = list(objective.module.buffers())
        # A callback may have frozen some.
        state["requires_grad"] = [p.requires_grad for p in objective.parameters()]
        state["optimizer"] = net.optimizer_.state_dict()
        state["average"] = self.average and self.average.state_dict()
        state["generators"] = {
            name: generator.get_state() for name, generator in self.generators.items()
        }
        state["history"] = list(net.history)
        state["callbacks"] = {
            name: callback.state_dict()
            for name, callback in net.callbacks_
            if hasattr(callback, "state_dict")
        }
        return state

    def load_state_dict(self, state):
        """Load what :meth:`state_dict` returned; :meth:`run` then continues from there.

        Parameters
        ----------
        state : dict
            State of a trainer with the same objective, optimizer and data.
        """
        self.plan(state["n_epochs"], 1, state["lr"], state["lr_schedule"])
        for name in PLAIN_STATE:
            value = state[name]
            setattr(self, name, [*value] if isinstance(value, list) else value)
        objective, net = self.objective, self.net
        objective.load_state_dict(state["objective"])
        with torch.no_grad():
            for buffer, saved in zip(
                objective.module.buffers(), state["buffers"], strict=True
            ):
                buffer.copy_(saved)
        for parameter, is_trained in zip(
            objective.parameters(), state["requires_grad"], strict=True
        ):
            parameter.requires_grad_(is_trained)
        net.optimizer_.load_state_dict(state["optimizer"])
        if state["average"] is not None:
            self.average.load_state_dict(state["average"])
        for name, generator_state in state["generators"].items():
            self.generators[name].set_state(generator_state)
        net.history[:] = state["history"]
        for name, callback in net.callbacks_:
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
