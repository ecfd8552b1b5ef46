"""What all autoencoders share: likelihood, codes and reconstructions."""

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
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._common.array_api import ArrayAPIMixin
from skae._common.missing import has_missing, refuse_empty_columns
from skae._common.parts import check_parts
from skae._common.sample_weight import attach_weight, moments
from skae._common.sparse import dense_blocks
from skae._common.tables import as_array
from skae._common.user_code import make_user_module
from skae._common.validation import Instance, Samples, check_samples, check_sizes
from skae._estimator.base import BaseTorchEstimator
from skae._estimator.held_out import bind
from skae._estimator.stream import FORGET_FACTORS
from skae._training.regularization import Regularization
from skae._training.scaling import Scaling, subsample, warn_of_units
from skae.autoencoders._data_modules import DataAutoencoder
from skae.autoencoders._frames import as_requested
from skae.autoencoders._generation import GenerationMixin
from skae.autoencoders._missing import MissingValuesMixin
from skae.autoencoders._scoring import ScoringMixin
from skae.autoencoders._variance import VarianceMixin
from skae.likelihood import LIKELIHOODS, Gaussian, Likelihood
from skae.modules import ConvAutoencoder, DenseAutoencoder
from skae.modules._encoder_input import EncoderInput
from skae.modules._hidden import NORMALIZATIONS

# Widths of the hidden layers, or channels of the stages, where the user passes none.
HIDDEN_LAYER_SIZES = {"dense": (256, 64), "conv": (32, 64)}
# Rows of more features than this are wide.
MAX_ORDINARY_WIDTH = 4096
# Mean squared errors below this, relative to the variance, leave nothing to learn.
EXACT_ERROR = 1e-6
# So few samples cannot show whether a network is better than principal components.
MIN_SAMPLES = 60


class BaseAutoEncoder(
    ArrayAPIMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    GenerationMixin,
    ScoringMixin,
    VarianceMixin,
    MissingValuesMixin,
    BaseTorchEstimator,
):
    """Base of the autoencoders. Think twice before adding to it."""

    _parameter_constraints: dict = {
        **BaseTorchEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"dense", "conv"})],
        "hidden_layer_sizes": ["array-like", None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions(set(NORMALIZATIONS)), None],
        "skip_connection": ["boolean"],
        "likelihood": [StrOptions(set(LIKELIHOODS)), Likelihood],
        "module": [callable, None],
        "density": [Instance(["fit", "sample"]), None],
        "forget_factor": [FORGET_FACTORS],
        "lr": [*BaseTorchEstimator._parameter_constraints["lr"], StrOptions({"auto"})],
        "weight_decay": [
            *BaseTorchEstimator._parameter_constraints["weight_decay"],
            StrOptions({"auto"}),
        ],
    }

    _accepts_sparse = True
    # What makes the module of each architecture.
    _networks: dict = {"dense": DenseAutoencoder, "conv": ConvAutoencoder}

    _data_module = DataAutoencoder

    # -- Fitting ------------------------------------------------------------------

    def _validate_training(self, X, sample_weight=None, *, reset):
        """Check training samples; with ``reset`` they decide likelihood and scaling."""
        check_parts(self.density)  # which is fitted after the module
        inputs = check_samples(self, X, reset=reset, ensure_all_finite="allow-nan")
        (inputs,), _ = attach_weight(sample_weight, inputs)
        n_features = inputs.rows.shape[1]
        if reset:  # a training that continues keeps its likelihood
            self._likelihood = self._bind_likelihood(n_features)
        if inputs.byte_scale == 1.0:  # images of bytes end up in [0, 1] in any case
            self._check_support(inputs.rows)
        if reset:
            if has_missing(inputs.rows):
                refuse_empty_columns(self, inputs.rows)
            self._scaling = self._target_scaling = self._learn_scaling(inputs)
            self._learn_fill(inputs)
            self._n_features_out = int(self.n_components)
        return inputs, None

    def _learn_scaling(self, inputs):
        """Learn the scale of each feature where the likelihood allows, or one of all.

        Images have one scale; a user's module gets X as it is.
        """
        likelihood, n_features = self._likelihood, inputs.rows.shape[1]
        is_own, is_table = self.module is not None, self.image_shape_ is None
        scaled = likelihood.scaled_features(n_features)
        if is_table and scaled is not None and not is_own:
            return Scaling.fit(inputs, scaled=scaled)
        if is_table and (likelihood.scale_exponent or scaled is not None):
            warn_of_units(inputs.rows, getattr(self, "feature_names_in_", None))
        if is_own or not likelihood.scale_exponent:
            return Scaling.identity(n_features)
        return Scaling.fit(inputs)

    def _check_support(self, rows):
        """Refuse rows that p(x|h) cannot produce, sparse ones block by block."""
        for numbers, block in dense_blocks(rows):
            try:
                self._likelihood.check(block)
            except ValueError as error:
                if len(block) == rows.shape[0]:
                    raise
                told = f"Of the rows {numbers.start} to {numbers.stop - 1} of X: "
                raise ValueError(told + str(error)) from error

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

    def _make_augment(self, generator):
        augment = super()._make_augment(generator)
        # What may be scaled has no bounds that an augmentation could leave.
        if augment is None or self._likelihood.scale_exponent:
            return augment

        def checked(*samples):
            views = augment(*samples)
            try:
                self._likelihood.check(views[-1].cpu().numpy())
            except ValueError as error:
                raise ValueError(
                    f"augmentation={self.augmentation!r} returns values that cannot be "
                    f"targets: {error}"
                ) from error
            return views

        return checked

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
        sizes = check_sizes(sizes, are_channels=is_conv)
        self._starts_at_pca = self._can_start_at_pca() and (
            self.skip_connection or not sizes
        )
        self._selects = (
            self._starts_at_pca
            and bool(sizes)
            and self._has_plain_loss
            and not self.early_stopping
        )
        self._is_wide = self.n_features_in_ > MAX_ORDINARY_WIDTH and (
            self._starts_at_pca or not is_conv
        )
        made = self._networks[self.architecture](
            self.image_shape_ if is_conv else n_outputs,
            self._n_features_out,
            sizes,
            self.activation,
            skip_connection=self._starts_at_pca,
            dropout=self.dropout,
            normalization=self.normalization,
        )
        if self._likelihood.transforms_input:
            made.encoder = nn.Sequential(EncoderInput(self._likelihood), made.encoder)
        return made

    def _can_start_at_pca(self):
        """Whether the components of PCA mean something to the likelihood."""
        return self._likelihood.mean_is_output

    def _start_and_regularize(self, objective, training, generator):
        """Start a new module at principal components; return the objective."""
        if not self._starts_at_pca:
            if self._is_new and self._likelihood.transforms_input and not self.module:
                self._start_at_mean(training)
            return objective
        if self._is_new:
            self._start(training)
        weights = self.module_.network_weights()
        if self.weight_decay == "auto" and weights:
            # Corruption or augmentation is noise enough.
            is_noisy = training.transform is not None or len(training.rows) > 1
            objective.regularization = Regularization(
                weights,
                0.0 if is_noisy else self._affine_error,
                training.n_samples,
                generator,
            )
        return objective

    @torch.no_grad()
    def _start_at_mean(self, training):
        """Start the decoder at the mean of the samples, of any orders of magnitude."""
        weight = training.weight
        some = subsample(training.rows[-1].array)
        mean, _ = moments(some, None if weight is None else subsample(weight))
        start = torch.from_numpy(self._likelihood.start(mean))
        *_, last = self.module_.decoder.modules()
        if last.bias.shape == start.shape:  # not a convolution, which shares it
            last.bias.copy_(start)

    def _start(self, training):
        """Start at the best affine autoencoder, and decide whether to train it."""
        self._fit_affine_maps(training)
        if self._selects:
            self._is_solved = (
                self._affine_error < EXACT_ERROR or training.n_samples < MIN_SAMPLES
            )
        elif not self.module_.network_weights():  # affine: the best for squared errors
            self._is_solved = self._has_plain_loss and isinstance(
                self._likelihood, Gaussian
            )
        # Codes of wide rows are large, and so would be what new networks make of them.
        alone = self._is_solved or self._is_wide
        self.module_.start_at(*self._affine_maps, alone=alone)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Learn encoder and decoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Training samples, NaN where a value is missing. Sparse samples are converted
            to CSR format, and become dense batch by batch. Images have shape
            (n_samples, height, width) or (n_samples, height, width, n_channels). Those
            of uint8 are scaled from 0 to 255 to [0, 1].
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative. A sample of weight zero is left out
            before anything is learned. An integer weight has the effect of that many
            equal samples: exactly if the model is affine (``is_linear_``), and
            otherwise on average over the order of the samples.
        X_val : array-like of the shape of samples in X, default=None
            Samples for early stopping and for the comparison with principal components,
            instead of a random part of X. Pass them if random samples of X are not
            independent of the others, as with groups, time series or augmented copies.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, X_val or a parameter is not valid. After an error, the estimator has
            the state from before the call.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        KeyboardInterrupt
            If the fit is interrupted by Ctrl-C. After the first epoch, the estimator is
            then fitted as of the last whole epoch, without a comparison with principal
            components.
        """
        validate = self._validate_training
        return self._run_fit(
            partial(validate, X, sample_weight=sample_weight),
            held_out=bind(validate, X_val),
        )

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on samples, starting from the weights that are there.

        The learning rate is constant at ``lr``. The first call fixes the scaling
        (``mean_``, ``scale_``); a warning says if it does not suit later samples. The
        noise variance, the density and the model of missing values are learned from a
        random sample of all samples so far, weighted by ``forget_factor``. ``lr``,
        ``batch_size``, ``augmentation``, ``corruption``, ``density`` and
        ``forget_factor`` may change between two calls. Changes of other parameters take
        effect in the next ``fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Training samples, as for :meth:`fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples among those of this call, as for :meth:`fit`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or a parameter is not valid.
        DivergenceError
            If the loss is not finite or ends far above where it began. The weights
            are then those from before the call.
        """
        return self._run_fit(
            partial(self._validate_training, X, sample_weight=sample_weight),
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing. If ``fit`` was passed images, their
            flat rows are accepted, too.

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
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Means E[x|h] given the codes of the samples, a dense array also if X is
            sparse, or a DataFrame if ``set_output`` requests one. :meth:`impute` keeps
            the values that are present.
        """
        check_is_fitted(self)
        out = self._infer(
            X, lambda m, x: self._decode(m, m.encode(x)), (self.n_features_in_,)
        )
        return as_requested(self, out, X)

    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Means E[x|h] of the samples given the codes.
        """
        check_is_fitted(self)
        codes = check_array(
            as_array(X), dtype=[np.float64, np.float32], order="C", input_name="X"
        )
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} features, but the codes of "
                f"{type(self).__name__} have n_components={self._n_features_out}."
            )
        rows = self._make_rows(Samples(codes), Scaling.identity(self._n_features_out))
        out = self._map_chunks(self._decode, (self.n_features_in_,), rows)
        return out.reshape(-1, *self._sample_shape)

    # -- Conventions --------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
