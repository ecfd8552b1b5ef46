"""The tensors of a module, kept and put back."""

import torch
from skae._training.tensors import keep, put_back, tensors_of
from torch import nn


class Counter(nn.Module):
    """Has all kinds of tensors, one parameter twice, and a state that is no tensor."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Linear(2, 3)
        self.second.weight = self.first.weight
        self.register_buffer("n_seen", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(3), persistent=False)

    def get_extra_state(self):
        return {"version": 1}


def test_every_tensor_once():
    module = Counter()
    wanted = [module.first.weight, module.first.bias, module.second.bias]
    wanted += [module.n_seen, module.mean]
    assert {id(t) for t in tensors_of(module)} == {id(t) for t in wanted}
    assert len(tensors_of(module)) == len(wanted)


def test_what_is_put_back_is_what_was_kept():
    module = Counter()
    before = [tensor.tolist() for tensor in tensors_of(module)]
    kept = keep(module)
    with torch.no_grad():
        for tensor in tensors_of(module):
            tensor.add_(1)
    assert [tensor.tolist() for tensor in tensors_of(module)] != before
    put_back(module, kept)
    assert [tensor.tolist() for tensor in tensors_of(module)] == before
    assert module.second.weight is module.first.weight
    assert module.first.weight.requires_grad
