"""One real run of torch.compile."""

import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skae import AutoEncoderTransformer

X = np.float32(load_digits().data[:256] / 16)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch's own, of the compiler
def test_a_compiled_fit_is_the_fit():
    options = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
    compiled = AutoEncoderTransformer(2, compile=True, **options).fit(X)
    plain = AutoEncoderTransformer(2, **options).fit(X)
    np.testing.assert_allclose(compiled.loss_curve_, plain.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(
        compiled.transform(X), plain.transform(X), rtol=1e-3, atol=1e-3
    )
