"""Tests of fits that were killed and are continued."""

import errno
import multiprocessing
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback, Freezer, LRScheduler

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._training.checkpoint import Checkpoint
from skae._training.weights import tensors_of
from skae.modules import DenseAutoencoder

X, y = load_digits(return_X_y=True)
X, y = X[:150].astype(np.float32), y[:150]
IMAGES = X.reshape(-1, 8, 8) / 16
COLORS = np.stack([IMAGES, IMAGES / 2, 1 - IMAGES], axis=-1)


class Killed(Exception):
    pass


def kill_after(monkeypatch, n_checkpoints):
    """Let each process, so to speak, die after so many checkpoints."""
    save, counted = Checkpoint.save, []

    def save_and_die(self, epoch, state):
        save(self, epoch, state)
        counted.append(epoch)
        if len(counted) % n_checkpoints == 0:
            raise Killed

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    return counted


def fit_until_done(estimator, *data, **fit_params):
    n_kills = 0
    while True:
        try:
            return clone(estimator).fit(*data, **fit_params), n_kills
        except Killed:
            n_kills += 1


def assert_same(one, other):
    np.testing.assert_array_equal(one.mean_, other.mean_)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_loss_curve_ == other.validation_loss_curve_
    for a, b in zip(tensors_of(one.module_), tensors_of(other.module_), strict=True):
        assert torch.equal(a, b)


class DropoutModule(DenseAutoencoder):
    """A user's module that draws from torch's global generator."""

    def encode(self, x):
        return super().encode(torch.nn.functional.dropout(x, 0.1, self.training))


class Noise:
    """A user's augmentation that draws from NumPy's global generator."""

    def __call__(self, x, generator):
        return x + torch.from_numpy(np.random.normal(size=x.shape)).to(x)


OPTIONS = {"max_epochs": 9, "batch_size": 32, "random_state": 0}
FITS = {
    "dense": (AutoEncoderTransformer(4), X),
    "cross-fitted": (AutoEncoderTransformer(4, hidden_layer_sizes=(8,)), X[:70]),
    "convolutional": (AutoEncoderTransformer(4, architecture="conv"), IMAGES[:60]),
    "stopped early": (
        AutoEncoderTransformer(
            *(4,),
            early_stopping=True,
            n_iter_no_change=2,
            optimizer="sgd",
            lr=0.3,
            lr_schedule="constant",
        ),
        X,
    ),
    "drawing module": (AutoEncoderTransformer(4, module=DropoutModule), X),
    "drawing augmentation": (AutoEncoderTransformer(4, augmentation=Noise()), X),
    "normalized": (
        AutoEncoderTransformer(4, normalization="batch_norm", dropout=0.1),
        X,
    ),
    "bfloat16": (AutoEncoderTransformer(4, compute_dtype="bfloat16"), X),
    "own optimizer": (AutoEncoderTransformer(4, optimizer=torch.optim.NAdam), X),
    "denoising": (DenoisingAutoEncoder(4), X),
    "variational": (VariationalAutoEncoder(4, beta_warm_up=4), X),
    "labels": (PseudoLabelClassifier(confidence=0.5), X, y),
    "colors": (ColorizationAutoEncoder(4), IMAGES, COLORS),
}


@pytest.mark.parametrize("name", FITS)
def test_a_killed_fit_ends_bitwise_as_an_undisturbed_one(name, tmp_path, monkeypatch):
    estimator, *data = FITS[name]
    estimator = clone(estimator).set_params(**OPTIONS)
    undisturbed = clone(estimator).fit(*data)
    estimator.set_params(checkpoint=tmp_path)
    counted = kill_after(monkeypatch, 4)
    resumed, n_kills = fit_until_done(estimator, *data)
    assert n_kills == undisturbed.n_epochs_ // 4 > 0
    assert counted == list(range(1, undisturbed.n_epochs_ + 1))  # none is trained twice
    assert_same(resumed, undisturbed)
    for row, expected in zip(
        resumed.net_.history, undisturbed.net_.history, strict=True
    ):
        assert row == expected
    method = "transform" if hasattr(resumed, "transform") else "predict_proba"
    outputs = [getattr(e, method)(data[0]) for e in (resumed, undisturbed)]
    np.testing.assert_array_equal(*outputs)
    # What is finished is not trained again either.
    assert_same(clone(estimator).fit(*data), undisturbed)
    assert len(counted) == undisturbed.n_epochs_


def test_labels_are_corrected_as_in_an_undisturbed_fit(tmp_path, monkeypatch):
    wrong = y.copy()
    wrong[::5] = (wrong[::5] + 1) % 10
    classifier = PseudoLabelClassifier(max_epochs=20, random_state=0)
    undisturbed = clone(classifier).fit(X, wrong)
    kill_after(monkeypatch, 7)
    resumed, _ = fit_until_done(classifier.set_params(checkpoint=tmp_path), X, wrong)
    assert (undisturbed.labels_ != wrong).any()
    np.testing.assert_array_equal(resumed.labels_, undisturbed.labels_)


def test_without_a_seed_the_fit_keeps_that_of_the_checkpoint(tmp_path, monkeypatch):
    np.random.seed(5)  # the first process draws the seed that an integer of 5 gives
    estimator = AutoEncoderTransformer(4, max_epochs=6, checkpoint=tmp_path)
    kill_after(monkeypatch, 4)
    resumed, n_kills = fit_until_done(estimator, X)
    assert n_kills == 1
    undisturbed = AutoEncoderTransformer(4, max_epochs=6, random_state=5)
    assert_same(resumed, undisturbed.fit(X))


def test_global_generators_stay_as_they_were(tmp_path, monkeypatch):
    kill_after(monkeypatch, 2)
    for name in ("dense", "drawing augmentation"):
        estimator, data = FITS[name]
        estimator = clone(estimator).set_params(checkpoint=tmp_path / name, **OPTIONS)
        with pytest.raises(Killed):
            estimator.fit(data)
        np.random.seed(1)
        torch.manual_seed(1)
        fit_until_done(estimator, data)
        drawn = np.random.random(), torch.rand(())
        np.random.seed(1)
        torch.manual_seed(1)
        assert drawn == (np.random.random(), torch.rand(()))


# -- Processes that are killed -----------------------------------------------------

SCRIPT = """
import os, signal
import numpy as np
from sklearn.datasets import load_digits
from skae import DenoisingAutoEncoder
from skae._training.trainer import Trainer
from skae._training.weights import tensors_of


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


if when == "training":
    end_epoch = Trainer._end_epoch
    Trainer._end_epoch = lambda *args: die() if args[0].epoch == 2 else end_epoch(*args)
elif when == "writing":
    counted, sync = [], os.fsync
    def fsync(*args):
        counted.append(args)
        # The seventh is the rest of the second epoch: its tensors are there, but
        # nothing says so yet.
        die() if len(counted) == 7 else sync(*args)
    os.fsync = fsync
X = np.float32(load_digits().data[:600])
ae = DenoisingAutoEncoder(8, max_epochs=n_epochs, random_state=0, checkpoint=folder)
ae.fit(X)
np.savez(folder + ".npz", *[t.detach().numpy() for t in tensors_of(ae.module_)])
"""
needs_sigkill = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


@pytest.fixture(scope="module")
def start():
    """Start processes that have imported skae already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "skae", "sklearn.datasets"])

    def start(folder, n_epochs, when="not"):
        names = {"folder": str(folder), "n_epochs": n_epochs, "when": when}
        process = context.Process(target=exec, args=(SCRIPT, names))
        process.start()
        return process

    return start


def assert_result(folder, n_epochs):
    data = np.float32(load_digits().data[:600])
    undisturbed = DenoisingAutoEncoder(8, max_epochs=n_epochs, random_state=0).fit(data)
    with np.load(f"{folder}.npz") as found:
        for tensor, name in zip(
            tensors_of(undisturbed.module_), found.files, strict=True
        ):
            np.testing.assert_array_equal(found[name], tensor.detach())


@needs_sigkill
def test_a_process_that_is_killed_in_training_and_in_writing(tmp_path, start):
    for when in ("training", "writing", "not"):
        process = start(tmp_path / "fit", 6, when)
        process.join(120)
        assert process.exitcode == (0 if when == "not" else -signal.SIGKILL)
    assert_result(tmp_path / "fit", 6)


@needs_sigkill
@pytest.mark.slow
def test_fifty_kills_at_random_moments(tmp_path, start):
    folder, n_epochs, rng = tmp_path / "fit", 2000, np.random.default_rng(0)

    def last():
        return max(folder.glob("*.json"), default=None)

    for _ in range(50):
        process, before = start(folder, n_epochs), last()
        while process.is_alive() and last() == before:  # until it trains
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        assert process.is_alive(), "it ended before it was killed 50 times"
        process.kill()
        process.join(60)
    process = start(folder, n_epochs)
    process.join()
    assert process.exitcode == 0
    assert_result(folder, n_epochs)


# -- Files that are damaged, and other fits -----------------------------------------


def begin(folder, **options):
    """Fit for some epochs and stop."""

    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 5:
                raise Killed

    options = {**OPTIONS, **options}
    estimator = AutoEncoderTransformer(4, **options, checkpoint=folder)
    with pytest.raises(Killed):
        estimator.set_params(callbacks=[Stop()]).fit(X)
    assert [path.name for path in sorted(folder.glob("epoch-*.json"))] == [
        "epoch-00000003.json",
        "epoch-00000004.json",
    ]
    return estimator.set_params(callbacks=None)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_of_two_checkpoints_the_last_good_one_is_taken(tmp_path, damage, kind):
    estimator = begin(tmp_path)
    trained = []

    class Watch(Callback):
        def on_epoch_begin(self, net, **kwargs):
            trained.append(len(net.history))

    damage(tmp_path / f"epoch-00000004.{kind}")
    estimator.set_params(callbacks=[Watch()])
    if damage is Path.unlink and kind == "json":  # then there is none
        estimator.fit(X)
    else:
        with pytest.warns(UserWarning, match="epoch-00000004.json is damaged"):
            estimator.fit(X)
    assert trained[0] == 4
    assert_same(estimator, AutoEncoderTransformer(4, **OPTIONS).fit(X))


def test_with_no_good_checkpoint_the_fit_starts_again(tmp_path):
    estimator = begin(tmp_path)
    for path in tmp_path.iterdir():
        cut(path)
    with pytest.warns(UserWarning, match="epoch-0000000[34].json is damaged"):
        estimator.fit(X)
    assert_same(estimator, AutoEncoderTransformer(4, **OPTIONS).fit(X))


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "notes.json").write_text("mine")
    (tmp_path / "epoch-notes.d").mkdir()
    estimator = begin(tmp_path)
    estimator.fit(X)
    assert (tmp_path / "notes.json").read_text() == "mine"
    assert (tmp_path / "epoch-notes.d").is_dir()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_epochs": 10}, "max_epochs was 9 and is 10"),
        ({"n_components": 5}, "n_components was 4 and is 5"),
        ({"random_state": 1}, "random_state was 0 and is 1"),
        ({"optimizer": torch.optim.Adam}, "optimizer was 'adam' and is torch"),
        ({"likelihood": "laplace"}, "likelihood was 'gaussian' and is 'laplace'"),
    ],
)
def test_other_parameters_are_refused(tmp_path, options, told):
    estimator = begin(tmp_path)
    with pytest.raises(ValueError, match=f"^checkpoint='.*' holds another fit: {told}"):
        estimator.set_params(**options).fit(X)
    assert not hasattr(estimator, "module_")


def test_other_samples_are_refused(tmp_path):
    estimator, other = begin(tmp_path), X.copy()
    other[149, 63] += 1
    for data, params in (
        (other, {}),
        (X[:100], {}),
        (X.astype(np.float64), {}),
        (X, {"sample_weight": np.linspace(1, 2, 150)}),
        (X, {"X_val": X[:20]}),
    ):
        name = "X_val" if "X_val" in params else "X|weight of X"
        with pytest.raises(ValueError, match=rf"holds another fit: ({name}) was"):
            estimator.fit(data, **params)
    estimator.fit(X)


def test_other_labels_and_other_estimators_are_refused(tmp_path):
    classifier = PseudoLabelClassifier(**OPTIONS, checkpoint=tmp_path).fit(X, y)
    with pytest.raises(ValueError, match="holds another fit: y was int64"):
        classifier.fit(X, (y + 1) % 10)
    with pytest.raises(ValueError, match=r"estimator was Pseudo\w+ and is Denoising"):
        DenoisingAutoEncoder(checkpoint=tmp_path).fit(X)


def test_a_warm_start_has_a_folder_of_its_own(tmp_path, monkeypatch):
    first = {**OPTIONS, "warm_start": True}
    undisturbed = AutoEncoderTransformer(4, **first).fit(X).fit(X)
    once = AutoEncoderTransformer(4, **first, checkpoint=tmp_path / "one").fit(X)
    with pytest.raises(ValueError, match="weights at the start was None"):
        once.fit(X)
    kill_after(monkeypatch, 4)
    for _ in range(2):
        with pytest.raises(Killed):
            once.set_params(checkpoint=tmp_path / "two").fit(X)
    assert_same(once.fit(X), undisturbed)


def test_another_format_is_refused(tmp_path, monkeypatch):
    estimator = begin(tmp_path)
    monkeypatch.setattr("skae._training.checkpoint.FORMAT", 2)
    with pytest.raises(ValueError, match=r"holds format 1, and this version .* 2"):
        estimator.fit(X)


def test_a_folder_that_cannot_be_made_is_refused_before_the_fit(tmp_path):
    (tmp_path / "file").write_text("")
    estimator = AutoEncoderTransformer(4, checkpoint=tmp_path / "file")
    with pytest.raises(ValueError, match=r"^checkpoint='.*file' must be a folder"):
        estimator.fit(X)


def test_a_full_disk_does_not_stop_the_fit(tmp_path, monkeypatch):
    replace, counted = os.replace, []

    def full(*args):
        counted.append(args)
        if 5 <= len(counted) <= 6:  # the tensors of two epochs
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(*args)

    monkeypatch.setattr(os, "replace", full)
    estimator = AutoEncoderTransformer(4, **OPTIONS, checkpoint=tmp_path)
    with pytest.warns(UserWarning, match="epoch [34] could not be .* No space left"):
        estimator.fit(X)
    assert_same(estimator, AutoEncoderTransformer(4, **OPTIONS).fit(X))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        f"epoch-0000000{epoch}.{kind}"
        for epoch in (8, 9)
        for kind in ("json", "safetensors")
    ]


def test_of_several_processes_the_first_alone_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for rank, expected in ((1, 0), (0, 2)):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        checkpoint = Checkpoint(tmp_path)
        checkpoint.begin(0, {})
        checkpoint.save(1, None)
        assert len(list(tmp_path.iterdir())) == expected


# -- How often, and callbacks -------------------------------------------------------


def test_how_often(tmp_path, monkeypatch):
    epochs, save = [], Checkpoint.save

    def note(self, epoch, state):
        epochs.append(epoch)
        save(self, epoch, state)

    monkeypatch.setattr(Checkpoint, "save", note)
    clock = iter(range(0, 10_000, 10))  # ten seconds per epoch
    monkeypatch.setattr("skae._training.checkpoint.time.monotonic", lambda: next(clock))
    for every, expected in (
        (1, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (4, [4, 8, 9]),
        (20, [9]),
        (timedelta(hours=1), [9]),
        (timedelta(seconds=0), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ):
        epochs.clear()
        options = {**OPTIONS, "checkpoint_every": every}
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        AutoEncoderTransformer(4, **options, checkpoint=folder).fit(X)
        assert epochs == expected
    for wrong in (0, 1.5, "1h"):
        with pytest.raises(ValueError, match="'checkpoint_every' parameter"):
            AutoEncoderTransformer(checkpoint_every=wrong).fit(X)


def test_frozen_weights_stay_frozen(tmp_path, monkeypatch):
    options = {**OPTIONS, "callbacks": [Freezer("encoder*", at=2)]}
    undisturbed = AutoEncoderTransformer(4, **options).fit(X)
    kill_after(monkeypatch, 4)
    estimator = AutoEncoderTransformer(4, **options, checkpoint=tmp_path)
    assert_same(fit_until_done(estimator, X)[0], undisturbed)


class Halve(Callback):
    """Halves the learning rate every third epoch by a count of its own."""

    count = 0

    def on_epoch_end(self, net, **kwargs):
        self.count += 1
        if self.count % 3 == 0:
            net.optimizer_.param_groups[0]["lr"] /= 2

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def test_a_callback_continues_with_its_state(tmp_path, monkeypatch):
    options = {**OPTIONS, "callbacks": [Halve()], "lr_schedule": "constant"}
    undisturbed = AutoEncoderTransformer(4, **options).fit(X)
    kill_after(monkeypatch, 4)
    estimator = AutoEncoderTransformer(4, **options, checkpoint=tmp_path)
    assert_same(fit_until_done(estimator, X)[0], undisturbed)


def test_what_cannot_be_continued_is_refused(tmp_path):
    scheduler = LRScheduler("StepLR", step_size=1)
    estimator = AutoEncoderTransformer(
        callbacks=[scheduler], lr_schedule="constant", checkpoint=tmp_path
    )
    with pytest.raises(ValueError, match="LRScheduler, whose state is not in a checkp"):
        estimator.fit(X)

    class Record(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("what", print)

    estimator.set_params(callbacks=[Record()])
    with pytest.raises(ValueError, match="history/0/what is <built-in function print>"):
        estimator.fit(X)
