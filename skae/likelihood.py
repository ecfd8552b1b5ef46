"""Likelihoods p(x|h): what the decoder's outputs say about a sample.

The decoder gives one output per feature; a likelihood turns it into a distribution
of the feature. Features are independent given the code, so that -log p(x|h) is a sum
over them. Training minimizes it up to what does not depend on the outputs: the mean
squared error for :class:`Gaussian`, the mean absolute error for :class:`Laplace`, the
cross-entropy for :class:`Bernoulli` and, of one-hot columns, for :class:`Categorical`.
:class:`Mixed` gives each column of a table a likelihood of its kind.
"""

import math
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import _BaseComposition
from torch import distributions


class Likelihood(BaseEstimator):
    """Base of the likelihoods; a new one overrides what differs.

    It needs ``loss`` and ``distribution``, and ``mean`` where that is not the output
    itself; with ``has_noise`` also ``error`` and ``noise``. ``loss_grad`` is an option
    that makes dense networks train faster.

    Attributes
    ----------
    unit_power : int
        The training loss has the unit of X to this power. Zero says that X lies on an
        absolute scale; otherwise the engine may centre and scale X as it likes and
        give the loss back in X's units.
    has_noise : bool
        Whether p(x|h) has a spread that is learned.
    loss_needs_noise : bool
        Whether training must learn the spread along the way, because features whose
        spreads differ are weighed by it. There is no ``loss`` then: training minimizes
        -log p(x|h), a feature.
    """

    _parameter_constraints: dict = {}
    unit_power = 0
    has_noise = False
    loss_needs_noise = False

    def loss(self, output, x):
        """Mean over samples and features of what training minimizes.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        torch.Tensor
            A differentiable scalar.
        """
        raise self._lacks("loss")

    def loss_grad(self, output, x):
        """Loss and its derivative with respect to the outputs.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        loss : torch.Tensor
            As :meth:`loss` gives it.
        grad : torch.Tensor of shape (n_samples, n_features)
            Its derivative.
        """
        raise self._lacks("loss_grad")

    def error(self, output, x):
        """Give what the spread of p(x|h) is learned from.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            How far each value is from the mean, such as its squared error.
        """
        raise self._lacks("error")

    def noise(self, error):
        """Spread of p(x|h) that is most likely at the mean error of each feature.

        Parameters
        ----------
        error : torch.Tensor of shape (n_features,)
            Mean of :meth:`error` over the samples.

        Returns
        -------
        torch.Tensor of shape () or (n_features,), or None
            Variance of a feature given the code, one for all or one for each; None
            where the outputs alone decide.
        """
        return None

    def distribution(self, output, noise):
        """Distribution of each feature given the decoder's outputs.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        noise : float, torch.Tensor of shape (n_features,) or None
            Variance of a feature, as :meth:`noise` gave it.

        Returns
        -------
        torch.distributions.Distribution
            Of batch shape (n_samples, n_features).
        """
        raise self._lacks("distribution")

    def sample(self, output, noise=None):
        """Draw samples from p(x|h), by torch's global generator.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        noise : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance of a feature given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            One draw for each row.
        """
        return self.distribution(output, noise).sample()

    def bind(self, n_features, names=None):
        """Learn which features there are.

        Parameters
        ----------
        n_features : int
            Their number.
        names : sequence of str, default=None
            Their names, where they have some.

        Raises
        ------
        ValueError
            If the likelihood is not one of so many features.
        """

    def mean(self, output):
        """Give the expected sample at the decoder's outputs.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            E[x|h].
        """
        return output

    def log_prob(self, x, output, noise=None):
        """Log-likelihood of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        noise : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance of a feature given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            log p(x|h) in nats, summed over the features.
        """
        return self.distribution(output, noise).log_prob(x).sum(dim=1)

    def check(self, X):
        """Refuse samples that cannot come from this likelihood.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples, in the units that the decoder answers in.

        Raises
        ------
        ValueError
            If X lies outside the support.
        """

    def _lacks(self, method):
        return NotImplementedError(f"{type(self).__name__} has no method {method!r}.")

    @staticmethod
    def _check_range(X, name):
        low, high = X.min(), X.max()
        if low < 0 or high > 1:
            raise ValueError(
                f"likelihood={name} needs X in [0, 1]; got values from {low:g} to "
                f"{high:g}. Scale X, or use likelihood='gaussian'."
            )


class _NoisyLikelihood(Likelihood):
    """Base of the likelihoods that are a mean and noise of one size around it."""

    _parameter_constraints: dict = {"link": [StrOptions({"identity", "logit"})]}
    has_noise = True
    _power = 0

    def __init__(self, link="identity"):
        self.link = link

    @property
    def unit_power(self):
        """Power of X's unit in the loss; zero where the mean is bound to [0, 1]."""
        return self._power if self.link == "identity" else 0

    def mean(self, output):
        return output if self.link == "identity" else torch.sigmoid(output)

    def _grad_of_output(self, grad, mean):
        """Turn the derivative with respect to the mean into that of the output."""
        if self.link == "identity":
            return grad
        return torch.ops.aten.sigmoid_backward(grad, mean)

    def check(self, X):
        if self.link == "logit":
            self._check_range(X, repr(self))


class Gaussian(_NoisyLikelihood):
    """Normal noise: with one variance, training minimizes the mean squared error.

    The variance is learned as the mean squared error over the training samples, which
    is where the likelihood is largest.

    Parameters
    ----------
    link : {"identity", "logit"}, default="identity"
        What the decoder's outputs are: the mean itself, or its log-odds, which bind it
        to [0, 1]. The latter is for X in [0, 1] with many values at the ends, such as
        images of ink on paper: black and white then cost the code nothing.
    covariance_type : {"spherical", "diag"}, default="spherical"
        "spherical" for one variance of all features, as in probabilistic PCA; "diag"
        for one a feature, as in factor analysis, for tables whose columns are more and
        less noisy. The latter are learned in training, which then minimizes -log p; a
        code that may hold a column exactly makes that column's variance vanish, so they
        are for :class:`~skae.VariationalAutoEncoder`, whose code pays for it.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 14.4 (stochastic encoders and decoders).

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Gaussian
    >>> output, x = torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])
    >>> Gaussian().loss(output, x)
    tensor(2.)
    >>> Gaussian().log_prob(x, output, noise=1.0)
    tensor([-3.8379])
    """

    _parameter_constraints: dict = {
        **_NoisyLikelihood._parameter_constraints,
        "covariance_type": [StrOptions({"spherical", "diag"})],
    }
    _power = 2

    def __init__(self, link="identity", covariance_type="spherical"):
        super().__init__(link)
        self.covariance_type = covariance_type

    @property
    def loss_needs_noise(self):
        """Whether each feature has a variance of its own."""
        return self.covariance_type == "diag"

    def loss(self, output, x):  # noqa: D102
        return F.mse_loss(self.mean(output), x)

    def loss_grad(self, output, x):  # noqa: D102
        mean = self.mean(output)
        error = mean - x
        flat = error.view(-1)
        loss = flat.dot(flat).div_(flat.numel())
        return loss, self._grad_of_output(error.mul_(2.0 / flat.numel()), mean)

    def error(self, output, x):  # noqa: D102
        return (self.mean(output) - x).square()

    def noise(self, error):  # noqa: D102
        return error if self.covariance_type == "diag" else error.mean()

    def distribution(self, output, noise):  # noqa: D102
        mean = self.mean(output)
        return distributions.Normal(mean, noise**0.5, validate_args=False)


class Laplace(_NoisyLikelihood):
    """Double-exponential noise: training minimizes the mean absolute error.

    Heavier tails than the Gaussian's, so that outliers pull less. The scale b is
    learned as the mean absolute error; the variance is 2 b².

    Parameters
    ----------
    link : {"identity", "logit"}, default="identity"
        What the decoder's outputs are: the median itself, or its log-odds, which bind
        it to [0, 1].

    References
    ----------
    .. [1] P. J. Huber and E. M. Ronchetti, "Robust Statistics", 2nd edition, Wiley
       2009.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Laplace
    >>> Laplace().loss(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]]))
    tensor(1.)
    """

    _power = 1

    def loss(self, output, x):  # noqa: D102
        return F.l1_loss(self.mean(output), x)

    def loss_grad(self, output, x):  # noqa: D102
        mean = self.mean(output)
        error = mean - x
        loss = error.abs().mean()
        return loss, self._grad_of_output(error.sign_().div_(error.numel()), mean)

    def error(self, output, x):  # noqa: D102
        return (self.mean(output) - x).abs()

    def noise(self, error):  # noqa: D102
        return 2.0 * error.mean() ** 2

    def distribution(self, output, noise):  # noqa: D102
        scale = (noise / 2.0) ** 0.5
        return distributions.Laplace(self.mean(output), scale, validate_args=False)


class Bernoulli(Likelihood):
    """Probability of a one: training minimizes the cross-entropy.

    The decoder's outputs are log-odds. X must lie in [0, 1]; values between are taken
    as probabilities of a one, the usual reading of gray pixels, and the log-likelihood
    is then the negative cross-entropy.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 6.2.2.2.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Bernoulli
    >>> Bernoulli().mean(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    >>> Bernoulli().log_prob(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2))
    tensor([-1.3863])
    """

    def loss(self, output, x):  # noqa: D102
        return F.binary_cross_entropy_with_logits(output, x)

    def loss_grad(self, output, x):  # noqa: D102
        grad = torch.sigmoid(output).sub_(x).div_(output.numel())
        return self.loss(output, x), grad

    def distribution(self, output, noise):  # noqa: D102
        return distributions.Bernoulli(logits=output, validate_args=False)

    def mean(self, output):  # noqa: D102
        return torch.sigmoid(output)

    def check(self, X):  # noqa: D102
        self._check_range(X, "'bernoulli'")


class Categorical(Likelihood):
    """Level of categorical variables, one-hot encoded: a cross-entropy of several ways.

    The columns are those that :class:`~sklearn.preprocessing.OneHotEncoder` makes, one
    a level. The decoder's outputs are log-probabilities up to a constant for each
    variable. The mean E[x|h] is the probability of each level.

    Parameters
    ----------
    n_levels : sequence of int, default=None
        Number of levels of each variable, whose columns follow each other; such as
        ``[len(levels) for levels in encoder.categories_]``. None for one variable that
        has all columns.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 6.2.2.3.

    Examples
    --------
    A colour of three levels and a size of two:

    >>> import torch
    >>> from skae.likelihood import Categorical
    >>> likelihood, x = Categorical([3, 2]), torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]])
    >>> likelihood.mean(torch.zeros(1, 5))
    tensor([[0.3333, 0.3333, 0.3333, 0.5000, 0.5000]])
    >>> likelihood.log_prob(x, torch.zeros(1, 5))  # log 1/3 + log 1/2
    tensor([-1.7918])
    """

    _parameter_constraints: dict = {"n_levels": ["array-like", None]}

    def __init__(self, n_levels=None):
        self.n_levels = n_levels

    def _variables(self, rows):
        """Divide columns into those of each variable."""
        return rows.split(self._sizes(rows.shape[1]), dim=1)

    def _sizes(self, n_features):
        return [n_features] if self.n_levels is None else [*self.n_levels]

    def bind(self, n_features, names=None):  # noqa: D102
        sizes = self._sizes(n_features)
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(f"n_levels={self.n_levels!r} must be positive integers.")
        if sum(sizes) != n_features:
            raise ValueError(
                f"n_levels={self.n_levels!r} makes {sum(sizes)} one-hot columns; there "
                f"are {n_features}."
            )

    def loss(self, output, x):  # noqa: D102
        return -self.log_prob(x, output).mean() / x.shape[1]

    def log_prob(self, x, output, noise=None):  # noqa: D102
        log_probabilities = [v.log_softmax(dim=1) for v in self._variables(output)]
        return (x * torch.cat(log_probabilities, dim=1)).sum(dim=1)

    def mean(self, output):  # noqa: D102
        return torch.cat([v.softmax(dim=1) for v in self._variables(output)], dim=1)

    def sample(self, output, noise=None):  # noqa: D102
        kind = distributions.OneHotCategorical
        draws = [kind(logits=v).sample() for v in self._variables(output)]
        return torch.cat(draws, dim=1)

    def check(self, X):  # noqa: D102
        self._check_range(X, repr(self))
        starts = np.cumsum([0, *self._sizes(X.shape[1])[:-1]])
        sums = np.add.reduceat(X, starts, axis=1, dtype=np.float64)
        if abs(sums - 1).max() > 1e-3:
            raise ValueError(
                f"likelihood={self!r} needs one-hot columns of X, whose sum is one for "
                f"each variable; got sums from {sums.min():g} to {sums.max():g}."
            )


class Mixed(Likelihood, _BaseComposition):
    """Tables with columns of several kinds, each with its own likelihood.

    Parameters
    ----------
    likelihoods : list of (str, Likelihood or str, columns) tuples
        Name, likelihood, and the columns that it is for, as in
        :class:`~sklearn.compose.ColumnTransformer`: an index or a list of them, a
        slice, a mask, or names where X has such. Each column must have one likelihood.
        The names serve to set parameters, ``likelihood__counts__link``.

    Notes
    -----
    Numbers are taken as they are: put a
    :class:`~sklearn.preprocessing.StandardScaler` before the autoencoder where columns
    have different units.

    References
    ----------
    .. [1] A. Nazábal, P. M. Olmos, Z. Ghahramani and I. Valera, "Handling incomplete
       heterogeneous data using VAEs", Pattern Recognition 107, 2020.

    Examples
    --------
    A length and a width, and three columns of a one-hot colour:

    >>> import torch
    >>> from skae.likelihood import Categorical, Gaussian, Mixed
    >>> likelihood = Mixed(
    ...     [
    ...         ("sizes", Gaussian(covariance_type="diag"), [0, 1]),
    ...         ("colour", Categorical(), slice(2, 5)),
    ...     ]
    ... )
    >>> likelihood.mean(torch.zeros(1, 5))
    tensor([[0.0000, 0.0000, 0.3333, 0.3333, 0.3333]])
    """

    _parameter_constraints: dict = {"likelihoods": [list]}
    loss_needs_noise = True

    def __init__(self, likelihoods):
        self.likelihoods = likelihoods

    @property
    def _pairs(self):
        """Names and likelihoods, in the form that their parameters are set by."""
        try:
            return [(name, likelihood) for name, likelihood, _ in self.likelihoods]
        except (TypeError, ValueError):
            return self.likelihoods  # refused where they are used

    @_pairs.setter
    def _pairs(self, pairs):
        self.likelihoods = [
            (name, likelihood, columns)
            for (name, likelihood), (*_, columns) in zip(
                pairs, self.likelihoods, strict=True
            )
        ]

    def get_params(self, deep=True):
        """Give the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give those of the likelihoods, too.

        Returns
        -------
        dict
            Values by name.
        """
        return self._get_params("_pairs", deep=deep)

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Values by name, those of the likelihoods as ``name__parameter``.

        Returns
        -------
        self : Mixed
            The likelihood.
        """
        self._set_params("_pairs", **params)
        return self

    def _check_likelihoods(self):
        entries = self.likelihoods
        if not entries or not all(
            isinstance(entry, tuple)
            and len(entry) == 3
            and isinstance(entry[0], str)
            and (entry[1] in LIKELIHOODS if isinstance(entry[1], str) else True)
            and isinstance(entry[1], str | Likelihood)
            for entry in entries
        ):
            raise ValueError(
                "The 'likelihoods' parameter of Mixed must be a list of (name, "
                f"likelihood, columns) tuples, at least one. Got {entries!r} instead."
            )
        self._validate_names([name for name, _, _ in entries])

    def bind(self, n_features, names=None):  # noqa: D102
        self._check_likelihoods()
        times_named = np.zeros(n_features, int)
        self._parts = []
        for name, likelihood, columns in self.likelihoods:
            index = _column_indices(columns, n_features, names, name)
            part = make_likelihood(likelihood)
            part.bind(len(index))
            np.add.at(times_named, index, 1)
            self._parts.append((part, index))
        if (times_named != 1).any():
            column = int((times_named != 1).argmax())
            raise ValueError(
                f"likelihood={self!r} must give each of the {n_features} columns one "
                f"likelihood; column {column} has {times_named[column]}."
            )

    def __setstate__(self, state):  # noqa: D105
        super().__setstate__(state)
        if hasattr(self, "_parts"):
            # Copied: torch warns of what lies in a read-only memory map.
            self._parts = [(part, np.array(index)) for part, index in self._parts]

    def _parts_of(self, rows):
        if not hasattr(self, "_parts"):  # used by itself
            self.bind(rows.shape[1])
        return self._parts

    def _join(self, function, output, *others):
        """Put together what a function of each part and its columns gives."""
        out = torch.empty_like(output)
        for part, index in self._parts_of(output):
            columns = (rows[..., index] for rows in (output, *others))
            out[..., index] = function(part, *columns)
        return out

    @property
    def has_noise(self):
        """Whether one of the likelihoods has a spread that is learned."""
        return any(make_likelihood(part).has_noise for _, part in self._pairs)

    def error(self, output, x):  # noqa: D102
        return self._join(
            lambda part, o, t: part.error(o, t) if part.has_noise else 0.0, output, x
        )

    def noise(self, error):
        """Spread of p(x|h) that is most likely at the mean error of each feature.

        Parameters
        ----------
        error : torch.Tensor of shape (n_features,)
            Mean of :meth:`error` over the samples.

        Returns
        -------
        torch.Tensor of shape (n_features,)
            Variance of a feature given the code, NaN where the outputs alone decide.
        """
        return self._join(
            lambda part, e: part.noise(e) if part.has_noise else math.nan, error
        )

    def log_prob(self, x, output, noise=None):  # noqa: D102
        return sum(
            part.log_prob(
                x[:, index],
                output[:, index],
                noise[index] if part.has_noise else None,
            )
            for part, index in self._parts_of(output)
        )

    def mean(self, output):  # noqa: D102
        return self._join(lambda part, o: part.mean(o), output)

    def sample(self, output, noise=None):  # noqa: D102
        out = torch.empty_like(output)
        for part, index in self._parts_of(output):
            spread = noise[index] if part.has_noise else None
            out[:, index] = part.sample(output[:, index], spread)
        return out

    def check(self, X):  # noqa: D102
        for part, index in self._parts_of(X):
            part.check(X[:, index])


def _column_indices(columns, n_features, names, name):
    """Give the numbers of columns that are named as in ColumnTransformer."""
    wanted = [columns] if isinstance(columns, str | Integral) else columns
    if isinstance(wanted, slice):
        listed = [end for end in (wanted.start, wanted.stop) if isinstance(end, str)]
    else:
        listed = [column for column in wanted if isinstance(column, str)]
    known = {column: i for i, column in enumerate([] if names is None else names)}
    unknown = [column for column in listed if column not in known]
    if unknown:
        raise ValueError(
            f"likelihood {name!r} is for the column {unknown[0]!r}, but the names of "
            f"X's columns are {list(known) or 'not known'}."
        )
    if isinstance(wanted, slice):
        # A slice of names holds the last of them, as in ColumnTransformer.
        stop = wanted.stop
        stop = known[stop] + 1 if isinstance(stop, str) else stop
        wanted = slice(known.get(wanted.start, wanted.start), stop, wanted.step)
    elif listed:
        wanted = [known[column] for column in wanted]
    else:
        wanted = np.asarray(wanted, dtype=None if len(wanted) else int)
    try:
        index = np.arange(n_features)[wanted]
    except IndexError as error:
        raise ValueError(
            f"likelihood {name!r} is for the columns {columns!r}, but X has "
            f"{n_features}."
        ) from error
    if not len(index):
        raise ValueError(
            f"likelihood {name!r} is for the columns {columns!r}, which are none of "
            f"X's {n_features}."
        )
    return index


LIKELIHOODS = {"gaussian": Gaussian, "bernoulli": Bernoulli, "laplace": Laplace}


def make_likelihood(likelihood):
    """Turn the ``likelihood`` parameter into an object.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli", "laplace"} or Likelihood
        A name is short for the likelihood with its defaults.

    Returns
    -------
    Likelihood
        The object.

    Raises
    ------
    ValueError
        If a parameter of the object is not allowed.
    """
    if isinstance(likelihood, str):
        return LIKELIHOODS[likelihood]()
    likelihood._validate_params()
    return likelihood
