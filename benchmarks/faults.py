"""Tests of failures: kills, Ctrl-C, full disks, damaged files, threads.

Each row is a kind of failure, how often it was tried, and the outcome. Any outcome that is not as
promised ends the script with an error. Mutations are drawn from a fixed seed: bytes changed,
removed or inserted, and files cut short or extended. For archives, half of the mutations change a
member and update the checksums, because a wrong checksum would reveal any other mutation.
"""

import gzip
import io
import json
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import skops.io
from _report import HERE, arguments, header, table, write

from skfashion import (
    KerasCNNClassifier,
    RandomErasing,
    make_cnn_pipeline,
    make_knn_pipeline,
)
from skfashion.datasets import make_fashion_images, read_fashion_csv, read_idx

COLUMNS = ("fault", "times", "outcome")
# A user without an entry in the system.
NO_ENTRY = (
    f"import pwd, sys; pwd.getpwuid = {{}}.__getitem__; sys.path.append({str(HERE.parent)!r})\n"
)
SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "random_state": 0}
IMAGES = {"image_size": 20, "random_state": 0, "return_X_y": True}
RESUMED = """
import sys, numpy as np
from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(2_000, random_state=0, return_X_y=True)
pipeline = make_cnn_pipeline(epochs=12, random_state=0, checkpoint_dir=sys.argv[1])
weights = pipeline.fit(X, y)["cnn"].model_.get_weights()
np.save(sys.argv[2], np.concatenate([weight.ravel() for weight in weights]))
"""
SEARCHED = """
import sys
from sklearn.model_selection import GridSearchCV
from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(500, random_state=0, return_X_y=True)
search = GridSearchCV(make_cnn_pipeline(epochs=50), {"cnn__dropout": [0, 0.2]}, n_jobs=2)
print("begins", flush=True)
try:
    search.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
# No fit runs before, so that Ctrl-C comes while TensorFlow is loaded or the network is traced. The
# last two fits must run as usual.
FITTED = """
import warnings
from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images
X, y = make_fashion_images(2_000, random_state=0, return_X_y=True)
warnings.simplefilter("error", ResourceWarning)
pipeline = make_cnn_pipeline(epochs=500, random_state=0)
print("begins", flush=True)
try:
    pipeline.fit(X, y)
    print("kept", abs(pipeline.predict_proba(X).sum(axis=1) - 1).max() < 1e-4, flush=True)
except KeyboardInterrupt:
    print("raised", not hasattr(pipeline["cnn"], "classes_"), flush=True)
again = [make_cnn_pipeline(epochs=1, random_state=0).fit(X, y).predict_proba(X) for _ in range(2)]
print("again", (again[0] == again[1]).all(), flush=True)
"""


def main():
    options = arguments(__doc__, [test.__name__ for *_, test in FAULTS])
    parts = [header("faults", __doc__, sections=options.sections)]
    print(parts[0], flush=True)
    rows = []
    for fault, times, test in FAULTS:
        if options.sections and test.__name__ not in options.sections:
            continue
        times = max(times // 100, 1) if options.trial else times
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = test(times, Path(folder), random.Random(0))
        rows.append((fault, f"{times:,}", outcome))
        print(rows[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not options.trial:
        write("faults", parts)


def killed(times, folder, rng):
    command = [sys.executable, "-c", RESUMED]
    subprocess.run([*command, folder / "none", folder / "undisturbed.npy"], check=True)
    attempts = done = 0
    while done < times:
        attempts += 1
        assert attempts <= 3 * times, "most runs were done before they were killed"
        files = folder / str(attempts)
        process = subprocess.Popen([*command, files, folder / "all.npy"])
        while process.poll() is None and not files.exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 8))
        process.kill()
        if process.wait() == 0:  # it was done before
            continue
        done += 1
        subprocess.run([*command, files, folder / "all.npy"], check=True)
        both = np.load(folder / "undisturbed.npy"), np.load(folder / "all.npy")
        assert np.array_equal(*both)
        assert not list(files.iterdir())
    return (
        f"{done} killed before the end of training; each resumed and gave the weights of an "
        "uninterrupted run"
    )


def _interrupt(code, after, folder):
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == b"begins\n"
    time.sleep(after)
    start = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of its processes
    output, errors = process.communicate(timeout=60)
    took = time.perf_counter() - start
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return output, errors, took
        time.sleep(0.1)
    raise AssertionError("workers are left")


def interrupted_fit(times, folder, rng):
    took, ends = [], {b"kept": 0, b"raised": 0}
    for _ in range(times):
        output, errors, seconds = _interrupt(FITTED, rng.uniform(0, 12), folder)
        first, second = output.splitlines()
        end, is_right = first.split()
        assert is_right == b"True", output
        assert second == b"again True", (output, errors)
        ends[end] += 1
        if end == b"kept":
            assert b"Training interrupted by user" in errors
        took.append(seconds)
    return (
        f"{ends[b'kept']} times a warning, and the network keeps what it has learned; "
        f"{ends[b'raised']} times, before the end of the first epoch, `KeyboardInterrupt`, and the "
        "network is unchanged; two more fits in the same process always succeeded; "
        f"{max(took):.1f} s at most, including these fits"
    )


def interrupted_search(times, folder, rng):
    took = []
    for _ in range(times):
        output, errors, seconds = _interrupt(SEARCHED, rng.uniform(1, 20), folder)
        assert output == b"interrupted\n", errors
        took.append(seconds)
    return f"`KeyboardInterrupt`, and no worker is left, after {max(took):.1f} s at most"


def no_space(times, folder, rng):
    X, y = make_fashion_images(100, **IMAGES)
    pipeline = make_cnn_pipeline(epochs=1, random_state=0).fit(X, y)
    (folder / "network.keras").write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    refused = 0
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        for attempt in (
            lambda: pipeline.set_params(cnn__checkpoint_dir=folder / "new", cnn__epochs=3).fit(
                X, y
            ),
            lambda: pipeline["cnn"].save_model(folder / "network.keras"),
        ):
            try:
                attempt()
            except OSError:
                refused += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert refused == 2
    assert (folder / "network.keras").read_text() == "before"
    assert not list((folder / "new").iterdir())
    assert {path.name for path in folder.iterdir()} == {"network.keras", "new"}
    assert pipeline.predict(X).shape == y.shape
    return "`OSError`; the file and the classifier are unchanged, and no other file is left"


def no_home(times, folder, rng):
    """Run without write permission for the home, and without a home: no variable, no user entry."""
    code = (
        "from skfashion import make_cnn_pipeline, make_knn_pipeline\n"
        "from skfashion.datasets import make_fashion_images\n"
        "X, y = make_fashion_images(100, random_state=0, return_X_y=True)\n"
        "make_cnn_pipeline(epochs=1).fit(X, y).predict(X)\n"
        "make_knn_pipeline().fit(X, y).predict(X)"
    )
    nowhere = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere"}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **nowhere})
    without = {name: value for name, value in os.environ.items() if name not in nowhere}
    subprocess.run([sys.executable, "-c", NO_ENTRY + code], check=True, env=without, cwd=folder)
    assert not list(folder.iterdir()), "something was written to the working directory"
    return "both pipelines train and predict; nothing is written to the working directory"


def downloads(times, folder, rng):
    tests = HERE.parent / "tests" / "test_fetch_fashion_mnist.py"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--basetemp", folder / "pytest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tests], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)[1]
    return (
        "either an `OSError` that names the file and the reason, and no file left, or the right "
        f"data: {passed} tests"
    )


def _mutate(content, rng):
    content = bytearray(content)
    kind = rng.randrange(6)
    where = rng.randrange(len(content)) if rng.random() < 0.5 else rng.randrange(20)
    if kind == 0:
        del content[where:]
    elif kind == 1:
        content += rng.randbytes(rng.randrange(1, 2_000))
    elif kind == 2:
        del content[where : where + rng.randrange(1, 100)]
    elif kind == 3:
        content[where:where] = rng.randbytes(rng.randrange(1, 100))
    else:
        for _ in range(rng.randrange(1, 10)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def _mutate_member(archive, rng):
    """Change one member of a zip archive, and write a valid archive with it."""
    with zipfile.ZipFile(io.BytesIO(archive)) as before:
        members = {name: before.read(name) for name in before.namelist()}
    name = rng.choice(list(members))
    if name.endswith(".json"):
        members[name] = json.dumps(_mutate_leaf(json.loads(members[name]), rng)).encode()
    else:
        members[name] = _mutate(members[name] or b"0", rng)
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as after:
        for name, content in members.items():
            after.writestr(name, content)
    return changed.getvalue()


def _mutate_leaf(part, rng):
    """Change one number, string or list in a JSON value."""
    places = list(part) if isinstance(part, dict) else range(len(part))
    if not places or (isinstance(part, list) and rng.random() < 0.1):
        return part[:-1] if isinstance(part, list) else {"x": 1}
    place = rng.choice(places)
    value = part[place]
    if isinstance(value, dict | list):
        part[place] = _mutate_leaf(value, rng)
    elif isinstance(value, str):
        try:  # skops and keras have JSON within JSON
            part[place] = json.dumps(_mutate_leaf({"": json.loads(value)}, rng).get(""))
        except ValueError:
            part[place] = rng.choice(["", value + "x", value[:-1], "softmax", "2"])
    else:
        part[place] = rng.choice([0, -1, 1, 7, 10**6, 10**30, 0.5, None, True, "x", [], {}])
    return part


def _outcomes(times, path, original, rng, read, agrees, refusals):
    refused, slowest = 0, 0
    is_archive = zipfile.is_zipfile(io.BytesIO(original))
    for n in range(times):
        content = original
        while content == original:
            content = (_mutate_member if is_archive and n % 2 else _mutate)(original, rng)
        path.write_bytes(content)
        start = time.perf_counter()
        try:
            found = read(path)
        except refusals:
            refused += 1
        else:
            assert agrees(content, found)
        slowest = max(slowest, time.perf_counter() - start)
    assert slowest < 60
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert peak < 4_096
    return (
        f"{refused:,} refused, {times - refused:,} read as they are; "
        f"{slowest:.2f} s at most, peak memory {peak:.0f} MiB"
    )


def mutated_idx(times, folder, rng):
    images = np.random.RandomState(0).randint(0, 256, (30, 28, 28), np.uint8)
    plain = b"\0\0\x08\x03" + np.array(images.shape, ">i4").tobytes() + images.tobytes()

    def agrees(content, found):
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        sizes = np.array(found.shape, ">i4").tobytes()
        return content == b"\0\0\x08" + bytes([found.ndim]) + sizes + found.tobytes()

    outcomes = []
    for content in (plain, gzip.compress(plain, mtime=0)):
        path = folder / "images"
        outcomes.append(
            _outcomes(times // 2 or 1, path, content, rng, read_idx, agrees, (ValueError, OSError))
        )
    return "plain: {}. gzip: {}".format(*outcomes)


def mutated_csv(times, folder, rng):
    pixels = np.random.RandomState(0).randint(0, 256, (5, 9))
    lines = ["label," + ",".join(f"pixel{n}" for n in range(1, 10))]
    lines += [f"{n}," + ",".join(map(str, row)) for n, row in enumerate(pixels)]

    def agrees(content, found):
        X, y = found
        lines = re.split("\r\n|\r|\n", content.decode())[1:]
        rows = [line.split(",") for line in lines if line.strip()]
        expected = [[float(value.strip().strip("\"'")) for value in row] for row in rows]
        return np.array_equal(np.column_stack([y, X]), expected)

    content = "\n".join(lines).encode()
    return _outcomes(
        times, folder / "images.csv", content, rng, read_fashion_csv, agrees, (ValueError, OSError)
    )


def _small(**settings):
    X, y = make_fashion_images(100, **IMAGES)
    return KerasCNNClassifier(epochs=2, **SMALL, **settings), X / np.float32(255), y


def mutated_checkpoints(times, folder, rng):
    from skfashion.neural_network.training._checkpoint import Checkpoint

    cnn, X, y = _small(checkpoint_dir=folder)
    remove, Checkpoint.remove = Checkpoint.remove, lambda self: None
    try:
        cnn.fit(X, y)
        (path,) = folder.iterdir()

        def read(path):
            return cnn.fit(X, y).predict_proba(X)

        return _outcomes(times, path, path.read_bytes(), rng, read, _are_probabilities, ValueError)
    finally:
        Checkpoint.remove = remove


def _are_probabilities(content, found):
    return np.isnan(found).any() or np.abs(found.sum(axis=1) - 1).max() < 1e-4


def mutated_skops(times, folder, rng):
    X, y = make_fashion_images(100, **IMAGES)
    cnn = make_cnn_pipeline(epochs=1, **SMALL).fit(X, y)
    erasing = RandomErasing(p=1, random_state=0)

    def rows_are_neighbours(content, found):
        return ((found >= 0) & (found < len(X))).all()

    kinds = {
        "network": (cnn, lambda loaded: loaded.predict_proba(X), _are_probabilities),
        "neighbours": (
            make_knn_pipeline().fit(X, y),
            lambda loaded: loaded["knn"].kneighbors(X, return_distance=False),
            rows_are_neighbours,
        ),
        "erasing": (
            erasing.fit(X),
            lambda loaded: loaded.augment(X),
            lambda content, found: found.shape == X.shape,
        ),
    }
    outcomes = []
    for name, (estimator, ask, agrees) in kinds.items():
        content = skops.io.dumps(estimator)
        trusted = skops.io.get_untrusted_types(data=content)
        assert all(one.startswith("skfashion.") for one in trusted)

        def read(path, ask=ask, trusted=trusted):
            try:
                loaded = skops.io.load(path, trusted=trusted)
            except Exception as error:  # of many kinds, from skops and what it reads with
                raise _NotLoadedError from error
            return ask(loaded)

        refusals = (_NotLoadedError, ValueError, TypeError, AttributeError)
        outcome = _outcomes(
            times // len(kinds) or 1, folder / "of.skops", content, rng, read, agrees, refusals
        )
        outcomes.append(f"{name}: {outcome}")
    return ". ".join(outcomes)


class _NotLoadedError(Exception):
    """A file was not loaded."""


def mutated_keras(times, folder, rng):
    import keras

    cnn, X, y = _small()
    images = X.reshape(-1, *cnn.fit(X, y).image_shape_)
    path = folder / "network.keras"
    cnn.save_model(path)
    expected = keras.models.load_model(path).predict_on_batch(images)

    def read(path):
        return keras.models.load_model(path).predict_on_batch(images)

    def agrees(content, found):
        return found.shape == expected.shape

    # keras alone reads the file, and may raise any exception.
    return _outcomes(times, path, path.read_bytes(), rng, read, agrees, Exception)


def threads(times, folder, rng):
    X, y = make_fashion_images(100, **IMAGES)
    pipeline = make_cnn_pipeline(epochs=1, random_state=0).fit(X, y)
    expected = [pipeline.predict_proba(X[n : n + 1]) for n in range(len(X))]
    got = joblib.Parallel(n_jobs=8, backend="threading")(
        joblib.delayed(pipeline.predict_proba)(X[n % 100 : n % 100 + 1]) for n in range(times)
    )
    assert all(np.array_equal(one, expected[n % 100]) for n, one in enumerate(got))
    copied = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(copied.predict_proba(X[:1]), expected[0])
    return "the same results as in one thread"


FAULTS = [
    ("SIGKILL at a random moment of `fit` with `checkpoint_dir`, then `fit` again", 10, killed),
    ("Ctrl-C in the first `fit` of a process", 20, interrupted_fit),
    ("Ctrl-C in a grid search with two loky workers", 3, interrupted_search),
    ("full disk, for a checkpoint and a saved network", 1, no_space),
    ("a home folder without write permission, and no home folder", 1, no_home),
    (
        "`fetch_fashion_mnist`: Ctrl-C, full disk, a folder without write permission, bad "
        "mirrors, damaged files, two processes at once",
        1,
        downloads,
    ),
    ("a mutated IDX file, plain or gzip", 10_000, mutated_idx),
    ("a mutated CSV file", 10_000, mutated_csv),
    ("a mutated checkpoint", 500, mutated_checkpoints),
    ("a mutated skops file", 1_000, mutated_skops),
    ("a mutated network in keras' format", 500, mutated_keras),
    ("`predict_proba` of one image in 8 threads at the same time", 1_000, threads),
]


if __name__ == "__main__":
    main()
