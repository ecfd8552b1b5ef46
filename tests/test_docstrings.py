"""Docstrings: what numpydoc's check of single files cannot see."""

import importlib
import inspect

import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.utils._testing import assert_docstring_consistency

import skae

MODULES = (
    *("skae", "skae.corruption", "skae.datasets", "skae.export", "skae.inspection"),
    *("skae.likelihood", "skae.metrics", "skae.modules"),
)
PUBLIC = {
    f"{module}.{name}": obj
    for module in MODULES
    for name, obj in vars(importlib.import_module(module)).items()
    if not name.startswith("_") and getattr(obj, "__module__", "").startswith("skae")
}

# Parameters and attributes that AutoEncoderTransformer describes in other words than
# these classes do, and why.
OTHER_WORDS = {
    skae.DenoisingAutoEncoder: {
        "augmentation": "what it returns is the target alone",
        "validation_loss_curve_": "of corrupted samples",
    },
    skae.VariationalAutoEncoder: {
        "augmentation": "names the one that draws random bits",
        "density": "of codes that are drawn",
        "density_": "p(h) by default",
        "likelihood": "learns the variance in training",
        "loss_curve_": "the negative ELBO",
        "lr": "lower for wide rows, whose codes are noisy",
        "module": "needs a method for the distribution of codes",
        "noise_variance_": "learned from held-out samples where there are some",
        "skip_connection": "starts at probabilistic PCA",
        "tol": "in nats",
        "validation_loss_curve_": "the negative ELBO",
    },
    skae.ColorizationAutoEncoder: {
        "augmentation": "of gray and colour images together",
        "hidden_layer_sizes": "other widths",
        "image_shape": "gray images have no channels",
        "loss_curve_": "in the unit of y",
        "lr": "a number",
        "mean_": "one mean of all pixels",
        "module_": "maps to colours",
        "optimizer": "never starts at principal components",
        "scale_": "the standard deviation even where the mean is zero",
        "tol": "a share of the variance of y",
        "validation_fraction": "selects nothing",
        "validation_loss_curve_": "no samples of one's own",
        "weight_decay": "of the optimizer alone",
    },
    skae.PseudoLabelClassifier: {
        "augmentation": "returns views of the same class",
        "dropout": "of the features alone",
        "hidden_layer_sizes": "other stages",
        "loss_curve_": "the cross-entropy",
        "lr": "a number",
        "max_epochs": "fewer of them",
        "mean_": "zero for images",
        "module_": "maps to scores of classes",
        "optimizer": "never starts at principal components",
        "scale_": "the standard deviation even where the mean is zero",
        "tol": "in nats",
        "validation_fraction": "selects nothing",
        "validation_loss_curve_": "with labels",
        "weight_decay": "of the optimizer alone",
    },
}
# These have the same description, but another default or class.
OTHER_TYPES = (
    "dropout",
    "lr",
    "max_epochs",
    "module_",
    "n_components",
    "optimizer",
    "weight_decay",
)


def described(obj, section):
    return [entry.name for entry in NumpyDocString(inspect.getdoc(obj))[section]]


def shared_names(estimator, section):
    first = described(skae.AutoEncoderTransformer, section)
    return set(first) & set(described(estimator, section))


def assert_same_words(estimator, section, names):
    assert_docstring_consistency(
        [skae.AutoEncoderTransformer, estimator],
        include_params=sorted(names) if section == "Parameters" else False,
        include_attrs=sorted(names) if section == "Attributes" else False,
        ignore_types=OTHER_TYPES,
    )


@pytest.mark.parametrize("section", ["Parameters", "Attributes"])
@pytest.mark.parametrize("estimator", OTHER_WORDS, ids=lambda cls: cls.__name__)
def test_what_estimators_share_is_described_in_the_same_words(estimator, section):
    names = shared_names(estimator, section)
    same = names - set(OTHER_WORDS[estimator])
    assert same
    assert_same_words(estimator, section, same)
    # An exception that is no longer needed would hide the next difference.
    for name in names - same:
        with pytest.raises(AssertionError):
            assert_same_words(estimator, section, [name])


def public_members(obj):
    """Methods and properties of a class that the package defines, by name."""
    members = inspect.getmembers(obj) if inspect.isclass(obj) else []
    for name, member in members:
        origin = getattr(member, "fget", member)  # of a property, its function
        if name.startswith("_") or not callable(origin):
            continue
        if origin.__module__.startswith("skae"):
            yield name, member


@pytest.mark.parametrize("obj", PUBLIC.values(), ids=PUBLIC)
def test_the_parameters_in_the_docstring_are_those_of_the_signature(obj):
    assert described(obj, "Parameters") == list(inspect.signature(obj).parameters)
    for name, member in public_members(obj):
        if not isinstance(member, property):
            names = [n.lstrip("*") for n in described(member, "Parameters")]
            expected = list(inspect.signature(member).parameters)
            assert names == [n for n in expected if n != "self"], name


@pytest.mark.parametrize("obj", PUBLIC.values(), ids=PUBLIC)
def test_everything_public_has_a_docstring(obj):
    assert inspect.getdoc(obj)
    for name, member in public_members(obj):
        assert inspect.getdoc(member), name
