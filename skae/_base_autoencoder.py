"""What all autoencoders share: units, likelihood, codes and reconstructions."""

import contextlib
import copy
from abc import abstractmethod
from inspect import signature
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import check_array, check_scalar
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base import NOISE, BaseTorchEstimator, check_sizes, find_units
from skae._density import NormalDensity
from skae._device import usual_modes
from skae._random import (
    draw_seed,
    global_states,
    isolated_generators,
    seed_unset,
)
from skae._training import ReconstructionObjective
from skae.likelihood import LIKELIHOODS, Likelihood, make_likelihood
from skae.modules import ConvAutoencoder, DenseAutoencoder

# `score` draws the same for every estimator and every sample.
SCORE_SEED = 0
# Widths of the hidden layers, or channels of the stages, where the user gives none.
HIDDEN_LAYER_SIZES = {"dense": (256, 64), "conv": (32, 64)}


def _make_own(module, n_features, n_components):
    """Make the user's module and refuse one that does not do what the engine needs."""
    if isinstance(module, nn.Module):
        raise ValueError(
            f"module is a built {type(module).__name__}; give a class or a function "
            "that makes one, so that every fit starts from new weights."
        )
    try:
        made = module(n_features=n_features, n_components=n_components)
    except TypeError as error:
        raise ValueError(
            f"module={module!r} cannot be called as module(n_features={n_features}, "
            f"n_components={n_components}): {error}"
        ) from error
    name = type(made).__name__
    for method in ("encode", "decode"):
        if not callable(getattr(made, method, None)):
            raise ValueError(
                f"module made a {name} without the method '{method}'; it needs "
                "'encode' (rows to codes) and 'decode' (codes to rows)."
            )
    if not isinstance(made, nn.Module) or not any(
        p.requires_grad for p in made.parameters()
    ):
        raise ValueError(
            f"module made a {name}; it must make a torch.nn.Module with parameters to "
            "be learned."
        )
    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in made.parameters():
        # torch's fused optimizers take them for dense, and would write between them.
        order = orders.get(parameter.dim(), torch.contiguous_format)
        is_dense = parameter.is_contiguous() or parameter.is_contiguous(
            memory_format=order
        )
        if not is_dense:
            parameter.data = parameter.data.contiguous()

    made.eval()
    before = global_states()
    _try_own(made, n_features, n_components, torch.float32)
    draws = global_states() != before
    # Some parts work in place in training only. What else may fail is for the training.
    for method, width in (("encode", n_features), ("decode", n_components)):
        x = torch.zeros(2, width, dtype=torch.float32)
        with contextlib.suppress(Exception), torch.no_grad():
            getattr(copy.deepcopy(made).train(), method)(x)
        if x._version:
            raise _in_place(made, method)
    return made, draws


def _in_place(module, method):
    return ValueError(
        f"module made a {type(module).__name__} whose '{method}' changes its input in "
        "place; it must leave it as it is, so let the first layer have inplace=False."
    )


def _try_own(module, n_features, n_components, dtype):
    """Refuse a module of the user whose methods do not give what they must."""
    name = type(module).__name__
    device = next(module.parameters()).device

    def check(method, kind, width_in, width_out, meaning):
        x = torch.zeros(2, width_in, dtype=dtype, device=device)
        must = (
            f"it must turn {kind} of shape {tuple(x.shape)} into (2, {width_out})"
            f"{meaning}, all of {dtype}"
        )
        try:
            out = getattr(module, method)(x)
        except Exception as error:
            raise ValueError(
                f"module made a {name} whose '{method}' fails; {must}. "
                f"{type(error).__name__}: {error}"
            ) from error
        if x._version:
            raise _in_place(module, method)
        gives = f"a {type(out).__name__}"
        if isinstance(out, torch.Tensor):
            gives = f"{tuple(out.shape)} of {out.dtype}"
            if out.shape == (2, width_out) and out.dtype == dtype:
                return
        raise ValueError(
            f"module made a {name} whose '{method}' gives {gives}; {must}."
        )

    with usual_modes(device), torch.no_grad():
        check("encode", "rows", n_features, n_components, ", n_components wide")
        check("decode", "codes", n_components, n_features, "")


class BaseAutoEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseTorchEstimator
):
    """Base of the autoencoders. Think twice before adding to it."""

    _parameter_constraints: dict = {
        **BaseTorchEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"dense", "conv"})],
        "hidden_layer_sizes": ["array-like", None],
        "activation": [StrOptions({"identity", "logistic", "relu", "tanh"})],
        "likelihood": [StrOptions(set(LIKELIHOODS)), Likelihood],
        "module": [callable, None],
    }

    # -- What an estimator may do in its own way ----------------------------------

    def _corruption(self):
        """Give C(x̃|x), from which the encoder learns, as a function of images or rows.

        None: it learns from the samples as they are.
        """
        return None

    def _make_network(self, n_features, sizes):
        """Build the torch module where the user gives none."""
        if self.architecture == "dense":
            return DenseAutoencoder(
                n_features, self._n_features_out, sizes, self.activation
            )
        return ConvAutoencoder(
            self.image_shape_, self._n_features_out, sizes, self.activation
        )

    def _encode(self, module, x):
        """Encode rows: to codes, or to what these are drawn from."""
        return module.encode(x)

    def _draw_code(self, encoded, generator):
        """Give the codes that the decoder gets in training."""
        return encoded

    def _learn_codes(self, encoded):
        """Learn from encoded samples what codes are like; called after the training."""

    @abstractmethod
    def _draw_codes(self, n_samples, seed):
        """Draw codes of new samples, an ndarray of shape (n_samples, n_components)."""

    # -- Fitting ------------------------------------------------------------------

    def _make_module(self, n_features, n_outputs):
        if self.module is not None:
            made, self._module_draws = _make_own(
                self.module, n_features, self._n_features_out
            )
            return made
        sizes = self.hidden_layer_sizes
        if sizes is None:
            sizes = HIDDEN_LAYER_SIZES[self.architecture]
        sizes = check_sizes(sizes, are_channels=self.architecture == "conv")
        if self.architecture == "conv" and self.image_shape_ is None:
            raise ValueError(
                "architecture='conv' needs images: give X the shape (n_samples, "
                "height, width[, n_channels]), or set image_shape."
            )
        return self._make_network(n_features, sizes)

    def _make_likelihood(self, n_features):
        likelihood = clone(make_likelihood(self.likelihood))
        likelihood.bind(n_features, getattr(self, "feature_names_in_", None))
        return likelihood

    def _start(self, inputs, targets):
        # As it is now: what is changed later waits for the next fit.
        self._likelihood = self._make_likelihood(inputs.rows.shape[1])
        self._module_is_own, self._module_draws = self.module is not None, False
        self._n_features_out = int(self.n_components)
        super()._start(inputs, targets)
        dtype = self._answer_type(inputs.rows)
        if self._module_is_own and dtype != torch.float32:
            # A copy in that type will answer; better fail before the training.
            with isolated_generators(self._seed, self.device_):
                _try_own(
                    self._module_for(dtype),
                    self.n_features_in_,
                    self._n_features_out,
                    dtype,
                )

    def _learn_units(self, inputs, targets):
        super()._learn_units(inputs, targets)
        if self.module is None and self._likelihood.unit_power:
            self.offset_, self.scale_ = find_units(targets or inputs)

    def _in_units(self, loss):
        if self._likelihood.loss_needs_noise:  # it is a density's logarithm
            return loss + np.log(self.scale_)
        return loss * self.scale_**self._likelihood.unit_power

    def _make_views(self, generator):
        augmented, corruption = super()._make_views(generator), self._corruption()
        if corruption is None:
            return augmented

        def views(x):
            view = x if augmented is None else augmented(x)[1]
            return self._on_images("corruption", corruption, generator, view), view

        return views

    def _train(self, inputs, targets, epochs, schedule, keep_net):
        super()._train(inputs, targets, epochs, schedule, keep_net)
        some = self._make_some([inputs] if targets is None else [inputs, targets])
        self._mean = some[-1].array.mean(axis=0, dtype=np.float64) * some[-1].factor
        self._learn_codes(self._learn_noise(*some))

    def _learn_noise(self, *some):
        """Learn the variance of p(x|h), if it has one; gives the targets encoded."""
        likelihood, corruption = self._likelihood, self._corruption()
        generator = self._stream(NOISE)
        total = torch.zeros(self.n_features_in_, dtype=torch.float64, device="cpu")
        all_encoded = []

        def add_errors(module, *batch):
            x, target = batch[0], batch[-1]
            encoded = self._encode(module, target)
            all_encoded.append(encoded)
            if likelihood.has_noise:
                if corruption is not None:
                    x = self._on_images("corruption", corruption, generator, x)
                if x is not target:
                    encoded = self._encode(module, x)
                output = module.decode(self._draw_code(encoded, generator))
                error = likelihood.error(output, target)
                total.add_(error.sum(dim=0).cpu())
            return x.new_zeros(len(x))  # of the rows themselves nothing is kept

        seed = self._own_seed(self._seed + self.n_epochs_)
        self._forward(add_errors, (), *some, seed=seed)
        if likelihood.has_noise:
            noise = likelihood.noise(total / len(some[0]))
            # A perfect fit must not make the density infinite.
            noise = np.maximum(noise.numpy(), 1e-12 * self.scale_**2)
            self.noise_variance_ = noise if noise.ndim else float(noise)
        return torch.cat(all_encoded).cpu().numpy()

    def _validate_training(self, X, *, reset):
        """Check training samples; gives them as inputs that are targets too."""
        inputs = self._validate_samples(X, reset=reset)
        if inputs.unit == 1.0:  # images of bytes end up in [0, 1] whatever they hold
            # A training that goes on does so with the likelihood that it began with.
            likelihood = (
                self._make_likelihood(inputs.rows.shape[1])
                if reset
                else self._likelihood
            )
            likelihood.check(inputs.rows)
        return inputs, None

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
            If X or a parameter is not as it must be. Whatever stops a fit, the
            estimator is then what it was before.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        """
        return self._fit(lambda reset: self._validate_training(X, reset=reset))

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Go over the samples once, on from where the last call stopped.

        The learning rate is constant at ``lr``. The first samples that the estimator
        sees decide its units (``offset_``, ``scale_``). ``lr``, ``batch_size``,
        ``augmentation``, ``corruption`` and ``density`` may change between two calls;
        other parameters that do wait for the next ``fit``.

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
        return self._go_on(
            lambda reset: self._validate_training(X, reset=reset),
            1,
            "constant",
            continues=hasattr(self, "module_"),
            keep_net=True,
        )

    # -- Inference ----------------------------------------------------------------

    def transform(self, X):
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples. Where ``fit`` saw images, their flat rows are taken too.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes h = f(x), in float32 for X of float32, float16 or uint8, else in
            float64.
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
        mean = self._likelihood.mean
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
        codes = check_array(
            X, dtype=[np.float64, np.float32], order="C", input_name="X"
        )
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} features, but the codes of "
                f"{type(self).__name__} have n_components={self._n_features_out}."
            )
        mean = self._likelihood.mean
        rows, shape = self._make_rows(codes), (self.n_features_in_,)
        out = self._forward(lambda m, h: mean(m.decode(h)), shape, rows)
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
        log_prob = self._log_prob()
        return self._infer(X, lambda m, x: log_prob(x, m.decode(m.encode(x))), ())

    def _log_prob(self):
        likelihood, noise = self._likelihood, self._noise()
        return lambda x, output: likelihood.log_prob(x, output, noise(output))

    def _noise(self):
        """Give what makes the learned noise fit a tensor."""
        noise = getattr(self, "noise_variance_", None)
        if not isinstance(noise, np.ndarray):
            return lambda like: noise
        noise = torch.from_numpy(noise)
        return lambda like: noise.to(like.device, like.dtype)

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

    # -- Generation ---------------------------------------------------------------

    def sample(self, n_samples=1, random_state=None, *, noise=True):
        """Draw new samples.

        Codes are drawn first, then a sample from p(x|h) at each.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed of what is drawn.
        noise : bool, default=True
            Whether to draw from p(x|h), as the model says that samples arise. False
            gives its mean E[x|h], which is what images are looked at by.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            New samples, float64.

        Raises
        ------
        TypeError or ValueError
            If ``n_samples`` is no integer, or not positive.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        seed = draw_seed(random_state)
        codes = self._draw_codes(n_samples, seed)
        if not noise:
            return self.inverse_transform(codes)
        likelihood, variance = self._likelihood, self._noise()

        def draw(module, h):
            output = module.decode(h)
            return likelihood.sample(output, variance(output))

        # torch's distributions draw from its global generator only.
        rows, shape = self._make_rows(codes), (self.n_features_in_,)
        out = self._forward(draw, shape, rows, seed=seed)
        return out.reshape(-1, *self._sample_shape)

    def interpolate(self, x1, x2, n=10):
        """Walk from one sample to another in the code space.

        Parameters
        ----------
        x1 : array-like of the shape of a sample, or of one sample
            Where the walk begins: ``X[0]`` or ``X[:1]``.
        x2 : array-like of the shape of a sample, or of one sample
            Where it ends.
        n : int, default=10
            Number of steps, the ends included; at least 2.

        Returns
        -------
        ndarray of shape (n, n_features) or images as ``fit`` saw them
            Expected samples E[x|h] at codes in equal steps on the straight line from
            that of ``x1`` to that of ``x2``. The ends are their reconstructions.

        Raises
        ------
        TypeError or ValueError
            If an end is not one sample, or ``n`` is no integer or below 2.
        """
        check_is_fitted(self)
        check_scalar(n, "n", Integral, min_val=2)
        ends = [self._encode_one(x, name) for x, name in ((x1, "x1"), (x2, "x2"))]
        return self.inverse_transform(np.linspace(*ends, n))

    def _encode_one(self, x, name):
        if np.shape(x) in (self._sample_shape, (self.n_features_in_,)):
            # A row of a DataFrame keeps the names of its columns.
            x = x.to_frame().T if hasattr(x, "to_frame") else np.asarray(x)[np.newaxis]
        if np.shape(x)[:1] != (1,):
            raise ValueError(
                f"{name} must be one sample; it has the shape {np.shape(x)}."
            )
        return np.asarray(self.transform(x))[0]

    def impute(self, X, *, max_iter=10):
        """Fill in missing values by what the model expects there.

        They start at the training mean. Then they are replaced by their expectation
        E[x|h] at the code of the sample as filled so far, again and again [1]_.
        :class:`~skae.VariationalAutoEncoder` goes on from there to the code that is
        most likely given the values that are there. A denoiser that was trained on
        :class:`~skae.corruption.Masking` fills holes as it learned to, in one step.
        Values that are there are never touched, and nothing is drawn: equal samples get
        equal answers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.
        max_iter : int, default=10
            How often the missing values are replaced.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            A copy of X without NaN.

        Raises
        ------
        TypeError or ValueError
            If X holds infinity or is not as ``fit`` saw it, or if ``max_iter`` is no
            integer or below 1.

        References
        ----------
        .. [1] D. J. Rezende, S. Mohamed and D. Wierstra, "Stochastic backpropagation
           and approximate inference in deep generative models", ICML 2014,
           section 6.4.
        """
        check_is_fitted(self)
        check_scalar(max_iter, "max_iter", Integral, min_val=1)
        samples = self._validate_samples(X, reset=False, ensure_all_finite="allow-nan")
        missing = np.isnan(samples.rows)
        start = np.where(missing, (self._mean / samples.unit), samples.rows)
        rows = self._make_rows(start.astype(samples.rows.dtype), samples.unit)

        def fill(module, x, missing):
            missing = missing.bool()
            code = self._complete(module, x, missing, max_iter)
            return torch.where(missing, self._likelihood.mean(module.decode(code)), x)

        shape, mask = (self.n_features_in_,), self._make_rows(missing)
        out = self._forward(fill, shape, rows, mask)
        return out.reshape(-1, *self._sample_shape)

    def _complete(self, module, x, missing, max_iter):
        """Give the codes of samples of which some values are missing."""
        code, mean = module.encode(x), self._likelihood.mean
        for _ in range(max_iter - 1):
            code = module.encode(torch.where(missing, mean(module.decode(code)), x))
        return code

    # -- Conventions --------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class DeterministicAutoEncoder(BaseAutoEncoder):
    """Base of the autoencoders whose encoder is a function."""

    _parameter_constraints: dict = {
        **BaseAutoEncoder._parameter_constraints,
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "contractive_penalty": [Interval(Real, 0, None, closed="left")],
        "density": [HasMethods(["fit", "sample"]), None],
    }

    def _make_objective(self, generator):
        if self.compile and self.contractive_penalty:
            raise ValueError(
                f"contractive_penalty={self.contractive_penalty!r} must be 0 with "
                "compile=True: torch compiles no derivative of a derivative."
            )
        return ReconstructionObjective(
            self._likelihood,
            self.l1_penalty,
            self.contractive_penalty,
            generator,
        )

    def _learn_codes(self, encoded):
        density = NormalDensity() if self.density is None else clone(self.density)
        seed_unset(density, np.random.RandomState(self._seed))
        with isolated_generators(self._seed, self.device_):
            self.density_ = density.fit(encoded)

    def _draw_codes(self, n_samples, seed):
        density, options = self.density_, {}
        if "random_state" in signature(density.sample).parameters:
            options["random_state"] = seed
        elif "random_state" in density.get_params(deep=False):
            density = copy.copy(density).set_params(random_state=seed)
        # Another seed than that of the noise, which would repeat the same numbers.
        with isolated_generators(draw_seed(seed), self.device_):
            drawn = density.sample(n_samples, **options)
        if isinstance(drawn, tuple):  # scikit-learn's mixtures add the component
            drawn = drawn[0]
        return np.asarray(drawn, dtype=np.float64)
