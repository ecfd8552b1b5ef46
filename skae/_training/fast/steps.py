"""Which networks have a written-out training step."""

import torch

from skae._common.processes import shared_zeros
from skae._training.fast.dense_network import is_written_out
from skae._training.fast.dense_step import DenseStep
from skae._training.fast.divided_step import DividedStep
from skae._training.fast.losses import LOSSES
from skae._training.objective import ReconstructionObjective
from skae._training.variational_objective import VariationalObjective
from skae.modules import DenseAutoencoder, VariationalModule


def make_step(objective, optimizer, compute_dtype):
    """Make the written-out step, if there is one for the network and its objective.

    Parameters
    ----------
    objective : Objective
        What is minimized.
    optimizer : torch.optim.Optimizer
        Of the parameters of its module.
    compute_dtype : torch.dtype
        Type of the matrix products.

    Returns
    -------
    DenseStep or None
        Divided where processes that train together can share memory. None where
        autograd has to take the derivative.
    """
    module = objective.module
    if type(objective) is ReconstructionObjective:
        is_known = type(module) is DenseAutoencoder and not (
            objective.nll or objective.contractive_penalty
        )
    else:
        is_known = (
            type(objective) is VariationalObjective
            and type(module) is VariationalModule
            and not objective.likelihood.loss_needs_variance
        )
    if (
        is_known
        and type(objective.likelihood) in LOSSES
        and is_written_out(module.encoder)
        and is_written_out(module.decoder)
    ):
        kind = DividedStep if _can_share_memory(module) else DenseStep
        return kind(objective, optimizer, compute_dtype)
    return None


def _can_share_memory(module):
    is_on_cpu = next(module.parameters()).device.type == "cpu"
    return is_on_cpu and shared_zeros(1, dtype=torch.uint8) is not None
