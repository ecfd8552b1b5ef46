"""Rows of ``speed.py`` that are measured after a fit, beside plain torch."""

import copy
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from _measure import ratios, take_turns

from skae import AutoEncoderTransformer, PseudoLabelClassifier, VariationalAutoEncoder
from skae.corruption import RandomAffine

SIDE, N_FEATURES = 28, 784


def _images(n_samples):
    return np.random.default_rng(0).random((n_samples, N_FEATURES), np.float32)


def _race(report, key, text, contestants, repeats, aim):
    """Time skae and a peer after a first call of each."""
    take_turns(contestants, 1)
    times, _ = take_turns(contestants, 2 * repeats)
    report.add(key, text, ratios(times, *contestants), aim)


def measure_float64(report, repeats):
    """Time ``transform`` of float64, beside plain encoders in float32."""
    X, options = _images(5000), {"max_epochs": 1, "device": "cpu", "random_state": 0}
    conv = {"architecture": "conv", "image_shape": (SIDE, SIDE)}
    for name, estimator, n_samples, length, aim in (
        ("dense", AutoEncoderTransformer(**options), 5000, 1024, 1.5),
        ("vae", VariationalAutoEncoder(**options), 5000, 1024, 1.5),
        ("conv", AutoEncoderTransformer(**conv, **options), 500, 128, 2.5),
    ):
        fitted = estimator.fit(X[:1000])
        encoder, some = fitted.module_.encoder, X[:n_samples]
        mean = torch.from_numpy(fitted.mean_).float()
        double = some.astype(np.float64)

        @torch.inference_mode()
        def plain(f=fitted, encoder=encoder, some=some, mean=mean, length=length):
            scaled = (torch.from_numpy(some) - mean) / f.scale_
            return torch.cat([encoder(x) for x in scaled.split(length)]).numpy()

        contestants = {
            "skae": lambda f=fitted, X=double: f.transform(X),
            "plain": plain,
        }
        text = f"transform of float64 X, {name} / plain float32"
        _race(report, f"transform_float64_{name}", text, contestants, repeats, aim)


def measure_generation(report, repeats):
    """Time ``sample``, beside draws of codes, a decoder and draws of samples."""
    fitted = AutoEncoderTransformer(max_epochs=1, device="cpu", random_state=0)
    fitted.fit(_images(2000))
    decoder, std = fitted.module_.decoder, float(fitted.noise_variance_) ** 0.5
    root = np.linalg.cholesky(np.cov(fitted.transform(_images(2000)).T))
    root = torch.from_numpy(root)
    double = copy.deepcopy(decoder).double()

    @torch.inference_mode()
    def plain():
        codes = torch.randn(5000, len(root), dtype=torch.float64) @ root.T
        mean = torch.cat([double(h) for h in codes.split(1024)])
        return (mean + std * torch.randn_like(mean)).numpy()

    contestants = {"skae": lambda: fitted.sample(5000), "plain": plain}
    text = "sample 5000 x 784 / plain decoder and draws"
    _race(report, "sample", text, contestants, repeats, 1.1)


def measure_affine(report, repeats):
    """Time random affine maps of images, beside those of torch."""
    x = torch.zeros(256, SIDE, SIDE)
    x[:, 4:-4, 4:-4] = torch.rand(256, SIDE - 8, SIDE - 8)
    move, generator = RandomAffine(outside="background"), torch.Generator()

    def plain():
        for _ in range(20):
            grid = F.affine_grid(torch.rand(256, 2, 3), (256, 1, SIDE, SIDE), False)
            F.grid_sample(x[:, None], grid, align_corners=False)

    def ours():
        for _ in range(20):
            move(x, generator)

    contestants = {"skae": ours, "plain": plain}
    text = "RandomAffine(outside='background') / affine_grid, grid_sample"
    _race(report, "random_affine", text, contestants, repeats, 0.7)


def measure_classifier(report, repeats):
    """Time predictions of images, beside the module as it was trained."""
    X, y = _images(2000).reshape(-1, SIDE, SIDE), np.arange(300) % 10
    fitted = PseudoLabelClassifier(max_epochs=1, device="cpu", random_state=0)
    fitted.fit(X[:300], y)
    module, rows = fitted.module_, torch.from_numpy(X.reshape(-1, N_FEATURES))
    mean = torch.from_numpy(fitted._scaling.mean).float()

    @torch.inference_mode()
    def plain():
        scaled = (rows - mean) / fitted._scaling.scale
        return torch.cat([module(x).softmax(dim=1) for x in scaled.split(1337)])

    contestants = {"skae": lambda: fitted.predict_proba(X), "plain": plain}
    text = "predict_proba of 2000 images / its module, 2**20 numbers at a time"
    _race(report, "predict_conv", text, contestants, repeats, 0.5)


def measure_threads(report, repeats):
    """Time eight threads that share a fitted estimator, beside one; more is better.

    The same of its encoder alone is the limit: torch releases Python's lock only while
    it computes.
    """
    X = _images(8000)
    fitted = AutoEncoderTransformer(max_epochs=1, device="cpu", random_state=0)
    encoder, n_threads = fitted.fit(X[:4000]).module_.encoder, torch.get_num_threads()

    @torch.inference_mode()
    def encode(x):
        return encoder(torch.from_numpy(x)).numpy()

    def run(function, n, parts):
        def call_all():
            with ThreadPoolExecutor(
                n, initializer=partial(torch.set_num_threads, 1)
            ) as pool:
                list(pool.map(function, parts))

        return call_all

    try:
        for length in (1000, 100):
            parts = [X[start : start + length] for start in range(0, len(X), length)]
            parts *= 5
            for key, name, function in (
                (f"threads_{length}", "transform", fitted.transform),
                (f"threads_{length}_plain", "plain encoder", encode),
            ):
                contestants = {n: run(function, n, parts) for n in (1, 8)}
                text = f"{name} of {length} rows a call, eight threads' rows / one's"
                _race(report, key, text, contestants, repeats, None)
    finally:
        torch.set_num_threads(n_threads)
