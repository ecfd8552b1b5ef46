"""The denoising autoencoder."""

from functools import partial

from sklearn.base import _fit_context, clone
from sklearn.utils.validation import _num_samples

from skae._common.missing import has_missing, refuse_empty_columns
from skae._common.sample_weight import attach_weight, pop_weight
from skae._common.validation import check_corrupted_samples, refuse_class
from skae._estimator.held_out import bind
from skae.autoencoders._corrupting import CorruptingMixin
from skae.autoencoders._deterministic import DeterministicAutoEncoder


class DenoisingAutoEncoder(CorruptingMixin, DeterministicAutoEncoder):
    """Autoencoder that learns to restore clean samples from corrupted ones.

    In each epoch every sample x is corrupted again, x̃ ~ C(x̃|x). Encoder f and decoder
    g learn to undo the corruption by minimizing -log p(x|h) at the code h = f(x̃). For
    this they must learn what clean samples look like. So the codes are also more robust
    than those of an autoencoder that is trained on clean inputs [1]_.

    Parameters
    ----------
    n_components : int, default=16
        Number of components of a code.
    corruption : callable, default=None
        The corruption process C(x̃|x): an object of :mod:`skae.corruption`, whose
        parameters can be searched as ``corruption__std``, or a callable of the same
        form, ``corruption(x, generator)``. It is called with the samples of a batch,
        images as (n_samples, height, width) or (n_samples, height, width, n_channels);
        images of uint8 are scaled to [0, 1] before. None means Gaussian noise with half
        the standard deviation of X, or of each feature as in ``scale_``; with a
        likelihood of counts, a quarter of the values set to zero.
    architecture : {"dense", "conv"}, default="dense"
        "conv" uses convolutions, which need images; "dense" takes samples of any kind.
    hidden_layer_sizes : array-like of int, default=None
        Numbers of units of the encoder's hidden layers. With "conv", numbers of
        channels of its convolutions, each of which halves height and width. The decoder
        has the same in reverse order. None means (256, 64), with "conv" (32, 64). An
        empty tuple, with "dense", makes encoder and decoder affine.
    activation : str or callable, default="relu"
        Activation of the hidden layers: "relu", "leaky_relu", "gelu", "silu", "tanh",
        "logistic" or "identity"; or a class of :mod:`torch.nn`, or a function, that
        makes a module when it is called without arguments. The last layers have none.
    dropout : float, default=0.0
        Fraction of the outputs of the hidden layers that are set to zero in each
        training step.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization of the hidden layers before their activation: "batch_norm" of each
        output (with "conv", each channel) over the batch, "layer_norm" of each sample
        over all outputs.
    skip_connection : bool, default=True
        Whether encoder and decoder add an affine map to their networks. Training then
        starts at principal components, which are kept if training does not improve on
        them (see Notes). Only for likelihoods whose mean is the decoder's output.
    likelihood : str or Likelihood, default="gaussian"
        Likelihood p(x|h), an object of :mod:`skae.likelihood` or a name. "gaussian"
        minimizes the mean squared error, "laplace" the mean absolute error, and
        "bernoulli", which needs X in [0, 1], the cross-entropy. "poisson",
        "negative_binomial" and "multinomial" are for counts.
    module : callable, default=None
        Makes a torch module of your own in the place of ``architecture``: a class or a
        function that is called as ``module(n_features=..., n_components=...)`` and
        returns a :class:`torch.nn.Module` with the methods ``encode`` (rows to codes)
        and ``decode`` (codes to rows). The module gets X as it is, images as flat rows.
    image_shape : tuple of int, default=None
        Shape of an image, (height, width) or (height, width, n_channels), if the rows
        of X are images. Images of uint8 are scaled from 0 to 255 to [0, 1]; without
        ``image_shape``, uint8 values in a table are numbers like any other. ``fit``
        fixes the unit of images: after a fit on uint8, floats from 0 to 255 are
        refused; after a fit on such floats, uint8 images have the same unit.
    weight_decay : float or "auto", default="auto"
        Weight decay of the optimizer. "auto" is zero, unless training starts at
        principal components. Then the weights of the networks decay by a total of 0.75
        over the fit, independently of the optimizer, and noise is added to the inputs,
        less with more samples.
    l1_penalty : float, default=0.0
        Weight of the sum of the code's absolute values in the loss, for sparse codes.
        The loss is computed in the scale of the module, so the weight does not depend
        on the scale of X.
    contractive_penalty : float, default=0.0
        Weight of the squared Frobenius norm of the encoder's Jacobian in the loss, for
        codes that change little with the sample. It is computed in the scale of the
        module, and estimated without bias from one random direction per sample.
    density : estimator, default=None
        Density of the training codes that :meth:`sample` draws from: a density
        estimator with the methods ``fit`` and ``sample``, such as
        :class:`~sklearn.mixture.GaussianMixture` or
        :class:`~sklearn.neighbors.KernelDensity`. It is cloned and fitted on the codes.
        None uses a normal distribution with their mean and covariance.
    augmentation : callable, default=None
        Called as ``augmentation(x, generator)`` with the samples of a batch before they
        are corrupted, images as (n_samples, height, width) or (n_samples, height,
        width, n_channels), and a :class:`torch.Generator` to draw from. What it returns
        is the target, of which the input is a corruption.
        Images with missing values have twice the channels there: first those with the
        values filled, then those with NaN, so that both change in the same way.
    optimizer : {"adam", "adamw", "sgd"}, type or functools.partial, default="adam"
        Optimizer: a name, a class of :mod:`torch.optim`, or a
        :class:`functools.partial` of such a class, which sets its other options. Its
        learning rate is always ``lr``, and a ``weight_decay`` above zero replaces that
        of the partial. "sgd" has Nesterov momentum 0.9, and the other two have the
        betas (0.9, 0.99) where training starts at principal components.
    lr : float or "auto", default="auto"
        Learning rate; with a schedule its largest value. "auto" is 6e-3 if training
        starts at principal components, and otherwise 1e-3; at most
        5 / n_features for more than 4096 features.
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
        Fraction of the samples, between 0 and 1, that is held out for early stopping
        and, with 1000 samples or more, for the comparison with principal components
        (see Notes).
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which ``early_stopping`` stops.
    tol : float, default=1e-4
        Smallest decrease of the validation loss that counts as an improvement, in the
        scale of the module. With the Gaussian likelihood it is a fraction of the
        variance of X; with ``module`` or a link it has the squared unit of X.
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
    corruption_ : callable or None
        The corruption process; None after a fit on recorded pairs.
    module_ : torch.nn.Module
        The trained module. It encodes ``(x - mean_) / scale_``, and its outputs are in
        the same scale.
    mean_ : ndarray of shape (n_features,)
        Mean of the samples; zero if X is not scaled, which is with ``module``, and with
        likelihoods whose ``scale_exponent`` is 0, such as "bernoulli".
    scale_ : float or ndarray of shape (n_features,)
        Number that centred samples are divided by: the standard deviation over all
        features together, or one if X is not scaled or all samples are equal. One
        number per feature of a table if the likelihood has one variance per feature, as
        with "diag" and :class:`~skae.likelihood.Mixed`.
    is_linear_ : bool
        Whether encoder and decoder are the affine maps of principal components, because
        there are no hidden layers or training did not improve on them.
    error_ratio_ : float
        Mean error of the trained autoencoder on held-out samples, divided by that of
        principal components. It does not exist if they were not compared.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Fraction of the variance that each component explains. It exists only if
        ``is_linear_`` is True.
    net_ : TrainingNet
        The skorch net of the last fit, with its history. It is not pickled.
    loss_curve_ : list of float
        Training loss of each epoch: the mean over samples and features with the
        penalties, converted to the scale of X.
    validation_loss_curve_ : list of float
        Loss of the held-out samples after each epoch, corrupted like the training
        samples; empty without early stopping and ``X_val``.
    n_epochs_ : int
        Number of epochs trained.
    density_ : estimator
        The density, fitted on the codes of at most 4096 training samples. After
        ``partial_fit`` these are a random sample of the samples of all calls.
    noise_variance_ : float or ndarray of shape (n_features,)
        Variance of p(x|h) in the squared unit of X, learned after the fit from at most
        4096 samples: one per feature if the likelihood has that, and otherwise one for
        all features, for which every n-th of the samples is used where they have more
        than 500,000 values. It does not exist for likelihoods without a variance, such
        as "bernoulli".
    device_ : torch.device
        Device of the module.
    compute_dtype_ : torch.dtype
        Type of the matrix products in the last fit.
    image_shape_ : tuple of int or None
        Shape of an image if the samples are images, otherwise None.
    n_features_in_ : int
        Number of features. An image has one per pixel and channel.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    Reconstructor : Makes it a cleaning step of a pipeline.
    AutoEncoderTransformer : The same without corruption.
    skae.corruption : Corruption processes.

    Notes
    -----
    ``score`` is comparable between estimators with the same corruption only: it is
    easier to undo less noise. To search over the noise, score what the samples are used
    for: put the autoencoder, in a :class:`Reconstructor`, before a classifier.

    Skip connections [6]_, selection and missing values are as in
    :class:`AutoEncoderTransformer`; values are filled before they are corrupted. But
    training starts at the best affine map from corrupted to clean samples through a
    code of ``n_components`` numbers (reduced-rank regression [7]_, on at most 2**24
    numbers), and inputs get no noise besides their corruption.

    Sampling from a density of the codes is that of [3]_, the contractive penalty that
    of [4]_, and the schedule "one_cycle" that of [5]_.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked
       denoising autoencoders", Journal of Machine Learning Research 11, 2010.
    .. [2] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 14.5.
    .. [3] P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schölkopf, "From
       variational to deterministic autoencoders", ICLR 2020.
    .. [4] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
       auto-encoders: explicit invariance during feature extraction", ICML 2011.
    .. [5] L. N. Smith, "A disciplined approach to neural network hyper-parameters",
       arXiv:1803.09820, 2018.
    .. [6] K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image
       recognition", CVPR 2016.
    .. [7] A. J. Izenman, "Reduced-rank regression for the multivariate linear model",
       Journal of Multivariate Analysis 5, 1975.

    Examples
    --------
    A third of the pixels of each digit is set to zero and restored:

    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoEncoder
    >>> from skae.corruption import Masking
    >>> X = load_digits().data / 16
    >>> denoiser = DenoisingAutoEncoder(32, corruption=Masking(0.33), random_state=0)
    >>> X_corrupted = denoiser.fit(X).corrupt(X, random_state=1)
    >>> corrupted = ((X_corrupted - X) ** 2).mean()
    >>> cleaned = ((denoiser.reconstruct(X_corrupted) - X) ** 2).mean()
    >>> print(cleaned < corrupted / 3)
    True
    """

    _function_attributes = ("augmentation", "corruption_")
    __metadata_request__fit = {"sample_weight": None}  # not in the signature
    _parameter_constraints: dict = {
        **DeterministicAutoEncoder._parameter_constraints,
        "corruption": [callable, None],
    }

    def __init__(
        self,
        n_components=16,
        corruption=None,
        *,
        architecture="dense",
        hidden_layer_sizes=None,
        activation="relu",
        dropout=0.0,
        normalization=None,
        skip_connection=True,
        likelihood="gaussian",
        module=None,
        image_shape=None,
        weight_decay="auto",
        l1_penalty=0.0,
        contractive_penalty=0.0,
        density=None,
        augmentation=None,
        optimizer="adam",
        lr="auto",
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
        self.corruption = corruption
        self.architecture = architecture
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.skip_connection = skip_connection
        self.likelihood = likelihood
        self.module = module
        self.image_shape = image_shape
        self.weight_decay = weight_decay
        self.l1_penalty = l1_penalty
        self.contractive_penalty = contractive_penalty
        self.density = density
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

    def _validate_training(self, X, X_corrupted=None, sample_weight=None, *, reset):
        clean, _ = super()._validate_training(X, sample_weight, reset=reset)
        if reset:
            self.__dict__.pop("corruption_", None)
            self._default_corruption = self._make_default_corruption(clean)
        if X_corrupted is not None:
            self.corruption_ = None
            corrupted = check_corrupted_samples(self, X_corrupted, _num_samples(X))
            (corrupted,), _ = attach_weight(sample_weight, corrupted)
            if reset and has_missing(corrupted.rows):
                refuse_empty_columns(self, corrupted.rows, "X_corrupted")
                self._learn_fill(corrupted)
            return corrupted, clean
        if self.corruption is not None:
            refuse_class("corruption", self.corruption)
            self.corruption_ = clone(self.corruption, safe=False)
        else:
            self.corruption_ = self._default_corruption
        return clean, None

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X,
        y=None,
        X_corrupted=None,
        *,
        X_val=None,
        X_val_corrupted=None,
        **fit_params,
    ):
        """Learn to undo a corruption.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Clean training samples, NaN where a value is missing. Images have shape
            (n_samples, height, width) or (n_samples, height, width, n_channels). Those
            of uint8 are scaled from 0 to 255 to [0, 1].
        y : None
            Ignored.
        X_corrupted : array-like of the shape of X, default=None
            Recorded corrupted samples, one for each of X, instead of ``corruption``.
        X_val : array-like of the shape of samples in X, default=None
            Clean samples to validate on, instead of a random part of X. Needed for
            groups, time series and augmented copies, which are not independent.
        X_val_corrupted : array-like of the shape of X_val, default=None
            Recorded corrupted samples, one for each of X_val; needed with X_corrupted.
        **fit_params : dict
            ``sample_weight`` may be passed, the weights of the samples, of shape
            (n_samples,) and not negative. A sample of weight zero is left out before
            anything is learned. An integer weight stands for so many equal samples on
            average over the corruptions.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If samples or a parameter are not as they must be. Whatever else stops a
            fit, the estimator then has the state from before it.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        KeyboardInterrupt
            If the fit is interrupted by Ctrl-C. After the first epoch, the estimator is
            then fitted as of the last whole epoch, without a comparison with principal
            components.
        """
        if (X_val_corrupted is None) != (X_val is None or X_corrupted is None):
            raise ValueError(
                "X_val_corrupted must be passed if both X_corrupted and X_val are, and "
                "only then."
            )
        weight, validate = pop_weight(fit_params), self._validate_training
        return self._run_fit(
            partial(validate, X, X_corrupted=X_corrupted, sample_weight=weight),
            held_out=bind(validate, X_val, X_corrupted=X_val_corrupted),
        )

    def partial_fit(self, X, y=None, sample_weight=None):
        if self.corruption is None and getattr(self, "corruption_", self) is None:
            raise ValueError(
                "partial_fit cannot draw corrupted samples, because fit was passed "
                "recorded ones as X_corrupted; set corruption."
            )
        return super().partial_fit(X, sample_weight=sample_weight)
