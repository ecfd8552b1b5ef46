"""The base class of the likelihoods."""

import numpy as np

from skae._common.linked import LinkedEstimator

# How far outside a range a value may lie, in units of the floating-point spacing at
# one: a scaler such as MinMaxScaler rounds more than once.
ROUNDING_STEPS = 8


class Likelihood(LinkedEstimator):
    """Base of the likelihoods; a new one overrides what differs.

    A new likelihood needs ``loss`` and ``distribution``, ``mean`` where that is not the
    output itself, and ``supports`` where it cannot produce every sample. With
    ``has_variance`` it also needs ``error`` and ``variance``.

    Attributes
    ----------
    scale_exponent : int
        The training loss is proportional to the scale of X to this power. Zero means
        that the scale of X is fixed, as for probabilities. Otherwise training may
        centre and scale X, and the loss is converted back to the scale of X.
    has_variance : bool
        Whether p(x|h) has a variance that is learned.
    loss_needs_variance : bool
        Whether the training loss needs the variance, because features with different
        variances have different weights. Training then minimizes -log p(x|h) per
        feature instead of ``loss``.
    transforms_input : bool
        Whether the encoder sees something else than the samples, :meth:`encoder_input`.
    binds_features : bool
        Whether ``bind`` must be called before the likelihood is used, to learn the
        columns of X. Otherwise it is not called.
    """

    _parameter_constraints: dict = {}
    scale_exponent = 0
    has_variance = False
    loss_needs_variance = False
    transforms_input = False
    binds_features = False

    @property
    def mean_is_output(self):
        """Whether the decoder's outputs are the expected samples themselves."""
        return type(self).mean is Likelihood.mean

    def loss(self, output, x):
        """Return the training loss per value.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Losses, differentiable with respect to the outputs.
        """
        raise self._lacks("loss")

    def encoder_input(self, x):
        """Return what the encoder sees of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            The samples, which may be corrupted.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            The samples themselves, or a function of each value.
        """
        return x

    def scaled_features(self, n_features):
        """Return which features of a table are centred and scaled each by itself.

        Parameters
        ----------
        n_features : int
            Number of features.

        Returns
        -------
        ndarray of bool of shape (n_features,) or None
            True for features with a variance of their own, whose units then need not
            be the same; the others stay as they are. None where ``scale_exponent``
            tells whether all features are scaled alike.
        """
        return None

    def start(self, mean):
        """Return the outputs that a decoder starts at.

        Parameters
        ----------
        mean : ndarray of shape (n_features,)
            Mean of each feature over the training samples.

        Returns
        -------
        ndarray of shape (n_features,) or None
            Outputs whose mean they are; None for a start near zero.
        """
        return None

    def error(self, output, x):
        """Return the errors from which the variance of p(x|h) is learned.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        x : torch.Tensor of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Distance of each value from the mean, such as its squared error.
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
            A distribution of batch shape (n_samples, n_features).
        """
        raise self._lacks("distribution")

    def sample(self, output, variance=None):
        """Draw samples from p(x|h) with torch's global generator.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        variance : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            One sample per row.
        """
        return self.distribution(output, variance).sample()

    def bind(self, n_features, names=None):
        """Adapt to the features of X.

        Parameters
        ----------
        n_features : int
            Number of features.
        names : sequence of str, default=None
            Names of the features, where they have names.

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
            The samples, which must lie in the support, see :meth:`supports`.
        output : torch.Tensor of shape (n_samples, n_features)
            The decoder's outputs.
        variance : float, torch.Tensor of shape (n_features,) or None, default=None
            Variance given the code.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Log-likelihoods in nats; their sum over the features is log p(x|h).
        """
        return self.distribution(output, variance).log_prob(x)

    def supports(self, X):
        """Return which samples can come from this likelihood.

        Training refuses the others, and their log-likelihood is −inf in every method
        that scores samples. A value that is outside a range by a rounding error only
        is inside.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples, in the scale of the decoder's mean; NaN where a value is
            missing, which may be any.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            True for samples in the support.
        """
        return np.ones(len(X), dtype=bool)

    def check(self, X):
        """Refuse samples that cannot come from this likelihood.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples, in the scale of the decoder's mean.

        Raises
        ------
        ValueError
            If a sample lies outside the support.
        """
        is_inside = self.supports(X)
        if not is_inside.all():
            raise ValueError(self._refusal(X, is_inside))

    def _refusal(self, X, is_inside):
        """Say what is wrong with samples of which some lie outside the support."""
        return (
            f"likelihood={self!r} cannot produce {np.sum(~is_inside)} of the "
            f"{len(X)} samples of X, the first of which is X[{is_inside.argmin()}]."
        )

    def _lacks(self, method):
        return NotImplementedError(f"{type(self).__name__} has no method {method!r}.")


def in_range(X):
    """Return which samples lie in [0, 1], but for rounding errors.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        True where all values do that are present.
    """
    tolerance = rounding_tolerance(X)
    low, high = np.fmin.reduce(X, axis=1), np.fmax.reduce(X, axis=1)
    # So that a sample of which nothing is known passes.
    return ~((low < -tolerance) | (high > 1 + tolerance))


def describe_range(X, name):
    """Say that values lie outside [0, 1].

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples.
    name : str
        Name of the likelihood.

    Returns
    -------
    str
        The message of an error.
    """
    # By str(), which has all digits that distinguish a value from one.
    ends = np.fmin.reduce(X, axis=None), np.fmax.reduce(X, axis=None)
    low, high = (str(value).removesuffix(".0") for value in ends)
    return (
        f"likelihood={name} needs X in [0, 1]; got values from {low} to {high}. "
        "Scale X, or use likelihood='gaussian'."
    )


def rounding_tolerance(X):
    """Return by how much rounding may change a value near one.

    Parameters
    ----------
    X : ndarray
        Values; only their type matters.

    Returns
    -------
    float
        The tolerance. Zero for integers and booleans, which are exact.
    """
    if not np.issubdtype(X.dtype, np.floating):
        return 0.0
    return ROUNDING_STEPS * float(np.finfo(X.dtype).eps)
