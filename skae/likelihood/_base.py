"""The base class of the likelihoods."""

import numpy as np
from sklearn.base import BaseEstimator

# How far outside a range a value may lie, in units of the floating-point spacing at
# one: a scaler such as MinMaxScaler rounds more than once.
ROUNDING_STEPS = 8


class Likelihood(BaseEstimator):
    """Base of the likelihoods; a new one overrides what differs.

    It needs ``loss`` and ``distribution``, and ``mean`` where that is not the output
    itself; with ``has_variance`` also ``error`` and ``variance``.

    Attributes
    ----------
    scale_exponent : int
        The training loss has the unit of X to this power. Zero says that X lies on an
        absolute scale; otherwise training may centre and scale X, and the loss is
        converted back to the unit of X.
    has_variance : bool
        Whether p(x|h) has a variance that is learned.
    loss_needs_variance : bool
        Whether training must learn the variance along the way, because features whose
        variances differ are weighted by them. Training then minimizes -log p(x|h) per
        feature instead of ``loss``.
    binds_features : bool
        Whether ``bind`` must see the columns of X before the likelihood is used. It is
        called only then.
    """

    _parameter_constraints: dict = {}
    scale_exponent = 0
    has_variance = False
    loss_needs_variance = False
    binds_features = False

    def loss(self, output, x):
        """Return what training minimizes, of each value.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Differentiable with respect to the outputs.
        """
        raise self._lacks("loss")

    def error(self, output, x):
        """Return what the variance of p(x|h) is learned from.

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

    def variance(self, error):
        """Variance of p(x|h) that is most likely at the mean error of each feature.

        Parameters
        ----------
        error : torch.Tensor of shape (n_features,)
            Mean of :meth:`error` over the samples.

        Returns
        -------
        torch.Tensor of shape () or (n_features,), or None
            Variance given the code, one for all features or one per feature; None
            where the outputs alone decide.
        """
        return None

    def distribution(self, output, variance):
        """Distribution of each feature given the decoder's outputs.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        variance : float, torch.Tensor of shape (n_features,) or None
            Variance given the code, as returned by :meth:`variance`.

        Returns
        -------
        torch.distributions.Distribution
            Of batch shape (n_samples, n_features).
        """
        raise self._lacks("distribution")

    def sample(self, output, variance=None):
        """Draw samples from p(x|h), by torch's global generator.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        variance : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            One draw for each row.
        """
        return self.distribution(output, variance).sample()

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
            If the likelihood does not fit this number of features.
        """

    def mean(self, output):
        """Return the expected sample at the decoder's outputs.

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

    def log_prob(self, x, output, variance=None):
        """Log-likelihood of each value.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        variance : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            In nats; the sum over the features is log p(x|h) of a sample.
        """
        return self.distribution(output, variance).log_prob(x)

    def check(self, X):
        """Refuse samples that cannot come from this likelihood.

        A value that is outside a range by a rounding error only is accepted.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples, in the units of the decoder's mean.

        Raises
        ------
        ValueError
            If X lies outside the support.
        """

    def _lacks(self, method):
        return NotImplementedError(f"{type(self).__name__} has no method {method!r}.")


def check_range(X, name):
    """Refuse values outside [0, 1].

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples.
    name : str
        What the likelihood is called in the message.

    Raises
    ------
    ValueError
        If a value lies outside by more than rounding errors.
    """
    low, high = X.min(), X.max()
    tolerance = rounding_tolerance(X)
    if low < -tolerance or high > 1 + tolerance:
        # By str(), which has all digits that are needed to tell a value from one.
        low, high = (str(value).removesuffix(".0") for value in (low, high))
        raise ValueError(
            f"likelihood={name} needs X in [0, 1]; got values from {low} to {high}. "
            "Scale X, or use likelihood='gaussian'."
        )


def rounding_tolerance(X):
    """Return by how much rounding may move a value near one.

    Parameters
    ----------
    X : ndarray
        Values; only their type matters.

    Returns
    -------
    float
        Zero for integers and booleans, which are exact.
    """
    if not np.issubdtype(X.dtype, np.floating):
        return 0.0
    return ROUNDING_STEPS * float(np.finfo(X.dtype).eps)
