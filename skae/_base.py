"""What all autoencoder estimators share: validation, fit, inference and pickling."""

import copy
from abc import ABCMeta
from contextlib import nullcontext
from functools import partial
from inspect import isclass
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import EarlyStopping
from torch import nn

from skae._device import available_devices, resolve_device
from skae._random import draw_seed, isolated_generators, make_generator
from skae._training import (
    OPTIMIZERS,
    Batches,
    KeepBestWeights,
    ProgressBar,
    ReconstructionObjective,
    Rows,
    TrainingNet,
    resolve_compute_dtype,
    spread_rows,
)
from skae.likelihood import LIKELIHOODS, Likelihood, make_likelihood
from skae.modules import DenseAutoencoder

# Types that torch computes from directly; scikit-learn turns any other into float64.
DTYPES = [
    *(np.float64, np.float32, np.float16, np.uint8),
    *(np.int8, np.int16, np.int32, np.int64, np.bool_),
]
FLOAT32_ANSWERS = (np.float32, np.float16, np.uint8)
# Inference goes over the rows in chunks of this many numbers, or of MAX_CHUNK rows.
CHUNK_SIZE, MAX_CHUNK = 2**20, 4096
# One seed serves several uses, each with a stream of its own.
ORDER, VIEWS, PENALTY = range(3)


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
    return shape


def _check_module(module, n_features, n_components):
    """Refuse a user's module that does not do what the engine needs."""
    name = type(module).__name__
    for method in ("encode", "decode"):
        if not callable(getattr(module, method, None)):
            raise ValueError(
                f"module made a {name} without the method '{method}'; it needs "
                "'encode' (rows to codes) and 'decode' (codes to rows)."
            )
    module.eval()
    with torch.no_grad():
        code = module.encode(torch.zeros(2, n_features))
        if code.shape != (2, n_components):
            raise ValueError(
                f"module made a {name} whose 'encode' turns rows of shape "
                f"(2, {n_features}) into {tuple(code.shape)}; it must be "
                f"(2, {n_components}), the second being n_components."
            )
        row = module.decode(code)
        if row.shape != (2, n_features):
            raise ValueError(
                f"module made a {name} whose 'decode' turns codes of shape "
                f"(2, {n_components}) into {tuple(row.shape)}; it must be "
                f"(2, {n_features})."
            )


def _refuse_early_stopping_callback(callbacks):
    # skorch's stops by KeyboardInterrupt, which must stay what Ctrl-C means.
    for callback in callbacks or ():
        callback = callback[-1] if isinstance(callback, tuple) else callback
        kind = callback if isclass(callback) else type(callback)
        if issubclass(kind, EarlyStopping):
            raise ValueError(
                f"callbacks holds skorch's {kind.__name__}; use early_stopping=True "
                "with validation_fraction, n_iter_no_change and tol instead."
            )


def _tensors(module):
    return [*module.parameters(), *module.buffers()]


def _with_tensors(module, tensors):
    """Copy a module with other tensors in the place of its own."""
    memo = {}
    for old, new in zip(_tensors(module), tensors, strict=True):
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(new, requires_grad=old.requires_grad)
        memo[id(old)] = new
    return copy.deepcopy(module, memo)


class BaseAutoEncoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base of the autoencoders. Think twice before adding to it."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions({"identity", "logistic", "relu", "tanh"})],
        "likelihood": [StrOptions(set(LIKELIHOODS)), Likelihood],
        "module": [callable, None],
        "image_shape": ["array-like", None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "contractive_penalty": [Interval(Real, 0, None, closed="left")],
        "augmentation": [callable, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"constant", "cosine", "one_cycle"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
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

    # -- What an estimator may do in its own way ----------------------------------

    def _make_module(self, n_features):
        """Build the torch module; the global generators are seeded around it."""
        if self.module is None:
            return DenseAutoencoder(
                n_features, self.n_components, self.hidden_layer_sizes, self.activation
            )
        module = self.module(n_features=n_features, n_components=self.n_components)
        _check_module(module, n_features, self.n_components)
        return module

    def _make_views(self, generator):
        """Give what makes input and target of a batch in X's units, or None.

        Here one random view of the samples is both.
        """
        if self.augmentation is None:
            return None

        def views(x):
            view = self._on_images(self.augmentation, x, generator)
            return view, view

        return views

    # -- Fitting ------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn encoder and decoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples. Images have shape (n_samples, height, width) or
            (n_samples, height, width, n_channels); of uint8 they mean 0 to 255 and
            are scaled to [0, 1].
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as it must be.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        """
        continues = self.warm_start and hasattr(self, "module_")
        return self._fit(X, continues, self.max_epochs, self.lr_schedule)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Go over the samples once, on from where the last call stopped.

        The learning rate is constant at ``lr``. The first samples that the estimator
        sees decide its units (``offset_``, ``scale_``). Parameters other than ``lr``
        and ``batch_size`` that change between two calls wait for the next ``fit``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples, as for :meth:`fit`.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not as it must be.
        DivergenceError
            If the loss is not finite or ends far above where it began; the weights
            are then what they were before the call.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True; set it to False."
            )
        return self._fit(X, hasattr(self, "module_"), 1, "constant", keep_net=True)

    def _fit(self, X, continues, epochs, schedule, keep_net=False):
        _refuse_early_stopping_callback(self.callbacks)
        rows, unit = self._validate_rows(X, reset=not continues)
        if unit == 1.0:  # images of bytes end up in [0, 1] whatever they hold
            make_likelihood(self.likelihood).check(rows)
        if continues:
            before = {k: v.clone() for k, v in self.module_.state_dict().items()}
        try:
            if not continues:
                self._start(rows, unit)
            self._train(rows, unit, epochs, schedule, keep_net)
        except BaseException:
            # Whatever stopped it, Ctrl-C too: no half-trained weights stay behind.
            self.__dict__.pop("net_", None)
            if continues:
                self.module_.load_state_dict(before)
                self.module_.eval()
            else:
                self.__dict__.pop("module_", None)
            raise
        return self

    def _start(self, rows, unit):
        """Make everything that training then goes on from."""
        for learned in ("module_", "net_", "noise_variance_"):
            self.__dict__.pop(learned, None)
        self.device_ = resolve_device(self.device)
        self._seed = draw_seed(self.random_state)
        n_features = rows.shape[1]
        self.offset_, self.scale_ = np.zeros(n_features), 1.0
        if self.module is None and make_likelihood(self.likelihood).unit_power:
            some = spread_rows(rows)
            self.offset_ = some.mean(axis=0, dtype=np.float64)
            centred = some - self.offset_
            scale = unit * np.sqrt(np.vdot(centred, centred) / centred.size)
            self.offset_, self.scale_ = unit * self.offset_, float(scale) or 1.0
        self.n_epochs_, self.loss_curve_, self.validation_loss_curve_ = 0, [], []
        self._n_features_out = self.n_components
        with isolated_generators(self._seed, self.device_):
            self.module_ = self._make_module(n_features).to(self.device_)

    def _train(self, rows, unit, epochs, schedule, keep_net):
        # A call's random numbers follow from the seed and the epochs before it.
        stream = partial(make_generator, self._seed, self.n_epochs_)
        on_device = self.device_ if self.device_.type == "cuda" else "cpu"
        views = self._make_views(stream(VIEWS, device=on_device))
        as_module_sees = views is None and self._has_units()
        batches = Batches(
            Rows(
                rows,
                self.device_,
                unit=unit,
                offset=self.offset_ if as_module_sees else None,
                scale=self.scale_ if as_module_sees else 1.0,
            ),
            batch_size=self.batch_size,
            generator=stream(ORDER),
            prepare=None if views is None else partial(self._standardized, views),
        )
        validation = None
        if self.early_stopping:
            batches, validation = batches.split(
                partial(
                    train_test_split,
                    test_size=self.validation_fraction,
                    random_state=self._seed,
                )
            )

        # The user's own code can draw from the global generators only.
        own_code = any((self.module, self.augmentation, self.callbacks))
        with (
            isolated_generators(self._seed + self.n_epochs_, self.device_)
            if own_code
            else nullcontext()
        ):
            if not (keep_net and hasattr(self, "net_")):
                objective = ReconstructionObjective(
                    make_likelihood(self.likelihood),
                    self.l1_penalty,
                    self.contractive_penalty,
                    stream(PENALTY, device=on_device),
                )
                self.net_ = self._make_net(objective)
            self.net_.set_course(self.lr, schedule)
            n_before = len(self.net_.history)
            self.net_.train(batches, validation, epochs)

        likelihood = make_likelihood(self.likelihood)
        in_x_units = self.scale_**likelihood.unit_power
        for epoch in self.net_.history[n_before:]:
            self.loss_curve_.append(epoch["train_loss"] * in_x_units)
            if validation is not None:
                self.validation_loss_curve_.append(epoch["valid_loss"] * in_x_units)
        self.n_epochs_ = len(self.loss_curve_)
        if likelihood.unit_power:
            self._learn_noise(likelihood, rows, unit)

    def _make_net(self, objective):
        self.compute_dtype_ = resolve_compute_dtype(
            self.compute_dtype, self.module_, self.batch_size, self.device_
        )
        callbacks = list(self.callbacks or ())
        if self.early_stopping:
            callbacks.append(KeepBestWeights(self.n_iter_no_change, self.tol))
        if self.verbose:
            callbacks.append(ProgressBar())
        optimizer, options = self.optimizer, {}
        if self.weight_decay:  # not every optimizer class has it
            options["optimizer__weight_decay"] = self.weight_decay
        if isinstance(optimizer, str):
            optimizer = OPTIMIZERS[optimizer]
        return TrainingNet(
            self.module_,
            objective,
            compute_dtype=self.compute_dtype_,
            compile_step=self.compile,
            optimizer=optimizer,
            lr=self.lr,
            callbacks=callbacks,
            **options,
        ).initialize()

    def _learn_noise(self, likelihood, rows, unit):
        """Learn the variance of p(x|h) from the samples, or some thousand of them."""

        def loss(module, x):
            # One number a chunk, weighted by its rows in the mean below.
            return likelihood.loss(module.decode(module.encode(x)), x).expand(len(x))

        some = np.ascontiguousarray(spread_rows(rows))
        losses = self._forward(self._make_rows(some, unit), loss, ())
        noise = likelihood.noise(float(losses.mean(dtype=np.float64)))
        # A perfect fit must not make the density infinite.
        self.noise_variance_ = max(noise, 1e-12 * self.scale_**2)

    # -- What the samples look like -----------------------------------------------

    def _validate_rows(self, X, *, reset):
        """Check X and flatten images.

        Parameters
        ----------
        X : array-like
            A table or images.
        reset : bool
            Whether X decides what later samples must look like.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            X, not copied where that is possible.
        unit : float
            What one in ``rows`` means.
        """
        shape = None
        if getattr(X, "ndim", 2) in (3, 4):
            shape = tuple(X.shape[1:])
            if not reset and shape != self.image_shape_:
                raise ValueError(
                    f"X has images of shape {shape}, but {type(self).__name__} was "
                    f"fitted with {self.image_shape_ or 'a table'}."
                )
            X = np.asarray(X).reshape(X.shape[0], int(np.prod(shape)))
        rows = validate_data(self, X, reset=reset, dtype=DTYPES, order="C")
        if reset:
            self._sample_shape = shape or (rows.shape[1],)
            self.image_shape_ = shape
            if self.image_shape is not None:
                self.image_shape_ = _check_image_shape(
                    self.image_shape, rows.shape[1], shape
                )
        is_bytes = rows.dtype == np.uint8 and self.image_shape_ is not None
        return rows, (1 / 255 if is_bytes else 1.0)

    def _on_images(self, function, x, generator):
        """Apply to rows a function of images, or of rows where there are none."""
        if self.image_shape_ is None:
            return function(x, generator)
        return function(x.view(-1, *self.image_shape_), generator).flatten(1)

    def _has_units(self):
        """Whether the module works in units of its own."""
        return self.scale_ != 1.0 or bool(self.offset_.any())

    def _standardized(self, views, *batch):
        """Make views of a batch and bring them into the module's units."""
        x, target = views(*batch)
        if not self._has_units():
            return x, target
        offset = torch.from_numpy(self.offset_).to(x.device, x.dtype)
        standardized = (target - offset) / self.scale_
        if x is target:
            return standardized, standardized
        return (x - offset) / self.scale_, standardized

    # -- Inference ----------------------------------------------------------------

    def _module_for(self, dtype):
        """Give a module that takes and gives X's own units in a dtype.

        It is made anew at each call, so that threads share nothing that changes and
        ``module_`` stays the one place where the weights are.
        """
        if self._has_units():
            offset = torch.from_numpy(self.offset_)
            return self.module_.rescaled(offset, self.scale_, dtype)
        if dtype == torch.float32:
            return self.module_
        return copy.deepcopy(self.module_).to(dtype)

    def _make_rows(self, array, unit=1.0):
        # Apple's GPUs have no float64.
        in_float32 = array.dtype in FLOAT32_ANSWERS or self.device_.type == "mps"
        dtype = torch.float32 if in_float32 else torch.float64
        return Rows(array, self.device_, dtype, unit)

    def _forward(self, rows, function, shape):
        """Fill one array with ``function(module, x)`` of all rows, chunk by chunk."""
        module = self._module_for(rows.dtype)
        in_float32 = rows.array.dtype in FLOAT32_ANSWERS
        out = np.empty((len(rows), *shape), np.float32 if in_float32 else np.float64)
        out_tensor = torch.from_numpy(out)
        length = max(1, min(MAX_CHUNK, CHUNK_SIZE // rows.array.shape[1]))
        with torch.inference_mode():
            for start in range(0, len(rows), length):
                stop = start + length
                out_tensor[start:stop] = function(module, rows.slice(start, stop))
        return out

    def _infer(self, X, function, shape):
        rows, unit = self._validate_rows(X, reset=False)
        return self._forward(self._make_rows(rows, unit), function, shape)

    def transform(self, X):
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples. Where ``fit`` saw images, their flat rows are taken too.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes h = f(x), in float64 for X of float64 or integers, else in float32.
        """
        check_is_fitted(self)
        return self._infer(X, lambda m, x: m.encode(x), (self._n_features_out,))

    def reconstruct(self, X):
        """Encode and decode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Expected samples E[x|h] at their codes.
        """
        check_is_fitted(self)
        mean = make_likelihood(self.likelihood).mean
        out = self._infer(
            X, lambda m, x: mean(m.decode(m.encode(x))), (self.n_features_in_,)
        )
        return out.reshape(-1, *self._sample_shape)

    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Expected samples E[x|h].
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float64, np.float32], order="C")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} features, but the codes of "
                f"{type(self).__name__} have n_components={self._n_features_out}."
            )
        mean = make_likelihood(self.likelihood).mean
        shape = (self.n_features_in_,)
        out = self._forward(
            self._make_rows(codes), lambda m, h: mean(m.decode(h)), shape
        )
        return out.reshape(-1, *self._sample_shape)

    def score_samples(self, X):
        """Log-likelihood of samples given their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            log p(x|h) in nats, higher is better. Images of uint8 count in [0, 1].
        """
        check_is_fitted(self)
        log_prob = make_likelihood(self.likelihood).log_prob
        noise = getattr(self, "noise_variance_", None)
        return self._infer(
            X, lambda m, x: log_prob(x, m.decode(m.encode(x)), noise), ()
        )

    def score(self, X, y=None):
        """Mean log-likelihood of samples given their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean of :meth:`score_samples` in nats, higher is better.
        """
        return float(self.score_samples(X).mean(dtype=np.float64))

    # -- Conventions --------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "module_")

    def __getstate__(self):
        # Plain arrays beside a module without weights: no data, no history, no
        # optimizer, and nothing of a device that may be absent where it is loaded.
        state = dict(super().__getstate__())
        state.pop("net_", None)
        if "module_" in state:
            tensors = _tensors(self.module_)
            state["module_"] = _with_tensors(
                self.module_, [torch.empty_like(t, device="meta") for t in tensors]
            )
            state["_weights"] = [t.detach().cpu().numpy().copy() for t in tensors]
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            if str(self.device_) not in available_devices():
                self.device_ = torch.device("cpu")
            # np.array, because what comes out of a memory map is read-only.
            self.offset_ = np.array(self.offset_)
            self.module_ = _with_tensors(
                self.module_,
                [torch.from_numpy(np.array(w)).to(self.device_) for w in weights],
            )
