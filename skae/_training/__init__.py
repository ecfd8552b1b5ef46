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
    "kl_divergence",
    "resolve_compute_dtype",
    "spread_rows",
]
