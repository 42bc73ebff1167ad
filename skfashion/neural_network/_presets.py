"""Presets: hyperparameters of KerasCNNClassifier, tuned on held-out training images."""

from typing import Any

from skfashion.preprocessing import RandomErasing

from .runtime._keras import building

_SHARED = {
    "architecture": "small_resnet",
    "batch_size": "auto",
    "optimizer": "conv_muon",
    "learning_rate": 0.04,
    "learning_rate_schedule": "cosine",
    "warmup_fraction": 0.2,
    "label_smoothing": 0.1,
    "horizontal_flip": True,
}
# Each preset has a minimum number of steps, because small data sets need more epochs. It is enough
# to learn a few thousand photographs.
# Longer training needs a higher probability of erasing and larger translations. These are fractions
# of the size of the images: 1.5 of 28 pixels are shifts by -1, 0 or 1 with equal probability.
PRESETS: dict[str, dict[str, Any]] = {
    "fast": {**_SHARED, "epochs": (4, 800), "erasing": None, "translation": None},
    "balanced": {
        **_SHARED,
        "blocks_per_stage": 2,
        "learning_rate": 0.03,
        "epochs": (11, 2000),
        "erasing": 0.25,
        "translation": 1.5 / 28,
    },
    "best": {
        **_SHARED,
        "blocks_per_stage": 2,
        "learning_rate": 0.03,
        "epochs": (100, 6000),
        "tta_shifts": 1,
        "erasing": 0.5,
        "translation": 2.5 / 28,
    },
}


def erasing_of_scaled(p: float) -> RandomErasing:
    """Return random erasing with probability `p`, for pixels in [0, 1]."""
    return RandomErasing(p, fill_range=(0, 1))


def preset_settings(preset: str, random_erasing: float | None = None) -> dict[str, Any]:
    """Return the parameters of a preset.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"}
        Name of the preset.
    random_erasing : float or None, default=None
        Probability of random erasing. None is that of the preset.

    Returns
    -------
    dict
        Parameters of KerasCNNClassifier, with a new augmenter.
    """
    settings = dict(PRESETS[preset])
    p, translation = settings.pop("erasing"), settings.pop("translation")
    p = p if random_erasing is None else random_erasing
    steps: list[Any] = [] if p is None else [erasing_of_scaled(p)]
    if translation is not None:
        with building("float32", seed=0) as keras:  # Each fit sets the seed.
            # The background of clothes is black. Shifts by whole pixels do not blur.
            shift = keras.layers.RandomTranslation(
                translation, translation, fill_mode="constant", interpolation="nearest"
            )
        steps.insert(0, shift)
    if steps:
        settings["augmenter"] = steps[0] if len(steps) == 1 else steps
    return settings
