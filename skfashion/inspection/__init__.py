"""Pictures of images, predictions and training, as displays in scikit-learn's manner."""

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
