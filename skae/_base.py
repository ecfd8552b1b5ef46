"""What every estimator on the engine shares: fit, inference and pickling."""

import copy
import math
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from functools import partial
from inspect import isclass, signature
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
)
from torch import nn

from skae._device import available_devices, resolve_device, usual_modes
from skae._random import draw_seed, isolated_generators, make_generator
from skae._training import (
    OPTIMIZERS,
    Batches,
    KeepBestWeights,
    ProgressBar,
    Rows,
    TrainingNet,
    keep,
    put_back,
    resolve_compute_dtype,
    spread_rows,
    tensors_of,
)
from skae.corruption import is_own_code

# Types that torch computes from directly; scikit-learn turns any other into float64.
DTYPES = [
    *(np.float64, np.float32, np.float16, np.uint8),
    *(np.int8, np.int16, np.int32, np.int64, np.bool_),
]
FLOAT32_ANSWERS = (np.float32, np.float16, np.uint8)
# Inference takes this many numbers at a time, or those of MAX_CHUNK samples.
CHUNK_SIZE, MAX_CHUNK = 2**20, 4096
# ... and of convolutions so many on a CPU: their feature maps are many times as large
# as the samples, and up to twice as fast while they stay in its cache.
CONV_CHUNK_SIZE = 2**17
# One seed serves several uses, each with a stream of its own.
ORDER, VIEWS, PENALTY, NOISE = range(4)


class Samples(NamedTuple):
    """Samples as flat rows, checked, and what one in the rows means."""

    rows: np.ndarray
    unit: float


def as_samples(rows, is_image):
    """Give rows their unit: images of bytes mean 0 to 255.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Checked rows.
    is_image : bool
        Whether each is an image.

    Returns
    -------
    Samples
        The rows with their unit.
    """
    return Samples(rows, 1 / 255 if is_image and rows.dtype == np.uint8 else 1.0)


def find_units(samples, name="X"):
    """Mean of each feature and one standard deviation over all of them.

    Parameters
    ----------
    samples : Samples
        Of many, some thousand are looked at.
    name : str, default="X"
        What an error calls them.

    Returns
    -------
    offset : ndarray of shape (n_features,)
        The mean.
    scale : float
        The standard deviation, one if it is zero.

    Raises
    ------
    ValueError
        If the samples are too large or too small to be squared.
    """
    some = spread_rows(samples.rows)
    is_constant = (some == some[0]).all(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        # The mean of equal numbers may differ from them by its rounding.
        offset = np.where(is_constant, some[0], some.mean(axis=0, dtype=np.float64))
        variance = float(np.square(some - offset).mean())
    limits = np.finfo(np.float32 if some.dtype in FLOAT32_ANSWERS else np.float64)
    if not variance < float(limits.max):
        raise ValueError(
            f"{name} has values up to {np.abs(some).max():g}, whose squares are "
            f"infinite; scale {name}."
        )
    if variance < float(limits.tiny) and not is_constant.all():
        raise ValueError(
            f"{name} has values that differ by {np.ptp(some, axis=0).max():g} at most, "
            f"too little to be squared; scale {name}."
        )
    return samples.unit * offset, samples.unit * math.sqrt(variance) or 1.0


def _check_image_shape(image_shape, n_features, stack_shape):
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(
        isinstance(side, Integral) and side > 0 for side in shape
    ):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width, "
            "n_channels), positive integers."
        )
    if np.prod(shape) != n_features or (stack_shape or shape) != shape:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit X, whose samples have "
            f"{stack_shape or n_features} features."
        )
    return tuple(map(int, shape))


def check_sizes(sizes, *, are_channels):
    """Check the ``hidden_layer_sizes`` parameter.

    Parameters
    ----------
    sizes : sequence
        Widths of layers.
    are_channels : bool
        Whether they are channels of convolutions, of which there must be one.

    Returns
    -------
    tuple of int
        The widths.

    Raises
    ------
    ValueError
        If one is no positive integer, or if there is no convolution.
    """
    sizes = tuple(sizes)
    if not all(
        isinstance(size, Integral) and not isinstance(size, bool) and size > 0
        for size in sizes
    ):
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must hold positive integers only."
        )
    if are_channels and not sizes:
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must hold one number or more: the channels "
            "of each convolution."
        )
    return tuple(map(int, sizes))


# What of skorch does not fit this training, and what does the same.
UNFIT_CALLBACKS = {
    # It stops by KeyboardInterrupt, which must stay what Ctrl-C means.
    EarlyStopping: "use early_stopping=True with validation_fraction, n_iter_no_change "
    "and tol instead",
    (BatchScoring, EpochScoring): "score the fitted estimator instead, or look at its "
    "loss curves",
    PassthroughScoring: "look at the loss curves of the fitted estimator instead",
    InputShapeSetter: "a module is made for the width of X anyway",
}


def _copy_callbacks(callbacks, schedule):
    """Check skorch's callbacks and copy them: a fit changes no parameter."""
    entries = list(callbacks or ())
    bare = [entry[-1] if isinstance(entry, tuple) else entry for entry in entries]
    for entry, callback in zip(entries, bare, strict=True):
        kind = callback if isclass(callback) else type(callback)
        if not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks holds {entry!r}, which is no callback of skorch; use "
                "objects or classes derived from skorch.callbacks.Callback, or pairs "
                "of a name and such a one."
            )
        for unfit, advice in UNFIT_CALLBACKS.items():
            if issubclass(kind, unfit):
                raise ValueError(
                    f"callbacks holds skorch's {kind.__name__}, which does not work "
                    f"here; {advice}."
                )
        if issubclass(kind, LRScheduler) and schedule != "constant":
            raise ValueError(
                f"callbacks holds skorch's {kind.__name__}; set lr_schedule='constant' "
                f"beside it, lr_schedule={schedule!r} would overrule it."
            )
    try:
        return copy.deepcopy(entries)
    except TypeError:  # what they hold cannot be copied, such as an open connection
        held = [value for callback in bare for value in vars(callback).values()]
        return copy.deepcopy(entries, {id(value): value for value in held})


def _resolve_optimizer(optimizer, weight_decay):
    """Give the optimizer's class and the options that the net makes it with."""
    if isinstance(optimizer, str):
        kind, make = None, OPTIMIZERS[optimizer]
    elif issubclass(optimizer, torch.optim.Optimizer):
        kind = make = optimizer
    else:
        raise ValueError(
            f"optimizer={optimizer!r} must be 'adam', 'adamw', 'sgd' or a class "
            "derived from torch.optim.Optimizer."
        )
    # Always said where it can be: AdamW's own default is not zero.
    if kind is None or "weight_decay" in signature(kind).parameters:
        return make, {"optimizer__weight_decay": weight_decay}
    if weight_decay:
        raise ValueError(
            f"weight_decay={weight_decay!r} must be 0 with optimizer={optimizer!r}, "
            "which has none."
        )
    return make, {}


def refuse_class(name, function):
    """Refuse a class where one of its objects is meant, which is callable too.

    Parameters
    ----------
    name : str
        Name of the parameter.
    function : object
        Its value.

    Raises
    ------
    ValueError
        If it is a class.
    """
    if isclass(function):
        raise ValueError(
            f"{name} is the class {function.__name__}; give an object, "
            f"{name}={function.__name__}(...)."
        )


def _standardize(x, units):
    offset, scale = units
    return (x - torch.from_numpy(offset).to(x.device, x.dtype)) / scale


def _with_tensors(module, tensors):
    """Copy a module with other tensors in the place of its own."""
    memo = {}
    for part in module.modules():
        for value in vars(part).values():
            # What a module remembers of its last batch cannot be copied with its past.
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach()
    for old, new in zip(tensors_of(module), tensors, strict=True):
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(new, requires_grad=old.requires_grad)
        memo[id(old)] = new
    return copy.deepcopy(module, memo)


class BaseTorchEstimator(BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators that train a torch module. Think twice before adding."""

    # Whether the weights of a fit are the average over its last steps.
    _averages_weights = False
    # Whether the module is the user's, and draws from global generators in inference.
    _module_is_own = _module_draws = False
    _parameter_constraints: dict = {
        "image_shape": ["array-like", None],
        "augmentation": [callable, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"constant", "cosine", "one_cycle"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "device": [str, torch.device],
        "compute_dtype": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # -- What an estimator does in its own way ------------------------------------

    @abstractmethod
    def _make_module(self, n_features, n_outputs):
        """Build the torch module; the global generators are seeded around it."""

    @abstractmethod
    def _make_objective(self, generator):
        """Build what training minimizes, with what it draws from."""

    def _learn_units(self, inputs, targets):
        """Learn the units that the module works in; X's own unless overridden."""
        self.offset_, self.scale_ = np.zeros(inputs.rows.shape[1]), 1.0

    def _output_units(self):
        """Offset and scale of the module's outputs."""
        return self.offset_, self.scale_

    def _in_units(self, loss):
        """Turn a loss in the module's units into one in those of the targets."""
        return loss

    def _make_callbacks(self, inputs, targets, epochs):
        """Give callbacks of skorch that the estimator itself needs in training."""
        return []

    def _own_code(self):
        """Whether there is code of the user that may draw from global generators."""
        return (
            is_own_code(self.augmentation)
            or self._callbacks_are_own
            or self._module_is_own
        )

    def _own_seed(self, seed):
        """Give the seed of global generators that own code may draw from, or None."""
        return seed if self._own_code() else None

    def _make_views(self, generator):
        """Give what makes input and target of a batch in X's units, or None.

        Here one random view of the samples is both, or, where the targets are images
        of their own, one view of both.
        """
        if self.augmentation is None:
            return None
        refuse_class("augmentation", self.augmentation)

        def views(x, *target):
            if not target:
                view = self._on_images("augmentation", self.augmentation, generator, x)
                return view, view
            if self.image_shape_ is None:
                raise ValueError(
                    f"augmentation={self.augmentation!r} must be None for a table with "
                    "targets of its own; only of images can both be seen alike."
                )
            return self._on_images(
                "augmentation", self.augmentation, generator, x, *target
            )

        return views

    # -- Fitting ------------------------------------------------------------------

    @contextmanager
    def _all_or_nothing(self, continues):
        """Leave everything as it was if what is inside fails, by Ctrl-C too.

        Parameters
        ----------
        continues : bool
            Whether the module that is there is about to change.

        Yields
        ------
        dict
            The attributes that it goes back to.
        """
        before = dict(vars(self))
        kept = keep(self.module_) if continues else None
        try:
            yield before
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            if continues:
                put_back(self.module_, kept)
                self.module_.eval()
            raise

    def _fit(self, validate):
        """Train on samples as the parameters say, see ``_go_on``."""
        return self._go_on(
            validate,
            int(self.max_epochs),  # NumPy's integers may be narrow, and overflow
            self.lr_schedule,
            continues=self.warm_start and hasattr(self, "module_"),
        )

    def _go_on(self, validate, epochs, schedule, *, continues, keep_net=False):
        """Train on samples, from the start or from the weights that are there.

        Parameters
        ----------
        validate : callable
            Called with whether the samples may differ from those before; gives inputs
            and targets as ``Samples``, None for targets that are the inputs.
        epochs : int
            How many times to go over them.
        schedule : str
            Course of the learning rate.
        continues : bool
            Whether to go on from the weights that are there.
        keep_net : bool, default=False
            Whether to go on with the optimizer that is there, too.
        """
        with self._all_or_nothing(continues) as before:
            inputs, targets = validate(reset=not continues)
            if continues:
                before.pop("net_", None)  # its optimizer is about to change
            else:
                self._start(inputs, targets)
            with usual_modes(self.device_):
                self._train(inputs, targets, epochs, schedule, keep_net)
        return self

    def _start(self, inputs, targets):
        """Make everything that training then goes on from."""
        for learned in ("module_", "net_", "noise_variance_"):
            self.__dict__.pop(learned, None)
        self.device_ = resolve_device(self.device)
        self._seed = draw_seed(self.random_state)
        self._learn_units(inputs, targets)
        self.n_epochs_, self.loss_curve_, self.validation_loss_curve_ = 0, [], []
        outputs = inputs if targets is None else targets
        on_cpu = usual_modes(torch.device("cpu"))  # where the seeded generators are
        with isolated_generators(self._seed, self.device_), on_cpu:
            module = self._make_module(inputs.rows.shape[1], outputs.rows.shape[1])
        self.module_ = module.to(self.device_)

    def _make_generator(self, seed, *stream):
        """Make a generator that draws where the module is, if it can."""
        device = self.device_ if self.device_.type == "cuda" else "cpu"
        return make_generator(seed, *stream, device=device)

    def _stream(self, use):
        """Make the generator of a use of this fit."""
        return self._make_generator(self._seed, self.n_epochs_, use)

    def _make_batches(self, inputs, targets):
        views = self._make_views(self._stream(VIEWS))
        samples = [inputs] if targets is None else [inputs, targets]
        units = [(self.offset_, self.scale_), self._output_units()][: len(samples)]
        prepare = None
        if views is not None:
            prepare = partial(self._standardized, views)
            units = [(None, 1.0)] * len(samples)
        return Batches(
            *(
                Rows(rows, self.device_, unit=unit, offset=offset, scale=scale)
                for (rows, unit), (offset, scale) in zip(samples, units, strict=True)
            ),
            batch_size=int(self.batch_size),
            # Drawn on the CPU, where the rows may be.
            generator=make_generator(self._seed, self.n_epochs_, ORDER),
            prepare=prepare,
        )

    def _train(self, inputs, targets, epochs, schedule, keep_net):
        batches, validation = self._make_batches(inputs, targets), None
        if self.early_stopping:
            batches, validation = batches.split(
                partial(
                    train_test_split,
                    test_size=self.validation_fraction,
                    random_state=self._seed,
                )
            )
        if self.max_steps is not None:
            epochs = min(epochs, -(-int(self.max_steps) // len(batches)))
        makes_net = not (keep_net and hasattr(self, "net_"))
        if makes_net:
            self._callbacks_are_own = bool(self.callbacks)
        seed = self._own_seed(self._seed + self.n_epochs_)
        with isolated_generators(seed, self.device_):
            if makes_net:
                self.net_ = self._make_net(
                    self._make_objective(self._stream(PENALTY)),
                    self._make_callbacks(inputs, targets, epochs),
                    schedule,
                )
            self.net_.set_course(self.lr, schedule)
            n_before = len(self.net_.history)
            self.net_.train(batches, validation, epochs)

        epochs = self.net_.history[n_before:]
        self.loss_curve_ = self.loss_curve_ + [
            self._in_units(epoch["train_loss"]) for epoch in epochs
        ]
        if validation is not None:
            self.validation_loss_curve_ = self.validation_loss_curve_ + [
                self._in_units(epoch["valid_loss"]) for epoch in epochs
            ]
        self.n_epochs_ = len(self.loss_curve_)

    def _make_net(self, objective, callbacks, schedule):
        self.compute_dtype_ = resolve_compute_dtype(
            self.compute_dtype,
            self.module_,
            int(self.batch_size),
            self.n_features_in_,
            self.device_,
        )
        callbacks = [*callbacks, *_copy_callbacks(self.callbacks, schedule)]
        if self.early_stopping:
            callbacks.append(KeepBestWeights(self.n_iter_no_change, self.tol))
        if self.verbose:
            callbacks.append(ProgressBar())
        optimizer, options = _resolve_optimizer(self.optimizer, self.weight_decay)
        return TrainingNet(
            self.module_,
            objective,
            compute_dtype=self.compute_dtype_,
            compile_step=self.compile,
            average_weights=self._averages_weights,
            optimizer=optimizer,
            lr=self.lr,
            callbacks=callbacks,
            **options,
        ).initialize()

    # -- What the samples look like -----------------------------------------------

    def _validate_samples(self, X, *, reset, ensure_all_finite=True):
        """Check X and flatten images.

        Parameters
        ----------
        X : array-like
            A table or images.
        reset : bool
            Whether X decides what later samples must look like.
        ensure_all_finite : bool or "allow-nan", default=True
            Whether NaN and infinity are refused; False looks for them later, chunk by
            chunk.

        Returns
        -------
        Samples
            X as rows, not copied where that is possible.
        """
        shape = None
        if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) > 1:
            X = np.asarray(X)  # a list of images
        if getattr(X, "ndim", 2) in (3, 4):
            shape = tuple(X.shape[1:])
            if not reset and shape != self.image_shape_:
                raise ValueError(
                    f"X has images of shape {shape}, but {type(self).__name__} was "
                    f"fitted with {self.image_shape_ or 'a table'}."
                )
            X = np.asarray(X).reshape(X.shape[0], int(np.prod(shape)))
        if isinstance(X, np.ndarray) and not X.dtype.isnative:
            X = X.astype(X.dtype.newbyteorder("="))
        rows = validate_data(
            self,
            X,
            reset=reset,
            dtype=DTYPES,
            order="C",
            ensure_all_finite=ensure_all_finite,
        )
        if reset:
            self._sample_shape = shape or (rows.shape[1],)
            self.image_shape_ = shape
            if self.image_shape is not None:
                self.image_shape_ = _check_image_shape(
                    self.image_shape, rows.shape[1], shape
                )
        return as_samples(rows, self.image_shape_ is not None)

    def _require_target(self, y):
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )

    def _on_images(self, name, function, generator, *rows):
        """Apply to rows a random function of images, or of rows where there are none.

        Rows that belong together go through it together, as channels of one image.
        Errors call it by the name of its parameter.
        """

        def apply(x):
            if not is_own_code(function):
                return function(x, generator)
            # It may change what it gets, which may be the user's X itself.
            made = function(x.clone(), generator)
            wanted = (tuple(x.shape), x.dtype, x.device)
            if not isinstance(made, torch.Tensor):
                got = type(made).__name__
            else:
                got = (tuple(made.shape), made.dtype, made.device)
            if got != wanted:
                raise ValueError(
                    f"{name}={function!r} must give a tensor as it gets it, of (shape, "
                    f"dtype, device) = {wanted}; got {got}."
                )
            return made

        if self.image_shape_ is None:
            (x,) = rows
            return apply(x)
        if len(rows) == 1:
            (x,) = rows
            return apply(x.view(-1, *self.image_shape_)).flatten(1)
        height, width = self.image_shape_[:2]
        images = [x.view(len(x), height, width, -1) for x in rows]
        together = apply(torch.cat(images, dim=3))
        parts = together.split([image.shape[3] for image in images], dim=3)
        return tuple(part.flatten(1) for part in parts)

    def _standardized(self, views, *batch):
        """Make views of a batch and bring them into the module's units."""
        x, target = views(*batch)
        units, output_units = (self.offset_, self.scale_), self._output_units()
        standardized = _standardize(target, output_units)
        if x is target:
            return standardized, standardized
        return _standardize(x, units), standardized

    # -- Inference ----------------------------------------------------------------

    def _has_units(self):
        """Whether the module works in units of its own."""
        return any(
            scale != 1.0 or offset.any()
            for offset, scale in ((self.offset_, self.scale_), self._output_units())
        )

    def _module_for(self, dtype):
        """Give a module that takes and gives X's own units in a dtype.

        It is made anew at each call, so that threads share nothing that changes and
        ``module_`` stays the one place where the weights are.
        """
        if self._has_units():
            units = (self.offset_, self.scale_)
            return self.module_.rescaled(units, self._output_units(), dtype)
        if dtype == torch.float32:
            return self.module_
        tensors = [t.detach() for t in tensors_of(self.module_)]
        copies = [t.to(dtype) if t.is_floating_point() else t.clone() for t in tensors]
        return _with_tensors(self.module_, copies)

    def _answer_type(self, array):
        """Type in which the answers for an array are computed."""
        # Apple's GPUs have no float64.
        in_float32 = array.dtype in FLOAT32_ANSWERS or self.device_.type == "mps"
        return torch.float32 if in_float32 else torch.float64

    def _make_rows(self, array, unit=1.0):
        return Rows(array, self.device_, self._answer_type(array), unit)

    def _make_some(self, samples):
        """Make rows of all samples, or of some thousand of them, to measure by."""
        return [
            self._make_rows(np.ascontiguousarray(spread_rows(rows)), unit)
            for rows, unit in samples
        ]

    def _chunk_length(self):
        """How many samples inference takes at a time."""
        convolves = any(weight.dim() > 2 for weight in self.module_.parameters())
        on_cpu = self.device_.type == "cpu"
        size = CONV_CHUNK_SIZE if convolves and on_cpu else CHUNK_SIZE
        return max(1, min(MAX_CHUNK, size // self.n_features_in_))

    def _forward(self, function, shape, rows, *more_rows, seed=None):
        """Fill one array with ``function(module, x)`` of all rows, chunk by chunk.

        A function that draws from the global generators needs a seed for them; an own
        module that does gets that of the fit.
        """
        if seed is None and self._module_draws:
            seed = self._seed
        in_float32 = rows.array.dtype in FLOAT32_ANSWERS
        out = np.empty((len(rows), *shape), np.float32 if in_float32 else np.float64)
        length = self._chunk_length()
        may_be_nan = rows.array.dtype.kind == "f"
        isolated = isolated_generators(seed, self.device_)
        with isolated, usual_modes(self.device_), torch.no_grad():
            module = self._module_for(rows.dtype)
            out_tensor = torch.from_numpy(out)
            for start in range(0, len(rows), length):
                stop = start + length
                chunk = [
                    r.slice(start, stop).to(rows.dtype) for r in (rows, *more_rows)
                ]
                # In the cache for the network anyway; a look over all of X first would
                # take a sixth of the time of a small network.
                if may_be_nan and not chunk[0].sum().isfinite():
                    assert_all_finite(
                        rows.array[start:stop],
                        input_name="X",
                        estimator_name=type(self).__name__,
                    )
                # First to the CPU: Apple's GPUs cannot make float64 of it.
                out_tensor[start:stop] = function(module, *chunk).cpu()
        return out

    def _infer(self, X, function, shape, seed=None):
        samples = self._validate_samples(X, reset=False, ensure_all_finite=False)
        return self._forward(function, shape, self._make_rows(*samples), seed=seed)

    # -- Conventions --------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return hasattr(self, "module_")

    @torch.inference_mode(False)  # tensors of that mode are good for nothing else
    def __getstate__(self):
        # Plain arrays beside a module without weights: no history, no optimizer, no
        # data unless an own module keeps some, and no device that may be absent where
        # it is loaded.
        state = dict(super().__getstate__())
        state.pop("net_", None)
        if "module_" in state:
            tensors = tensors_of(self.module_)
            state["module_"] = _with_tensors(
                self.module_, [torch.empty_like(t, device="meta") for t in tensors]
            )
            # NumPy has no bfloat16, and float32 holds all its numbers.
            state["_weights"] = [
                (t.float() if t.dtype == torch.bfloat16 else t)
                .detach()
                .cpu()
                .numpy()
                .copy()
                for t in tensors
            ]
        return state

    @torch.inference_mode(False)
    def __setstate__(self, state):
        # Copied, because what comes out of a memory map is read-only.
        state = {
            name: np.array(value) if isinstance(value, np.memmap) else value
            for name, value in state.items()
        }
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            if str(self.device_) not in available_devices():
                self.device_ = torch.device("cpu")
            self.module_ = _with_tensors(
                self.module_,
                [
                    torch.from_numpy(np.array(w)).to(self.device_, t.dtype)
                    for w, t in zip(weights, tensors_of(self.module_), strict=True)
                ],
            )
