import gc
import weakref

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skae import AutoEncoderTransformer
from skae._estimator.module_copies import copy_in
from skae.modules import ConvClassifier, DenseAutoencoder


@pytest.fixture
def module():
    return DenseAutoencoder(6, 2, (4,), skip_connection=True).eval()


def halve(module):
    with torch.no_grad():
        module.encoder.affine.weight.mul_(0.5)


def replace_data(module):
    bias = module.encoder.affine.bias
    bias.data = bias.data + 1.0


def replace_parameter(module):
    bias = module.encoder.affine.bias
    module.encoder.affine.bias = torch.nn.Parameter(bias.detach() + 1.0)


def replace_part(module):
    module.encoder = DenseAutoencoder(6, 2, (4,), skip_connection=True).encoder


def take_step(module):
    module(torch.ones(3, 6)).square().sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()


def load(module):
    other = DenseAutoencoder(6, 2, (4,), skip_connection=True)
    module.load_state_dict(other.state_dict())


def test_a_copy_is_shared_while_nothing_changes(module):
    copy = copy_in(module, torch.float64)
    assert copy_in(module, torch.float64) is copy
    assert next(copy.parameters()).dtype == torch.float64
    assert next(module.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    "change",
    [halve, replace_data, replace_parameter, replace_part, take_step, load],
)
def test_a_change_of_the_weights_is_seen(module, change):
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).view(2, 6)
    before = copy_in(module, torch.float64)(x)
    change(module)
    after = copy_in(module, torch.float64)(x)
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after.float(), module(x.float()))


class Scaled(torch.nn.Linear):
    factor = 1.0

    def forward(self, x):
        return self.factor * super().forward(x)


def test_modules_of_the_user_are_copied_at_each_call():
    module = Scaled(3, 2).eval()
    x = torch.ones(1, 3, dtype=torch.float64)
    before = copy_in(module, torch.float64)(x)
    module.factor = 2.0
    torch.testing.assert_close(copy_in(module, torch.float64)(x), 2 * before)


def test_a_copy_lives_as_long_as_its_module():
    module = DenseAutoencoder(6, 2, (4,)).eval()
    copy = weakref.ref(copy_in(module, torch.float64))
    assert copy() is not None
    del module
    gc.collect()
    assert copy() is None


def test_an_estimator_sees_changed_weights_in_either_type():
    X = np.random.default_rng(0).normal(size=(50, 6))
    model = AutoEncoderTransformer(
        2, hidden_layer_sizes=(4,), max_epochs=2, lr_schedule="constant", random_state=0
    ).fit(X)
    before = model.transform(X)
    with torch.no_grad():
        for parameter in model.module_.parameters():
            parameter.mul_(2.0)
    after = model.transform(X)
    assert np.abs(after - before).min() > 0
    np.testing.assert_allclose(after, model.transform(np.float32(X)), rtol=1e-4)
    model.partial_fit(X)
    np.testing.assert_allclose(
        model.transform(X), model.transform(np.float32(X)), rtol=1e-3, atol=1e-5
    )


class Encode(Callback):
    """Compares the codes in either type at the end of each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.distances = []

    def on_epoch_end(self, net, **kwargs):
        x = torch.linspace(-1, 1, 60).view(10, 6)
        copy = copy_in(net.module_, torch.float64)
        with torch.no_grad():
            exact = net.module_.encode(x)
            distance = copy.encode(x.double()) - exact
        self.distances.append(float(distance.abs().max()))


def test_a_callback_encodes_by_the_weights_of_its_epoch():
    X = np.random.default_rng(0).normal(size=(100, 6))
    model = AutoEncoderTransformer(
        2,
        hidden_layer_sizes=(4,),
        skip_connection=False,
        lr=0.05,
        max_epochs=3,
        callbacks=[Encode()],
        random_state=0,
    ).fit(X)
    ((_, callback),) = model.net_.callbacks_
    assert len(callback.distances) == 3
    assert max(callback.distances) < 1e-5


def test_weights_of_the_inference_mode_have_no_versions_to_look_at(module):
    x = torch.ones(1, 6, dtype=torch.float64)
    with torch.inference_mode():
        weights = {k: v.clone() for k, v in module.state_dict().items()}
        module.load_state_dict(weights, assign=True)
        before = copy_in(module, torch.float64)(x)
        module.encoder.affine.weight.mul_(0.5)
        after = copy_in(module, torch.float64)(x)
    assert not torch.allclose(after, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fused_copies_have_no_normalization_and_the_same_outputs(dtype):
    torch.manual_seed(0)
    module = ConvClassifier((6, 6), 3, (4, 5))
    for _ in range(3):  # statistics of its own
        module(torch.randn(16, 36))
    module.eval()
    x, kept = torch.randn(2, 36), copy_in(module, dtype)
    copy = copy_in(module, dtype, fused=True)
    assert copy is not kept
    assert copy_in(module, dtype, fused=True) is copy
    names = [type(part).__name__ for part in copy.modules()]
    assert not any("BatchNorm" in name for name in names)
    assert any("BatchNorm" in type(part).__name__ for part in module.modules())
    with torch.no_grad():
        seen = x.to(dtype).clone()
        torch.testing.assert_close(copy(seen), kept(seen))
        assert torch.equal(seen, x.to(dtype))
        module.encoder.stages[0][1].running_mean.add_(1.0)
        torch.testing.assert_close(
            copy_in(module, dtype, fused=True)(seen).float(), module(x)
        )


def test_dense_layers_are_fused_too():
    torch.manual_seed(0)
    module = DenseAutoencoder(6, 2, (4, 3), normalization="batch_norm")
    module(torch.randn(16, 6))
    module.eval()
    x = torch.randn(5, 6)
    copy = copy_in(module, torch.float32, fused=True)
    assert len(copy.encoder) == len(module.encoder) - 2
    torch.testing.assert_close(copy(x), module(x))
