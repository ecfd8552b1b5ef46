"""The type that matrix products are computed in while training."""

import torch

from skae._device import has_fast_bfloat16

# Multiplications a layer and batch, above which bfloat16 pays for its conversions.
WORTHWHILE_PRODUCTS = 2**25


def resolve_compute_dtype(compute_dtype, module, batch_size, device):
    """Choose between float32 and bfloat16 by a fixed rule.

    Weights, optimizer state and loss are float32 either way.

    Parameters
    ----------
    compute_dtype : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the hardware multiplies it faster and an
        average weight matrix times the batch is at least ``WORTHWHILE_PRODUCTS``
        multiplications.
    module : torch.nn.Module
        What is trained.
    batch_size : int
        Rows a batch.
    device : torch.device
        Where it is trained.

    Returns
    -------
    torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.
    """
    if compute_dtype == "auto":
        matrices = [p.numel() for p in module.parameters() if p.dim() > 1]
        products = batch_size * sum(matrices) / max(1, len(matrices))
        fast = products >= WORTHWHILE_PRODUCTS and has_fast_bfloat16(device)
        compute_dtype = "bfloat16" if fast else "float32"
    return getattr(torch, compute_dtype)
