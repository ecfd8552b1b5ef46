"""What a stream of samples leaves: a random sample of them all, in one scale."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from skae._common.memmap import copy_memmaps
from skae._common.reservoir import update_reservoir
from skae._common.sparse import as_dense
from skae._common.validation import Samples
from skae._common.warn import warn_user
from skae._training.scaling import MAX_STATISTICS_ROWS

# A sample of a stream has at most this many numbers.
MAX_NUMBERS = 2**22
# A root mean square outside of this range, in the scale of the first samples, is told.
# Fewer rows than so many do not show one.
RMS_RANGE, MIN_RMS_ROWS = (0.1, 10.0), 10
# What the parameter forget_factor may be.
FORGET_FACTORS = Interval(Real, 0, 1, closed="right")


class StreamSample:
    """A weighted random sample of all training samples so far, which does not change.

    Parameters
    ----------
    samples : list of Samples
        Inputs and, where there are any, targets, dense and in memory.
    max_rows : int
        Largest number of rows.
    keys : ndarray of shape (n_kept,), default=None
        The random numbers by which the rows were drawn; needed with rows.
    n_seen : int, default=0
        Number of training samples so far.
    is_whole : bool, default=True
        Whether it is of all samples that the module was trained on.
    """

    def __init__(self, samples, max_rows, keys=None, n_seen=0, *, is_whole=True):
        self.rows = [some.rows for some in samples]
        self.byte_scales = [some.byte_scale for some in samples]
        self.weight = samples[0].weight
        self.max_rows = max_rows
        self.keys = np.empty(0) if keys is None else keys
        self.n_seen = n_seen
        self.is_whole = is_whole
        # Whether partial_fit was called; a fit alone is saved without samples.
        self.is_stream = False
        self.has_warned = False

    def __setstate__(self, state):
        vars(self).update(copy_memmaps(state))

    @classmethod
    def of_fit(cls, samples, seed):
        """Keep rows of a fit, spread evenly.

        Parameters
        ----------
        samples : list of Samples
            Inputs and, where there are any, targets.
        seed : int
            Seed of the stream.

        Returns
        -------
        StreamSample
            With copies of at most some thousand rows.
        """
        n_rows = samples[0].rows.shape[0]
        # A file is read in the steps in which its statistics are learned.
        step = -(-n_rows // MAX_STATISTICS_ROWS)
        some = [part.take(slice(None, None, step)) for part in samples]
        step = -(-some[0].rows.shape[0] // _max_rows(samples))
        some = [part.take(slice(None, None, step)) for part in some]
        some = [part._replace(rows=np.array(as_dense(part.rows))) for part in some]
        n_kept = len(some[0].rows)
        # A full sample has no room, in which later rows would count for more.
        max_rows = n_kept if n_kept < n_rows else _max_rows(samples)
        # As if they had the smallest keys of all rows.
        keys = np.random.default_rng(seed).random(n_kept) * (n_kept / n_rows)
        return cls(some, max_rows, keys, n_rows)

    @classmethod
    def empty(cls, samples, *, max_numbers=None, is_whole=True):
        """Begin a stream.

        Parameters
        ----------
        samples : list of Samples
            Its first samples, which are not taken yet.
        max_numbers : int, default=None
            Keep at most so many numbers; None means 2**22.
        is_whole : bool, default=True
            As for the class.

        Returns
        -------
        StreamSample
            Without rows.
        """
        none = [part.take(slice(0, 0)) for part in samples]
        none = [part._replace(rows=as_dense(part.rows)) for part in none]
        return cls(none, _max_rows(samples, max_numbers), is_whole=is_whole)

    def to_samples(self):
        """Return the samples as they were passed.

        Returns
        -------
        list of Samples
            Inputs and, where there are any, targets.
        """
        return [
            Samples(rows, byte_scale, self.weight)
            for rows, byte_scale in zip(self.rows, self.byte_scales, strict=True)
        ]

    def extended(self, samples, seed, forget_factor):
        """Let more samples in.

        Parameters
        ----------
        samples : list of Samples
            The next samples of the stream.
        seed : int
            Seed of the stream.
        forget_factor : float
            Factor of the weight of the samples before.

        Returns
        -------
        StreamSample
            The sample of all of them.
        """
        kept, batch = self.to_samples(), samples
        if [s.byte_scale for s in kept] != [s.byte_scale for s in batch]:
            kept, batch = (
                [
                    part._replace(rows=part.in_data_scale, byte_scale=1.0)
                    for part in all_
                ]
                for all_ in (kept, batch)
            )
        weights = kept[0].weight, batch[0].weight
        parts = [[part.rows for part in all_] for all_ in (kept, batch)]
        is_weighted = any(weight is not None for weight in weights)
        if is_weighted:
            for rows, weight in zip(parts, weights, strict=True):
                n_rows = rows[0].shape[0]
                rows.append(np.ones(n_rows) if weight is None else weight)
        rows, keys = update_reservoir(
            *parts, self.keys / forget_factor, self.max_rows, [seed, self.n_seen]
        )
        weight = rows.pop() if is_weighted else None
        new = StreamSample(
            [
                Samples(some, part.byte_scale, weight)
                for some, part in zip(rows, batch, strict=True)
            ],
            self.max_rows,
            keys,
            self.n_seen + samples[0].rows.shape[0],
            is_whole=self.is_whole,
        )
        new.is_stream, new.has_warned = True, self.has_warned
        return new


def _max_rows(samples, max_numbers=None):
    """Return the largest number of rows of a sample."""
    width = sum(part.rows.shape[1] for part in samples)
    return max(1, min(MAX_STATISTICS_ROWS, (max_numbers or MAX_NUMBERS) // width))


class StreamMixin:
    """What ``partial_fit`` learns at its end, of an estimator's whole stream."""

    # The sample of all training samples so far; a fit alone is loaded without it.
    _stream = None

    def _follow_stream(self, inputs, targets, *, continues, partial_fit):
        """Keep some training samples, and return those that ``_after_fit`` learns from.

        A fit learns from all of its samples. Its errors and codes would be wrong for
        later weights, so ``partial_fit`` learns again from a sample of the stream.
        """
        samples = [inputs] if targets is None else [inputs, targets]
        if not partial_fit:
            can_continue = hasattr(self, "partial_fit")
            self._stream = (
                StreamSample.of_fit(samples, self._seed) if can_continue else None
            )
            return inputs, targets
        stream = self._stream if continues else None
        if stream is None or len(stream.rows) != len(samples):
            stream = StreamSample.empty(samples, is_whole=not continues)
        self._stream = stream.extended(samples, self._seed, self.forget_factor)
        if continues:
            self._warn_of_scale(samples)
        inputs, *targets = self._stream.to_samples()
        return inputs, targets[0] if targets else None

    def _warn_of_scale(self, samples):
        """Warn once where the first samples of the stream have fixed another scale."""
        if self._stream.has_warned:
            return
        if samples[0].rows.shape[0] < MIN_RMS_ROWS:
            samples = self._stream.to_samples()
            if samples[0].rows.shape[0] < MIN_RMS_ROWS:
                return
        scalings = self._scaling, self._target_scaling
        for name, some, scaling in zip("Xy", samples, scalings, strict=False):
            rows = as_dense(self._subsample(some).in_data_scale)
            z = (rows - scaling.mean) / scaling.scale
            rms = float(np.sqrt(np.nanmean(np.square(z))))
            if scaling.is_identity or RMS_RANGE[0] <= rms <= RMS_RANGE[1]:
                continue
            self._stream.has_warned = True
            warn_user(
                f"{name} has a root mean square of {rms:.2g} in the scale that the "
                "first samples have fixed (mean_, scale_); about 1 is expected. Begin "
                "again with a larger or shuffled first chunk."
            )
            return
