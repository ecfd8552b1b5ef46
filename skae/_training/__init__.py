"""The one training loop: a skorch net over batches sliced from memory."""

from skae._training.batches import Batches, Rows, spread_rows
from skae._training.callbacks import (
    KeepBestWeights,
    ProgressBar,
    RefineLabels,
    VariationalTerms,
)
from skae._training.compute_dtype import resolve_compute_dtype
from skae._training.net import TrainingNet
from skae._training.objective import (
    ClassificationObjective,
    PredictionObjective,
    ReconstructionObjective,
    VariationalObjective,
    kl_divergence,
)
from skae._training.optimizers import OPTIMIZERS
from skae._training.tensors import keep, put_back, tensors_of

__all__ = [
    "OPTIMIZERS",
    "Batches",
    "ClassificationObjective",
    "KeepBestWeights",
    "PredictionObjective",
    "ProgressBar",
    "ReconstructionObjective",
    "RefineLabels",
    "Rows",
    "TrainingNet",
    "VariationalObjective",
    "VariationalTerms",
    "keep",
    "kl_divergence",
    "put_back",
    "resolve_compute_dtype",
    "spread_rows",
    "tensors_of",
]
