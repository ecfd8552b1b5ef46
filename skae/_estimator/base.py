"""The base of every estimator that trains a torch module: one straight fit."""

import os
from abc import ABCMeta, abstractmethod
from contextlib import nullcontext
from copy import copy
from datetime import timedelta
from functools import cache, partial
from numbers import Integral, Real

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions

from skae._common.callbacks import CallbackSupportMixin
from skae._common.linked import LinkedEstimator
from skae._common.memory_errors import explained_memory_errors
from skae._common.processes import agree_on, is_first, require_equal
from skae._common.runtime import (
    STREAMS,
    default_modes,
    draw_seed,
    isolated_generators,
    reseed,
    resolve_device,
)
from skae._common.user_code import call_on_rows, is_user_code
from skae._common.validation import refuse_class
from skae._common.warn import warn_user
from skae._estimator.batching import BatchingMixin
from skae._estimator.data_modules import ToModuleMixin
from skae._estimator.fit_report import FitReport
from skae._estimator.identity import identify
from skae._estimator.inference import InferenceMixin
from skae._estimator.pickling import PicklingMixin
from skae._estimator.restoring import restore_on_error
from skae._estimator.stream import StreamMixin
from skae._training.callbacks import ProgressBar, copy_callbacks
from skae._training.checkpoint import Checkpoint
from skae._training.optimizers import OPTIMIZERS, resolve_optimizer
from skae._training.trainer import Trainer, fast
from skae.modules._hidden import ACTIVATIONS

# Fewest steps of a fit with ``max_epochs="auto"``.
MIN_STEPS = 650
# Learning rates of ``lr="auto"``, by where the module starts.
AUTO_LR = {"pca": 6e-3, "random": 1e-3}
# ... and the most that it may be, times the number of features, for wide rows: a step
# of Adam moves all weights of a code by the rate, and so the code by its sum.
MAX_WIDE_LR = {"pca": 5.0, "random": 5.0}
# A fit has not converged if more than this share of the decrease of its loss fell in
# the last tenth of its epochs.
UNFINISHED_SHARE = 0.05
# From so many samples on a part of them is held out to select by.
MIN_HELD_OUT_SAMPLES = 1000


class BaseTorchEstimator(
    BatchingMixin,
    InferenceMixin,
    PicklingMixin,
    StreamMixin,
    ToModuleMixin,
    CallbackSupportMixin,
    LinkedEstimator,
    metaclass=ABCMeta,
):
    """Base of the estimators that train a torch module. Think twice before adding.

    Estimators differ by four hooks: ``_make_module``, ``_make_objective``,
    ``_make_augment`` and ``_after_fit``. The public ``fit`` passes a function to
    :meth:`_run_fit` that validates its arguments and learns the scaling.
    """

    # Whether the weights of a fit are the average over its last steps.
    _averages_weights = False
    # Whether the module starts at principal components, whether it is then the best one
    # already, and whether samples are held out to select between it and its start.
    _starts_at_pca = _is_solved = _selects = False
    # Whether a layer takes so many features that the learning rate must be lower.
    _is_wide = False
    _max_wide_lr: dict = MAX_WIDE_LR
    # Values, one per sample, of which the same shares are held out, or None.
    _strata = None
    # Which samples have a target to score them by, or None for all.
    _has_target = None
    # Fewest epochs of a fit with ``max_epochs="auto"``.
    _auto_epochs = 55
    # Type in which the objective gets its targets, where they are not samples.
    _target_dtype = None
    # Whether training runs code that may draw from the global generators.
    _module_uses_globals = _has_callbacks = False
    # Whether samples may be sparse.
    _accepts_sparse = False
    # Attributes that may hold functions of the user.
    _function_attributes = ("augmentation",)
    _parameter_constraints: dict = {
        "image_shape": ["array-like", None],
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "augmentation": [callable, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"constant", "cosine", "one_cycle"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left"), timedelta],
        "device": [str, torch.device],
        "compute_dtype": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # -- The hooks ----------------------------------------------------------------

    @abstractmethod
    def _make_module(self, inputs, n_outputs):
        """Build the torch module; the global generators are seeded around it."""

    @abstractmethod
    def _make_objective(self, training, generator):
        """Build the objective that training minimizes; it draws from ``generator``.

        A module that is new may learn where to start from the training batches.
        """

    def _make_augment(self, generator):
        """Return a function from samples in X's scale to input and target, or None.

        By default one augmentation of the samples is both. Where targets are other
        images, inputs and targets are augmented together.
        """
        if self.augmentation is None:
            return None
        refuse_class("augmentation", self.augmentation)
        shape = self.image_shape_

        def augment(x, *target):
            if target and shape is None:
                raise ValueError(
                    f"augmentation={self.augmentation!r} must be None for a table with "
                    "targets; only images can be augmented together with their targets."
                )
            views = call_on_rows(
                "augmentation", self.augmentation, generator, shape, x, *target
            )
            return views[0], views[-1]

        return augment

    def _after_fit(self, inputs, targets, held_out):
        """Set the attributes that are learned from the trained module.

        ``held_out`` are the batches of samples that were held out, or None.
        """

    # -- The fit ------------------------------------------------------------------

    def _run_fit(self, validate, *, held_out=None, partial_fit=False):
        """Train on samples, from new weights or from those of the last fit.

        ``validate(reset=...)`` returns inputs and targets. Targets are None where the
        inputs are the targets. With ``reset`` it sets the shape of samples and their
        scaling. ``held_out(reset=False)`` returns samples to validate on, or is None.
        Both are of :class:`functools.partial` and hold the samples as they were passed.
        ``partial_fit`` trains for one epoch and continues with the last optimizer;
        scikit-learn's callbacks are not called, and there are no checkpoints.
        """
        if partial_fit and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True; set it to False."
            )
        warm_starts = self.warm_start and not self._is_solved
        continues = hasattr(self, "module_") and (partial_fit or warm_starts)
        needs_memory = explained_memory_errors(
            self, "batch_size", "n_components", "hidden_layer_sizes"
        )
        with restore_on_error(self, continues=continues) as before, needs_memory:
            inputs, targets = validate(reset=not continues)
            checkpoint = None
            if self.checkpoint is not None and not partial_fit:
                checkpoint = Checkpoint(self.checkpoint, self.checkpoint_every)
            if continues:  # the optimizer is about to change
                before.pop("_trainer", None)
                before.pop("net_", None)
            else:
                self._initialize(inputs, targets, checkpoint)
            if continues or partial_fit:
                self._selects = self._is_solved = False
            n_epochs, interrupt = self.n_epochs_, None
            report = None if partial_fit else FitReport(self, validate, held_out)
            few_threads = fast.limit_threads(self.module_, int(self.batch_size))
            with default_modes(self.device_), few_threads:
                validation = None if held_out is None else held_out(reset=False)
                samples = [inputs, targets, *(validation or ())]
                # Cached, since X may be large.
                told = cache(
                    partial(identify, self, validate, samples, continues=continues)
                )
                require_equal(told)
                if checkpoint is not None:
                    checkpoint.begin(self._seed, told())
                learned_from = self._follow_stream(
                    inputs, targets, continues=continues, partial_fit=partial_fit
                )
                try:
                    batches = self._train(
                        inputs,
                        targets,
                        validation,
                        report,
                        checkpoint,
                        partial_fit=partial_fit,
                    )
                    self._after_fit(*learned_from, batches)
                except KeyboardInterrupt as error:
                    trainer = getattr(self, "_trainer", None)
                    if trainer is None or len(trainer.loss_curve) == n_epochs:
                        raise
                    interrupt = error
                    self._end_interrupted(*learned_from)
                if report and interrupt is None:
                    report.end()
        if interrupt is not None:
            raise interrupt
        if not (partial_fit or self._is_solved):
            self._warn_if_unfinished()
        return self

    def _warn_if_unfinished(self):
        """Warn if the user's limit of epochs or steps stopped a fit that went on."""
        curve = self.loss_curve_[-self._trainer.n_epochs :]
        tail = max(1, len(curve) // 10)
        if (self.max_epochs == "auto" and self.max_steps is None) or len(curve) <= tail:
            return
        decrease, last = curve[0] - curve[-1], curve[-1 - tail] - curve[-1]
        if last > UNFINISHED_SHARE * decrease > 0.0:
            warn_user(
                "The loss was still falling when the fit stopped: "
                f"{last / decrease:.0%} of its decrease is in the last {tail} of "
                f"{len(curve)} epochs. Raise max_epochs "
                f"(max_epochs={self.max_epochs!r}, max_steps={self.max_steps!r}).",
                ConvergenceWarning,
            )

    def _initialize(self, inputs, targets, checkpoint=None):
        """Make the initial state of a training, with the seed of its checkpoint."""
        for learned in ("_trainer", "net_", "noise_variance_"):
            self.__dict__.pop(learned, None)
        self.device_ = resolve_device(self.device)
        self._seed = agree_on(draw_seed(self.random_state))
        if checkpoint is not None and checkpoint.seed is not None:
            self._seed = checkpoint.seed
        self.mean_, self.scale_ = copy(self._scaling.mean), copy(self._scaling.scale)
        self.n_epochs_, self.loss_curve_, self.validation_loss_curve_ = 0, [], []
        self._is_new, self._is_solved = True, False
        self._starts_at_pca = self._selects = self._is_wide = False
        outputs = inputs if targets is None else targets
        on_cpu = default_modes(torch.device("cpu"))  # where the seeded generators are
        with isolated_generators(self._seed, self.device_), on_cpu:
            module = self._make_module(inputs, outputs.rows.shape[1])
        self.module_ = module.to(self.device_)
        self._module_uses_globals = (
            getattr(self, "module", None) is not None
            or callable(self.activation)
            or any(isinstance(part, torch.nn.Dropout) for part in module.modules())
        )

    def _train(
        self,
        inputs,
        targets,
        validation=None,
        report=None,
        checkpoint=None,
        *,
        partial_fit=False,
    ):
        """Train the module, and return batches of the samples that were held out.

        ``validation`` are inputs and targets to hold out in the place of a share.
        """
        schedule, lr = "constant" if partial_fit else self.lr_schedule, self.lr
        if lr == "auto":
            start = "pca" if self._starts_at_pca else "random"
            lr = AUTO_LR[start]
            if self._is_wide:
                lr = min(lr, self._max_wide_lr[start] / self.n_features_in_)
        continues = partial_fit and hasattr(self, "_trainer")
        generators = self._trainer.generators if continues else self._generators()
        training, held_out = self._make_batches(inputs, targets, generators), None
        if validation is not None:
            held_out = self._make_batches(*validation, {**generators, "order": None})
        elif self.early_stopping or (
            self._selects and training.n_samples >= MIN_HELD_OUT_SAMPLES
        ):
            split = partial(
                train_test_split,
                test_size=self.validation_fraction,
                random_state=self._seed,
                # A memory map is divided by runs of neighbours.
                stratify=None if training.in_window else self._strata,
            )
            training, held_out = training.split(split)
        if not continues:
            self._make_trainer(training, generators, lr, schedule)
        trainer, n_epochs = self._trainer, 1
        # Of targets alone: what is missing of the inputs is filled.
        trainer.objective.is_incomplete = any(
            batches.rows[-1].is_incomplete
            for batches in (training, held_out)
            if batches is not None
        )
        if partial_fit:  # a stream has no end by which to plan
            trainer.objective.regularization = None
        else:
            n_epochs = self._plan_epochs(len(training))
        batches = [training]
        if self.early_stopping or validation is not None:
            batches.append(held_out)
        told = nullcontext()
        if report:
            told = report.epochs(trainer, n_epochs, (inputs, targets), batches)
        with told:
            if n_epochs:
                seed = self._user_seed()
                if checkpoint is not None and seed is not None:
                    checkpoint.isolated_on = self.device_
                with isolated_generators(seed, self.device_):
                    trainer.plan(n_epochs, len(training), lr, schedule)
                    trainer.run(*batches, checkpoint=checkpoint)
        self._record_curves()
        return held_out

    def _record_curves(self):
        self.loss_curve_ = [*self._trainer.loss_curve]
        self.validation_loss_curve_ = [*self._trainer.validation_loss_curve]
        self.n_epochs_ = len(self.loss_curve_)

    def _end_interrupted(self, inputs, targets):
        """End the fit with the module as it is, and without a selection."""
        self._record_curves()
        self._selects = False
        self._after_fit(inputs, targets, None)
        del self._trainer  # its optimizer is some steps ahead

    def _plan_epochs(self, n_batches):
        """Return the number of epochs of a fit."""
        if self._is_solved:
            return 0
        # NumPy's integers may be narrow, and overflow.
        if self.max_epochs == "auto":
            n_epochs = max(self._auto_epochs, -(-MIN_STEPS // n_batches))
        else:
            n_epochs = int(self.max_epochs)
        if self.max_steps is not None:
            n_epochs = min(n_epochs, -(-int(self.max_steps) // n_batches))
        return n_epochs

    def _generators(self):
        """Make the generators of a training."""
        # Drawn on the CPU, where the rows may be, unless the device can do both.
        place = self.device_ if self.device_.type == "cuda" else "cpu"
        generators = {name: torch.Generator(place) for name in STREAMS}
        generators["order"] = torch.Generator("cpu")
        for name, stream in STREAMS.items():
            reseed(generators[name], self._seed, 0, stream)
        return generators

    def _make_trainer(self, training, generators, lr, lr_schedule):
        """Make the trainer of the module that is there."""
        self.compute_dtype_ = fast.resolve_compute_dtype(
            self.compute_dtype,
            self.module_,
            int(self.batch_size),
            self.n_features_in_,
            self.device_,
        )
        callbacks = []
        if self.callbacks:
            callbacks = copy_callbacks(self.callbacks, lr_schedule, self.checkpoint)
        if self.verbose and is_first():
            callbacks.append(ProgressBar())
        self._has_callbacks = bool(self.callbacks)
        with isolated_generators(self._user_seed(), self.device_):
            objective = self._make_objective(training, generators["objective"])
            self._is_new = False
            self._trainer = Trainer(
                objective,
                generators,
                self._seed,
                *resolve_optimizer(
                    self.optimizer, lr, self.weight_decay, self._starts_at_pca
                ),
                callbacks,
                compute_dtype=self.compute_dtype_,
                compile_step=self.compile,
                average_weights=self._averages_weights,
                patience=self.n_iter_no_change if self.early_stopping else None,
                tol=self.tol,
            )
        self._trainer.loss_curve += self.loss_curve_
        self._trainer.validation_loss_curve += self.validation_loss_curve_
        self.net_ = self._trainer.net

    # -- Code of the user ---------------------------------------------------------

    def _user_seed(self, seed=None):
        """Return the seed of global generators that code in training may draw from.

        None where there is no such code.
        """
        functions = [getattr(self, name) for name in self._function_attributes]
        is_there = (
            self._has_callbacks
            or self._module_uses_globals
            or any(is_user_code(f) for f in functions if f is not None)
        )
        if not is_there:
            return None
        return self._seed + self.n_epochs_ if seed is None else seed

    # -- Conventions --------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return hasattr(self, "module_")
