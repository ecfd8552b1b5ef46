"""The autoencoder as a transformer."""

from skae._common.warn import warn_user
from skae.autoencoders._deterministic import DeterministicAutoEncoder


class AutoEncoderTransformer(DeterministicAutoEncoder):
    """Autoencoder: an encoder h = f(x) and a decoder r = g(h), used as a transformer.

    It learns codes of ``n_components`` numbers from which the samples can be
    reconstructed, by minimizing -log p(x|h). It can replace
    :class:`~sklearn.decomposition.PCA` in a pipeline: training starts at the principal
    components, and PCA is kept if the trained autoencoder is not better on held-out
    samples. Without hidden layers it is PCA.

    Parameters
    ----------
    n_components : int, default=16
        Number of components of a code.
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
        Called as ``augmentation(x, generator)`` with the samples of a batch, images as
        (n_samples, height, width) or (n_samples, height, width, n_channels), and a
        :class:`torch.Generator` to draw from. What it returns is both input and target.
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
        Loss of the held-out samples after each epoch; empty without early stopping and
        without ``X_val``.
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
    ClusterClassifier : Makes a classifier of codes and few or no labels.
    sklearn.decomposition.PCA : The best affine encoder and decoder.

    Notes
    -----
    One common scale for all features keeps their proportions, as in PCA; put a
    :class:`~sklearn.preprocessing.StandardScaler` before the autoencoder where they
    have different units.

    With a skip connection [5]_ the encoder is h = W x + b + f(x) and the decoder
    r = V h + c + g(h). Training starts with W and V at the principal components of X,
    or of a random part of X of at most 2**24 numbers. The networks f and g start with
    small weights.

    Then the trained autoencoder is compared with PCA on samples that were not trained
    on. With 1000 samples or more these are the share ``validation_fraction``. Fewer
    samples are cross-fitted: four more autoencoders are trained, each on three quarters
    of them. The trained autoencoder is selected if its error is lower on most samples
    by a sign test, and if its mean error is either lower by two standard errors or less
    than half of PCA's. Otherwise f and g become zero, and W and V are fitted to all
    samples. So, except by chance, the error on new samples is at most PCA's. There is
    no selection after ``partial_fit``, in a fit that continues from another, or with a
    penalty of the codes. With fewer than 60 samples nothing is trained.

    The decay of ``weight_decay="auto"`` is decoupled from the optimizer [6]_. The noise
    of the inputs [7]_ has a standard deviation of half the root mean square of PCA's
    error. With more than 300 samples it falls with the square root of their number.
    With more than 7,500 samples, or with ``augmentation``, there is none.

    Values may be missing (NaN, or ``pandas.NA``). They do not count in the loss, nor in
    the variances that are learned from errors. For the encoder they are filled: a
    factor analysis of the incomplete samples predicts them from the values of the
    sample that are present [8]_. Values are assumed to be missing at random: whether
    one is missing may depend on values that are present, but not on itself.

    The contractive penalty is that of [2]_, the schedule "one_cycle" that of [3]_, and
    sampling from a density of the codes that of [4]_.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       chapter 14.
    .. [2] S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
       auto-encoders: explicit invariance during feature extraction", ICML 2011.
    .. [3] L. N. Smith, "A disciplined approach to neural network hyper-parameters",
       arXiv:1803.09820, 2018.
    .. [4] P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schölkopf, "From
       variational to deterministic autoencoders", ICLR 2020.
    .. [5] K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image
       recognition", CVPR 2016.
    .. [6] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR
       2019.
    .. [7] C. M. Bishop, "Training with noise is equivalent to Tikhonov regularization",
       Neural Computation 7, 1995.
    .. [8] D. B. Rubin and D. T. Thayer, "EM algorithms for ML factor analysis",
       Psychometrika 47, 1982.

    Examples
    --------
    Eight numbers per digit, from which the digits are decoded:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoEncoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoEncoderTransformer(n_components=8, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> error = ((X - autoencoder.reconstruct(X)) ** 2).mean()
    >>> pca = PCA(n_components=8).fit(X)
    >>> pca_error = ((X - pca.inverse_transform(pca.transform(X))) ** 2).mean()
    >>> print(error < pca_error)
    True

    It was compared with PCA on samples that were not trained on, and selected:

    >>> autoencoder.is_linear_, autoencoder.error_ratio_ < 0.5
    (False, True)
    """

    def __init__(
        self,
        n_components=16,
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

    def _validate_training(self, X, sample_weight=None, *, reset):
        samples = super()._validate_training(X, sample_weight, reset=reset)
        copies = not self.l1_penalty and not self.contractive_penalty
        if reset and copies and self.n_components >= self.n_features_in_:
            warn_user(
                f"n_components={self.n_components!r} is not below the number of "
                f"features, {self.n_features_in_}: the code can copy the sample. Lower "
                "n_components, or use a DenoisingAutoEncoder or a penalty on the code."
            )
        return samples
