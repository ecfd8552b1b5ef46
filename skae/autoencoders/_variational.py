"""The variational autoencoder."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval

from skae._common.sample_weight import moments
from skae._common.warn import warn_user
from skae._estimator.base import MAX_WIDE_LR
from skae._training.variational_objective import VariationalObjective, kl_divergence
from skae.autoencoders._base import BaseAutoEncoder
from skae.autoencoders._data_modules import DataVariational
from skae.autoencoders._density import NormalDensity
from skae.autoencoders._importance import ImportanceSamplingMixin
from skae.autoencoders._probabilistic_pca import ProbabilisticPCAMixin
from skae.modules._variational import VARIATIONAL_MODULES

# A component is active if the variance of its mean over the samples is above this, as
# in Burda et al. (2016).
ACTIVE_VARIANCE = 0.01


class VariationalAutoEncoder(
    ImportanceSamplingMixin, ProbabilisticPCAMixin, BaseAutoEncoder
):
    """Autoencoder with a stochastic encoder and decoder: a generative model.

    The model draws a code h from p(h) = N(0, 1), then a sample from p(x|h). The encoder
    maps a sample to a normal distribution p_enc(h|x) of the codes that it may come
    from. Encoder and decoder are trained together by maximizing a lower bound on
    log p(x), the ELBO: E[log p(x|h)] - KL(p_enc(h|x) || p(h)) [1]_. So every code that
    is likely under p(h) can be decoded, and samples can be scored by their density.

    Parameters
    ----------
    n_components : int, default=16
        Number of components of a code.
    beta : float, default=1.0
        Weight of the divergence KL. 1 maximizes the ELBO; larger values favour codes
        whose components are independent [2]_, smaller ones the reconstruction.
    beta_warm_up : int, default=0
        Number of epochs over which the weight rises linearly from zero to ``beta``, so
        that components of the code that become useful late are not suppressed before.
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
        starts at probabilistic PCA, which is kept if training does not improve on it
        (see Notes). Only for a Gaussian likelihood of one variance, with the identity
        link.
    likelihood : str or Likelihood, default="gaussian"
        Likelihood p(x|h), an object of :mod:`skae.likelihood` or a name. "gaussian" and
        "laplace" learn their variance in training; "bernoulli" needs X in [0, 1];
        "poisson", "negative_binomial" and "multinomial" are for counts.
    module : callable, default=None
        Makes a torch module of your own in the place of ``architecture``: a class or a
        function that is called as ``module(n_features=..., n_components=...)`` and
        returns a :class:`skae.modules.VariationalModule`, or another module with its
        methods ``encode_distribution``, ``encode`` and ``decode``. The module gets X as
        it is, images as flat rows.
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
    n_importance_samples : int, default=50
        Number of codes per sample that :meth:`score_samples` draws. With one, its bound
        is the ELBO up to chance; more make it tighter.
    density : estimator, default=None
        Density that :meth:`sample` draws codes from: a density estimator with the
        methods ``fit`` and ``sample``, such as
        :class:`~sklearn.mixture.GaussianMixture`. It is cloned and fitted on codes that
        are drawn from p_enc(h|x) of training samples, one for each, whose density is
        the aggregated posterior [5]_. None uses p(h), which may have more codes than
        samples have. Scores are those of p(h) in any case.
    augmentation : callable, default=None
        Called as ``augmentation(x, generator)`` with the samples of a batch, images as
        (n_samples, height, width) or (n_samples, height, width, n_channels), and a
        :class:`torch.Generator` to draw from. What it returns is both input and target.
        Images with missing values have twice the channels there: first those with the
        values filled, then those with NaN, so that both change in the same way.
        :class:`skae.corruption.Binarize` draws gray images as random bits.
    optimizer : {"adam", "adamw", "sgd"}, type or functools.partial, default="adam"
        Optimizer: a name, a class of :mod:`torch.optim`, or a
        :class:`functools.partial` of such a class, which sets its other options. Its
        learning rate is always ``lr``, and a ``weight_decay`` above zero replaces that
        of the partial. "sgd" has Nesterov momentum 0.9, and the other two have the
        betas (0.9, 0.99) where training starts at principal components.
    lr : float or "auto", default="auto"
        Learning rate; with a schedule its largest value. "auto" is 6e-3 if training
        starts at principal components, and otherwise 1e-3; for more than 4096 features
        at most 0.6 / n_features there, and otherwise 5 / n_features.
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
        Smallest decrease of the validation loss that counts as an improvement, in nats
        per feature.
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
    module_ : skae.modules.VariationalModule
        The trained module. It encodes ``(x - mean_) / scale_``, and its outputs are in
        the same scale.
    kl_divergence_ : ndarray of shape (n_components,)
        Divergence of each component of the code in nats, the mean over at most 4096
        training samples: the information about a sample in this component.
    n_active_components_ : int
        Number of components whose mean varies over these samples with a variance above
        0.01. The others hold no information about a sample.
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
    elbo_gain_ : float
        Mean ELBO of held-out samples in nats, minus that of probabilistic PCA, each
        with the variance that is most likely for these samples. It does not exist if
        they were not compared.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Fraction of the variance that each component explains. It exists only if
        ``is_linear_`` is True.
    net_ : TrainingNet
        The skorch net of the last fit, with its history. It is not pickled.
    loss_curve_ : list of float
        Training loss of each epoch, the mean in nats per sample: the negative ELBO with
        the weight of the divergence in that epoch.
    reconstruction_loss_curve_ : list of float
        First term of the loss, -E[log p(x|h)], in nats per sample.
    kl_curve_ : list of float
        Second term of the loss, the divergence, without its weight, in nats per sample.
    validation_loss_curve_ : list of float
        Negative ELBO of the held-out samples after each epoch in nats per sample, with
        the weight ``beta``; empty without early stopping and ``X_val``.
    n_epochs_ : int
        Number of epochs trained.
    density_ : estimator
        The density that :meth:`sample` draws codes from: that of ``density``, fitted to
        codes of at most 4096 training samples, or else p(h). After ``partial_fit``
        these are a random sample of the samples of all calls.
    noise_variance_ : float or ndarray of shape (n_features,)
        Variance of p(x|h) in the squared unit of X: one number for all features, or one
        per feature if the likelihood has that. It is learned after the fit from at most
        4096 samples, one number from every n-th of these where they have more than
        500,000 values. After a selection it is at least what held-out samples have. It
        does not exist for likelihoods without a variance, such as "bernoulli".
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
    AutoEncoderTransformer : The same with a deterministic encoder.
    sklearn.decomposition.PCA : The best model with an affine decoder.
    sklearn.mixture.GaussianMixture : A density without codes.

    Notes
    -----
    With a Gaussian likelihood of one variance and affine maps, the optimum is
    probabilistic PCA [4]_: its ELBO is :meth:`sklearn.decomposition.PCA.score`. With
    ``hidden_layer_sizes=()`` it is computed. With a skip connection training starts
    there. Then its ELBO is compared with that of the trained model on samples that were
    not trained on, as :class:`AutoEncoderTransformer` compares errors. The trained
    model is selected if the ELBO of most samples is higher by a sign test, and if its
    mean is higher by three standard errors or by 0.1 nats per feature. Where samples
    farther out than all of those have over 5 % of the start's squared error, a second
    module is trained without them, and they are compared, too. If ``beta`` is not 1,
    the optimum is another one, and the trained model is kept.

    Values may be missing (NaN, or ``pandas.NA``), at random as in
    :class:`AutoEncoderTransformer`, and are filled for the encoder as there. The ELBO
    is then a bound on log p(x) of the values that are present.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes",
       ICLR 2014.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a
       constrained variational framework", ICLR 2017.
    .. [3] O. Rybkin, K. Daniilidis and S. Levine, "Simple and effective VAE training
       with calibrated decoders", ICML 2021, for a variance that is learned.
    .. [4] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis",
       Journal of the Royal Statistical Society B 61, 1999.
    .. [5] B. Dai and D. Wipf, "Diagnosing and enhancing VAE models", ICLR 2019, where
       a second model learns the density of the codes.

    Examples
    --------
    Draw new digits, and find that noise scores below every digit:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import VariationalAutoEncoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = VariationalAutoEncoder(8, random_state=0).fit(X)
    >>> model.sample(5, random_state=0).shape
    (5, 64)
    >>> noise = np.random.default_rng(0).uniform(0, 16, size=X.shape)
    >>> print(model.score_samples(noise).max() < model.score_samples(X).min())
    True
    """

    _networks: dict = VARIATIONAL_MODULES
    _data_module = DataVariational
    _numbers_per_component = (2,)  # mean and standard deviation
    # Noise in its codes makes the first steps of Adam all the larger.
    _max_wide_lr: dict = {**MAX_WIDE_LR, "pca": 0.6}
    _parameter_constraints: dict = {
        **BaseAutoEncoder._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="left")],
        "beta_warm_up": [Interval(Integral, 0, None, closed="left")],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=16,
        *,
        beta=1.0,
        beta_warm_up=0,
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
        n_importance_samples=50,
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
        self.beta = beta
        self.beta_warm_up = beta_warm_up
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
        self.n_importance_samples = n_importance_samples
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

    # -- Fitting ------------------------------------------------------------------

    def _make_module(self, inputs, n_outputs):
        made = super()._make_module(inputs, n_outputs)
        if not callable(getattr(made, "encode_distribution", None)):
            raise ValueError(
                f"module made a {type(made).__name__} without the method "
                "'encode_distribution'; derive it from skae.modules.VariationalModule."
            )
        return made

    def _make_objective(self, training, generator):
        objective = VariationalObjective(
            self.module_,
            self._likelihood,
            self._scaling.mean_scale,
            self.beta,
            self.beta_warm_up,
            generator,
        )
        return self._start_and_regularize(objective, training, generator)

    def _after_fit(self, inputs, targets, held_out):
        self._select(inputs, targets, held_out)
        encoded, weight = self._learn_variance(inputs, targets)
        mean, std = encoded[:, 0], encoded[:, 1]
        divergence = kl_divergence(torch.from_numpy(mean), torch.from_numpy(std))
        self.kl_divergence_ = divergence.mean(dim=0).numpy()
        if weight is not None:
            self.kl_divergence_ = weight @ divergence.numpy() / weight.sum()
        _, variance = moments(mean, weight)
        self.n_active_components_ = int((variance > ACTIVE_VARIANCE).sum())
        self.density_ = NormalDensity.standard(self._n_features_out)
        if self.density is not None:
            # Drawn, since the means alone vary less than the codes.
            noise = np.random.RandomState(self._seed).normal(size=mean.shape)
            self._learn_density(mean + std * noise, weight)
        terms = self._trainer.terms
        first = self.n_epochs_ - len(terms)  # of this trainer
        for curve, key in (
            ("reconstruction_loss_curve_", "reconstruction_loss"),
            ("kl_curve_", "kl_divergence"),
        ):
            before = getattr(self, curve, [])[:first]
            setattr(self, curve, [*before, *(epoch[key] for epoch in terms)])
        if not self.n_active_components_ and len(mean) > 1:
            warn_user(
                "The posterior has collapsed: all samples have the same code. Train "
                f"longer (n_epochs_={self.n_epochs_}), lower beta "
                f"(beta={self.beta:g}) or raise beta_warm_up "
                f"(beta_warm_up={self.beta_warm_up}).",
                ConvergenceWarning,
            )
