"""What all autoencoders share: likelihood, codes and reconstructions."""

import math
from functools import partial
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
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import isolated_generators, make_generator, seed_unset
from skae._common.user_code import make_user_module
from skae._common.validation import Samples, check_samples, check_sizes
from skae._estimator.base import BaseTorchEstimator
from skae._training.objective import ReconstructionObjective
from skae._training.scaling import Scaling
from skae.autoencoders._density import NormalDensity
from skae.autoencoders._generation import GenerationMixin
from skae.likelihood import LIKELIHOODS, Likelihood
from skae.modules import ConvAutoencoder, DenseAutoencoder

# `score` draws the same for every estimator and every sample.
SCORE_SEED = 0
# Widths of the hidden layers, or channels of the stages, where the user passes none.
HIDDEN_LAYER_SIZES = {"dense": (256, 64), "conv": (32, 64)}
# Stream of the random numbers by which the variance is learned; the trainer has 0 to 2.
VARIANCE_STREAM = 3


class BaseAutoEncoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    GenerationMixin,
    BaseTorchEstimator,
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

    # What makes the module of each architecture.
    _networks: dict = {"dense": DenseAutoencoder, "conv": ConvAutoencoder}

    # -- Fitting ------------------------------------------------------------------

    def _validate_training(self, X, *, reset):
        """Check training samples; with ``reset`` they decide likelihood and scaling."""
        inputs = check_samples(self, X, reset=reset)
        n_features = inputs.rows.shape[1]
        if reset:  # a training that continues keeps its likelihood
            self._likelihood = self._bind_likelihood(n_features)
        if inputs.byte_scale == 1.0:  # images of bytes end up in [0, 1] in any case
            self._likelihood.check(inputs.rows)
        if reset:
            # A user's module gets X as it is.
            has_scaling = self.module is None and self._likelihood.scale_exponent
            self._scaling = self._target_scaling = (
                Scaling.fit(inputs) if has_scaling else Scaling.identity(n_features)
            )
            self._n_features_out = int(self.n_components)
        return inputs, None

    def _bind_likelihood(self, n_features):
        """Make p(x|h) of the ``likelihood`` parameter."""
        likelihood = self.likelihood
        if isinstance(likelihood, str):
            likelihood = LIKELIHOODS[likelihood]()
        else:
            likelihood._validate_params()
            likelihood = clone(likelihood)
        if likelihood.binds_features:
            likelihood.bind(n_features, getattr(self, "feature_names_in_", None))
        return likelihood

    def _make_module(self, inputs, n_outputs):
        if self.module is not None:
            made, self._module_draws = make_user_module(
                self.module,
                self.n_features_in_,
                self._n_features_out,
                self._answer_dtype(inputs.rows),
            )
            return made
        is_conv = self.architecture == "conv"
        if is_conv and self.image_shape_ is None:
            raise ValueError(
                "architecture='conv' needs images: pass X of shape (n_samples, "
                "height, width[, n_channels]), or set image_shape."
            )
        sizes = self.hidden_layer_sizes
        if sizes is None:
            sizes = HIDDEN_LAYER_SIZES[self.architecture]
        return self._networks[self.architecture](
            self.image_shape_ if is_conv else n_outputs,
            self._n_features_out,
            check_sizes(sizes, are_channels=is_conv),
            self.activation,
        )

    def _learn_variance(self, inputs, targets=None, corrupt=None):
        """Learn the variance of p(x|h), if it has one; return some targets encoded.

        ``corrupt(x, generator)`` makes the inputs of samples in X's scale.
        """
        likelihood, objective = self._likelihood, self._trainer.objective
        generator = make_generator(
            self._seed,
            self.n_epochs_,
            VARIANCE_STREAM,
            device=self._trainer.generators["augment"].device,
        )
        clean = self._subsample(inputs if targets is None else targets)
        # Rows to be filled by ``impute`` start here.
        self._mean = clean.rows.mean(axis=0, dtype=np.float64) * clean.byte_scale
        rows = [self._make_rows(clean)]
        if corrupt is not None:
            rows.append(self._make_data_rows(clean))
        elif targets is not None:
            rows.append(self._make_rows(self._subsample(inputs)))
        total = torch.zeros(self.n_features_in_, dtype=torch.float64, device="cpu")
        all_encoded = []

        def add_errors(module, target, *others):
            encoded = objective.encode(module, target)
            all_encoded.append(encoded)
            if likelihood.has_variance:
                for x in others:
                    if corrupt is not None:
                        x = self._scaling.to_module_scale(corrupt(x, generator))
                    encoded = objective.encode(module, x)
                output = module.decode(objective.sample_code(encoded, generator))
                error = likelihood.error(output, target)
                total.add_(error.sum(dim=0).cpu())
            return target.new_zeros(len(target))  # nothing is kept per row

        self._map_chunks(add_errors, (), *rows, seed=self._user_seed())
        if likelihood.has_variance:
            variance = likelihood.variance(total / len(rows[0])).numpy()
            # A perfect fit must not make the density infinite.
            variance = np.maximum(variance, 1e-12) * self.scale_**2
            self.noise_variance_ = variance if variance.ndim else float(variance)
        return torch.cat(all_encoded).cpu().numpy()

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
            estimator then has the state from before it.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        """
        return self._run_fit(partial(self._validate_training, X))

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Train for one epoch on samples, starting from the weights that are there.

        The learning rate is constant at ``lr``. The first samples that the estimator
        sees fix its scaling (``mean_``, ``scale_``). ``lr``, ``batch_size``,
        ``augmentation``, ``corruption`` and ``density`` may change between two calls.
        Changes of other parameters take effect in the next ``fit``.

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
            If the loss is not finite or ends far above where it began. The weights
            are then those from before the call.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True; set it to False."
            )
        return self._run_fit(
            partial(self._validate_training, X),
            n_epochs=1,
            lr_schedule="constant",
            partial_fit=True,
        )

    # -- Inference ----------------------------------------------------------------

    def _decode(self, module, code):
        """Return expected samples E[x|h], in X's scale."""
        return self._scaling.to_data_scale(self._likelihood.mean(module.decode(code)))

    def transform(self, X):
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples. Where ``fit`` saw images, their flat rows are accepted too.

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
        out = self._infer(
            X, lambda m, x: self._decode(m, m.encode(x)), (self.n_features_in_,)
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
        rows = self._make_rows(Samples(codes), Scaling.identity(self._n_features_out))
        out = self._map_chunks(self._decode, (self.n_features_in_,), rows)
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
            log p(x|h) in nats, higher is better. Images of uint8 are scored as numbers
            in [0, 1].
        """
        check_is_fitted(self)
        log_prob = self._log_prob()
        return self._infer(X, lambda m, x: log_prob(x, m.decode(m.encode(x))), ())

    def _log_prob(self):
        """Return log p(x|h) per sample, a function in the module's scale."""
        likelihood, variance = self._likelihood, self._variance_like()
        # A density in X's scale: that of the module's scale, divided by the volume.
        log_volume = self.n_features_in_ * math.log(self.scale_)

        def log_prob(x, output):
            values = likelihood.log_prob(x, output, variance(output))
            return values.sum(dim=1) - log_volume

        return log_prob

    def _variance_like(self):
        """Return the learned variance in the module's scale, for a tensor."""
        variance = getattr(self, "noise_variance_", None)
        if variance is not None:
            variance = variance / self.scale_**2
        if not isinstance(variance, np.ndarray):
            return lambda like: variance
        variance = torch.from_numpy(variance)
        return lambda like: variance.to(like.device, like.dtype)

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
            self.module_,
            self._likelihood,
            self.scale_,
            self.l1_penalty,
            self.contractive_penalty,
            generator,
        )

    def _after_fit(self, inputs, targets, corrupt=None):
        codes = self._learn_variance(inputs, targets, corrupt)
        density = NormalDensity() if self.density is None else clone(self.density)
        seed_unset(density, np.random.RandomState(self._seed))
        with isolated_generators(self._seed, self.device_):
            self.density_ = density.fit(codes)
