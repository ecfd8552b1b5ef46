"""Rows of ``speed.py`` about fits on images, beside plain loops over one module."""

import copy

import numpy as np
import torch
from _measure import ratios, take_turns
from torch import nn

from skae import AutoEncoderTransformer, ColorizationAutoEncoder, DenoisingAutoEncoder
from skae._training.fast.compute_dtype import has_fast_bfloat16
from skae.corruption import RandomErasing

BATCH_SIZE = 128
SETTINGS = {
    "batch_size": BATCH_SIZE,
    "lr": 1e-3,
    "lr_schedule": "constant",
    "device": "cpu",
    "random_state": 0,
}


def train_plainly(module, X, target, epochs, corrupt=None):
    """Train by a plain loop: channels last, fused Adam, bfloat16 where it is fast."""
    module = copy.deepcopy(module).train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    is_low = has_fast_bfloat16(torch.device("cpu"))
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(X)).split(BATCH_SIZE):
            x, y = X[index], target[index]
            if corrupt is not None:
                x = corrupt(x)
            with torch.autocast("cpu", torch.bfloat16, enabled=is_low):
                output = module(x)
            loss = nn.functional.mse_loss(output.float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
    return total.item() / len(X)


def erase(images):
    """Erase a rectangle of each image, as a plain torch user would."""
    side = images.shape[1]
    ends = torch.rand(2, 2, len(images)).sort(dim=0).values * side
    place = torch.arange(side)
    rows, columns = (
        (place >= ends[0, axis, :, None]) & (place < ends[1, axis, :, None])
        for axis in range(2)
    )
    return images.masked_fill(rows[:, :, None] & columns[:, None, :], 0.0)


def measure_convolutions(report, repeats):
    """Time convolutional fits and one epoch of the colorizer."""
    generator = np.random.default_rng(0)
    digits = generator.random((2560, 28, 28), np.float32)
    colors = generator.random((2560, 32, 32, 3), np.float32)
    gray, side = colors.mean(axis=3), digits.shape[1]
    conv = {"architecture": "conv", "skip_connection": False, "weight_decay": 0.0}
    contests = (
        (
            "conv",
            "fit convolutional autoencoder",
            AutoEncoderTransformer(**conv, max_epochs=2, **SETTINGS),
            (digits,),
            None,
        ),
        (
            "conv_denoiser",
            "fit convolutional denoiser, RandomErasing",
            DenoisingAutoEncoder(
                corruption=RandomErasing(), **conv, max_epochs=2, **SETTINGS
            ),
            (digits,),
            lambda x: erase(x.view(-1, side, side)).flatten(1),
        ),
        (
            "colorization",
            "fit colorizer, 32x32, one epoch",
            ColorizationAutoEncoder(max_epochs=1, **SETTINGS),
            (gray, colors),
            None,
        ),
    )
    for key, text, estimator, samples, corrupt in contests:
        module = estimator.fit(*(part[:BATCH_SIZE] for part in samples)).module_
        rows = [torch.from_numpy(part.reshape(len(part), -1)) for part in samples]

        def plain(m=module, rows=rows, n=estimator.max_epochs, corrupt=corrupt):
            return train_plainly(m, rows[0], rows[-1], n, corrupt)

        contestants = {
            "skae": lambda e=estimator, samples=samples: e.fit(*samples),
            "plain": plain,
        }
        take_turns({"plain": plain}, 1)
        times, _ = take_turns(contestants, repeats)
        text = f"{text} / plain loop, channels last"
        report.add(f"fit_{key}", text, ratios(times, "skae", "plain"), 0.97)
