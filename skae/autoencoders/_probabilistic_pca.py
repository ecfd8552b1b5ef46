"""The start of a variational autoencoder, and its selection against that start."""

import math

import numpy as np
import torch

from skae._common.runtime import default_modes, draw, make_generator
from skae._training.negative_log_likelihood import SMALLEST_ERROR
from skae._training.objective import evaluate_present
from skae._training.variational_objective import log_ratio
from skae.autoencoders._principal_components import (
    fit_pca,
    fit_sparse_pca,
    gather,
    is_too_large,
)
from skae.autoencoders._scoring import SCORE_SEED
from skae.autoencoders._selection import SelectionMixin, judge
from skae.likelihood import Gaussian

# Number of codes per held-out sample that the ELBO is estimated from.
N_DRAWS = 8
# The mean ELBO must be higher in a one-sided test at this value of Student's t, or by
# so many nats per feature: a few samples of a very low ELBO make the test blunt.
T_LIMIT, CLEAR_GAIN = 3.0, 0.1
# Samples beyond all those that are held out are judged, too, if they have more than
# this share of the squared error of the start.
TAIL_SHARE = 0.05


class ProbabilisticPCAMixin(SelectionMixin):
    """The start at probabilistic PCA, of which the ELBO is log p(x) itself.

    Without networks beside it, a decoder h W' + m with the noise variance σ² has a
    posterior p(h|x) that is normal, of a variance that is the same for all x. So the
    encoder can return it exactly. The most likely W and σ² are known in closed form
    [1]_: eigenvectors of the covariance in the lengths √(λ - σ²), and the mean of the
    eigenvalues that are left out.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis",
       Journal of the Royal Statistical Society B 61, 1999.
    """

    def _can_start_at_pca(self):
        likelihood = self._likelihood
        return (
            isinstance(likelihood, Gaussian)
            and likelihood.mean_is_output
            and not likelihood.loss_needs_variance  # one for all features
        )

    @property
    def _has_plain_loss(self):
        """Whether the ELBO is maximized, and nothing else."""
        return self.beta == 1

    def _fit_affine_maps(self, batches):
        """Fit probabilistic PCA; its noise variance is the error that is expected."""
        if is_too_large(batches):
            pca, _ = fit_sparse_pca(batches, self._n_features_out, self._seed)
        else:
            # Drawn, because expected values vary less than those that are missing.
            generator = make_generator(self._seed)
            fill = self._in_module_scale(lambda x: self._fill(x, generator))
            _, target, weight = gather(batches, fill)
            pca = fit_pca(target, self._n_features_out, weight, self._seed)
        n_components, n_features = pca.n_components_, len(pca.mean_)
        # Of a single sample they are NaN.
        found = np.nan_to_num(pca.explained_variance_)
        noise = np.nan_to_num(pca.noise_variance_)
        if n_components == min(pca.n_samples_, n_features):
            # The covariance itself is the model.
            noise = found[-1]
        noise = max(float(noise), SMALLEST_ERROR)
        found = np.maximum(found, noise)
        loadings = np.zeros((self._n_features_out, n_features))
        loadings[:n_components] = pca.components_ * np.sqrt(found - noise)[:, None]
        total = np.ones(self._n_features_out)  # variance along each component
        total[:n_components] = found
        variance = np.ones(self._n_features_out)  # of p(h|x)
        variance[:n_components] = noise / found
        encode = loadings / total[:, None]
        maps = (
            (
                np.concatenate([encode, np.zeros_like(encode)]),
                np.concatenate([-encode @ pca.mean_, np.log(variance)]),
            ),
            (np.ascontiguousarray(loadings.T), pca.mean_),
        )
        self._affine_maps = [tuple(map(torch.from_numpy, parts)) for parts in maps]
        self._affine_error = noise
        ratio = np.zeros(self._n_features_out)
        ratio[:n_components] = np.nan_to_num(pca.explained_variance_ratio_)
        self._explained_variance_ratio = ratio

    def _row_terms(self, module, x, target):
        """Return squared errors, log p_enc(h|x)/p(h) and shares that are present.

        The first two are means over some draws.
        """
        mean, std = module.encode_distribution(x)
        generator = make_generator(SCORE_SEED)
        total = 0.0
        for _ in range(N_DRAWS):
            noise = draw(torch.randn, mean.shape, generator, mean.device)
            h = mean + std * noise
            error, missing = evaluate_present(
                self._likelihood, self._likelihood.error, module.decode(h), target
            )
            ratio = log_ratio(h, noise, std).sum(dim=1)
            share = 1.0 - missing.to(error.dtype).mean(dim=1)
            total = total + torch.stack([error.mean(dim=1), ratio, share], dim=1)
        return total / N_DRAWS

    def _judge_held_out(self, inputs, targets, held_out):
        """Judge the module by held-out samples, and by those that lie farther out.

        Where a few samples have much of the start's error, those that are held out may
        lack their kind. The module was trained on them, so another one, trained on the
        rest, tells what they cost if they are new.
        """
        terms = self._held_out_terms(held_out)
        verdict = self._judge(*terms)
        if verdict <= 0:
            return verdict
        every = self._make_batches(
            inputs, targets, {**self._trainer.generators, "order": None}
        )
        if every.in_window:  # a copy may not fit into memory
            return verdict
        start = self._start_module()
        errors = self._errors_of(start, every)
        is_far = errors > self._errors_of(start, held_out).max()
        share = np.ones(len(errors)) if inputs.weight is None else inputs.weight
        if (errors * share)[is_far].sum() <= TAIL_SHARE * (errors * share).sum():
            return verdict
        *tail, _ = self._terms_without(inputs, targets, ~is_far, is_far)
        *terms, weight = terms
        near = np.ones(len(terms[0])) if weight is None else weight
        near = near * (share[~is_far].sum() / near.sum())  # they stand for all of them
        both = [np.concatenate(pair) for pair in zip(terms, tail, strict=True)]
        return self._judge(*both, np.concatenate([near, share[is_far]]))

    def _errors_of(self, module, batches):
        """Return the squared errors of samples that a module reconstructs."""
        errors = []
        with default_modes(self.device_), torch.no_grad():
            for x, target, *_ in batches:
                mean, _ = module.encode_distribution(x)
                error, _ = evaluate_present(
                    self._likelihood,
                    self._likelihood.error,
                    module.decode(mean),
                    target,
                )
                errors.append(error.mean(dim=1))
        return torch.cat(errors).double().cpu().numpy()

    def _judge(self, terms, baseline, weight):
        """Compare ELBOs, each with the variance that is most likely for its errors.

        The errors in training would make the variance too small for other samples.
        """
        losses, variances = [], []
        for error, ratio, share in (part.T for part in (terms, baseline)):
            means = (np.average(term, weights=weight) for term in (error, share))
            variance = max(float(np.divide(*means)), SMALLEST_ERROR)
            nll = 0.5 * (share * math.log(2.0 * math.pi * variance) + error / variance)
            losses.append(self.n_features_in_ * nll + ratio)
            variances.append(variance)
        self._held_out_error = variances[0]
        self.elbo_gain_ = float(np.average(losses[1] - losses[0], weights=weight))
        is_clear = self.elbo_gain_ > CLEAR_GAIN * self.n_features_in_
        return judge(*losses, weight, is_clear=is_clear, t_limit=T_LIMIT)

    def _learn_variance(self, inputs, targets=None):
        encoded, weight = super()._learn_variance(inputs, targets)
        if self.is_linear_ and (self._selects or not self.n_epochs_):
            self.noise_variance_ = self._affine_error * self.scale_**2
        elif self._selects:
            # Held-out samples are few: they may lack the outliers of the others.
            held_out = self._held_out_error * self.scale_**2
            self.noise_variance_ = max(self.noise_variance_, held_out)
        return encoded, weight
