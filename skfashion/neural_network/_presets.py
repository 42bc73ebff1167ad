"""Settings of KerasCNNClassifier that need no further choice, found on held-out training images."""

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
# Few images need more epochs, hence the least number of steps: enough that a few thousand
# photographs are learned.
# Longer training needs more of both: the probability of erasing, and how far images are moved, as
# a part of their size; 1.5 of 28 pixels are a move by -1, 0 or 1, alike.
PRESETS = {
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


def erasing_of_scaled(p):
    """Return random erasing, with probability `p`, of images whose pixels are from 0 to 1."""
    return RandomErasing(p, fill_range=(0, 1))


def preset_settings(preset, random_erasing=None):
    """Return the parameters of a preset.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"}
        Its name.
    random_erasing : float or None, default=None
        Instead of the probability that the preset has.

    Returns
    -------
    dict
        Of KerasCNNClassifier, the augmenter made anew.
    """
    settings = dict(PRESETS[preset])
    p, translation = settings.pop("erasing"), settings.pop("translation")
    p = p if random_erasing is None else random_erasing
    steps = [] if p is None else [erasing_of_scaled(p)]
    if translation is not None:
        with building("float32", seed=0) as keras:  # of no consequence: fits set the seed
            # The background of clothes is black; whole pixels leave the others as they are.
            move = keras.layers.RandomTranslation(
                translation, translation, fill_mode="constant", interpolation="nearest"
            )
        steps.insert(0, move)
    if steps:
        settings["augmenter"] = steps[0] if len(steps) == 1 else steps
    return settings
