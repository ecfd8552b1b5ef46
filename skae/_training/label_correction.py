"""Labels that a classifier corrects by its own predictions, while it is trained."""

import numpy as np
import torch

# Labels are corrected after these tenths of the epochs. More often would give way to
# chance: at some time almost every sample is predicted wrongly with confidence.
TENTHS = range(2, 11)


class LabelCorrection:
    """The labels of the training samples, as they came and as they are corrected.

    A network learns what most labels of a kind agree on long before it learns the
    exceptions. So after some epochs a sample whose class is predicted with confidence
    is given that class; and one for which a class other than its label is more likely
    than not is left out until the next time.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Classes by number; -1 for a sample without a label.
    confidence : float or None
        Probability above which a prediction becomes the label; None corrects nothing.
    predict : callable
        Returns the probabilities of the classes of all training samples.
    device : torch.device
        Where the network is trained.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,)
        The labels as corrected so far; -1 for a sample that came without one and got
        none yet.
    """

    def __init__(self, labels, confidence, predict, device):
        self.labels = labels
        self.confidence = confidence
        self.predict = predict
        self._device = device
        # Samples that are held out go on being judged by the labels as they came.
        self._given = self._trained = self._as_tensor(labels)

    def _as_tensor(self, labels):
        return torch.from_numpy(labels).to(self._device)

    def of_samples(self, numbers, *, corrected):
        """Return the labels of samples.

        Parameters
        ----------
        numbers : torch.Tensor of shape (n_rows,)
            Numbers of the samples.
        corrected : bool
            Whether the labels to train on are wanted, or those that came.

        Returns
        -------
        torch.Tensor of shape (n_rows,)
            Classes by number; -1 for a sample that is left out.
        """
        return (self._trained if corrected else self._given)[numbers]

    def end_epoch(self, epoch, n_epochs):
        """Correct the labels, if it is time to.

        Parameters
        ----------
        epoch : int
            Number of the epoch that has ended, from 1.
        n_epochs : int
            Number of epochs planned.
        """
        if self.confidence is None:
            return
        if epoch not in {-(-tenth * n_epochs // 10) for tenth in TENTHS}:
            return
        probabilities = self.predict()
        best = probabilities.argmax(axis=1)
        probability = probabilities.max(axis=1)
        self.labels = np.where(probability > self.confidence, best, self.labels)
        contradicted = (probability > 0.5) & (best != self.labels)
        self._trained = self._as_tensor(np.where(contradicted, -1, self.labels))
