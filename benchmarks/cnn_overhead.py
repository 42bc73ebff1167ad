"""Overhead of a scikit-learn classifier compared with plain keras.

The same network is trained and evaluated on the same pixels of Fashion-MNIST by plain keras (or
scikeras, or scikit-learn, where a row says so) and by skfashion. Both run in turns after a
warm-up. The ranges are the lowest and the highest value, and the lowest and the highest ratio of
one turn.
"""

# skfashion is imported where it is used: the processes of the peer must not load it.
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from _report import COLUMNS, arguments, compare, fresh_python, header, in_turns, seconds, table
from _report import write as write_report

MIB = 2**20


def fashion_mnist(subset, n):
    from skfashion.datasets import fetch_fashion_mnist

    X, y = fetch_fashion_mnist(subset=subset, return_X_y=True)
    return X[:n], y[:n]


def train_plain(X, y, model, epochs):
    """Train on rows of bytes in plain keras."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = (X.astype("float32") / 255).reshape(-1, 28, 28, 1)
    model.fit(images, y, batch_size=128, epochs=epochs, verbose=0)


def train_ours(X, y, architecture, epochs):
    from skfashion import make_cnn_pipeline

    cnn = make_cnn_pipeline(architecture=architecture, epochs=epochs, batch_size=128)
    return cnn.fit(X, y)


def training(trial):
    """Time to train for 2 epochs on rows of bytes."""
    from skfashion import neural_network

    def measures(architecture, X, y):
        make_network = getattr(neural_network, architecture)

        def plain():
            train_plain(X, y, make_network((28, 28, 1), 10), 2)

        return {"plain": seconds(plain), "ours": seconds(train_ours, X, y, architecture, 2)}

    X, y = fashion_mnist("train", 6_000 if trial else None)
    for architecture in ("three_conv", "three_conv_dropout"):
        in_turns(measures(architecture, X[:2_000], y[:2_000]), 1, warm_ups=0)  # warm enough
        took = in_turns(measures(architecture, X, y), 2 if trial else 5, warm_ups=0)
        what = f"`{architecture}`, {len(X):,} images, plain `model.fit`"
        yield compare(what, took["plain"], took["ours"], unit="s", target=1.03)


def one_image(trial):
    """Time to predict one image."""
    pipeline = train_ours(*fashion_mnist("train", 2_000), "three_conv", 1)
    cnn = pipeline[-1]
    row = fashion_mnist("test", 1)[0]
    image = pipeline[:-1].transform(row)
    took = in_turns(
        {
            "scikeras `predict_proba`": seconds(cnn.keras_classifier_.predict_proba, image),
            "plain `model.predict`": seconds(partial(cnn.model_.predict, verbose=0), image),
            "plain `model.predict_on_batch`": seconds(cnn.model_.predict_on_batch, image),
            "ours": seconds(cnn.predict_proba, image),
            "pipeline": seconds(pipeline.predict_proba, row),
        },
        20 if trial else 500,
        warm_ups=10,
    )
    ours, pipeline = took.pop("ours"), took.pop("pipeline")
    scikeras = took["scikeras `predict_proba`"]
    for peer, values in took.items():
        yield compare(peer, values, ours, unit="ms", target=0.1 if values is scikeras else None)
    what = "scikeras `predict_proba`; ours: the pipeline, from bytes"
    yield compare(what, scikeras, pipeline, unit="ms")


def many_images(trial):
    """Time to predict 10,000 images."""
    pipeline = train_ours(*fashion_mnist("train", 2_000), "three_conv", 1)
    cnn = pipeline[-1]
    images = pipeline[:-1].transform(fashion_mnist("test", None)[0])
    measures = {
        size: seconds(partial(cnn.model_.predict, verbose=0, batch_size=size), images)
        for size in (None, 128, 256, 512, 1024, 2048)
    }
    measures["ours"] = seconds(cnn.predict_proba, images)
    took = in_turns(measures, 3 if trial else 11)
    ours, default = took.pop("ours"), took.pop(None)
    best = min(took, key=lambda size: np.median(took[size]))
    yield compare("plain `model.predict`, default batch size", default, ours, unit="s", target=1)
    what = f"plain `model.predict`, fastest batch size, {best}"
    yield compare(what, took[best], ours, unit="s", target=1)


def import_time(trial):
    """Import time in a new interpreter."""
    code = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    statements = ("import sklearn", "import skfashion", "from skfashion import make_cnn_pipeline")
    measures = {name: partial(fresh_python, code.format(name)) for name in statements}
    took = in_turns(measures, 3 if trial else 15)
    for ours in statements[1:]:
        what = f"`import sklearn`, ours `{ours}`"
        yield compare(what, took["import sklearn"], took[ours], unit="ms", target=1.2)


def memory(trial):
    """Peak resident memory of a new process that trains for 1 epoch on rows of bytes."""
    from skfashion.neural_network import three_conv

    X, y = fashion_mnist("train", 6_000 if trial else None)
    copy = X.size * 4 / MIB
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", X=X, y=y)
        Path(folder, "network.json").write_text(three_conv((28, 28, 1), 10).to_json())
        code = "import cnn_overhead; print(cnn_overhead.{}({!r}))"
        names = ("peak_of_plain", "peak_of_ours")
        measures = {name: partial(fresh_python, code.format(name, folder)) for name in names}
        plain, ours = in_turns(measures, 2 if trial else 5).values()
    difference = [b - a for a, b in zip(plain, ours, strict=True)]
    yield compare("`three_conv`, plain `model.fit`", plain, ours, unit="MiB")
    what = "peer: a float32 copy of the images; ours: the difference of the row above"
    yield compare(what, [copy] * len(difference), difference, unit="MiB", target=1)


def peak_of_plain(folder):
    import keras

    model = keras.models.model_from_json(Path(folder, "network.json").read_text())
    with np.load(f"{folder}/data.npz") as data:
        train_plain(data["X"], data["y"], model, 1)
    return _peak()


def peak_of_ours(folder):
    with np.load(f"{folder}/data.npz") as data:
        train_ours(data["X"], data["y"], "three_conv", 1)
    return _peak()


def _peak():
    # Not getrusage: on Linux, its peak starts with that of the parent process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


SECTIONS = {
    "training": training,
    "one_image": one_image,
    "many_images": many_images,
    "import": import_time,
    "memory": memory,
}


def main():
    options = arguments(__doc__, SECTIONS)
    parts = [header("cnn_overhead", __doc__)]
    print(parts[0], flush=True)
    for name in options.sections or SECTIONS:
        if name in ("training", "one_image", "many_images", "memory"):
            from skfashion.neural_network.runtime._keras import load_keras

            load_keras()
        section = SECTIONS[name]
        parts.append(
            f"## {section.__doc__.rstrip('.')}\n\n{table(COLUMNS, section(options.trial))}"
        )
        print(f"\n{parts[-1]}", flush=True)
    if not options.trial and set(options.sections or SECTIONS) == set(SECTIONS):
        write_report("cnn_overhead", parts)


if __name__ == "__main__":
    main()
