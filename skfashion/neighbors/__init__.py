"""Exact nearest neighbours."""

from skfashion.neighbors._vectorized_knn import VectorizedKNNClassifier

__all__ = ["VectorizedKNNClassifier"]
