"""Inference: rows go through the module chunk by chunk into one array."""

from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from skae._common.memory_errors import explained_memory_errors
from skae._common.runtime import default_modes, isolated_generators
from skae._common.validation import check_samples
from skae._estimator.module_copies import copy_in
from skae._training.batches import Rows, chunks_of
from skae._training.scaling import FLOAT32_ANSWERS, MAX_STATISTICS_ROWS, Scaling
from skae._training.trainer import fast

# Inference takes at most this many numbers at a time, and at most MAX_CHUNK samples.
CHUNK_SIZE, MAX_CHUNK = 2**20, 4096
# ... on a CPU this many of float64, to stay in its cache; the same with convolutions,
# whose feature maps are many times as large as the samples.
MAX_CACHED = 2**19
MAX_CACHED_IMAGES = {torch.float32: 2**16, torch.float64: 2**14}
# ... and this many where a gradient is taken, which needs many arrays of that size.
GRADIENT_CHUNK_SIZE = 2**18
# Looked at once per module, which takes as long as a layer.
_convolutional = WeakKeyDictionary()


def _is_convolutional(module):
    """Whether a module has kernels."""
    if module not in _convolutional:
        _convolutional[module] = any(w.dim() > 2 for w in module.parameters())
    return _convolutional[module]


class InferenceMixin:
    """Inference of an estimator with ``module_``, ``device_`` and ``_scaling``."""

    # Whether a user's module draws from the global generators in inference.
    _module_draws = False
    # What fills missing values of X; None where they are refused.
    _fill = None

    def _answer_dtype(self, array):
        """Return the type in which results for an array are computed."""
        # Apple's GPUs have no float64.
        in_float32 = array.dtype in FLOAT32_ANSWERS or self.device_.type == "mps"
        return torch.float32 if in_float32 else torch.float64

    def _make_rows(self, samples, scaling=None, *, filled=True, dtype=None):
        """Make rows in the module's scale, by default in the type of the results."""
        if scaling is None:
            scaling = self._scaling
        if dtype is None:
            dtype = self._answer_dtype(samples.rows)
        rows = Rows(samples, scaling, self.device_, dtype)
        if filled and samples.rows.dtype.kind == "f":
            rows.fill = self._check_and_fill
        return rows

    def _check_and_fill(self, block):
        """Fill missing values of rows in X's scale, and refuse infinite ones."""
        fill = self._fill
        assert_all_finite(
            block.numpy(force=True),
            allow_nan=fill is not None,
            input_name="X",
            estimator_name=type(self).__name__,
        )
        return block if fill is None else fill(block)

    def _make_data_rows(self, samples, *, filled=True):
        """Make rows in X's scale."""
        scaling = Scaling.identity(samples.rows.shape[1])
        return self._make_rows(samples, scaling, filled=filled)

    @staticmethod
    def _subsample(samples, n_rows=MAX_STATISTICS_ROWS):
        """Take at most so many samples, for statistics."""
        step = -(-samples.rows.shape[0] // n_rows)
        some = samples.take(slice(None, None, step))
        if issparse(some.rows):
            return some
        return some._replace(rows=np.ascontiguousarray(some.rows))

    def _module_of(self, dtype, *, fused):
        """Return the module in a type, without changing what threads share."""
        if dtype == torch.float32 and not fused:
            return self.module_
        return copy_in(self.module_, dtype, fused=fused)

    def _chunk_length(self, n_rows, dtype):
        """Return the number of samples that inference takes at a time."""
        size = CHUNK_SIZE
        if self.device_.type == "cpu":
            if dtype == torch.float64:
                size = min(size, MAX_CACHED)
            most = MAX_CACHED_IMAGES[dtype]
            if n_rows * self.n_features_in_ > most and _is_convolutional(self.module_):
                size = most
        return max(1, min(MAX_CHUNK, size // self.n_features_in_))

    def _map_chunks(
        self,
        function,
        shape,
        rows,
        *more_rows,
        seed=None,
        chunk_size=CHUNK_SIZE,
        fused=False,
    ):
        """Fill one array with ``function(module, x)`` of all rows, chunk by chunk.

        A function that draws from the global generators needs a seed for them. A user's
        module that does so gets the seed of the fit. ``chunk_size`` is the most numbers
        at a time. ``fused`` joins batch normalizations with the layers before them.
        """
        if seed is None and self._module_draws:
            seed = self._seed
        in_float32 = rows.array.dtype in FLOAT32_ANSWERS
        out = np.empty((len(rows), *shape), np.float32 if in_float32 else np.float64)
        most = max(1, chunk_size // self.n_features_in_)
        length = min(self._chunk_length(len(rows), rows.dtype), most)
        with (
            explained_memory_errors(self, "hidden_layer_sizes"),
            isolated_generators(seed, self.device_),
            default_modes(self.device_),
            torch.no_grad(),
            fast.limit_threads(self.module_, min(length, len(rows))),
        ):
            module = self._module_of(rows.dtype, fused=fused)
            out_tensor = torch.from_numpy(out)
            for numbers, parts in chunks_of(length, rows, *more_rows):
                chunk = [part.to(rows.dtype) for part in parts]
                # First to the CPU, since Apple's GPUs have no float64.
                out_tensor[numbers] = function(module, *chunk).cpu()
        return out

    def _infer(self, X, function, shape):
        """Check X and map the module over it."""
        samples = check_samples(self, X, reset=False, ensure_all_finite=False)
        return self._map_chunks(function, shape, self._make_rows(samples))
