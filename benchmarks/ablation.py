"""Effect of each setting of the preset "fast".

Each row turns off or replaces one setting of the preset and trains for the same number of epochs.
Accuracy and loss are measured on 10,000 held-out training images after training on the other
50,000, as means over the seeds. The last rows add settings that only the longer presets have. The
test images are not used.
"""

import time

import numpy as np
from _report import arguments, header, table, write
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neural_network._presets import preset_settings
from skfashion.neural_network.runtime._keras import load_keras

COLUMNS = ("", "accuracy", "lowest to highest", "difference", "loss", "training, seconds")
SEEDS = (0, 1)


def without():
    """Return the settings of each row of the table."""
    keras = load_keras()
    sgd = keras.optimizers.SGD(momentum=0.9, nesterov=True)
    translation, _ = preset_settings("balanced")["augmenter"]
    return {
        "fast": {},
        "with SGD and Nesterov momentum, learning rate 0.2": {
            "optimizer": sgd,
            "learning_rate": 0.2,
        },
        "with AdamW, learning rate 0.003": {
            "optimizer": "adamw",
            "learning_rate": 0.003,
            "weight_decay": 0.05,
        },
        "with a constant learning rate": {"learning_rate_schedule": "constant"},
        "warmup": {"warmup_fraction": 0.0},
        "label smoothing": {"label_smoothing": 0.0},
        "horizontal_flip": {"horizontal_flip": False},
        "residual blocks": {"blocks_per_stage": 0},
        "batch normalization (with SGD, learning rate 0.02)": {
            "batch_normalization": False,
            "optimizer": sgd,
            "learning_rate": 0.02,
        },
        "bfloat16": {"precision": "float32"},
        "with averaged weights (ema_momentum 0.99)": {"ema_momentum": 0.99},
        "with random erasing, 0.25": {"random_erasing": 0.25},
        "with shifts by a pixel": {"augmenter": translation},
        "with dropout, 0.2": {"dropout": 0.2},
        "with a second residual block in both later stages": {"blocks_per_stage": 2},
    }


def main():
    trial = arguments(__doc__).trial
    parts = [header("ablation", __doc__)]
    print(parts[0], flush=True)
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    X, X_held_out, y, y_held_out = train_test_split(
        X, y, test_size=10_000, stratify=y, random_state=0
    )
    if trial:
        X, y = X[:2_000], y[:2_000]

    def measure(settings, seed):
        pipeline = make_cnn_pipeline("fast", random_state=seed, **settings)
        start = time.perf_counter()
        pipeline.fit(X, y)
        took = time.perf_counter() - start
        return _scores(pipeline, X_held_out, y_held_out, took), pipeline

    rows, whole = [], None
    for what, settings in without().items():
        figures = []
        for seed in SEEDS:
            scores, pipeline = measure(settings, seed)
            figures.append([scores])
            if what == "fast":  # no training of its own
                pipeline.set_params(cnn__horizontal_flip=False)
                figures[-1].append(_scores(pipeline, X_held_out, y_held_out, scores[2]))
        for name, values in zip(
            (what, "test-time augmentation"), zip(*figures, strict=True), strict=False
        ):
            whole = whole or np.mean(values, axis=0)[0]
            rows.append(_row(name, values, whole))
            print(rows[-1], flush=True)
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not trial:
        write("ablation", parts)


def _scores(pipeline, X, y, took):
    probabilities = pipeline.predict_proba(X)
    accuracy = accuracy_score(y, probabilities.argmax(axis=1))
    return accuracy, log_loss(y, probabilities), took


def _row(what, values, whole):
    accuracy, loss, took = np.mean(values, axis=0)
    accuracies = [value[0] for value in values]
    return (
        what if what.startswith(("fast", "with ")) else f"without {what}",
        f"{accuracy:.4f}",
        f"{min(accuracies):.4f} to {max(accuracies):.4f}",
        f"{accuracy - whole:+.4f}",
        f"{loss:.4f}",
        f"{took:.0f}",
    )


if __name__ == "__main__":
    main()
