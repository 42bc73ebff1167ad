"""Displays of images, predictions and training, with the interface of scikit-learn's displays."""

from ._confused_pairs import ConfusedPairsDisplay
from ._image_grid import ImageGridDisplay
from ._neighbors import NeighborsDisplay
from ._prediction_grid import PredictionGridDisplay
from ._random_erasing import RandomErasingDisplay
from ._training_history import TrainingHistoryDisplay

__all__ = [
    "ConfusedPairsDisplay",
    "ImageGridDisplay",
    "NeighborsDisplay",
    "PredictionGridDisplay",
    "RandomErasingDisplay",
    "TrainingHistoryDisplay",
]
