"""Likelihoods p(x|h): what the decoder's outputs say about a sample.

The decoder gives one output per feature; a likelihood turns it into a distribution
of the feature. Features are independent given the code, so that -log p(x|h) is a sum
over them. Training minimizes it up to what does not depend on the outputs: the mean
squared error for :class:`Gaussian`, the mean absolute error for :class:`Laplace`, the
cross-entropy for :class:`Bernoulli`.
"""

import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions
from torch import distributions


class Likelihood(BaseEstimator):
    """Base of the likelihoods; a new one overrides what differs.

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
        raise NotImplementedError

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
        raise NotImplementedError

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
        raise NotImplementedError

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
        less noisy. The latter are learned in training, which then minimizes -log p.

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

    Heavier tails than the Gaussian's, so that single wild values pull less. The scale
    b is learned as the mean absolute error; the variance is 2 b².

    Parameters
    ----------
    link : {"identity", "logit"}, default="identity"
        What the decoder's outputs are: the median itself, or its log-odds, which bind
        it to [0, 1].

    References
    ----------
    .. [1] P. J. Huber and E. M. Ronchetti, "Robust Statistics", Wiley 2009.

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
        grad = torch.sigmoid(output).sub_(x).div_(output.numel())
        return self.loss(output, x), grad

    def distribution(self, output, noise):  # noqa: D102
        return distributions.Bernoulli(logits=output, validate_args=False)

    def mean(self, output):  # noqa: D102
        return torch.sigmoid(output)

    def check(self, X):  # noqa: D102
        self._check_range(X, "'bernoulli'")


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
