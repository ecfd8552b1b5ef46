"""A likelihood for each column of a table."""

import math
from numbers import Integral

import numpy as np
import torch
from sklearn.utils.metaestimators import _BaseComposition

from skae._common.memmap import copy_memmaps
from skae.likelihood._base import Likelihood
from skae.likelihood._continuous import Gaussian, Laplace
from skae.likelihood._discrete import Bernoulli
from skae.likelihood._multinomial import Multinomial
from skae.likelihood._negative_binomial import NegativeBinomial
from skae.likelihood._poisson import Poisson

# The likelihoods that have a short name, which stands for one with its defaults.
LIKELIHOODS = {
    "gaussian": Gaussian,
    "bernoulli": Bernoulli,
    "laplace": Laplace,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "multinomial": Multinomial,
}


class Mixed(Likelihood, _BaseComposition):
    """Tables with columns of several kinds, each with its own likelihood.

    Parameters
    ----------
    likelihoods : list of (str, Likelihood or str, columns) tuples
        Name, likelihood, and the columns that it is for, as in
        :class:`~sklearn.compose.ColumnTransformer`: an index or a list of them, a
        slice, a mask, or names where X has such. Each column must have one likelihood.
        Parameters are set by name, such as ``likelihood__counts__link``.

    Notes
    -----
    The columns of a table may have different units: an autoencoder centres and scales
    each column whose likelihood allows that. So a Gaussian of one variance for several
    columns here means one share of each column's own variance.

    References
    ----------
    .. [1] A. Nazábal, P. M. Olmos, Z. Ghahramani and I. Valera, "Handling incomplete
       heterogeneous data using VAEs", Pattern Recognition 107, 2020.

    Examples
    --------
    A length, a width, and a colour in three one-hot columns:

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
    loss_needs_variance = True
    binds_features = True

    def __init__(self, likelihoods):
        self.likelihoods = likelihoods

    @property
    def _pairs(self):
        """Names and likelihoods, in the form that their parameters are set by."""
        try:
            return [(name, likelihood) for name, likelihood, _ in self.likelihoods]
        except (TypeError, ValueError):
            return self.likelihoods  # they are refused in bind

    @_pairs.setter
    def _pairs(self, pairs):
        self.likelihoods = [
            (name, likelihood, columns)
            for (name, likelihood), (*_, columns) in zip(
                pairs, self.likelihoods, strict=True
            )
        ]

    def get_params(self, deep=True):
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return those of the likelihoods as well.

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

    def bind(self, n_features, names=None):
        self._check_likelihoods()
        times_named = np.zeros(n_features, int)
        self._parts, self._columns = {}, {}
        for name, likelihood, columns in self.likelihoods:
            part = _as_object(likelihood)
            part._validate_params()
            index = _column_indices(columns, n_features, names, name)
            if part.binds_features:
                part.bind(len(index))
            np.add.at(times_named, index, 1)
            self._parts[name], self._columns[name] = part, index
        if (times_named != 1).any():
            column = int((times_named != 1).argmax())
            raise ValueError(
                f"likelihood={self!r} must have one likelihood for each of the "
                f"{n_features} columns; column {column} has {times_named[column]}."
            )

    def __setstate__(self, state):
        if "_columns" in state:
            state = {**state, "_columns": copy_memmaps(state["_columns"])}
        super().__setstate__(state)

    def _parts_of(self, rows):
        """Return each part and the indices of its columns."""
        if not hasattr(self, "_parts"):  # used without an estimator
            self.bind(rows.shape[1])
        return [(part, self._columns[name]) for name, part in self._parts.items()]

    def _join(self, function, like):
        """Put what a function returns for each part in the place of its columns."""
        out = torch.empty_like(like)
        for part, index in self._parts_of(like):
            out[..., index] = function(part, index)
        return out

    @property
    def has_variance(self):
        """Whether one of the likelihoods has a variance that is learned."""
        return any(_as_object(part).has_variance for _, part in self._pairs)

    def error(self, output, x):
        def error_of(part, index):
            if not part.has_variance:
                return 0.0
            return part.error(output[:, index], x[:, index])

        return self._join(error_of, output)

    def variance(self, error):
        """Variance of p(x|h) that is most likely at the mean error of each feature.

        Parameters
        ----------
        error : torch.Tensor of shape (n_features,)
            Mean of :meth:`error` over the samples.

        Returns
        -------
        torch.Tensor of shape (n_features,)
            Variance given the code, NaN where the outputs alone decide.
        """
        return self._join(
            lambda part, index: (
                part.variance(error[index]) if part.has_variance else math.nan
            ),
            error,
        )

    @property
    def transforms_input(self):
        """Whether one of the likelihoods changes what the encoder sees."""
        return any(_as_object(part).transforms_input for _, part in self._pairs)

    def scaled_features(self, n_features):
        scaled = np.zeros(n_features, dtype=bool)
        for name, part in self._parts.items():
            scaled[self._columns[name]] = part.scale_exponent > 0
        return scaled

    def encoder_input(self, x):
        return self._join(lambda part, index: part.encoder_input(x[:, index]), x)

    def start(self, mean):
        out = np.zeros(len(mean))
        for part, index in self._parts_of(mean[np.newaxis]):
            found = part.start(mean[index])
            out[index] = 0.0 if found is None else found
        return out

    def log_prob(self, x, output, variance=None):
        return self._join(
            lambda part, index: part.log_prob(
                x[:, index], output[:, index], _variance_of(part, index, variance)
            ),
            output,
        )

    def mean(self, output):
        return self._join(lambda part, index: part.mean(output[:, index]), output)

    def sample(self, output, variance=None):
        return self._join(
            lambda part, index: part.sample(
                output[:, index], _variance_of(part, index, variance)
            ),
            output,
        )

    def supports(self, X):
        parts = [part.supports(X[:, index]) for part, index in self._parts_of(X)]
        return np.logical_and.reduce(parts)

    def check(self, X):
        for part, index in self._parts_of(X):
            part.check(X[:, index])


def _as_object(likelihood):
    """Return the likelihood that a name stands for, and an object as it is."""
    return LIKELIHOODS[likelihood]() if isinstance(likelihood, str) else likelihood


def _variance_of(part, index, variance):
    """Return the variances of the columns of a part, None where it has none."""
    return variance[index] if part.has_variance else None


def _column_indices(columns, n_features, names, name):
    """Return the indices of columns that are named as in ColumnTransformer."""
    wanted = [columns] if isinstance(columns, str | Integral) else columns
    if isinstance(wanted, slice):
        listed = [end for end in (wanted.start, wanted.stop) if isinstance(end, str)]
    else:
        listed = [column for column in wanted if isinstance(column, str)]
    known = {column: i for i, column in enumerate([] if names is None else names)}
    unknown = [column for column in listed if column not in known]
    if unknown:
        raise ValueError(
            f"likelihood {name!r} of Mixed is for the column {unknown[0]!r}, but the "
            f"names of X's columns are {list(known) or 'not known'}."
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
            f"likelihood {name!r} of Mixed is for the columns {columns!r}, but X "
            f"has {n_features} columns."
        ) from error
    if not len(index):
        raise ValueError(
            f"likelihood {name!r} of Mixed is for the columns {columns!r}, which "
            f"select none of the {n_features} columns of X."
        )
    return np.ascontiguousarray(index)  # torch knows no slice that runs backwards
