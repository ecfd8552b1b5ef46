"""Tests of early stopping and of the progress bar."""

import re

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder
from skae._common.runtime import draw_seed


@pytest.fixture(scope="module")
def noise():
    """Pure noise: whatever is learned of it is wrong on other samples."""
    return np.random.RandomState(0).randn(120, 10).astype(np.float32)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace"])
@pytest.mark.parametrize("patience", [3, 1000])
def test_fit_stops_and_gives_back_the_best_weights(noise, likelihood, patience):
    ae = AutoEncoderTransformer(
        5,
        likelihood=likelihood,
        lr=0.01,
        batch_size=16,
        max_epochs=60,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=patience,
        random_state=0,
    ).fit(noise)
    curve = ae.validation_loss_curve_
    best = int(np.argmin(curve))
    assert ae.n_epochs_ == len(curve) == len(ae.loss_curve_)
    assert best < ae.n_epochs_ - 1  # the last weights are not the best
    assert ae.n_epochs_ == (60 if patience == 1000 else best + 1 + patience)
    held_out = train_test_split(
        np.arange(len(noise)), test_size=0.3, random_state=draw_seed(0)
    )[1]
    error = noise[held_out] - ae.reconstruct(noise[held_out])
    loss = {"gaussian": error**2, "laplace": abs(error)}[likelihood].mean()
    assert loss == pytest.approx(curve[best], rel=1e-5)
    again = AutoEncoderTransformer(**ae.get_params()).fit(noise)
    assert again.validation_loss_curve_ == curve
    assert np.array_equal(again.transform(noise), ae.transform(noise))


def test_split_follows_the_seed(noise):
    curves = [
        AutoEncoderTransformer(
            2, max_epochs=1, early_stopping=True, lr=1e-9, random_state=seed
        )
        .fit(noise)
        .validation_loss_curve_
        for seed in (0, 1)
    ]
    assert curves[0] != curves[1]


def test_verbose_writes_one_bar_and_silence_writes_nothing(noise, capfd):
    ae = AutoEncoderTransformer(
        2, max_epochs=3, early_stopping=True, n_iter_no_change=99, random_state=0
    )
    ae.fit(noise)
    ae.transform(noise)
    assert capfd.readouterr() == ("", "")

    ae.set_params(verbose=1).fit(noise)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    last = err.rstrip("\n").split("\r")[-1]
    assert "3/3" in last
    assert "train_loss=" in last
    assert "valid_loss=" in last

    ae.set_params(verbose=0).fit(noise)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "estimator", [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
)
def test_bar_history_and_curve_tell_one_loss_in_the_units_of_x(noise, capfd, estimator):
    fitted = [
        estimator(
            2,
            max_epochs=2,
            early_stopping=True,
            optimizer="sgd",
            verbose=1,
            random_state=0,
        ).fit(X)
        for X in (noise, noise * 100)
    ]
    bars = capfd.readouterr().err.rstrip("\n").split("\n")
    ends = [re.findall(r"_loss=([^],\s]+)", bar)[-2:] for bar in bars]
    for ae, end in zip(fitted, ends, strict=True):
        history = ae.net_.history
        assert history[:, "train_loss"] == ae.loss_curve_
        assert history[:, "valid_loss"] == ae.validation_loss_curve_
        curves = ae.loss_curve_[-1], ae.validation_loss_curve_[-1]
        assert [float(loss) for loss in end] == pytest.approx(curves, rel=5e-3)
    if estimator is AutoEncoderTransformer:
        error = ((fitted[1].reconstruct(noise * 100) - noise * 100) ** 2).mean()
        assert fitted[1].loss_curve_[-1] == pytest.approx(error, rel=0.2)
