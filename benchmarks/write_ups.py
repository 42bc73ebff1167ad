"""Write-ups A, C and D, trained by skfashion on Fashion-MNIST.

Each network and training follows its write-up; what the write-up does not state is chosen here.
A, "three conv, dropout": `three_conv_dropout` on 80 % of the training images (not stated: 50
epochs, batches of 128, Adam). C, "KNN against CNN": `two_conv_dropout` (not stated: 32 and 64
filters, batches of 128), Adam, 50 epochs, 15 % of the images erased, again in each epoch; the
write-up erases them once. D, "five easy steps": `one_conv_dropout` on 80 %
(`random_state=12345`), Adam, 50 epochs, batches of 512; the weights of the best epoch on the
other 20 % are restored. The test images are used once, after all training. Write-up B is in
write_up_b.md.
"""

import time

import numpy as np
from _report import arguments, header, table, verdict, write
from sklearn.metrics import accuracy_score, classification_report, f1_score, log_loss
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist

COLUMNS = ("", "test accuracy", "test loss", "shirt F1", "training, seconds", "published", "target")


def train_a(X, y, seed, epochs):
    X, _, y, _ = train_test_split(X, y, test_size=0.2, random_state=seed)
    pipeline = make_cnn_pipeline(
        architecture="three_conv_dropout", epochs=epochs, batch_size=128, random_state=seed
    )
    return pipeline.fit(X, y)


def train_c(X, y, seed, epochs):
    pipeline = make_cnn_pipeline(
        architecture="two_conv_dropout", random_erasing=0.15, epochs=epochs, random_state=seed
    )
    return pipeline.fit(X, y)


def train_d(X, y, seed, epochs):
    X, X_held_out, y, y_held_out = train_test_split(X, y, test_size=0.2, random_state=12345)
    pipeline = make_cnn_pipeline(
        architecture="one_conv_dropout",
        epochs=epochs,
        batch_size=512,
        early_stopping=True,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    X_val = pipeline[:-1].fit_transform(X_held_out)
    return pipeline.fit(X, y, cnn__X_val=X_val, cnn__y_val=y_held_out)


SYSTEMS = {  # training; seeds; published; accuracy to reach, and loss
    "A": (train_a, (0,), "accuracy 0.9258, loss 0.2088, shirt F1 0.79", 0.9258, 0.2088),
    "C": (train_c, (0, 1, 2), "accuracy 0.9232", 0.9232, np.inf),
    "D": (train_d, (0, 1, 2), "", 0.905, np.inf),
}


def main():
    options = arguments(__doc__, tuple(SYSTEMS))
    parts = [header("write_ups", __doc__, sections=options.sections)]
    print(parts[0], flush=True)
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    if options.trial:
        X, y = X[:3_000], y[:3_000]

    trained = {}
    for name in options.sections or SYSTEMS:
        train, seeds, *_ = SYSTEMS[name]
        for seed in seeds:
            start = time.perf_counter()
            pipeline = train(X, y, seed, 1 if options.trial else 50)
            trained[name, seed] = pipeline, time.perf_counter() - start
            print(name, seed, trained[name, seed][1], "s", flush=True)

    test = fetch_fashion_mnist(subset="test")
    shirt = list(test.target_names).index("Shirt")
    rows, figures, reports = [], {}, []
    for (name, seed), (pipeline, took) in trained.items():
        probabilities = pipeline.predict_proba(test.data)
        labels = probabilities.argmax(axis=1)
        accuracy = accuracy_score(test.target, labels)
        loss = log_loss(test.target, probabilities)
        shirt_f1 = f1_score(test.target, labels, average=None)[shirt]
        figures.setdefault(name, []).append((accuracy, loss, shirt_f1, took))
        rows.append(_row(f"{name}, seed {seed}", figures[name][-1]))
        if len(figures[name]) == 1:
            report = classification_report(
                test.target, labels, target_names=test.target_names, digits=3, zero_division=0
            )
            reports.append(f"## Per class, {name}, seed {seed}\n\n```text\n{report.rstrip()}\n```")
    for name, values in figures.items():
        *_, published, accuracy, loss = SYSTEMS[name]
        mean = np.mean(values, axis=0)
        met = mean[0] >= accuracy and mean[1] <= loss
        target = f">= {accuracy}" + (f", loss <= {loss}" if loss < np.inf else "")
        if len(values) > 1:
            rows.append(_row(f"{name}, highest - lowest", np.ptp(values, axis=0)))
        rows.append(_row(f"**{name}, mean**", mean, published, verdict(target, met)))
    parts += [table(COLUMNS, rows), *reports]
    print("", *parts[1:], sep="\n\n")
    if not options.trial:
        write("_".join(["write_ups", *options.sections]), parts)


def _row(what, figures, published="", target=""):
    *scores, took = figures
    return what, *(f"{score:.4f}" for score in scores), f"{took:.0f}", published, target


if __name__ == "__main__":
    main()
