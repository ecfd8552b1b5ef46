"""Copies of modules for inference, made again only where their weights changed."""

from itertools import pairwise
from weakref import WeakKeyDictionary

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from skae._estimator.pickling import copy_with_tensors
from skae._training.weights import is_known, tensors_of

# A layer, the normalization after it, and what makes one layer of both.
FUSIONS = (
    (nn.Conv2d, nn.BatchNorm2d, fuse_conv_bn_eval),
    (nn.Linear, nn.BatchNorm1d, fuse_linear_bn_eval),
)
# Per module, type and whether it is fused, the copy and the state it was made in. A
# copy is as old as its module. Threads may make one twice, and the last one stays.
_copies = WeakKeyDictionary()


def copy_in(module, dtype, *, fused=False):
    """Copy a module in some type, or return the copy that is there.

    A change of a tensor is seen by its version, which every operation in place on the
    tensor itself increases. What torch does not count is not seen: operations on
    ``tensor.data`` or on an array of NumPy that shares the memory.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    dtype : torch.dtype
        Type of the copy's floats.
    fused : bool, default=False
        Whether batch normalizations of the copy are part of the layers before them, and
        rectifiers work in place: faster, for use without gradients. What the copy
        returns then differs by rounding.

    Returns
    -------
    torch.nn.Module
        A copy that threads may share where they may share the module.
    """
    copies, key = _copies.get(module, {}), (dtype, fused)
    state, copy = copies.get(key, (None, None))
    if state is not None and state.is_current() and not module.training:
        return copy
    if not _shows_changes(module):
        return _copy_in(module, dtype)
    state = _State(module)  # before the copy: a change meanwhile is seen next time
    copy = _copy_in(module, dtype)
    if fused:
        for part in copy.modules():
            if isinstance(part, nn.Sequential):
                _fuse(part)
    _copies.setdefault(module, {})[key] = state, copy
    return copy


def _copy_in(module, dtype):
    tensors = [t.detach() for t in tensors_of(module)]
    copies = [t.to(dtype) if t.is_floating_point() else t.clone() for t in tensors]
    return copy_with_tensors(module, copies)


def _fuse(network):
    """Fuse layers of a network that is evaluated without gradients, in place."""
    for i in reversed(range(1, len(network))):
        for layer, normalization, fuse in FUSIONS:
            if isinstance(network[i], normalization) and type(network[i - 1]) is layer:
                network[i - 1] = fuse(network[i - 1], network[i])
                del network[i]
                break
    for before, part in pairwise(network):
        # What a layer returns is new, so that nothing else has it.
        if type(part) is nn.ReLU and type(before) in (nn.Conv2d, nn.Linear):
            part.inplace = True


def _shows_changes(module):
    """Whether a later change of a module can be seen."""
    # In training its weights are about to change, and parts of a user may have more
    # state than weights. Tensors of torch's inference mode have no versions.
    return (
        not module.training
        and is_known(module)
        and not any(tensor.is_inference() for tensor in tensors_of(module))
    )


class _State:
    """The parts and tensors of a module, and the versions of its tensors.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    """

    def __init__(self, module):
        parts = list(module.modules())
        # Not the parts themselves, whose root must not be kept alive.
        self.parts = [(p._modules, *item) for p in parts for item in p._modules.items()]
        self.tensors = [
            (tensors, name, tensor, tensor.data_ptr(), tensor._version)
            for part in parts
            for tensors in (part._parameters, part._buffers)
            for name, tensor in tensors.items()
            if tensor is not None
        ]

    def is_current(self):
        """Whether the module is still in this state."""
        for parts, name, part in self.parts:
            if parts.get(name) is not part:
                return False
        for tensors, name, tensor, pointer, version in self.tensors:
            if (
                tensors.get(name) is not tensor
                or tensor._version != version
                or tensor.data_ptr() != pointer
            ):
                return False
        return True
