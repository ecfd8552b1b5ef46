"""An autoencoder's reconstruction as a step of a pipeline."""

import numpy as np
from sklearn.base import (
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._common.array_api import ArrayAPIMixin
from skae._common.callbacks import CallbackSupportMixin, report_fit, report_part
from skae._common.linked import LinkedEstimator
from skae._common.validation import Instance


def _has_module(reconstructor):
    estimator = getattr(reconstructor, "estimator_", reconstructor.estimator)
    return hasattr(estimator, "to_module")


class Reconstructor(
    ArrayAPIMixin,
    OneToOneFeatureMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    CallbackSupportMixin,
    LinkedEstimator,
):
    """Transformer that returns an autoencoder's reconstructions: a cleaning step.

    The ``transform`` of an autoencoder returns codes. Wrap it in a ``Reconstructor`` if
    the next step of a pipeline needs samples without noise.

    Parameters
    ----------
    estimator : estimator with ``fit`` and ``reconstruct``
        The autoencoder, for example a :class:`DenoisingAutoEncoder`. It is cloned, and
        its parameters can be searched as ``estimator__corruption__std``. Pass
        ``FrozenEstimator(estimator)`` for one that is fitted already.

    Attributes
    ----------
    estimator_ : estimator
        The fitted autoencoder.
    n_features_in_ : int
        Number of features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    DenoisingAutoEncoder : Learns to undo a corruption.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 14.5.

    Examples
    --------
    A quarter of each digit is erased, which the classifier was not trained on:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import DenoisingAutoEncoder, Reconstructor
    >>> from skae.corruption import RandomErasing
    >>> X, y = load_digits(return_X_y=True)
    >>> denoiser = DenoisingAutoEncoder(
    ...     32, corruption=RandomErasing(0.25), image_shape=(8, 8), random_state=0
    ... )
    >>> mender = make_pipeline(Reconstructor(denoiser), KNeighborsClassifier())
    >>> X_torn = denoiser.fit(X).corrupt(X, random_state=1)
    >>> score = KNeighborsClassifier().fit(X, y).score(X_torn, y)
    >>> mender.fit(X, y).score(X_torn, y) > score + 0.1
    True
    """

    _parameter_constraints: dict = {"estimator": [Instance(["fit", "reconstruct"])]}

    def __init__(self, estimator):
        self.estimator = estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Fit the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples.
        y : array-like, default=None
            Passed to the autoencoder's ``fit``, which ignores it.
        **fit_params : dict
            Passed to the autoencoder's ``fit``, for instance ``X_corrupted``. With
            metadata routing enabled, only those that it requests.

        Returns
        -------
        self : Reconstructor
            The fitted transformer.
        """
        if _routing_enabled():
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        estimator = clone(self.estimator)
        with (
            report_fit(self, 1, X, y),
            report_part(self, "autoencoder", estimator, X, y),
        ):
            self.estimator_ = estimator.fit(X, y, **fit_params)
        return self

    def get_metadata_routing(self):
        """Return which metadata of a fit are passed to the autoencoder.

        Returns
        -------
        MetadataRouter
            See scikit-learn's user guide on metadata routing.
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="fit_transform", callee="fit"),
        )

    def transform(self, X):
        """Encode and decode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Their reconstructions. A frame, which ``set_output`` may request, has images
            as flat rows.
        """
        check_is_fitted(self)
        out = np.asarray(self.estimator_.reconstruct(X))
        is_array = _get_output_config("transform", self)["dense"] == "default"
        return out if is_array else out.reshape(len(out), -1)

    @available_if(_has_module)
    def to_module(self):
        """Return a torch module that reconstructs samples as they are.

        Returns
        -------
        torch.nn.Module
            As of the autoencoder's ``to_module``, which it must have.
        """
        check_is_fitted(self)
        module = self.estimator_.to_module()
        module.methods = {"transform": module.methods["reconstruct"]}
        return module

    @property
    def _sample_shape(self):
        """Shape of one sample, where a network takes it."""
        return self.estimator_._sample_shape

    @property
    def n_features_in_(self):
        """Number of features of the samples."""
        check_is_fitted(self)
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features."""
        check_is_fitted(self)
        return self.estimator_.feature_names_in_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.array_api_support = inner.input_tags, False
        tags.transformer_tags.preserves_dtype = inner.transformer_tags.preserves_dtype
        return tags
