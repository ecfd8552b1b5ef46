"""Weights of samples: checked, attached to samples, and used in means.

An integer weight stands for so many equal rows, and a sample of weight zero is left out
before anything is learned.
"""

from inspect import signature

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.sparsefuncs import mean_variance_axis

from skae._common.missing import has_missing


def check_sample_weight(sample_weight, n_samples):
    """Check weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,)
        The weights.
    n_samples : int
        Number of samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The weights in float64.

    Raises
    ------
    ValueError
        If they are not one number per sample, if one is negative, or all are zero.
    """
    weight = check_array(
        sample_weight,
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
        input_name="sample_weight",
        force_writeable=True,  # torch warns about other memory
    )
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has the shape {weight.shape}; it must hold one number for "
            f"each of the {n_samples} samples."
        )
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight must not be negative; sample {(weight < 0).argmax()} has "
            f"the weight {weight[weight < 0][0]:g}."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight is zero for all samples; at least one must be positive."
        )
    return weight


def attach_weight(sample_weight, *all_samples):
    """Attach weights to samples, and leave out those of weight zero.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        The weights; None, or one for all samples, attaches nothing.
    *all_samples : Samples
        Matching samples, such as inputs and targets.

    Returns
    -------
    list of Samples
        The samples that count.
    kept : ndarray of int or slice
        Which these are.
    """
    everything = slice(None)
    if sample_weight is None:
        return [*all_samples], everything
    n_samples = all_samples[0].rows.shape[0]
    weight = check_sample_weight(sample_weight, n_samples)
    if (weight == 1.0).all():
        return [*all_samples], everything
    weighted = [samples._replace(weight=weight) for samples in all_samples]
    if weight.all():
        return weighted, everything
    kept = np.flatnonzero(weight)
    return [samples.take(kept) for samples in weighted], kept


def average(values, sample_weight=None):
    """Return the mean of one value per sample, such as its score.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        The values.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. A value of weight zero does not count, also if it is
        infinite.

    Returns
    -------
    float
        Their mean.
    """
    if sample_weight is None:
        return float(values.mean(dtype=np.float64))
    weight = check_sample_weight(sample_weight, len(values))
    counts = weight > 0
    return float(np.average(values[counts].astype(np.float64), weights=weight[counts]))


def feature_means(rows, weight=None):
    """Return the mean of each feature over the values that are present.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The samples, NaN where a value is missing.
    weight : ndarray of shape (n_samples,), default=None
        Their weights.

    Returns
    -------
    ndarray of shape (n_features,)
        Means in float64.
    """
    if has_missing(rows):
        is_missing = np.isnan(rows)
        share = (~is_missing).astype(np.float64)
        if weight is not None:
            share *= weight[:, np.newaxis]
        values = np.where(is_missing, 0.0, rows)
        return (share * values).sum(axis=0) / share.sum(axis=0)
    if weight is None:
        return rows.mean(axis=0, dtype=np.float64)
    return np.average(rows, axis=0, weights=weight)


def moments(rows, weight=None):
    """Return mean and variance of features.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        The samples, NaN where a value is missing.
    weight : ndarray of shape (n_samples,), default=None
        Their weights.

    Returns
    -------
    mean : ndarray of shape (n_features,)
        Means in float64.
    variance : ndarray of shape (n_features,)
        Mean squared distances from them.
    """
    if issparse(rows):
        return mean_variance_axis(rows.astype(np.float64), axis=0, weights=weight)
    mean = feature_means(rows, weight)
    if weight is None and not has_missing(rows):
        return mean, rows.var(axis=0, dtype=np.float64)
    return mean, feature_means(np.square(rows - mean), weight)


def takes_weight(estimator):
    """Return whether an estimator's ``fit`` takes the weights of samples.

    Parameters
    ----------
    estimator : estimator
        Any estimator.

    Returns
    -------
    bool
        True where ``sample_weight`` is a parameter of ``fit``, or metadata that can be
        requested for it.
    """
    if "sample_weight" in signature(estimator.fit).parameters:
        return True
    requests = getattr(get_routing_for_object(estimator), "fit", None)
    return "sample_weight" in getattr(requests, "requests", {})


def weight_for(estimator, weight):
    """Return the arguments by which an estimator's ``fit`` gets weights.

    Parameters
    ----------
    estimator : estimator
        Any estimator.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.

    Returns
    -------
    dict
        Empty where there are no weights, or the estimator takes none.
    """
    if weight is None or not takes_weight(estimator):
        return {}
    return {"sample_weight": weight}


def fit_density(density, codes, weight):
    """Fit a density to codes, of which each may stand for several.

    Parameters
    ----------
    density : estimator
        With ``fit`` and ``sample``.
    codes : ndarray of shape (n_samples, n_components)
        The codes.
    weight : ndarray of shape (n_samples,) or None
        Their weights. A density whose ``fit`` takes none gets as many codes, each
        repeated in proportion to its weight.

    Returns
    -------
    estimator
        The fitted density.
    """
    if weight is None:
        return density.fit(codes)
    if takes_weight(density):
        return density.fit(codes, sample_weight=weight)
    return density.fit(codes[_spaced_rows(weight, len(codes), 0.5)])


def _spaced_rows(weight, n_rows, offset):
    """Return rows at even distances in the sum of the weights up to them."""
    total = weight.cumsum()
    places = (np.arange(n_rows) + offset) / n_rows * total[-1]
    return np.searchsorted(total[:-1], places, side="right")


def weighted_quantile(values, share, weight=None):
    """Return a quantile of values, of which each may stand for several.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        The values.
    share : float
        Share of the values below the quantile, in [0, 1].
    weight : ndarray of shape (n_samples,), default=None
        Their weights, positive. Integers are numbers of equal values, also for the
        linear interpolation between neighbours. Weights below one on average are
        increased to that.

    Returns
    -------
    float
        The quantile.
    """
    if weight is None:
        return float(np.percentile(values, 100 * share))
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[order] / min(1.0, weight.mean()))
    place = share * max(0.0, total[-1] - 1.0)
    below, above = values[order][
        np.searchsorted(
            total, [np.floor(place), np.floor(place) + 1.0], side="right"
        ).clip(max=len(values) - 1)
    ]
    return float(below + (above - below) * (place - np.floor(place)))


def draw_rows(rng, n_rows, n_samples, weight=None):
    """Draw rows without replacement, those of larger weights more often.

    Parameters
    ----------
    rng : numpy.random.RandomState
        Source of the draws.
    n_rows : int
        Number of rows to draw.
    n_samples : int
        Number of rows to draw from.
    weight : ndarray of shape (n_samples,), default=None
        Their weights. A row that stands for more than one drawn row is drawn several
        times.

    Returns
    -------
    ndarray of int of shape (n_rows,)
        The rows, in random order.
    """
    if weight is None:
        return rng.choice(n_samples, n_rows, False)
    order = rng.permutation(n_samples)
    spaced = _spaced_rows(weight[order], n_rows, rng.uniform())
    return rng.permutation(order[spaced])


def class_totals(labels, n_classes, weight=None):
    """Return the number of samples of each class, or the sum of their weights.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Classes of the samples by number; -1 for a sample without a label.
    n_classes : int
        Number of classes.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    ndarray of shape (n_classes,)
        The totals.
    """
    is_labeled = labels >= 0
    weights = None if weight is None else weight[is_labeled]
    return np.bincount(labels[is_labeled], weights, n_classes)


def check_class_weight(class_weight, classes, labels, weight=None):
    """Return the weight of each class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        Weights by class, or "balanced" for weights such that all classes count the
        same.
    classes : ndarray of shape (n_classes,)
        The classes.
    labels : ndarray of int of shape (n_samples,)
        Classes of the samples by number; -1 for a sample without a label.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    ndarray of shape (n_classes,) or None
        The weights; None where all are the same.

    Raises
    ------
    ValueError
        If a weight is negative, or of a class that is not there.
    """
    if class_weight is None:
        return None
    if class_weight == "balanced":
        counts = class_totals(labels, len(classes), weight)
        return np.where(
            counts, counts.sum() / (len(classes) * (counts + (counts == 0))), 0
        )
    weights = compute_class_weight(class_weight, classes=classes, y=classes)
    unknown = [name for name in class_weight if name not in classes]
    if unknown or weights.min() < 0:
        raise ValueError(
            f"class_weight={class_weight!r} must map classes of y, {classes.tolist()}, "
            "to weights of at least 0."
        )
    return weights


def pop_weight(fit_params):
    """Return the weights in the further arguments of ``fit``; refuse other arguments.

    scikit-learn takes ``sample_weight`` in the signature of ``fit`` for the promise
    that integer weights give the very model of repeated rows. A fit that draws random
    numbers for each sample keeps it on average only, so there it is a further argument.

    Parameters
    ----------
    fit_params : dict
        Further arguments.

    Returns
    -------
    array-like of shape (n_samples,) or None
        The weights.

    Raises
    ------
    TypeError
        If there is another argument.
    """
    unknown = [name for name in fit_params if name != "sample_weight"]
    if unknown:
        raise TypeError(
            f"fit() got an unexpected keyword argument {unknown[0]!r}; besides X and "
            "y, sample_weight can be passed."
        )
    return fit_params.get("sample_weight")
