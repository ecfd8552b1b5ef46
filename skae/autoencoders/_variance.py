"""The variance of p(x|h), learned from the errors after a fit."""

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skae._common.runtime import make_generator
from skae._common.validation import Samples
from skae._common.warn import warn_user
from skae._training.objective import evaluate_present

# Stream of the random numbers by which the variance is learned; the trainer has 0 to 2.
VARIANCE_STREAM = 3
# A variance of all features is learned from about so many values, of so many samples at
# least: wide samples, above all images, take long to decode.
N_VALUES, MIN_SAMPLES = 2**19, 512
# Codes that explain less of the variance than this are dead.
DEAD_SHARE = 0.01


class VarianceMixin:
    """The variance of p(x|h) of an autoencoder with ``module_`` and ``_trainer``."""

    # Shape of what the encoder returns per component of a code.
    _numbers_per_component = ()

    def _learn_variance(self, inputs, targets=None, corrupt=None):
        """Learn the variance of p(x|h); return some targets encoded, and their weights.

        ``corrupt(x, generator)`` makes the inputs of samples in X's scale.
        """
        likelihood, objective = self._likelihood, self._trainer.objective
        generator = make_generator(
            self._seed,
            self.n_epochs_,
            VARIANCE_STREAM,
            device=self._trainer.generators["augment"].device,
        )
        clean = self._subsample(inputs if targets is None else targets)
        weight = clean.weight
        rows = [self._make_rows(clean), self._make_rows(clean, filled=False)]
        if corrupt is not None:
            rows.append(self._make_data_rows(clean))
        elif targets is not None:
            rows.append(self._make_rows(self._subsample(inputs)))
        if weight is not None:
            rows.append(self._make_data_rows(Samples(weight.reshape(-1, 1))))
        n_features, step = self.n_features_in_, 1
        if not likelihood.loss_needs_variance:  # one variance
            step = -(-len(rows[0]) // max(MIN_SAMPLES, N_VALUES // n_features))
        total, n_values = torch.zeros(2, n_features, dtype=torch.float64, device="cpu")

        def add_errors(module, x, target, *others):
            encoded = all_of_chunk = objective.encode(module, x)
            if likelihood.has_variance:
                encoded, target, *others = (
                    part[::step] for part in (encoded, target, *others)
                )
                share = target.new_ones(1)
                if weight is not None:
                    *others, share = others
                for other in others:
                    if corrupt is not None:
                        other = self._scaling.to_module_scale(corrupt(other, generator))
                    encoded = objective.encode(module, other)
                output = module.decode(objective.sample_code(encoded, generator))
                error, missing = evaluate_present(
                    likelihood, likelihood.error, output, target
                )
                total.add_((error * share).sum(dim=0).cpu())
                n_values.add_((~missing * share).sum(dim=0).cpu())
            return all_of_chunk

        shape = (*self._numbers_per_component, self._n_features_out)
        # One array: small ones, kept of each chunk, would lie in the memory that large
        # ones leave, and the next large ones would need more of it.
        all_encoded = self._map_chunks(add_errors, shape, *rows, seed=self._user_seed())
        if likelihood.has_variance:
            # A feature of which nothing is known here is as the others are.
            error = torch.where(
                n_values > 0, total / n_values, total.sum() / n_values.sum()
            )
            variance = likelihood.variance(error).numpy()
            # A perfect fit must not make the density infinite.
            variance = np.maximum(variance, 1e-12) * self.scale_**2
            self.noise_variance_ = variance if variance.ndim else float(variance)
        return all_encoded, weight

    def _variance_like(self):
        """Return the learned variance in the module's scale, for a tensor."""
        variance = getattr(self, "noise_variance_", None)
        if variance is not None:
            variance = variance / self.scale_**2
        if not isinstance(variance, np.ndarray):
            return lambda like: variance
        variance = torch.from_numpy(variance)
        return lambda like: variance.to(like.device, like.dtype)

    def _warn_if_dead(self):
        """Warn if a penalty has left nothing of the samples in their codes."""
        penalties = ("l1_penalty", "contractive_penalty")
        values = {name: getattr(self, name) for name in penalties}
        if not any(values.values()) or self._scaling.is_identity:
            return
        explained = 1.0 - np.nanmean(self.noise_variance_ / self.scale_**2)
        if explained < DEAD_SHARE:
            told = ", ".join(f"{name}={value!r}" for name, value in values.items())
            warn_user(
                f"The codes are dead: their reconstructions explain {explained:.2%} of "
                f"the variance of X. Lower the penalties ({told}).",
                ConvergenceWarning,
            )
