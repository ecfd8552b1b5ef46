"""A classifier as a torch module in the scale of X."""

from skae._estimator.data_modules import DataModule


class DataClassifier(DataModule):
    """A fitted classifier in the scale of X.

    Parameters
    ----------
    estimator : PseudoLabelClassifier
        The estimator.
    """

    methods = {"predict_proba": "forward"}

    def forward(self, x):
        """Return the probabilities of the classes.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_classes)
            As of ``predict_proba``.
        """
        return self.network(self.scaled(x)).softmax(dim=1)
