"""The same autoencoder trained by others: one function a peer, all called alike.

Each takes the data, the widths from input to code, the batch size and the number of
epochs, trains with Adam at 1e-3 on the squared error, ReLU between the layers, and
returns the training loss it ended with, or None where the peer does not tell.
"""

import contextlib
import io
from importlib import import_module
from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNetRegressor
from torch import nn


@contextlib.contextmanager
def quiet():
    """Keep what a peer prints off the table."""
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        yield


def make_network(widths):
    """Build the mirrored network as a plain torch user would."""

    def stack(sizes):
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        return layers[:-1]

    return nn.Sequential(*stack(widths), *stack(widths[::-1]))


def torch_loop(X, widths, batch_size, epochs):
    """Train by a plain loop: fused Adam, batches sliced from one tensor."""
    network = make_network(widths)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    X = torch.from_numpy(X)
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(X)).split(batch_size):
            x = X[index]
            loss = nn.functional.mse_loss(network(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
        loss = total.item() / len(X)
    return loss


def torch_variational_loop(X, widths, batch_size, epochs, dtype=torch.float32):
    """Train a variational autoencoder by a plain loop."""
    network = make_network((*widths[:-1], 2 * widths[-1]))
    half = len(widths) * 2 - 3  # layers and activations of the encoder
    encoder = network[:half]
    decoder = make_network(widths)[half:]
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    X, error = torch.from_numpy(X), None
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(X)).split(batch_size):
            x = X[index]
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                mean, log_variance = (p.float() for p in encoder(x).chunk(2, dim=1))
                std = (0.5 * log_variance).exp()
                output = decoder(mean + std * torch.randn_like(mean)).float()
            squares = (output - x).square()
            found = squares.detach().mean()
            error = found if error is None else error.lerp(found, 0.1)
            nll = 0.5 * (squares.mean() / error + (2 * torch.pi * error).log())
            divergence = 0.5 * (mean.square() + std.square() - 1.0 - log_variance)
            loss = nll + divergence.sum(dim=1).mean() / X.shape[1]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
        loss = X.shape[1] * total.item() / len(X)
    return loss


def skorch_net(X, widths, batch_size, epochs):
    """Train skorch's regressor as it comes, but shuffled and without a split."""
    net = NeuralNetRegressor(
        make_network(widths),
        max_epochs=epochs,
        batch_size=batch_size,
        lr=1e-3,
        optimizer=torch.optim.Adam,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return net.fit(X, X).history[-1, "train_loss"]


def mlp_regressor(X, widths, batch_size, epochs):
    """Train scikit-learn's perceptron from X to X."""
    hidden = [*widths[1:], *widths[-2:0:-1]]
    mlp = MLPRegressor(
        hidden_layer_sizes=hidden,
        batch_size=batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        alpha=0.0,
    )
    return 2 * mlp.fit(X, X).loss_  # scikit-learn halves the squared error


def import_clustpy(name):
    """Import a module of ClustPy.

    It imports torchvision, whose compiled part is not built for CPU-only torch and is
    not used here; the import only wants these operators to be declared.
    """
    with contextlib.suppress(RuntimeError):  # declared already
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            declaration = f"{operator}(Tensor boxes, Tensor scores, float x) -> Tensor"
            library.define(declaration)
        import_clustpy.library = library  # or it is forgotten again
    return import_module(f"clustpy.{name}")


def clustpy(X, widths, batch_size, epochs):
    """Train ClustPy's feed-forward autoencoder."""
    networks = import_clustpy("deep.neural_networks")
    autoencoder = networks.FeedforwardAutoencoder(
        list(widths), decoder_layers=list(widths[::-1]), activation_fn=nn.ReLU
    )
    with quiet():
        autoencoder.fit(
            n_epochs=epochs,
            optimizer_params={"lr": 1e-3},
            batch_size=batch_size,
            data=X,
        )


def pyod(X, widths, batch_size, epochs):
    """Train PyOD's autoencoder; its fit also scores the samples."""
    from pyod.models.auto_encoder import AutoEncoder

    with quiet():
        AutoEncoder(
            preprocessing=False,
            epoch_num=epochs,
            batch_size=batch_size,
            hidden_neuron_list=list(widths[1:]),
            batch_norm=False,
            dropout_rate=0.0,
            optimizer_params={},
            device="cpu",
            verbose=0,
        ).fit(X)


PACKAGES = {
    "skorch": skorch_net,
    "scikit-learn": mlp_regressor,
    "ClustPy": clustpy,
    "PyOD": pyod,
}


def as_float32(X):
    """Give rows of float32 in [0, 1], contiguous."""
    X = np.asarray(X, np.float32).reshape(len(X), -1)
    return np.ascontiguousarray(X / X.max())
