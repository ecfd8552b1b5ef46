import numpy as np
import pytest
import torch

from skae.modules import ConvClassifier, DenseClassifier


@pytest.mark.parametrize("shape", [(28, 28), (9, 7, 3), (2, 3), (1, 1)])
@pytest.mark.parametrize("n_rows", [1, 5])
def test_any_image_in_a_batch_of_any_size(shape, n_rows):
    module = ConvClassifier(shape, 4, channels=(8, 16, 8))
    x = torch.rand(n_rows, int(np.prod(shape)))
    for mode in (True, False):
        module.train(mode)
        scores = module(x)
        assert scores.shape == (n_rows, 4)
        assert scores.isfinite().all()
        torch.testing.assert_close(module.decode(module.encode(x)), scores)


def test_the_first_stage_sees_the_image_as_fine_as_it_is():
    strides = [stage[0].stride for stage in ConvClassifier((8, 8), 3).encoder.stages]
    assert strides == [(1, 1), (2, 2), (1, 1), (2, 2), (1, 1)]
    assert ConvClassifier((8, 8), 3).encode(torch.zeros(1, 64)).shape == (
        1,
        2 * 2 * 96,
    )


def test_channels_are_normalized_over_the_batch():
    module = ConvClassifier((8, 8), 3, channels=(16,), activation="identity")
    maps = module.encode(5 + 3 * torch.randn(200, 64)).view(-1, 16)
    torch.testing.assert_close(maps.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.var(dim=0), torch.ones(16), atol=1e-2, rtol=0)


def test_a_dense_classifier_has_an_activation_after_each_hidden_layer():
    module = DenseClassifier(6, 3, hidden_layer_sizes=(5, 4))
    x = torch.randn(50, 6)
    features = module.encode(x)
    assert features.shape == (50, 4)
    assert (features >= 0).all()
    assert (module(x) < 0).any()


def test_without_hidden_layers_it_is_linear():
    module = DenseClassifier(6, 3, hidden_layer_sizes=())
    x = torch.randn(50, 6)
    assert module.encode(x) is x
    torch.testing.assert_close(module(2 * x), 2 * module(x))  # no bias yet
    assert sum(p.numel() for p in module.parameters()) == 6 * 3 + 3


def test_no_channels():
    with pytest.raises(ValueError, match=r"channels=\(\) must hold one number"):
        ConvClassifier((8, 8), 3, channels=())
