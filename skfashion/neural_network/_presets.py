"""Settings of KerasCNNClassifier that need no further choice, found on held-out training images."""

_SHARED = {
    "architecture": "residual",
    "batch_size": 256,
    "optimizer": "conv_muon",
    "learning_rate": 0.04,
    "learning_rate_schedule": "cosine",
    "warmup": 0.2,
    "label_smoothing": 0.1,
    "flips": True,
}
PRESETS = {
    "fast": {**_SHARED, "epochs": 6},
    "balanced": {**_SHARED, "depth": 2, "random_erasing": 0.25, "epochs": 20},
    "best": {**_SHARED, "filters": (32, 128, 256), "depth": 3, "epochs": 50},
}
