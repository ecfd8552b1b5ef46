"""The best affine map from inputs to targets, to be followed by components."""

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from skae._common.sample_weight import moments

# Penalty of the best affine map from corrupted samples, in units of their variance.
RIDGE = 1e-3
# A matrix of more numbers than this is not made: with so wide rows there are fewer
# samples than features, of which the map is made instead.
MAX_SLOPES = 2**24


def regress(x, target, weight):
    """Fit the best affine map from inputs to targets.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Inputs.
    target : ndarray of shape (n_samples, n_outputs)
        Targets.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.

    Returns
    -------
    fitted : ndarray of shape (n_samples, n_outputs)
        What the map returns for the inputs.
    follow : callable
        Called with a matrix of shape (n_components, n_outputs), it returns weight and
        bias of the map that is followed by it.
    """
    n_samples = len(x) if weight is None else weight.sum()
    mean, variance = moments(x, weight)
    alpha = RIDGE * n_samples * float(variance.mean())
    if x.shape[1] * target.shape[1] <= MAX_SLOPES:
        ridge = Ridge(alpha).fit(x, target, sample_weight=weight)
        slopes = ridge.coef_.reshape(target.shape[1], -1)

        def follow(components):
            return components @ slopes, components @ ridge.intercept_

        return x @ slopes.T + ridge.intercept_, follow

    target_mean = np.average(target, axis=0, weights=weight)
    x = x - mean
    dual = KernelRidge(alpha=alpha).fit(x, target - target_mean, sample_weight=weight)

    def follow(components):
        encode = components @ dual.dual_coef_.T @ x
        return encode, components @ target_mean - encode @ mean

    return dual.predict(x) + target_mean, follow
