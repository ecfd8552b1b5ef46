"""The base of modules that are saved as arrays."""

import numpy as np
import torch
from torch import nn


class StoredArrays(nn.Module):
    """Module of buffers alone, which are the arguments that it is made of.

    Its state consists of arrays, which skops can store.
    """

    def __getstate__(self):
        buffers = self.named_buffers(remove_duplicate=False)  # two may be one tensor
        return {name: t.numpy(force=True) for name, t in buffers}

    def __setstate__(self, state):
        self.__init__(**{k: torch.from_numpy(np.array(a)) for k, a in state.items()})
