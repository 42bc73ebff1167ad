"""Exact nearest neighbors."""

from skfashion.neighbors._vectorized_knn import VectorizedKNNClassifier

__all__ = ["VectorizedKNNClassifier"]
