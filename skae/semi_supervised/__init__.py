"""Classifiers that need few labels, or none but to name what they found."""

from skae.semi_supervised._cluster_classifier import ClusterClassifier
from skae.semi_supervised._recipe import make_self_supervised_classifier

__all__ = ["ClusterClassifier", "make_self_supervised_classifier"]
