import torch
from torch import nn

from skae._training.weights import restore, snapshot, tensors_of


class Counter(nn.Module):
    """Has all kinds of tensors, one parameter twice, and a state without tensors."""

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


def test_what_is_restored_is_the_snapshot():
    module = Counter()
    before = [tensor.tolist() for tensor in tensors_of(module)]
    saved = snapshot(module)
    with torch.no_grad():
        for tensor in tensors_of(module):
            tensor.add_(1)
    assert [tensor.tolist() for tensor in tensors_of(module)] != before
    restore(module, saved)
    assert [tensor.tolist() for tensor in tensors_of(module)] == before
    assert module.second.weight is module.first.weight
    assert module.first.weight.requires_grad
