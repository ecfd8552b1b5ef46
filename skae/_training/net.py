"""The skorch net that hosts callbacks and the history of a fit."""

from skorch import NeuralNet


class TrainingNet(NeuralNet):
    """A skorch net for callbacks to work with.

    It holds what skorch's callbacks expect of a net: the module, the objective as its
    criterion, the optimizer, the callbacks and the history. The training loop is
    :class:`~skae._training.trainer.Trainer`'s, which notifies the callbacks through it;
    skorch's own ``fit`` is not used.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network that is trained.
    criterion_ : Objective
        The objective that is minimized; it owns the module.
    optimizer_ : torch.optim.Optimizer
        Optimizer of the module's parameters.
    history : skorch.history.History
        One row per epoch, losses in X's scale.
    stop_training_ : bool
        A callback sets it to end the training after the epoch.
    """

    # None of skorch's own, which would repeat what the training loop records.
    _default_callbacks = []
