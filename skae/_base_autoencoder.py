"""What all autoencoders share: units, likelihood, codes and reconstructions."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base import NOISE, BaseTorchEstimator, check_sizes, find_units
from skae._training import ReconstructionObjective, spread_rows
from skae.likelihood import LIKELIHOODS, Likelihood, make_likelihood
from skae.modules import ConvAutoencoder, DenseAutoencoder

# Widths of the hidden layers, or channels of the stages, where the user gives none.
HIDDEN_LAYER_SIZES = {"dense": (256, 64), "conv": (32, 64)}


def _make_own(module, n_features, n_components):
    """Make the user's module and refuse one that does not do what the engine needs."""
    if isinstance(module, nn.Module):
        raise ValueError(
            f"module is a built {type(module).__name__}; give a class or a function "
            "that makes one, so that every fit starts from new weights."
        )
    made = module(n_features=n_features, n_components=n_components)
    name = type(made).__name__
    for method in ("encode", "decode"):
        if not callable(getattr(made, method, None)):
            raise ValueError(
                f"module made a {name} without the method '{method}'; it needs "
                "'encode' (rows to codes) and 'decode' (codes to rows)."
            )

    def check(method, kind, width_in, width_out, meaning):
        x = torch.zeros(2, width_in)
        must = f"it must turn {kind} of shape {tuple(x.shape)} into (2, {width_out})"
        try:
            shape = tuple(getattr(made, method)(x).shape)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"module made a {name} whose '{method}' fails; {must}{meaning}. "
                f"torch says: {error}"
            ) from error
        if shape != (2, width_out):
            raise ValueError(
                f"module made a {name} whose '{method}' gives {shape}; {must}{meaning}."
            )

    made.eval()
    with torch.no_grad():
        check("encode", "rows", n_features, n_components, ", n_components wide")
        check("decode", "codes", n_components, n_features, "")
    return made


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
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "contractive_penalty": [Interval(Real, 0, None, closed="left")],
    }

    # -- What an estimator may do in its own way ----------------------------------

    def _corruption(self):
        """Give C(x̃|x), from which the encoder learns, as a function of images or rows.

        None: it learns from the samples as they are.
        """
        return None

    # -- Fitting ------------------------------------------------------------------

    def _make_module(self, n_features, n_outputs):
        if self.module is not None:
            return _make_own(self.module, n_features, self.n_components)
        sizes = self.hidden_layer_sizes
        if sizes is None:
            sizes = HIDDEN_LAYER_SIZES[self.architecture]
        sizes = check_sizes(sizes, are_channels=self.architecture == "conv")
        if self.architecture == "dense":
            return DenseAutoencoder(
                n_features, self.n_components, sizes, self.activation
            )
        if self.image_shape_ is None:
            raise ValueError(
                "architecture='conv' needs images: give X the shape (n_samples, "
                "height, width[, n_channels]), or set image_shape."
            )
        return ConvAutoencoder(
            self.image_shape_, self.n_components, sizes, self.activation
        )

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

    def _start(self, inputs, targets):
        # As it is now: what is changed later waits for the next fit.
        self._likelihood = clone(make_likelihood(self.likelihood))
        super()._start(inputs, targets)
        self._n_features_out = self.n_components

    def _learn_units(self, inputs, targets):
        super()._learn_units(inputs, targets)
        if self.module is None and self._likelihood.unit_power:
            self.offset_, self.scale_ = find_units(targets or inputs)

    def _loss_unit(self):
        return self.scale_**self._likelihood.unit_power

    def _own_code(self):
        return super()._own_code() or self.module is not None

    def _make_views(self, generator):
        augmented, corruption = super()._make_views(generator), self._corruption()
        if corruption is None:
            return augmented

        def views(x):
            view = x if augmented is None else augmented(x)[1]
            return self._on_images(corruption, generator, view), view

        return views

    def _train(self, inputs, targets, epochs, schedule, keep_net):
        super()._train(inputs, targets, epochs, schedule, keep_net)
        if self._likelihood.has_noise:
            with self._isolation(self._seed + self.n_epochs_):
                self._learn_noise(self._likelihood, inputs, targets or inputs)

    def _learn_noise(self, likelihood, inputs, targets):
        """Learn the variance of p(x|h) from the samples, or some thousand of them."""
        corruption, generator = self._corruption(), self._stream(NOISE)

        def loss(module, x, target):
            if corruption is not None:
                x = self._on_images(corruption, generator, x)
            output = module.decode(module.encode(x))
            # One number a chunk, weighted by its rows in the mean below.
            return likelihood.loss(output, target).expand(len(x))

        some = [
            self._make_rows(np.ascontiguousarray(spread_rows(rows)), unit)
            for rows, unit in (inputs, targets)
        ]
        losses = self._forward(loss, (), *some)
        noise = likelihood.noise(float(losses.mean(dtype=np.float64)))
        # A perfect fit must not make the density infinite.
        self.noise_variance_ = max(noise, 1e-12 * self.scale_**2)

    def _validate_training(self, X, *, reset):
        """Check training samples; gives them as inputs that are targets too."""
        inputs = self._validate_samples(X, reset=reset)
        if inputs.unit == 1.0:  # images of bytes end up in [0, 1] whatever they hold
            make_likelihood(self.likelihood).check(inputs.rows)
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
        return self._fit(
            lambda reset: self._validate_training(X, reset=reset),
            self.max_epochs,
            self.lr_schedule,
            continues=self.warm_start and hasattr(self, "module_"),
        )

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Go over the samples once, on from where the last call stopped.

        The learning rate is constant at ``lr``. The first samples that the estimator
        sees decide its units (``offset_``, ``scale_``). ``lr``, ``batch_size``,
        ``augmentation`` and ``corruption`` may change between two calls; other
        parameters that do wait for the next ``fit``.

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
        return self._fit(
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
        likelihood = self._likelihood
        noise = getattr(self, "noise_variance_", None)
        return lambda x, output: likelihood.log_prob(x, output, noise)

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
