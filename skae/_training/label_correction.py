"""Labels that a classifier corrects by its own predictions, while it is trained."""

import numpy as np
import torch

from skae._common.sample_weight import class_totals

# Labels are corrected after these tenths of the epochs. More often would add errors by
# chance, since almost every sample is at some time predicted wrongly with confidence.
TENTHS = range(2, 11)


class LabelCorrection:
    """The labels of the training samples, as given and as corrected.

    A network learns what most labels of a class agree on long before it learns the
    exceptions. So after some epochs a sample whose class is predicted with confidence
    gets that class. A sample for which a class other than its label has a probability
    above one half is left out until the next correction.

    Neither happens unless the other class is the more probable one in relation to how
    frequent it is. For the network learns that a class is rare before it learns which
    samples are of that class.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Classes by number; -1 for a sample without a label.
    frequencies : ndarray of shape (n_classes,)
        How much each class weighs in the loss: the number of samples given with it, or
        the sum of their weights.
    confidence : float or None
        Probability above which a prediction becomes the label; None corrects nothing.
    predict : callable
        Returns the probabilities of the classes of all training samples.
    device : torch.device
        Where the network is trained.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,)
        The labels as corrected so far; -1 for a sample that was given without one and
        got none yet.
    """

    def __init__(self, labels, frequencies, confidence, predict, device):
        self.labels = labels
        self._frequencies = frequencies
        self.confidence = confidence
        self.predict = predict
        self._device = device
        self._given_labels = labels
        # Held-out samples are always evaluated by the labels as given.
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
            Whether to return the labels to train on instead of those as given.

        Returns
        -------
        torch.Tensor of shape (n_rows,)
            Classes by number; -1 for a sample that is left out.
        """
        return (self._trained if corrected else self._given)[numbers]

    def end_epoch(self, epoch, n_epochs):
        """Correct the labels if a correction is due after this epoch.

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
        numbers = np.arange(len(probabilities))
        best = probabilities.argmax(axis=1)
        probability = probabilities.max(axis=1)
        of_label = probabilities[numbers, self.labels]
        expected, of_best = self._frequencies[self.labels], self._frequencies[best]
        is_plausible = of_label * of_best >= probability * expected
        is_open = (self.labels < 0) | (expected == 0) | ~is_plausible
        is_sure = is_open & (probability > self.confidence)
        self.labels = np.where(is_sure, best, self.labels)
        contradicted = is_open & (probability > 0.5) & (best != self.labels)
        self._trained = self._as_tensor(np.where(contradicted, -1, self.labels))

    def kept_fractions(self):
        """Return the fraction of each class's labels as given that are kept.

        Returns
        -------
        ndarray of shape (n_classes,)
            From 0 to 1; 1 for a class that no sample was given with.
        """
        n_classes = len(self._frequencies)
        given = class_totals(self._given_labels, n_classes)
        is_kept = self.labels == self._given_labels
        kept = class_totals(self._given_labels[is_kept], n_classes)
        return np.where(given, kept / np.maximum(given, 1), 1.0)

    def state_dict(self):
        """Return what the corrections so far have changed.

        Returns
        -------
        dict of str to torch.Tensor
            The labels as corrected, and those to train on.
        """
        return {"labels": torch.from_numpy(self.labels), "trained": self._trained}

    def load_state_dict(self, state):
        """Take over what :meth:`state_dict` returned.

        Parameters
        ----------
        state : dict of str to torch.Tensor
            As returned for the same samples.
        """
        self.labels = state["labels"].cpu().numpy()
        self._trained = state["trained"].to(self._device)
