"""The engine's own skorch callbacks: what happens between two epochs."""

import numpy as np
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from skae._training.tensors import keep, put_back


class KeepBestWeights(Callback):
    """Stop when the validation loss no longer falls, and go back to the best weights.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which training stops.
    tol : float
        By how much the loss must fall to count as an improvement.
    """

    def __init__(self, patience, tol):
        self.patience = patience
        self.tol = tol

    def on_train_begin(self, net, **kwargs):
        self.best_loss_, self.best_, self.n_stale_ = float("inf"), None, 0

    def on_epoch_end(self, net, **kwargs):
        if "valid_loss" not in net.history[-1]:  # nothing is held out this time
            return
        loss = net.history[-1, "valid_loss"]
        self.n_stale_ = 0 if loss < self.best_loss_ - self.tol else self.n_stale_ + 1
        if loss < self.best_loss_:
            self.best_loss_, self.best_ = loss, keep(net.module_)
        if self.n_stale_ >= self.patience:
            net.stop_training_ = True

    def on_train_end(self, net, **kwargs):
        if self.best_ is not None:
            put_back(net.module_, self.best_)
        self.best_ = None


class VariationalTerms(Callback):
    """Set the weight of the divergence for an epoch, and record both terms after it.

    Parameters
    ----------
    warm_up : int
        Epochs over which the weight rises from zero to the objective's ``beta``.
    first_epoch : int
        Epochs that the model was trained for before.
    """

    def __init__(self, warm_up, first_epoch):
        self.warm_up = warm_up
        self.first_epoch = first_epoch

    def on_epoch_begin(self, net, **kwargs):
        epoch = self.first_epoch + len(net.history) - 1
        share = min(1.0, epoch / self.warm_up) if self.warm_up else 1.0
        net.criterion_.weight = share * net.criterion_.beta
        net.criterion_.forget_terms()

    def on_epoch_end(self, net, **kwargs):
        misfit, divergence = net.criterion_.mean_terms()
        net.history.record("reconstruction_loss", misfit)
        net.history.record("kl_divergence", divergence)


class ProgressBar(Callback):
    """One bar over the epochs, with the losses beside it."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.n_epochs_planned_, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        keys = [key for key in ("train_loss", "valid_loss") if key in net.history[-1]]
        self.bar_.set_postfix({key: net.history[-1, key] for key in keys})
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()


class RefineLabels(Callback):
    """Correct the labels that a classifier is trained on, by its own predictions.

    A network learns what most labels of a kind agree on long before it learns the
    exceptions. So after some epochs a sample whose class is predicted with confidence
    is given that class; and one for which a class other than its label is more likely
    than not is left out until the next time.

    Parameters
    ----------
    predict : callable
        Gives the probabilities of the classes of all training samples.
    confidence : float
        Probability above which a prediction becomes the label.
    rounds : collection of int
        The numbers of these epochs, counted from 1.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples, 1)
        The labels at the end; -1 for a sample that came without one and got none.
    """

    def __init__(self, predict, confidence, rounds):
        self.predict = predict
        self.confidence = confidence
        self.rounds = rounds

    def on_train_begin(self, net, X=None, **kwargs):
        _, targets = X.rows
        self.n_epochs_, self.labels_ = 0, targets.array.copy()

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        self.n_epochs_ += 1
        if self.n_epochs_ not in self.rounds:
            return
        net.module_.eval()
        probabilities = self.predict()
        best = probabilities.argmax(axis=1, keepdims=True)
        probability = np.take_along_axis(probabilities, best, axis=1)
        self.labels_ = np.where(probability > self.confidence, best, self.labels_)
        doubted = (probability > 0.5) & (best != self.labels_)
        # Samples that are held out go on judging by the labels as they came.
        _, targets = dataset_train.rows
        trained = dataset_train.sample_numbers()
        labels = targets.array.copy()
        labels[trained] = np.where(doubted, -1, self.labels_)[trained]
        targets.overwrite(labels)

    def on_train_end(self, net, **kwargs):
        self.predict = None  # it holds on to the samples
