"""The presets "fast" and "balanced" compared with write-up A in plain keras.

Write-up A is `three_conv_dropout` with Adam, batches of 128 and 50 epochs on 80 % of the training
images, in plain keras. The presets train on all 60,000 images; their settings were chosen on
10,000 held-out training images. The test images are used once, after all training. Because the
speed of a machine changes, a part of write-up A's epochs runs before each training of skfashion.
Name presets to measure only these. The preset "best" is in best.md.
"""

import time

import numpy as np
from _report import arguments, header, table, verdict, write
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neural_network import three_conv_dropout
from skfashion.neural_network.runtime._keras import load_keras

PEER = "write-up A, plain keras"
COLUMNS = ("", "test accuracy", "test loss", "training, seconds", "time / write-up A", "target")
PRESETS = {  # seeds; accuracy to reach; highest fraction of write-up A's time
    "fast": ((0, 1, 2), 0.9258, 0.2),
    "balanced": ((0, 1, 2), 0.945, 1),
}


class PlainA:
    """Write-up A in plain keras, trained part by part."""

    def __init__(self, X, y):
        X, X_validation, y, y_validation = train_test_split(X, y, test_size=0.2, random_state=0)
        self.training = _images(X), y
        self.validation = _images(X_validation), y_validation
        keras = load_keras()
        keras.utils.set_random_seed(0)
        self.model = three_conv_dropout((28, 28, 1), 10)
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.done, self.took = 0, 0.0

    def train(self, until):
        """Train until `until` epochs are done."""
        start = time.perf_counter()
        self.model.fit(
            *self.training,
            batch_size=128,
            initial_epoch=self.done,
            epochs=until,
            validation_data=self.validation,
            verbose=0,
        )
        self.done = until
        self.took += time.perf_counter() - start

    def predict_proba(self, rows):
        """Return the probabilities of each class."""
        return self.model.predict(_images(rows), verbose=0, batch_size=512)


def _images(rows):
    return (rows.astype("float32") / 255).reshape(-1, 28, 28, 1)


def train_ours(X, y, preset, seed, epochs=None):
    pipeline = make_cnn_pipeline(preset, random_state=seed)
    if epochs:
        pipeline.set_params(cnn__epochs=epochs)
    return pipeline.fit(X, y).predict_proba


def main():
    options = arguments(__doc__, tuple(PRESETS))
    presets = options.sections or list(PRESETS)
    parts = [header("presets", __doc__, sections=options.sections)]
    print(parts[0], flush=True)
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    if options.trial:
        X, y = X[:4_000], y[:4_000]
    PlainA(X[:1_000], y[:1_000]).train(1)  # warms up

    peer = PlainA(X, y)
    runs = [(preset, seed) for preset in presets for seed in PRESETS[preset][0]]
    epochs = 12 if options.trial else 50
    trained = {PEER: []}
    for part, (preset, seed) in enumerate(runs, start=1):
        peer.train(until=epochs * part // len(runs))
        start = time.perf_counter()
        predict_proba = train_ours(X, y, preset, seed, 1 if options.trial else None)
        took = time.perf_counter() - start
        trained.setdefault(preset, []).append((predict_proba, took))
        print(f"A: {peer.done} epochs {peer.took:.0f} s, {preset} {seed}: {took:.0f} s", flush=True)
    trained[PEER] = [(peer.predict_proba, peer.took)]

    test = fetch_fashion_mnist(subset="test")
    rows = []
    for name, runs in trained.items():
        predicted = [predict_proba(test.data) for predict_proba, _ in runs]
        times = [took for _, took in runs]
        figures = [
            _figures(test.target, probabilities, took, peer.took)
            for probabilities, took in zip(predicted, times, strict=True)
        ]
        rows += [_row(f"{name}, seed {seed}", values) for seed, values in enumerate(figures)]
        if len(runs) > 1:
            rows.append(_row(f"{name}, highest - lowest", np.ptp(figures, axis=0)))
            together = _figures(test.target, np.mean(predicted, axis=0), sum(times), peer.took)
            rows.append(_row(f"{name}, mean probabilities of all seeds", together))
        if name in PRESETS:
            _, accuracy, part = PRESETS[name]
            mean = np.mean(figures, axis=0)
            met = mean[0] >= accuracy and mean[3] <= part
            target = verdict(f">= {accuracy} in <= {part:g}", met)
            rows.append(_row(f"**{name}, mean**", mean, target))
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not options.trial:
        write("_".join(["presets", *options.sections]), parts)


def _figures(target, probabilities, took, a_time):
    accuracy = accuracy_score(target, probabilities.argmax(axis=1))
    return accuracy, log_loss(target, probabilities), took, took / a_time


def _row(what, figures, target=""):
    accuracy, loss, took, part = figures
    return what, f"{accuracy:.4f}", f"{loss:.4f}", f"{took:.0f}", f"{part:.3f}", target


if __name__ == "__main__":
    main()
