"""Autoencoders and colorizers as torch modules in the scale of X."""

import math

import torch

from skae._estimator.data_modules import DataModule
from skae.autoencoders._gray import into_gamut


class DataEncoder(DataModule):
    """Base of the modules that have codes."""

    def encode(self, x):
        """Return the codes of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes, as of ``transform``.
        """
        return self.network.encode(self.scaled(x))


class DataAutoencoder(DataEncoder):
    """A fitted autoencoder in the scale of X.

    Parameters
    ----------
    estimator : BaseAutoEncoder
        The estimator.
    """

    methods = {
        "transform": "encode",
        "inverse_transform": "decode",
        "reconstruct": "forward",
        "score_samples": "log_prob",
    }

    def __init__(self, estimator):
        super().__init__(estimator)
        self.likelihood = estimator._likelihood
        variance = getattr(estimator, "noise_variance_", None)
        if variance is not None:
            variance = variance / estimator.scale_**2
            variance = torch.as_tensor(variance, dtype=torch.float32)
            variance = variance.to(self.mean.device)
        self.register_buffer("variance", variance)
        mean_scale = estimator._scaling.mean_scale
        self.log_volume = estimator.n_features_in_ * math.log(mean_scale)

    def decode(self, h):
        """Return the expected samples at codes.

        Parameters
        ----------
        h : torch.Tensor of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        torch.Tensor of shape (n_samples, *sample_shape)
            Samples, as of ``inverse_transform``.
        """
        mean = self.likelihood.mean(self.network.decode(h.to(self._dtype)))
        rows = (mean * self.scale + self.mean).to(self._dtype)
        return rows.reshape(rows.shape[0], *self.sample_shape)

    def forward(self, x):
        """Encode and decode samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, *sample_shape)
            Samples, as of ``reconstruct``.
        """
        return self.decode(self.encode(x))

    def log_prob(self, x):
        """Return the log-likelihood of samples given their codes.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples, inside the support of the likelihood.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            log p(x|h) in nats, as of ``score_samples``.
        """
        z = self.scaled(x)
        output = self.network.decode(self.network.encode(z))
        log_prob = self.likelihood.log_prob(z, output, self.variance)
        return log_prob.sum(dim=1) - self.log_volume


class DataVariational(DataAutoencoder):
    """The same of a variational autoencoder, whose score needs random draws."""

    methods = {n: m for n, m in DataAutoencoder.methods.items() if m != "log_prob"}
    log_prob = None


class DataColorizer(DataEncoder):
    """A fitted colorizer in the scale of X and y.

    Parameters
    ----------
    estimator : ColorizationAutoEncoder
        The estimator.
    """

    methods = {"transform": "encode", "predict": "forward"}

    def __init__(self, estimator):
        super().__init__(estimator)
        target, self.gain = estimator._target_scaling, estimator._gain
        mean = torch.from_numpy(target.mean).to(self.mean)
        self.register_buffer("target_mean", mean)
        self.target_scale = float(target.scale)
        self.target_shape = estimator._target_shape
        self.is_image = estimator.image_shape_ is not None

    def forward(self, x):
        """Predict colours, or the outputs of a table.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Gray images, or rows.

        Returns
        -------
        torch.Tensor of the shape of predictions
            As of ``predict``.
        """
        outputs = self.network(self.scaled(x))
        colors = outputs * self.target_scale + self.target_mean
        if self.is_image:
            gray = self._rows(x).unsqueeze(2)
            chroma = colors.unflatten(1, (-1, 3)) - gray
            colors = into_gamut(gray, gray + self.gain * chroma).flatten(1)
        return colors.to(self._dtype).reshape(x.shape[0], *self.target_shape)
