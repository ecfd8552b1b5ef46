"""Checkpoints of a fit, from which it continues after it was killed."""

import time
from datetime import timedelta
from pathlib import Path

from skae._common.processes import is_first
from skae._common.runtime import get_global_states, set_global_states
from skae._common.safe_files import DamagedFileError, read, write
from skae._common.warn import warn_user

# Increased whenever what a checkpoint holds changes its meaning.
FORMAT = 1
# The last but one is there in case that the last one is damaged.
N_KEPT = 2


class Checkpoint:
    """The checkpoints of one fit in a folder.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder; it is made if there is none.
    every : int or datetime.timedelta, default=1
        Epochs, or time, between two checkpoints.

    Attributes
    ----------
    seed : int or None
        Seed of the fit that is in the folder, None where there is none.
    isolated_on : torch.device or None
        Device whose global generators the fit draws from, besides those of the CPU, and
        which belong to it alone. None where it draws from none.

    Raises
    ------
    ValueError
        If the folder cannot be made, or is of another version.
    """

    def __init__(self, folder, every=1):
        self.folder, self.every, self.isolated_on = Path(folder), every, None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for torn in self.folder.glob("epoch-*.tmp"):
                torn.unlink(missing_ok=True)
        except OSError as error:
            raise ValueError(
                f"checkpoint={str(folder)!r} must be a folder that can be written to: "
                f"{error}"
            ) from error
        self._kept = []  # names of the good ones, the last at the end
        self._saved = self._find()
        self.seed = self._saved and self._saved["seed"]
        self._time = time.monotonic()

    def _find(self):
        """Return the content of the last checkpoint that is whole, or None."""
        for path in sorted(self.folder.glob("epoch-*.json"), reverse=True):
            try:
                saved = read(path.with_suffix(""))
                if saved["format"] != FORMAT:
                    raise ValueError(
                        f"checkpoint={str(self.folder)!r} holds format "
                        f"{saved['format']}, and this version of skae reads format "
                        f"{FORMAT}. Continue with the version that wrote it, or pass "
                        "another folder."
                    )
            except (DamagedFileError, KeyError, TypeError) as error:
                warn_user(
                    f"The checkpoint {path} is damaged and not used ({error}). The one "
                    "before it is taken, or the fit starts again."
                )
                continue
            self._kept = [path.stem]
            return saved
        return None

    def begin(self, seed, identity):
        """Say what is fitted, before anything is restored or saved.

        Parameters
        ----------
        seed : int
            Seed of the fit.
        identity : dict of str to str
            Descriptions of its parameters and samples.

        Raises
        ------
        ValueError
            If the folder holds a fit of other samples or with other parameters.
        """
        self.seed, self.identity = seed, identity
        if self._saved is None:
            return
        before, told = self._saved["identity"], []
        for name in sorted({*before, *identity}):
            was, now = before.get(name), identity.get(name)
            if was != now:
                told.append(f"{name} was {was} and is {now}")
        if told:
            raise ValueError(
                f"checkpoint={str(self.folder)!r} holds another fit: "
                f"{'; '.join(told)}. Pass another folder, or delete this one to start "
                "again."
            )

    def restore(self, trainer):
        """Continue from the last checkpoint, where there is one.

        Parameters
        ----------
        trainer : Trainer
            As it was planned.
        """
        if self._saved is None:
            return
        trainer.load_state_dict(self._saved["trainer"])
        if self.isolated_on is not None:
            set_global_states(self._saved["globals"], self.isolated_on)
        self._saved = None  # it takes memory

    def end_epoch(self, trainer):
        """Save a checkpoint if one is due.

        Parameters
        ----------
        trainer : Trainer
            At the end of an epoch; after the last one a checkpoint is always due.
        """
        if isinstance(self.every, timedelta):
            is_due = time.monotonic() - self._time >= self.every.total_seconds()
        else:
            is_due = trainer.epoch % self.every == 0
        if is_due or trainer.is_over:
            self._time = time.monotonic()
            self.save(trainer.epoch, trainer.state_dict())

    def save(self, epoch, state):
        """Save a checkpoint; if that fails, the one before it stays.

        Parameters
        ----------
        epoch : int
            Its number.
        state : dict or None
            State of the trainer.
        """
        if not is_first():
            return  # of several processes that train one model, one writes
        name, states = f"epoch-{epoch:08d}", None
        if self.isolated_on is not None:
            states = get_global_states(self.isolated_on)
        content = {
            "format": FORMAT,
            "seed": self.seed,
            "identity": self.identity,
            "trainer": state,
            "globals": states,
        }
        try:
            write(self.folder / name, content)
        except OSError as error:
            warn_user(
                f"The checkpoint of epoch {epoch} could not be written ({error}). The "
                "fit continues without it."
            )
            return
        except TypeError as error:
            raise ValueError(
                f"checkpoint={str(self.folder)!r} cannot hold the state of this fit: "
                f"{error}. Only tensors, numbers, strings, and lists, tuples and dicts "
                "of these can be saved."
            ) from error
        self._kept = [*self._kept, name][-N_KEPT:]
        for path in self.folder.glob("epoch-*.*"):
            if path.stem not in self._kept and path.is_file():
                path.unlink(missing_ok=True)
