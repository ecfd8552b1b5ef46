"""A classifier for labels of which some are wrong or missing."""

from functools import partial
from numbers import Real

import numpy as np
import torch
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._common.sample_weight import pop_weight
from skae._common.validation import check_samples, check_sizes
from skae._common.warn import warn_user
from skae._estimator.base import BaseTorchEstimator
from skae._training.supervised_objective import ClassificationObjective
from skae.modules import ConvClassifier, DenseClassifier
from skae.semi_supervised._data_module import DataClassifier
from skae.semi_supervised._labeled_samples import LabeledSamplesMixin
from skae.semi_supervised._log_probability import LogProbabilityMixin

# Widths of the hidden layers for a table, and channels of the stages for images, where
# the user passes none.
TABLE_SIZES, IMAGE_SIZES = (256, 64), (32, 48, 96)
# A class of which fewer labels are kept is reported.
MIN_KEPT_FRACTION = 0.1


class PseudoLabelClassifier(
    LabeledSamplesMixin, LogProbabilityMixin, ClassifierMixin, BaseTorchEstimator
):
    """Classifier for labels some of which are wrong or missing, such as clusters.

    A network first learns what most samples of a class have in common, and only later
    the labels that are wrong. So its predictions can correct labels during training.
    After each tenth of the epochs, beginning with the second,

    - a sample whose class is predicted with a probability above ``confidence`` gets
      that label [1]_;
    - a sample for which a class other than its label has a probability above one half
      is left out until the next correction [2]_.

    Both compare probabilities relative to the frequencies of the classes. Otherwise
    rare classes would disappear: a network learns that a class is rare before it learns
    which samples belong to it.

    Samples without a label are left out until they get one in this way.

    Predictions use the average of the weights over the last steps, which is more
    accurate than the weights of the last step [3]_. Images are classified by a
    convolutional network, tables by a dense one.

    Parameters
    ----------
    confidence : float, default=0.9
        Probability above which a prediction replaces the label, from 0.5 to 1. None
        keeps all labels as they are.
    unlabeled : object, default=None
        Value of y that marks a sample without a label, such as -1, ``"?"`` or
        ``np.nan``, which stands for None and ``pandas.NA`` in y too. None means that
        all samples are labelled.
    label_smoothing : float, default=0.05
        Fraction of each label that is spread evenly over all classes in training, at
        least 0 and below 1.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes: a dict from class to weight, where a class that is not
        in it has the weight one, or "balanced" for weights such that all classes count
        the same. A sample has the weight of its label, which may be a corrected one.
    dropout : float, default=0.3
        Fraction of the outputs of the last hidden layer that are set to zero in each
        training step, at least 0 and below 1.
    hidden_layer_sizes : array-like of int, default=None
        Numbers of channels of the stages. None means (32, 48, 96). The first stage is
        one convolution. Each of the others has two convolutions, the first of which
        halves height and width. For a table, numbers of units of the hidden layers, and
        None means (256, 64).
    activation : str or callable, default="relu"
        Activation of the hidden layers: "relu", "leaky_relu", "gelu", "silu", "tanh",
        "logistic" or "identity"; or a class of :mod:`torch.nn`, or a function, that
        makes a module when it is called without arguments. The last layers have none.
    image_shape : tuple of int, default=None
        Shape of an image, (height, width) or (height, width, n_channels), if the rows
        of X are images. Images of uint8 are scaled from 0 to 255 to [0, 1]; without
        ``image_shape``, uint8 values in a table are numbers like any other. ``fit``
        fixes the unit of images: after a fit on uint8, floats from 0 to 255 are
        refused; after a fit on such floats, uint8 images have the same unit.
    weight_decay : float, default=0.01
        Weight decay of the optimizer.
    augmentation : callable, default=None
        Called as ``augmentation(x, generator)`` with the samples of a batch, images as
        (n_samples, height, width) or (n_samples, height, width, n_channels), and a
        :class:`torch.Generator` to draw from. It returns random views of the samples
        that belong to the same class; it can be an object of :mod:`skae.corruption`.
        Without it, the network may memorize wrong labels instead of correcting them.
    optimizer : {"adam", "adamw", "sgd"}, type or functools.partial, default="adamw"
        Optimizer: a name, a class of :mod:`torch.optim`, or a
        :class:`functools.partial` of such a class, which sets its other options. Its
        learning rate is always ``lr``, and a ``weight_decay`` above zero replaces that
        of the partial. "sgd" has Nesterov momentum 0.9.
    lr : float, default=3e-3
        Learning rate; with a schedule its largest value.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        Schedule of the learning rate, updated at each step of a fit. "cosine" falls
        from ``lr`` to zero. "one_cycle" first rises to ``lr`` over 30 % of the steps,
        then falls to zero.
    batch_size : int, default=128
        Number of samples per step.
    max_epochs : int or "auto", default="auto"
        Number of passes over the training samples. "auto" is 20, or as many as 650
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
        Smallest decrease of the validation loss that counts as an improvement, in nats.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit. The module, its
        scaling, its likelihood if it has one, the device and the seed then stay as they
        are; parameters that would change them take effect only when this is False
        again.
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
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    labels_ : ndarray of shape (n_samples,)
        Labels of the training samples after the last correction. Samples that never got
        one have the most probable class.
    kept_fractions_ : ndarray of shape (n_classes,)
        Fraction of the labels of each class that were kept; 1 for a class without any
        label.
    module_ : torch.nn.Module
        The trained module. It maps ``(x - mean_) / scale_`` to one score per class.
    mean_ : ndarray of shape (n_features,)
        Mean of the samples; zero for images.
    scale_ : float
        Number that centred samples are divided by: the standard deviation over all
        features together, or one if all samples are equal.
    net_ : TrainingNet
        The skorch net of the last fit, with its history. It is not pickled.
    loss_curve_ : list of float
        Training loss of each epoch: the mean cross-entropy with the smoothed labels in
        nats. A sample that is left out counts as zero.
    validation_loss_curve_ : list of float
        Loss of the held-out samples after each epoch, by the labels that were passed to
        ``fit``; empty without early stopping.
    n_epochs_ : int
        Number of epochs trained.
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
    ClusterClassifier : Makes the labels, and takes this as its ``refiner``.
    skae.corruption.RandomAffine : Random views of images.

    References
    ----------
    .. [1] D.-H. Lee, "Pseudo-label: the simple and efficient semi-supervised learning
       method for deep neural networks", ICML workshop on challenges in representation
       learning, 2013.
    .. [2] B. Han, Q. Yao, X. Yu, G. Niu, M. Xu, W. Hu, I. Tsang and M. Sugiyama,
       "Co-teaching: robust training of deep neural networks with extremely noisy
       labels", NeurIPS 2018.
    .. [3] A. Tarvainen and H. Valpola, "Mean teachers are better role models:
       weight-averaged consistency targets improve semi-supervised deep learning
       results", NIPS 2017.

    Examples
    --------
    A fifth of the labels are drawn at random, and most wrong ones are corrected:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import PseudoLabelClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> rng = np.random.default_rng(0)
    >>> y_noisy = np.where(rng.random(len(y)) < 0.2, rng.integers(10, size=len(y)), y)
    >>> classifier = PseudoLabelClassifier(random_state=0).fit(X, y_noisy)
    >>> print(np.mean(classifier.labels_ == y) > 0.95)
    True
    """

    _averages_weights = True
    _data_module = DataClassifier
    _auto_epochs = 20
    _target_dtype = torch.int64  # numbers of samples
    __metadata_request__fit = {"sample_weight": None}  # not in the signature
    _parameter_constraints: dict = {
        **BaseTorchEstimator._parameter_constraints,
        "confidence": [Interval(Real, 0.5, 1, closed="both"), None],
        "unlabeled": "no_validation",
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "hidden_layer_sizes": ["array-like", None],
    }

    def __init__(
        self,
        *,
        confidence=0.9,
        unlabeled=None,
        label_smoothing=0.05,
        class_weight=None,
        dropout=0.3,
        hidden_layer_sizes=None,
        activation="relu",
        image_shape=None,
        weight_decay=0.01,
        augmentation=None,
        optimizer="adamw",
        lr=3e-3,
        lr_schedule="one_cycle",
        batch_size=128,
        max_epochs="auto",
        max_steps=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        checkpoint_every=1,
        device="auto",
        compute_dtype="auto",
        compile=False,
        random_state=None,
        verbose=0,
    ):
        self.confidence = confidence
        self.unlabeled = unlabeled
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.dropout = dropout
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
        is_image = self.image_shape_ is not None
        sizes = IMAGE_SIZES if is_image else TABLE_SIZES
        if self.hidden_layer_sizes is not None:
            sizes = check_sizes(self.hidden_layer_sizes, are_channels=is_image)
        n_classes = len(self.classes_)
        if is_image:
            return ConvClassifier(self.image_shape_, n_classes, sizes, self.activation)
        return DenseClassifier(self.n_features_in_, n_classes, sizes, self.activation)

    def _make_objective(self, training, generator):
        return ClassificationObjective(
            self.module_,
            self._label_correction,
            self.label_smoothing,
            self.dropout,
            generator,
            self._weight_of_classes(),
        )

    def _make_augment(self, generator):
        augment = super()._make_augment(generator)
        if augment is None:
            return None
        # Only the samples: their targets are numbers of samples.
        return lambda x, numbers: (augment(x)[0], numbers)

    def _after_fit(self, inputs, targets, held_out):
        *_, (every, kept) = self._training_set
        labels = np.full(len(every.rows), -1)
        labels[kept] = self._label_correction.labels
        self.kept_fractions_ = self._label_correction.kept_fractions()
        is_lost = self.kept_fractions_ < MIN_KEPT_FRACTION
        if is_lost.any():
            warn_user(
                f"Almost all labels of the classes {self.classes_[is_lost]} were "
                "replaced (kept_fractions_). If they are right, set "
                'class_weight="balanced", a larger max_epochs, or confidence=None, '
                "which replaces nothing."
            )
        is_open = labels < 0
        if is_open.any():
            rows = self._make_rows(every.take(is_open))
            labels[is_open] = self._probabilities(rows).argmax(axis=1)
        self.labels_ = self.classes_[labels]
        # They would keep the samples in memory.
        del self._training_set, self._training_rows, self._label_correction
        for name in ("_strata", "_has_target"):
            self.__dict__.pop(name, None)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Learn to predict the classes, and correct labels that look wrong.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples. Images have shape (n_samples, height, width) or
            (n_samples, height, width, n_channels). Those of uint8 are scaled from 0 to
            255 to [0, 1].
        y : array-like of shape (n_samples,)
            Their classes, some of them wrong; the value ``unlabeled`` marks samples
            without one.
        **fit_params : dict
            ``sample_weight`` may be passed, the weights of the samples, of shape
            (n_samples,) and not negative. A sample of weight zero is left out before
            anything is learned; ``labels_`` has its most probable class. An integer
            weight has the effect of that many equal samples, on average over the random
            numbers.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If X, y or a parameter is not valid. After an error, the classifier has the
            state from before the call.
        DivergenceError
            If the loss is not finite or ends far above where it began.
        KeyboardInterrupt
            If the fit is interrupted by Ctrl-C. After the first epoch, the classifier
            is then fitted as of the last whole epoch.

        Warns
        -----
        UserWarning
            If a class has lost more than nine tenths of its labels.
        """
        weight = pop_weight(fit_params)
        return self._run_fit(partial(self._validate_pairs, X, y, sample_weight=weight))

    # -- Inference ----------------------------------------------------------------

    def _probabilities(self, rows, compute_dtype=torch.float32, *, fused=False):
        """Return the probabilities of the classes of rows."""

        def probabilities(module, x):
            low = compute_dtype != torch.float32
            with torch.autocast(
                x.device.type, compute_dtype, enabled=low, cache_enabled=False
            ):
                scores = module(x)
            return scores.to(x.dtype).softmax(dim=1)

        shape = (len(self.classes_),)
        return self._map_chunks(probabilities, shape, rows, fused=fused)

    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples. If ``fit`` was passed images, their flat rows are accepted, too.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``, in float32 for X of float32,
            float16 or uint8, else in float64.
        """
        check_is_fitted(self)
        samples = check_samples(self, X, reset=False, ensure_all_finite=False)
        is_image = self.image_shape_ is not None
        return self._probabilities(self._make_rows(samples), fused=is_image)

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The class with the largest probability of ``predict_proba``.
        """
        best = self.predict_proba(X).argmax(axis=1)  # first, since it may be unfitted
        return self.classes_[best]
