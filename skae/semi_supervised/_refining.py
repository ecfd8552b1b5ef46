"""A refiner learns the clusters and replaces them, if its predictions are better.

Classes are not known, only where refiner and clusters differ. Mostly this is where
clusters touch, and nothing tells which of the two is right there. Where clusters are
certain it is another matter: a refiner that has learned such labels, and still
contradicts some, has found what the others agree on.
"""

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skae._common.callbacks import report_part
from skae._common.runtime import seed_unset
from skae._common.sample_weight import weight_for
from skae.semi_supervised._clusters import (
    find_certain,
    predict_clusters,
    refuse_doubt,
)
from skae.semi_supervised._resuming import set_checkpoints

# Share of each cluster, its least certain samples, that a refiner is not judged by. The
# limits were chosen with classes in sight. Of the labels to judge by, 0.3 to 5 % were
# contradicted where refining helped, on images; at most 0.2 % where not, on tables.
UNJUDGED_FRACTION = 0.15
# Share of the labels that a refiner may contradict by chance, and by how many standard
# errors the share must be above it.
MAX_CHANCE, N_STANDARD_ERRORS = 0.001, 1
# A refiner that contradicts more than this share of a cluster has not learned it.
MAX_LOST_FRACTION = 0.5
# It must itself have corrected this share of the labels that it contradicts. Where
# refining helped 0.33 or more were; none by networks that were hardly trained.
MIN_CORRECTED_FRACTION = 0.2


def find_learned_labels(refiner, labels):
    """Return the labels that a fitted refiner has learned in the end.

    They differ from those that were passed if it, or the last step of a pipeline, has
    corrected some in its attribute ``labels_``. Other classifiers contradict labels
    that they cannot represent: a linear one those beyond a bent border. This says
    nothing about the labels.
    """
    last = refiner.steps[-1][1] if hasattr(refiner, "steps") else refiner
    learned = np.asarray(getattr(last, "labels_", ()))
    if learned.shape != labels.shape or learned.dtype.kind not in "iu":
        return labels
    return learned


def is_better(labels, learned, predicted):
    """Return whether predictions contradict labels for a reason.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Clusters that are certain, which the refiner was passed.

    learned : ndarray of shape (n_samples,)
        The clusters that it has learned in the end.

    predicted : ndarray of shape (n_samples,)
        The clusters that it predicts.

    Returns
    -------
    bool
        True if more labels are contradicted than by chance, not most of a cluster, and
        if the refiner has corrected enough of them.
    """
    is_contradicted = labels != predicted
    n_contradicted = is_contradicted.sum()
    n_by_chance = MAX_CHANCE * len(labels)
    if n_contradicted - N_STANDARD_ERRORS * np.sqrt(n_contradicted) <= n_by_chance:
        return False
    lost = np.bincount(labels[is_contradicted], minlength=labels.max() + 1)
    has_lost_one = (lost > MAX_LOST_FRACTION * np.bincount(labels)).any()
    corrected_fraction = np.mean((learned != labels)[is_contradicted])
    return bool(not has_lost_one and corrected_fraction >= MIN_CORRECTED_FRACTION)


class RefinerMixin:
    """What a classifier of clusters does with its refiner."""

    def _fit_refiner(self, X, codes, weight, random_state):
        """Fit ``refiner_`` on the clusters; better predictions become the clusters."""
        self.refiner_, self.refined_, self.contradicted_fraction_ = None, False, 0.0
        if self.refiner is None or len(self._clusters.means) == 1:
            return
        refiner = clone(self.refiner)
        seed_unset(refiner, random_state)
        set_checkpoints(refiner, self.checkpoint, "refiner")
        samples, clusters, passed = X, self.labels_, slice(None)
        params = weight_for(refiner, weight)
        certainty = self._certainty(codes)
        is_learned = find_certain(certainty, clusters, self.doubtful)
        if "unlabeled" in refiner.get_params(deep=False):
            # Its labels are numbers of clusters, whatever marks those of the user.
            refiner.set_params(unlabeled=None if is_learned.all() else -1)
            clusters = np.where(is_learned, clusters, -1)
        elif not is_learned.all():
            samples, passed = _safe_indexing(X, is_learned), is_learned
            clusters = clusters[passed]
            params = {name: value[is_learned] for name, value in params.items()}
        with report_part(self, "refiner", refiner, samples, clusters):
            self.refiner_ = refiner.fit(samples, clusters, **params)
        refined, _ = predict_clusters(self.refiner_, X, repr(self.refiner))
        learned = self.labels_.copy()
        learned[passed] = find_learned_labels(self.refiner_, clusters)
        is_judged = find_certain(certainty, self.labels_, UNJUDGED_FRACTION)
        is_judged &= is_learned
        judged = [values[is_judged] for values in (self.labels_, learned, refined)]
        self.contradicted_fraction_ = float(np.mean(judged[0] != judged[2]))
        self.refined_ = self.refine == "always" or is_better(*judged)
        if self.refined_:
            self.labels_ = refined
            self._clusters.relocate(codes, self.labels_, weight)

    def _certainty(self, codes):
        """Return how certain each sample is to be in its cluster, from 0 to 1."""
        certainty = getattr(self.clusterer_, "certainty_", None)
        if certainty is not None and len(certainty) == len(self.labels_):
            return certainty
        if self.doubtful:
            refuse_doubt(self.doubtful, self.clusterer_)
        likelihoods = self._clusters.likelihoods(codes)
        of_label = likelihoods[np.arange(len(self.labels_)), self.labels_]
        return of_label / likelihoods.sum(axis=1)
