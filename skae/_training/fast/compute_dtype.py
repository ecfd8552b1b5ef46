"""The choice between float32 and bfloat16."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from skae.modules._dense import Residual

# Multiplications per layer and batch above which bfloat16 pays for its conversions.
MIN_PRODUCTS_FOR_BFLOAT16 = 2**23


def resolve_compute_dtype(compute_dtype, module, batch_size, n_features, device):
    """Choose between float32 and bfloat16 by a fixed rule.

    Weights, optimizer state and loss are float32 either way.

    Parameters
    ----------
    compute_dtype : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where the hardware multiplies it faster and an average
        layer makes at least ``MIN_PRODUCTS_FOR_BFLOAT16`` multiplications per batch.
    module : torch.nn.Module
        The network that is trained.
    batch_size : int
        Rows per batch.
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
        products = batch_size * _products_per_layer(module, n_features, device)
        is_faster = products >= MIN_PRODUCTS_FOR_BFLOAT16 and has_fast_bfloat16(device)
        compute_dtype = "bfloat16" if is_faster else "float32"
    return getattr(torch, compute_dtype)


def _products_per_layer(module, n_features, device):
    """Multiplications that an average layer makes per row.

    Affine maps beside networks are left out: they are so small that they would lower
    the average, and cost little in either type.
    """
    beside = {m.affine.weight for m in module.modules() if isinstance(m, Residual)}
    weights = [p for p in module.parameters() if p.dim() > 1 and p not in beside]
    products = sum(w.numel() for w in weights)
    if any(w.dim() > 2 for w in weights):
        # The weights of a convolution are multiplied once per pixel: count how often.
        x = torch.zeros(1, n_features, device=device, dtype=torch.float32)
        module.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            if hasattr(module, "decode"):
                module.decode(module.encode(x))
            else:
                module(x)
        products = counter.get_total_flops() / 2  # it counts additions too
    return products / max(1, len(weights))


def has_fast_bfloat16(device):
    """Whether the hardware multiplies bfloat16 matrices faster than float32 ones.

    Parameters
    ----------
    device : torch.device
        The device in question.

    Returns
    -------
    bool
        True for CPUs with AVX512-BF16 or AMX and for GPUs from Ampere on.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # torch has no public question for this yet; where a version lacks these
        # functions the answer is no, which costs speed and nothing else.
        asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, ask, bool)() for ask in asks)
    return False
