"""What follows each hidden layer: normalization, activation and dropout."""

import torch
from torch import nn

# By scikit-learn's names, or torch's where it has none.
ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
}
# Those that leave about half of the mean square of their inputs.
RECTIFIERS = ("relu", "gelu", "silu", "leaky_relu")


class _AcceptsOneValue:
    """Batch normalization that in training also accepts a single value per channel.

    It has no variance, and is normalized as in inference.
    """

    def forward(self, x):
        if self.training and x.numel() == x.shape[1]:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias
            )
        return super().forward(x)


class _BatchNorm1d(_AcceptsOneValue, nn.BatchNorm1d):
    pass


class _BatchNorm2d(_AcceptsOneValue, nn.BatchNorm2d):
    pass


def _layer_norm_2d(n_channels):
    """Normalize each sample over all channels and pixels."""
    return nn.GroupNorm(1, n_channels)


# Names of the normalizations, and what makes them: of rows, and of feature maps.
NORMALIZATIONS = {
    "batch_norm": (_BatchNorm1d, _BatchNorm2d),
    "layer_norm": (nn.LayerNorm, _layer_norm_2d),
}


def make_activation(activation):
    """Make an activation by its name, or by what makes it.

    Parameters
    ----------
    activation : str or callable
        A name, or a class or function that returns a :class:`torch.nn.Module` when it
        is called without arguments.

    Returns
    -------
    torch.nn.Module
        The activation.

    Raises
    ------
    ValueError
        If it is a built module, or makes something else than one that keeps shapes.
    """
    if isinstance(activation, str):
        return ACTIVATIONS[activation]()
    if isinstance(activation, nn.Module):
        raise ValueError(
            f"activation is a built {type(activation).__name__}; pass its class, or a "
            "function that makes it, so that each layer has its own."
        )
    try:
        made = activation()
        x = torch.zeros(2, 3, 1, 1)
        keeps_shape = isinstance(made, nn.Module) and made.eval()(x).shape == x.shape
    except Exception as error:
        raise ValueError(
            f"activation={activation!r} must make a torch.nn.Module without arguments "
            f"that maps each number to one. {type(error).__name__}: {error}"
        ) from error
    if not keeps_shape:
        raise ValueError(
            f"activation={activation!r} must make a torch.nn.Module that maps each "
            f"number to one; it made {made!r}."
        )
    return made.train()


def gain_of(activation):
    """Return by how much weights must grow for what an activation takes away.

    Parameters
    ----------
    activation : str or callable
        As for :func:`make_activation`.

    Returns
    -------
    float
        √2 for rectifiers [1]_, else 1.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV
       2015.
    """
    rectifies = activation in RECTIFIERS or activation in [
        ACTIVATIONS[name] for name in RECTIFIERS
    ]
    return nn.init.calculate_gain("relu") if rectifies else 1.0


def after_layer(n_outputs, activation, dropout=0.0, normalization=None, *, maps=False):
    """Make what follows a hidden layer.

    Parameters
    ----------
    n_outputs : int
        Width of the layer, or its number of channels.
    activation : str or callable
        As for :func:`make_activation`.
    dropout : float, default=0.0
        Share of the outputs that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before the activation.
    maps : bool, default=False
        Whether the outputs are feature maps.

    Returns
    -------
    list of torch.nn.Module
        Normalization, activation and dropout, as far as there are any.
    """
    layers = [make_activation(activation)]
    if normalization is not None:
        layers.insert(0, NORMALIZATIONS[normalization][maps](n_outputs))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return layers
