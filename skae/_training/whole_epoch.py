"""What is left of a run that is interrupted: its last whole epoch."""

import time

from skae._training.weights import restore, snapshot

# A copy is made at most this often: of a small network, it takes as long as a step.
MIN_SECONDS_BETWEEN_COPIES = 0.05


class WholeEpoch:
    """Copy of what a run has reached at the end of an epoch.

    Parameters
    ----------
    trainer : Trainer
        The trainer, between two epochs.
    """

    def __init__(self, trainer):
        self.time = time.perf_counter()
        self.weights = snapshot(trainer.objective.module)
        self.epoch, self.best = trainer.epoch, trainer.best
        self.lengths = [len(curve) for curve in self._curves(trainer)]

    @staticmethod
    def _curves(trainer):
        return (
            *(trainer.loss_curve, trainer.validation_loss_curve, trainer.terms),
            trainer.net.history,
        )

    def is_old(self):
        """Whether it is time for another copy.

        Returns
        -------
        bool
            Whether this one is older than ``MIN_SECONDS_BETWEEN_COPIES``.
        """
        return time.perf_counter() - self.time > MIN_SECONDS_BETWEEN_COPIES

    def restore(self, trainer):
        """Put a trainer back to where it was, as far as its results are concerned.

        Parameters
        ----------
        trainer : Trainer
            The trainer, anywhere in a later epoch.
        """
        restore(trainer.objective.module, self.weights)
        trainer.epoch, trainer.best = self.epoch, self.best
        for curve, length in zip(self._curves(trainer), self.lengths, strict=True):
            del curve[length:]
