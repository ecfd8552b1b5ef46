"""Tests of modules as trees of plain values."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from skae._estimator.module_trees import put_together, take_apart
from skae._training.weights import tensors_of
from skae.modules import ConvAutoencoder, DenseAutoencoder


class Shared(nn.Module):
    """Two layers with one weight, a frozen one, buffers of both kinds, and a gap."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.second.bias.requires_grad_(False)
        self.register_buffer("kept", torch.arange(3.0))
        self.register_buffer("dropped", torch.ones(3), persistent=False)
        self.gap = None
        self.register_parameter("missing", None)
        self.options = {"a": [1, 2]}

    def forward(self, x):
        return self.second(self.first(x)) + self.kept * self.dropped


def rebuild(module):
    tensors = [t.detach().clone() for t in tensors_of(module)]
    return put_together(take_apart(module), tensors)


@pytest.mark.parametrize(
    "module",
    [
        DenseAutoencoder(3, 2, (4,), normalization="batch_norm", dropout=0.5),
        ConvAutoencoder((8, 8), 2, (4, 8), normalization="layer_norm"),
        nn.Sequential(nn.Linear(3, 4), nn.MultiheadAttention(4, 2)),
        Shared(),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_module_comes_back_as_it_was(module):
    made = rebuild(module.eval())
    assert str(made) == str(module)
    assert not any(part.training for part in made.modules())
    names = [dict(m.named_parameters()) for m in (made, module)]
    assert list(names[0]) == list(names[1])
    for one, other in zip(*(n.values() for n in names), strict=True):
        assert torch.equal(one, other)
        assert one.requires_grad == other.requires_grad
        assert one is not other
    assert list(made.state_dict()) == list(module.state_dict())
    for one, other in zip(made.buffers(), module.buffers(), strict=True):
        assert torch.equal(one, other)


def test_weights_that_are_shared_stay_shared():
    module = Shared()
    made = rebuild(module)
    assert made.first.weight is made.second.weight
    x = torch.ones(2, 3)
    assert torch.equal(made(x), module(x))
    made.options["a"].append(3)  # a copy
    assert module.options == {"a": [1, 2]}
    assert made.missing is None
    assert made.gap is None


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_module_that_was_compiled():
    module = nn.Linear(2, 2)
    module.compile()
    assert "_compiled_call_impl" not in take_apart(module)["attributes"]


class KeepsTensor(nn.Linear):
    def forward(self, x):
        self.last = [super().forward(x)]
        return self.last[0]


class OwnState(nn.Linear):
    def __getstate__(self):
        return {}


def test_what_a_tree_cannot_hold():
    keeps = KeepsTensor(2, 2)
    assert take_apart(keeps) is not None
    keeps(torch.ones(1, 2))
    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *args: None)
    for module in (
        keeps,
        hooked,
        OwnState(2, 2),
        nn.GRU(2, 2),
        parametrizations.weight_norm(nn.Linear(2, 2)),
    ):
        assert take_apart(nn.Sequential(module)) is None


@pytest.mark.parametrize("kind", [dict, print, "torch.nn.Linear", type])
def test_a_tree_of_something_else_is_refused(kind):
    tree = take_apart(nn.Linear(2, 2))
    tensors = [torch.zeros(2, 2), torch.zeros(2)]
    with pytest.raises(TypeError, match="is not a module"):
        put_together({**tree, "type": kind}, tensors)


def test_attributes_of_all_modules_cannot_be_set():
    tree = copy.deepcopy(take_apart(nn.Linear(2, 2)))
    tree["attributes"]["_forward_hooks"] = {0: print}
    with pytest.raises(TypeError, match="'_forward_hooks'"):
        put_together(tree, [torch.zeros(2, 2), torch.zeros(2)])
