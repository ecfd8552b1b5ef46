"""Colour from gray."""

from functools import partial
from numbers import Integral, Real

from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from skae._common.array_api import ArrayAPIMixin
from skae._common.gray import GRAY_WEIGHTS
from skae._common.sample_weight import pop_weight
from skae._common.validation import check_sizes, require_target
from skae._estimator.base import BaseTorchEstimator
from skae._estimator.stream import FORGET_FACTORS
from skae._training.objective import ReconstructionObjective
from skae._training.supervised_objective import PredictionObjective
from skae.autoencoders._data_modules import DataColorizer
from skae.autoencoders._gray import check_targets
from skae.autoencoders._pairs import PairsMixin
from skae.likelihood import Gaussian
from skae.modules import ConvColorizer, DenseAutoencoder

# Widths of the hidden layers of a table's regressor, and channels of the stages for
# images, where the user passes none.
TABLE_SIZES, IMAGE_SIZES = (256, 64), (32, 64, 128)


class ColorizationAutoEncoder(
    ArrayAPIMixin,
    PairsMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    RegressorMixin,
    BaseTorchEstimator,
):
    """Autoencoder from gray images to colour images: a regressor, and a transformer.

    An encoder maps a gray image to a code, and a decoder maps the code to colours. The
    network only predicts the chroma, the two numbers per pixel that a gray image lacks.
    The gray values of a prediction are those of the input. All values of a prediction
    lie in [0, 1].

    For a table it is a regressor with several outputs, whose dense network predicts
    them from a code of ``n_components`` numbers.

    Parameters
    ----------
    n_components : int, default=256
        Number of components of a code.
    gray : {"mean", "luma"}, default="mean"
        How the gray images were made from colours, see :func:`rgb_to_gray`. For images
        only.
    saturation : float, default=None
        How colourful predictions are: the root mean square of their chroma divided by
        that of the true colours. 1 makes them as colourful as those. None minimizes the
        squared error, which makes them duller than the true colours, especially if gray
        images tell little about colours. Colours that leave [0, 1] are moved back
        afterwards, so predictions are somewhat less colourful than requested. It may be
        changed after the fit. For images only; see the notes.
    skip_connections : bool, default=True
        Whether the decoder also gets the encoder's feature maps of the same size, as in
        a U-Net [1]_. For images only.
    hidden_layer_sizes : array-like of int, default=None
        Numbers of channels of the encoder's convolutions, each of which halves height
        and width. The decoder has the same in reverse order. None means (32, 64, 128).
        For a table, numbers of units of the encoder's hidden layers, and None means
        (256, 64).
    activation : str or callable, default="relu"
        Activation of the hidden layers: "relu", "leaky_relu", "gelu", "silu", "tanh",
        "logistic" or "identity"; or a class of :mod:`torch.nn`, or a function, that
        makes a module when it is called without arguments. The last layers have none.
    image_shape : tuple of int, default=None
        Shape of a gray image, (height, width), if the rows of X are gray images and
        those of y colour images of shape (height, width, 3). Images of uint8 are scaled
        from 0 to 255 to [0, 1]; other images must lie in [0, 1].
    weight_decay : float, default=0.0
        Weight decay of the optimizer.
    augmentation : callable, default=None
        Called as ``augmentation(x, generator)`` with the gray and the colour images of
        a batch as one tensor of shape (n_samples, height, width, 4), so that both
        change in the same way, and a :class:`torch.Generator` to draw from. It can be
        an object of :mod:`skae.corruption`. For images only.
    optimizer : {"adam", "adamw", "sgd"}, type or functools.partial, default="adam"
        Optimizer: a name, a class of :mod:`torch.optim`, or a
        :class:`functools.partial` of such a class, which sets its other options. Its
        learning rate is always ``lr``, and a ``weight_decay`` above zero replaces that
        of the partial. "sgd" has Nesterov momentum 0.9.
    lr : float, default=1e-3
        Learning rate; with a schedule its largest value.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        Schedule of the learning rate, updated at each step of a fit. "cosine" falls
        from ``lr`` to zero. "one_cycle" first rises to ``lr`` over 30 % of the steps,
        then falls to zero.
    batch_size : int, default=128
        Number of samples per step.
    max_epochs : int or "auto", default="auto"
        Number of passes over the training samples. "auto" is 55, or as many as 650
        steps need, whichever is more.
    max_steps : int, default=None
        Number of optimizer steps after which a fit ends, at the end of the epoch. With
        None, only ``max_epochs`` limits the fit.
    early_stopping : bool, default=False
        Whether to hold out some samples and stop when their loss no longer falls. The
        weights are then those of the epoch with the lowest loss.
    validation_fraction : float, default=0.1
        Fraction of the samples, between 0 and 1, that is held out for early stopping.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which ``early_stopping`` stops.
    tol : float, default=1e-4
        Smallest decrease of the validation loss that counts as an improvement, as a
        fraction of the variance of y, or of X for images.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit. The module, its
        scaling, its likelihood if it has one, the device and the seed then stay as they
        are; parameters that would change them take effect only when this is False
        again.
    forget_factor : float, default=1.0
        Factor by which the weight of earlier samples falls with each ``partial_fit``,
        in what is learned from a sample of them all. With 1 nothing is forgotten.
    callbacks : list, default=None
        Callbacks of skorch. A fit works on copies of them, which are in
        ``net_.callbacks_``.
    checkpoint : str or path-like, default=None
        Folder for the checkpoints of one fit. A ``fit`` that was killed continues from
        the last checkpoint if it is called again with the same samples and parameters,
        and has the same result as without the interruption. With others it raises an
        error. The folder is not deleted.
    checkpoint_every : int or datetime.timedelta, default=1
        Number of epochs between two checkpoints, or the time after which one is written
        at the end of an epoch.
    device : str or torch.device, default="auto"
        Device to compute on, such as "cpu", "cuda", "cuda:1" or "mps". "auto" uses the
        fastest that is available.
    compute_dtype : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the matrix products in training. "auto" is bfloat16 if the hardware is
        faster with it and the layers are large enough. Weights, loss and everything
        after the fit are not in bfloat16.
    compile : bool, default=False
        Whether to compile the training step by :func:`torch.compile`. It needs a C++
        compiler, and takes some seconds at the start of a fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the order of the samples and everything else that is drawn
        in a fit. Pass an int for the same result in each fit.
    verbose : bool or int, default=0
        Whether to show a progress bar over the epochs.

    Attributes
    ----------
    saturation_ : float
        How colourful the network's outputs are by themselves, in the sense of
        ``saturation``, measured after the fit on at most 512 samples. Predictions have
        their chroma times ``saturation / saturation_``. For images only.
    module_ : torch.nn.Module
        The trained module. It maps ``(x - mean_) / scale_`` to outputs. The colours of
        images are in the same scale.
    mean_ : ndarray of shape (n_features,)
        Mean of the samples; for images one mean of all pixels, repeated for each.
    scale_ : float
        Number that centred samples are divided by: the standard deviation over all
        features together, or one if all samples are equal.
    net_ : TrainingNet
        The skorch net of the last fit, with its history. It is not pickled.
    loss_curve_ : list of float
        Training loss of each epoch: the mean squared error over samples and outputs, in
        the squared unit of y.
    validation_loss_curve_ : list of float
        Loss of the held-out samples after each epoch; empty without early stopping.
    n_epochs_ : int
        Number of epochs trained.
    device_ : torch.device
        Device of the module.
    compute_dtype_ : torch.dtype
        Type of the matrix products in the last fit.
    image_shape_ : tuple of int or None
        Shape of an image if the samples are images, otherwise None.
    n_outputs_ : int
        Number of outputs. A colour image has three per pixel.
    n_features_in_ : int
        Number of features. An image has one per pixel and channel.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    rgb_to_gray : Makes gray images to learn from.
    skae.inspection.ColorizationDisplay : Truth, gray and prediction in rows.
    skae.modules.ConvColorizer : The module.

    Notes
    -----
    Least squares predict for each pixel the mean of the colours that it may have, and a
    mean of red and blue is dull [2]_. Of all predictions with a given mean square of
    the chroma, those of the smallest squared error are the mean colours with their
    chroma multiplied by one number, which follows from setting the derivative of ``E|c
    - p|² - λ E|p|²`` by p to zero. ``saturation`` sets this number. The error stays
    below that of predicting gray while the number is below 2.

    A colour outside [0, 1] is moved towards its gray value, which keeps the gray value
    and the hue.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for
       biomedical image segmentation", MICCAI 2015.
    .. [2] R. Zhang, P. Isola and A. A. Efros, "Colorful image colorization", ECCV 2016.

    Examples
    --------
    Colour patches of two photographs, with less than half the error of gray:

    >>> from skae import ColorizationAutoEncoder, rgb_to_gray
    >>> from skae.datasets import load_color_patches
    >>> X_color = load_color_patches(n_patches=2000) / 255
    >>> X_gray = rgb_to_gray(X_color)
    >>> colorizer = ColorizationAutoEncoder(
    ...     16, hidden_layer_sizes=(16, 32), max_epochs=10, random_state=0
    ... ).fit(X_gray, X_color)
    >>> X_pred = colorizer.predict(X_gray)
    >>> X_pred.shape
    (2000, 8, 8, 3)
    >>> error = ((X_pred - X_color) ** 2).mean()
    >>> error_of_gray = ((X_gray[..., None] - X_color) ** 2).mean()
    >>> print(error < error_of_gray / 2)
    True
    """

    __metadata_request__fit = {"sample_weight": None}  # not in the signature
    _parameter_constraints: dict = {
        **BaseTorchEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "gray": [StrOptions(set(GRAY_WEIGHTS))],
        "saturation": [Interval(Real, 0, None, closed="neither"), None],
        "skip_connections": ["boolean"],
        "hidden_layer_sizes": ["array-like", None],
        "forget_factor": [FORGET_FACTORS],
    }

    def __init__(
        self,
        n_components=256,
        *,
        gray="mean",
        saturation=None,
        skip_connections=True,
        hidden_layer_sizes=None,
        activation="relu",
        image_shape=None,
        weight_decay=0.0,
        augmentation=None,
        optimizer="adam",
        lr=1e-3,
        lr_schedule="one_cycle",
        batch_size=128,
        max_epochs="auto",
        max_steps=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        forget_factor=1.0,
        callbacks=None,
        checkpoint=None,
        checkpoint_every=1,
        device="auto",
        compute_dtype="auto",
        compile=False,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.gray = gray
        self.saturation = saturation
        self.skip_connections = skip_connections
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.weight_decay = weight_decay
        self.augmentation = augmentation
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.forget_factor = forget_factor
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.compute_dtype = compute_dtype
        self.compile = compile
        self.random_state = random_state
        self.verbose = verbose

    _data_module = DataColorizer

    # -- Fitting ------------------------------------------------------------------

    def _make_module(self, inputs, n_outputs):
        sizes = self.hidden_layer_sizes
        if sizes is None:
            sizes = TABLE_SIZES if self.image_shape_ is None else IMAGE_SIZES
        sizes = check_sizes(sizes, are_channels=self.image_shape_ is not None)
        if self.image_shape_ is None:
            return DenseAutoencoder(
                self.n_features_in_,
                self._n_features_out,
                sizes,
                self.activation,
                n_outputs,
            )
        return ConvColorizer(
            self.image_shape_,
            self._n_features_out,
            sizes,
            self.activation,
            self.skip_connections,
            GRAY_WEIGHTS[self.gray],
        )

    def _make_objective(self, training, generator):
        is_table = self.image_shape_ is None
        kind = ReconstructionObjective if is_table else PredictionObjective
        return kind(self.module_, Gaussian(), self._target_scaling.scale)

    def _after_fit(self, inputs, targets, held_out):
        self.__dict__.pop("saturation_", None)
        if self.image_shape_ is not None:
            self.saturation_ = self._measure_saturation(inputs, targets)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Learn to colour gray images, or to predict the outputs of a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Gray images of shape (n_samples, height, width), their flat rows where
            ``image_shape`` is set, or a table. Images of uint8 are scaled from 0 to 255
            to [0, 1]; others must lie in [0, 1].
        y : array-like of shape (n_samples, n_outputs), (n_samples,) or images
            Colour images of shape (n_samples, height, width, 3), or their flat rows;
            for a table its outputs.
        **fit_params : dict
            ``sample_weight`` may be passed, the weights of the samples, of shape
            (n_samples,) and not negative. A sample of weight zero is left out before
            anything is learned. An integer weight has the effect of that many equal
            samples, on average over the order of the samples.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or a parameter is not valid. After an error, the estimator has the
            state from before the call.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        KeyboardInterrupt
            If the fit is interrupted by Ctrl-C. After the first epoch, the estimator is
            then fitted as of the last whole epoch.
        """
        weight = pop_weight(fit_params)
        return self._run_fit(partial(self._validate_pairs, X, y, sample_weight=weight))

    # -- Inference ----------------------------------------------------------------

    def predict(self, X):
        """Colour gray images, or predict the outputs of a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Gray images or rows, as for :meth:`fit`.

        Returns
        -------
        ndarray of the shape that y had in ``fit``
            Colour images in [0, 1], or outputs; in float32 for X of float32, float16 or
            uint8, else in float64.
        """
        return self._predict_rows(X).reshape(-1, *self._target_shape)

    def transform(self, X):
        """Encode gray images or rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Gray images or rows, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes, in float32 for X of float32, float16 or uint8, else in float64.
        """
        check_is_fitted(self)
        inputs = self._validate_gray(X, reset=False, ensure_all_finite=False)
        shape = (self._n_features_out,)
        rows = self._make_rows(inputs)
        return self._map_chunks(lambda m, x: m.encode(x), shape, rows)

    def score(self, X, y, sample_weight=None):
        """Coefficient of determination R² of the predictions, the mean over outputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Gray images or rows, as for :meth:`fit`.
        y : array-like of shape (n_samples, n_outputs), (n_samples,) or images
            True colour images or outputs.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            At most 1, higher is better; 0 for predicting the mean image.
        """
        check_is_fitted(self)
        require_target(self, y)
        targets, _ = check_targets(y, _num_samples(X), self.image_shape_)
        predicted = self._predict_rows(X)
        return r2_score(
            targets.rows * targets.byte_scale, predicted, sample_weight=sample_weight
        )

    # -- Conventions --------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.multi_output = True
        return tags
