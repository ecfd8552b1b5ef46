"""skorch's callbacks: which ones fit this training, and the progress bar."""

import copy
from inspect import isclass

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
)
from tqdm.auto import tqdm

BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
# Callbacks of skorch that do not work here, and what to use instead.
UNFIT_CALLBACKS = {
    # It stops by KeyboardInterrupt, which must stay what Ctrl-C means.
    EarlyStopping: "use early_stopping=True with validation_fraction, n_iter_no_change "
    "and tol instead",
    (BatchScoring, EpochScoring): "score the fitted estimator instead, or look at its "
    "loss curves",
    PassthroughScoring: "look at the loss curves of the fitted estimator instead",
    InputShapeSetter: "leave it out, since a module is made for the width of X anyway",
}


def copy_callbacks(callbacks, lr_schedule, checkpoint=None):
    """Check the ``callbacks`` parameter and copy it, since a fit must not change it.

    Parameters
    ----------
    callbacks : list
        Callbacks of skorch, classes of such, or pairs of a name and one of these.
    lr_schedule : {"constant", "cosine", "one_cycle"}
        Schedule of the learning rate.
    checkpoint : str, os.PathLike or None, default=None
        Folder for checkpoints.

    Returns
    -------
    list
        Copies of the callbacks.

    Raises
    ------
    ValueError
        If one is not a callback, or does not work here.
    """
    entries = list(callbacks)
    bare = [entry[-1] if isinstance(entry, tuple) else entry for entry in entries]
    for entry, callback in zip(entries, bare, strict=True):
        kind = callback if isclass(callback) else type(callback)
        if not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks holds {entry!r}, which is not a callback of skorch; use "
                "objects or classes derived from skorch.callbacks.Callback, or pairs "
                "of a name and one of these."
            )
        for unfit, advice in UNFIT_CALLBACKS.items():
            if issubclass(kind, unfit):
                raise ValueError(
                    f"callbacks holds skorch's {kind.__name__}, which does not work "
                    f"here; {advice}."
                )
        if issubclass(kind, LRScheduler) and lr_schedule != "constant":
            raise ValueError(
                f"callbacks holds skorch's {kind.__name__}; set lr_schedule='constant' "
                f"with it, because lr_schedule={lr_schedule!r} would override it."
            )
        if issubclass(kind, LRScheduler) and checkpoint is not None:
            raise ValueError(
                f"callbacks holds skorch's {kind.__name__}, whose state is not in a "
                f"checkpoint (checkpoint={str(checkpoint)!r}); use lr_schedule instead."
            )
    try:
        return copy.deepcopy(entries)
    except TypeError:  # what they hold cannot be copied, such as an open connection
        held = [value for callback in bare for value in vars(callback).values()]
        return copy.deepcopy(entries, {id(value): value for value in held})


def watches_batches(callbacks):
    """Whether a callback listens to events of single batches, which cost time.

    Parameters
    ----------
    callbacks : list of (str, Callback)
        Callbacks and their names, as in a net's ``callbacks_``.

    Returns
    -------
    bool
        False if all of them listen only to events of epochs.
    """
    return any(
        getattr(type(callback), event) is not getattr(Callback, event)
        for _, callback in callbacks
        for event in BATCH_EVENTS
    )


class EpochTasks(Callback):
    """Calls functions around each epoch; the second returns whether to stop.

    Parameters
    ----------
    begin, end : callable
        Called without arguments.
    """

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def on_epoch_begin(self, net, **kwargs):
        self.begin()

    def on_epoch_end(self, net, **kwargs):
        if self.end():
            net.stop_training_ = True


class ProgressBar(Callback):
    """Progress bar over the epochs, with the losses beside it."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        keys = [key for key in ("train_loss", "valid_loss") if key in net.history[-1]]
        self.bar_.set_postfix({key: net.history[-1, key] for key in keys})
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        self.bar_.close()
