"""Accuracy of the preset "best" over time, and of several networks together.

The networks are trained on all 60,000 images, one per seed. The settings were chosen on 10,000
held-out training images. After training, the test images are classified by the weights of every
tenth epoch (with a learning rate that is still high, except in the last) and by the mean
probabilities of several networks. A seed takes up to two hours. Results and checkpoints are kept
in benchmarks/cache, so that an interrupted run resumes, then without times and with a part of the
curve only. Name seeds to train only these.
"""

import time

import numpy as np
from _report import HERE, arguments, header, table, verdict, write
from joblib import Memory
from sklearn.metrics import accuracy_score, log_loss

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neural_network._presets import PRESETS
from skfashion.neural_network.runtime._keras import load_keras

SEEDS = ("0", "1", "2")
EVERY = 10
COLUMNS = ("", "test accuracy", "test loss", "training, seconds", "target")


def train(seed, settings, trial):
    """Return a list of (epochs done, seconds until then, probabilities of the test images).

    `settings` are those of the preset. The cache uses them to distinguish presets.
    """
    kept = []

    class Keep(load_keras().callbacks.Callback):
        start = None

        def on_epoch_begin(self, epoch, logs=None):
            if self.start is None:
                # Earlier epochs ran in another process, for an unknown time.
                self.start = begin if epoch == 0 else np.nan

        def on_epoch_end(self, epoch, logs=None):
            done = epoch + 1
            if done % EVERY == 0 or done == self.params["epochs"]:
                took = time.perf_counter() - self.start
                kept.append((done, took, self.model.get_weights()))
                print(f"seed {seed}, epoch {done}: {took:.0f} s, {logs}", flush=True)

    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    pipeline = make_cnn_pipeline(
        "best", random_state=seed, callbacks=[Keep()], checkpoint_dir=HERE / "cache" / "checkpoints"
    )
    if trial:
        X, y = X[:1_000], y[:1_000]
        pipeline.set_params(cnn__epochs=EVERY + 1, cnn__filters=(8, 16), cnn__checkpoint_dir=None)
    begin = time.perf_counter()
    pipeline.fit(X, y)
    images, _ = fetch_fashion_mnist(subset="test", return_X_y=True)
    outcomes = []
    for done, took, weights in kept:
        pipeline["cnn"].model_.set_weights(weights)
        outcomes.append((done, took, pipeline.predict_proba(images)))
    return outcomes


def main():
    options = arguments(__doc__, SEEDS)
    parts = [header("best", __doc__, sections=options.sections)]
    print(parts[0], flush=True)
    cached = Memory(None if options.trial else HERE / "cache", verbose=0).cache(train)
    seeds = options.sections or SEEDS
    runs = [cached(int(seed), PRESETS["best"], options.trial) for seed in seeds]

    _, labels = fetch_fashion_mnist(subset="test", return_X_y=True)
    rows = [
        _row(f"seed {seed}, {done} epochs", labels, probabilities, took)
        for seed, run in zip(seeds, runs, strict=True)
        for done, took, probabilities in run
    ]
    ends = [run[-1] for run in runs]
    for n in range(2, len(ends) + 1):
        mean = np.mean([probabilities for *_, probabilities in ends[:n]], axis=0)
        took = sum(took for _, took, _ in ends[:n])
        goal = 0.96 if n == len(ends) else None
        rows.append(_row(f"mean of {n} networks", labels, mean, took, goal))
    accuracies = [accuracy_score(labels, end[2].argmax(axis=1)) for end in ends]
    slowest = np.nanmax([took for _, took, _ in ends])
    met = np.mean(accuracies) >= 0.955 and slowest <= 7200
    spread = f"{np.mean(accuracies):.4f} ({min(accuracies):.4f} to {max(accuracies):.4f})"
    goal = verdict(">= 0.955 within 7200 s", met)
    rows.append(("**one network, mean (lowest to highest)**", spread, "", f"{slowest:.0f}", goal))
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not options.trial:
        write("best", parts)


def _row(what, labels, probabilities, took, goal=None):
    accuracy = accuracy_score(labels, probabilities.argmax(axis=1))
    loss = log_loss(labels, probabilities)
    target = "" if goal is None else verdict(f">= {goal}", accuracy >= goal)
    return what, f"{accuracy:.4f}", f"{loss:.4f}", "" if np.isnan(took) else f"{took:.0f}", target


if __name__ == "__main__":
    main()
