"""The type that matrix products are computed in while training."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from skae._device import has_fast_bfloat16

# Multiplications a layer and batch, above which bfloat16 pays for its conversions.
WORTHWHILE_PRODUCTS = 2**23


def resolve_compute_dtype(compute_dtype, module, batch_size, n_features, device):
    """Choose between float32 and bfloat16 by a fixed rule.

    Weights, optimizer state and loss are float32 either way.

    Parameters
    ----------
    compute_dtype : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the hardware multiplies it faster and an
        average layer makes at least ``WORTHWHILE_PRODUCTS`` multiplications a batch.
    module : torch.nn.Module
        What is trained.
    batch_size : int
        Rows a batch.
    n_features : int
        Width of a row.
    device : torch.device
        Where it is trained.

    Returns
    -------
    torch.dtype
        ``torch.float32`` or ``torch.bfloat16``.
    """
    if compute_dtype == "auto":
        fast = (
            has_fast_bfloat16(device)
            and batch_size * _products_a_layer(module, n_features, device)
            >= WORTHWHILE_PRODUCTS
        )
        compute_dtype = "bfloat16" if fast else "float32"
    return getattr(torch, compute_dtype)


def _products_a_layer(module, n_features, device):
    """Multiplications that an average layer makes of one row."""
    weights = [p for p in module.parameters() if p.dim() > 1]
    products = sum(w.numel() for w in weights)
    if any(w.dim() > 2 for w in weights):
        # The weights of a convolution are multiplied once a pixel: see how often.
        x = torch.zeros(1, n_features, device=device, dtype=torch.float32)
        module.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            if hasattr(module, "decode"):
                module.decode(module.encode(x))
            else:
                module(x)
        products = counter.get_total_flops() / 2  # it counts additions too
    return products / max(1, len(weights))
