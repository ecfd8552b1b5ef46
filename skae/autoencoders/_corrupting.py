"""Corruption by a fitted estimator."""

from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import draw_seed, make_generator
from skae._common.user_code import call_on_rows
from skae._common.validation import check_samples


class CorruptingMixin:
    """Corruption of samples by an estimator with the attribute ``corruption_``."""

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
        X : array-like of shape (n_samples, n_features) or images
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
                "corrupt needs a process, but fit got recorded samples as X_corrupted."
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
