"""Time and memory of many fits of small networks, as in a search.

The network is `three_conv`, on rows of 100 images unless stated otherwise. The peer is scikeras
with the same network and scaled images. Memory is the resident memory of a fresh process after
garbage collection, compared with that after the tenth fit.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from _report import (
    COLUMNS,
    HERE,
    arguments,
    compare,
    header,
    in_turns,
    seconds,
    table,
    verdict,
    write,
)

OTHER_COLUMNS = ("", "measured", "target")
COMMON = """
import gc, os, sys, time
import numpy as np
from skfashion import KerasCNNClassifier, make_cnn_pipeline
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(100, random_state=0, return_X_y=True)
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
def ours(n, **settings):
    settings = {"architecture": "three_conv", "epochs": 2, "batch_size": 32, **settings}
    return make_cnn_pipeline(random_state=n, **settings).fit(X, y).predict(X)
def scikeras(n):
    from scikeras.wrappers import KerasClassifier
    from skfashion.neural_network import three_conv
    images = (X / np.float32(255)).reshape(-1, 28, 28, 1)
    network = KerasClassifier(
        three_conv, input_shape=(28, 28, 1), n_classes=10, loss="sparse_categorical_crossentropy",
        optimizer="adam", epochs=2, batch_size=32, verbose=0, random_state=n,
    )
    return network.fit(images, y).predict(images)
"""
LEAK = """
took = []
for n in range({times}):
    start = time.perf_counter()
    {fit}
    took.append(time.perf_counter() - start)
    if n == 9:
        tenth = resident()
print(np.median(took[-10:]) / np.median(took[10:20]))
print(resident() - tenth)
"""
KINDS = {
    "the same network": "ours(n)",
    "a new learning rate in each fit": "ours(n, learning_rate=1e-4 * (n + 1))",
    "a new batch size in each fit": "ours(n, batch_size=16 + n)",
    "early stopping, cosine schedule": "ours(n, learning_rate_schedule='cosine', "
    "early_stopping=True, validation_fraction=0.2)",
    "preset fast": "ours(n, preset='fast', architecture=None, epochs=1)",
    "a new architecture in each fit": "ours(n, filters=(4 + n, 8))",
    "scikeras": "scikeras(n)",
}
# TensorFlow keeps the compiled code for each batch shape, and a part of each model.
UNBOUNDED = ("a new batch size in each fit", "a new architecture in each fit", "scikeras")
MEMORY_MAP = """
import threading
n = int(sys.argv[1])
def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
ours(0, batch_size=256).sum()
images = np.memmap(os.environ["TMPDIR"] + "/X.raw", np.uint8, "w+", shape=(n, 784))
for start in range(0, n, 100):
    images[start : start + 100] = X[: n - start]
labels = np.resize(y, n)
before = peak = anonymous()
done = threading.Event()
def watch():
    global peak
    while not done.wait(0.01):
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
pipeline = make_cnn_pipeline(
    architecture="two_conv_dropout", filters=(4,), epochs=1, batch_size=4096, random_state=0
)
start = time.perf_counter()
pipeline.fit(images, labels)
fitted = time.perf_counter()
score = pipeline.score(images, labels)
done.set()
watcher.join()
print(fitted - start, time.perf_counter() - fitted, score)
print(peak - before)
"""


def run(code, *argv, **environment):
    """Run code in a new interpreter and return all numbers that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", COMMON + code, *map(str, argv)],
        cwd=HERE,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(f"{code}\n{done.stderr}")
    return [float(number) for number in done.stdout.split()]


def fixed_cost(trial):
    """Time of a fit on 100 images, 2 epochs."""
    repetitions = 1 if trial else 5
    clock = "start = time.perf_counter(); {call}; print(time.perf_counter() - start)"

    def measure(code, call):
        return lambda: run(code.format(call=call))[-1]

    for what, code in (
        ("first fit of a process", clock),
        ("fourth fit", "[{call} for n in range(3)]; " + clock),
    ):
        took = in_turns(
            {"peer": measure(code, "scikeras(9)"), "ours": measure(code, "ours(9)")},
            repetitions,
            warm_ups=0,
        )
        target = 0.5 if "fourth" in what else None
        yield compare(f"scikeras, {what}", took["peer"], took["ours"], unit="s", target=target)


def search(trial):
    """Time of a grid search on 2,000 images, with 1 job (peer) and 2 jobs (ours)."""
    code = """
from sklearn.model_selection import GridSearchCV
X, y = make_fashion_images({n}, random_state=0, return_X_y=True)
grid = {{"cnn__dropout": [0.0, 0.2], "cnn__learning_rate": [0.02, 0.04]}}
search = GridSearchCV(make_cnn_pipeline(epochs=4, random_state=0), grid, cv=3, n_jobs={jobs})
if {jobs} > 1:
    import joblib
    joblib.Parallel({jobs})(joblib.delayed(ours)(n) for n in range({jobs}))  # workers there
else:
    ours(0)
start = time.perf_counter()
search.fit(X, y)
print(time.perf_counter() - start)
"""
    n = 200 if trial else 2_000
    took = in_turns(
        {jobs: lambda jobs=jobs: run(code.format(n=n, jobs=jobs))[-1] for jobs in (1, 2)},
        1 if trial else 3,
        warm_ups=0,
    )
    yield compare("preset fast, 12 fits of 4 epochs", took[1], took[2], unit="s", target=1)


def leak(trial):
    """Growth after the tenth fit."""
    times = 12 if trial else 100
    for what, fit in KINDS.items():
        slower, grown = run(LEAK.format(times=max(times, 21), fit=fit))
        known = what in UNBOUNDED
        yield (
            f"{what}: resident memory after {times} fits",
            f"{grown:.0f} MiB",
            "" if known else verdict("< 50 MiB", grown < 50),
        )
        yield (
            f"{what}: time of a fit, last ten fits / second ten fits",
            f"{slower:.2f}",
            "" if known else verdict("<= 1.2", slower <= 1.2),
        )


def on_disk(trial):
    """Images in a memory map on disk: `fit` and `score` of a pipeline on bytes."""
    for n in (1_000, 2_000) if trial else (250_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            fitted, scored, accuracy, grown = run(MEMORY_MAP, n, TMPDIR=folder)
        yield (
            f"{n:,} rows: growth of memory, at the peak",
            f"{grown:.0f} MiB",
            verdict("< 200 MiB", grown < 200),
        )
        yield (
            f"{n:,} rows: fit, score; accuracy",
            f"{fitted:.0f} s, {scored:.0f} s; {accuracy:.4f}",
            "",
        )


def sizes(trial):
    """Size of a pickled pipeline, divided by the size of its weights."""
    from skfashion import make_cnn_pipeline
    from skfashion.datasets import make_fashion_images

    X, y = make_fashion_images(100, random_state=0, return_X_y=True)
    for what, settings, copies in (
        ("three_conv", {"architecture": "three_conv"}, 1),
        ("preset fast", {}, 1),
        ("preset balanced", {"preset": "balanced"}, 1),
        ("three_conv, warm_start (with Adam's state)", _WARM, 3),
    ):
        pipeline = make_cnn_pipeline(**settings, epochs=1, random_state=0).fit(X, y)
        size = len(pickle.dumps(pipeline))
        weights = copies * sum(w.nbytes for w in pipeline["cnn"].model_.get_weights())
        yield what, f"{size / weights:.3f}", verdict("<= 1.2", size <= 1.2 * weights)


_WARM = {"architecture": "three_conv", "warm_start": True}


def onnx(trial):
    """Time to predict one image with onnxruntime (peer) and with the pipeline."""
    import numpy as np
    import onnxruntime

    from skfashion import export_onnx, make_cnn_pipeline
    from skfashion.datasets import make_fashion_images

    X, y = make_fashion_images(100, random_state=0, return_X_y=True)
    for preset in ("fast", "balanced"):
        pipeline = make_cnn_pipeline(preset, epochs=1, random_state=0, precision="float32")
        pipeline.fit(X, y)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clothes.onnx"
            export_onnx(pipeline, path)
            session = onnxruntime.InferenceSession(path)
        row = X[:1].astype(np.float32)
        difference = np.abs(session.run(None, {"pixels": row})[0] - pipeline.predict_proba(row))
        assert difference.max() < 1e-5
        took = in_turns(
            {
                "peer": seconds(session.run, None, {"pixels": row}),
                "ours": seconds(pipeline.predict_proba, X[:1]),
            },
            20 if trial else 500,
            warm_ups=10,
        )
        yield compare(f"preset {preset}, onnxruntime", took["peer"], took["ours"], unit="ms")


SECTIONS = {
    "fixed_cost": (fixed_cost, COLUMNS),
    "search": (search, COLUMNS),
    "leak": (leak, OTHER_COLUMNS),
    "on_disk": (on_disk, OTHER_COLUMNS),
    "sizes": (sizes, OTHER_COLUMNS),
    "onnx": (onnx, COLUMNS),
}


def main():
    options = arguments(__doc__, SECTIONS)
    parts = [header("many_fits", __doc__, sections=options.sections)]
    print(parts[0], flush=True)
    for name in options.sections or SECTIONS:
        section, columns = SECTIONS[name]
        parts.append(f"## {section.__doc__.rstrip('.')}")
        print(f"\n{parts[-1]}", flush=True)
        rows = []
        for row in section(options.trial):
            rows.append(row)
            print(row, flush=True)
        parts.append(table(columns, rows))
    if not options.trial:
        write("many_fits", parts)


if __name__ == "__main__":
    main()
