"""What comes before an encoder."""

from torch import nn


class EncoderInput(nn.Module):
    """Layer that turns samples into what the encoder sees of them.

    Parameters
    ----------
    likelihood : Likelihood
        With ``encoder_input``, such as the logarithm of counts.
    """

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, x):
        """Change samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Samples, which may be corrupted.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Inputs of the encoder.
        """
        return self.likelihood.encoder_input(x)
