"""Corruption in training and after it, and the score of what is restored."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import draw_seed, make_generator
from skae._common.sample_weight import average
from skae._common.user_code import call_on_rows
from skae._common.validation import check_corrupted_samples, check_samples
from skae._training.scaling import Scaling
from skae.autoencoders._scoring import SCORE_SEED
from skae.corruption import GaussianNoise, Masking


class CorruptingMixin:
    """Corruption of samples by an estimator with the attribute ``corruption_``."""

    def _make_augment(self, generator):
        augment = super()._make_augment(generator)
        if self.corruption_ is None:
            return augment

        def corrupt(x, *target):
            views = (x, *target) if augment is None else augment(x, *target)
            return self._corrupt(views[0], generator), views[-1]

        return corrupt

    def _after_fit(self, inputs, targets, held_out):
        corrupt = None if self.corruption_ is None else self._corrupt
        super()._after_fit(inputs, targets, held_out, corrupt)

    def _complete(self, module, x, missing, max_iter):
        if not isinstance(self.corruption_, Masking):
            return super()._complete(module, x, missing, max_iter)
        # It has learned to fill such holes in one step.
        hole = torch.full_like(x, self.corruption_.fill_value)
        hole = self._scaling.to_module_scale(hole)
        return module.encode(torch.where(missing, hole, x))

    def _make_default_corruption(self, samples):
        """Make the corruption where the user passes none."""
        if self._likelihood.transforms_input:  # counts of any orders of magnitude
            return Masking()
        if not self._scaling.is_per_feature:
            return GaussianNoise(std=Scaling.fit(samples).scale / 2)
        every = np.ones(samples.rows.shape[1], dtype=bool)
        std = Scaling.fit(samples, scaled=every).scale / 2
        return GaussianNoise(std=tuple(std.tolist()))

    def _corrupt(self, x, generator):
        """Corrupt rows in X's scale."""
        (corrupted,) = call_on_rows(
            "corruption", self.corruption_, generator, self.image_shape_, x
        )
        return corrupted

    def _generator(self, seed):
        place = self.device_ if self.device_.type == "cuda" else "cpu"
        return make_generator(seed, device=place)

    def corrupt(self, X, random_state=None):
        """Corrupt samples as in training.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Clean samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the corruption.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            One draw of C(x̃|x) per sample. Images of uint8 become numbers in [0, 1].

        Raises
        ------
        ValueError
            If the estimator was fitted on recorded pairs.
        """
        check_is_fitted(self)
        if self.corruption_ is None:
            raise ValueError(
                "corrupt cannot draw corrupted samples, because fit was passed "
                "recorded ones as X_corrupted."
            )
        seed = draw_seed(random_state)
        generator = self._generator(seed)
        samples = check_samples(self, X, reset=False, ensure_all_finite=False)
        out = self._map_chunks(
            lambda module, x: self._corrupt(x, generator),
            (self.n_features_in_,),
            self._make_data_rows(samples),
            seed=self._user_seed(seed),
        )
        return out.reshape(-1, *self._sample_shape)

    def score(self, X, y=None, X_corrupted=None, sample_weight=None):
        """Mean log-likelihood of clean samples given the codes of corrupted ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Clean samples.
        y : None
            Ignored.
        X_corrupted : array-like of the shape of X, default=None
            Recorded corrupted samples. None draws them from the corruption process of
            the estimator, with the same seed in each call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Mean of log p(x|f(x̃)) in nats, higher is better. Only scores with the same
            corruption are comparable. :meth:`score_samples` encodes the samples as they
            are; with ``X_corrupted=X`` this is the mean of it.

        Raises
        ------
        ValueError
            If ``fit`` got recorded pairs and ``X_corrupted`` is None.
        """
        check_is_fitted(self)
        log_prob, generator = self._log_prob(), self._generator(SCORE_SEED)
        clean = check_samples(self, X, reset=False, ensure_all_finite=False)
        if X_corrupted is not None:
            other = self._make_rows(
                check_corrupted_samples(self, X_corrupted, clean.rows.shape[0])
            )
        elif self.corruption_ is None:
            raise ValueError(
                "score needs X_corrupted, because fit was passed X_corrupted."
            )
        else:
            other = self._make_data_rows(clean)

        def function(module, x, target, x_corrupted):
            if X_corrupted is None:
                x_corrupted = self._corrupt(x_corrupted, generator)
                x_corrupted = self._scaling.to_module_scale(x_corrupted)
            return log_prob(target, module.decode(module.encode(x_corrupted)))

        seed = self._user_seed(SCORE_SEED)
        scores = self._score_rows(clean, function, other, seed=seed)
        return average(scores, sample_weight)
