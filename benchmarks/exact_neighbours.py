"""Exact nearest neighbors: scikit-learn, scikit-learn-intelex, faiss and skfashion.

All cores are used; data are float32 where a peer needs it; k = 5 unless stated otherwise. The
libraries run in turns, after a warm-up that includes the compilation of skfashion's loops, whose
time has a row of its own. The ranges are the lowest and the highest value, and the lowest and the
highest ratio of one turn. "With fit" includes building the index.
"""

import tempfile
import time
from functools import partial

import faiss
import numpy as np
from _report import COLUMNS, arguments, compare, fresh_python, header, in_turns, seconds, table
from _report import write as write_report
from joblib import Parallel, delayed
from sklearn.neighbors import KNeighborsClassifier
from sklearnex.neighbors import KNeighborsClassifier as IntelexKNeighborsClassifier
from threadpoolctl import threadpool_limits

from skfashion import VectorizedKNNClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neighbors._coordinates import NO_SCALES, Coordinates

K = 5
MIB = 2**20
PACKAGES = ("skfashion", "scikit-learn", "scikit-learn-intelex", "faiss-cpu", "numba", "numpy")


class Faiss:
    """faiss' flat index behind two methods of scikit-learn."""

    def fit(self, X, y):  # noqa: D102
        self.index = faiss.IndexFlatL2(X.shape[1])
        self.index.add(X)
        return self

    def kneighbors(self, X):  # noqa: D102
        return self.index.search(X, K)


PEERS = {
    "scikit-learn, brute force": partial(KNeighborsClassifier, algorithm="brute"),
    "scikit-learn-intelex, brute force": partial(IntelexKNeighborsClassifier, algorithm="brute"),
    "faiss `IndexFlatL2`": Faiss,
}
TARGETS = {"scikit-learn, brute force": 1 / 8, "faiss `IndexFlatL2`": 1 / 4}


def ours(n_jobs=-1, **parameters):
    return VectorizedKNNClassifier(K, n_jobs=n_jobs, **parameters)


def real(trial):
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    queries = fetch_fashion_mnist(subset="test", return_X_y=True)[0]
    return (X[::20], y[::20], queries[::20]) if trial else (X, y, queries)


def in_0_1(pixels):
    return pixels.astype(np.float32) / np.float32(255)


def race(cases, repetitions):
    """Time searches, and fits with them, in turns; return two dicts of lists of seconds."""
    searches, totals = {}, {}

    def run(name, make, X, y, queries):
        start = time.perf_counter()
        model = make().fit(X, y)
        fitted = time.perf_counter()
        model.kneighbors(queries)
        end = time.perf_counter()
        searches.setdefault(name, []).append(end - fitted)
        return end - start

    measures = {name: partial(run, name, *case) for name, case in cases.items()}
    totals = in_turns(measures, repetitions)
    return {name: values[1:] for name, values in searches.items()}, totals


def race_rows(X, y, queries, trial):
    floats = X if X.dtype == np.float32 else X.astype(np.float32)
    float_queries = queries.astype(np.float32)
    cases = {name: (make, floats, y, float_queries) for name, make in PEERS.items()}
    cases["ours"] = (ours, X, y, queries)
    searches, totals = race(cases, 1 if trial else 3)
    for name in PEERS:
        target = TARGETS.get(name)
        yield compare(name, searches[name], searches["ours"], unit="s", target=target)
        yield compare(f"{name}, with fit", totals[name], totals["ours"], unit="s")


def real_bytes(trial):
    """Real images, bytes: 10,000 test images, 60,000 training images."""
    yield from race_rows(*real(trial), trial)
    code = f"import exact_neighbours; print(exact_neighbours.first_call({trial}))"
    with tempfile.TemporaryDirectory() as folder:
        code = f"import os; os.environ['NUMBA_CACHE_DIR'] = {folder!r}; {code}"
        first = [fresh_python(code) for _ in range(2)]
    yield (
        "first fit and first 100 queries of a process: with compilation; with cached loops",
        "",
        f"{first[0]:.3g} s; {first[1]:.3g} s",
        "",
        "",
    )


def first_call(trial):
    X, y, queries = real(trial)
    start = time.perf_counter()
    ours().fit(X, y).kneighbors(queries[:100])
    return time.perf_counter() - start


def real_floats(trial):
    """Real images, float32 in [0, 1]: 10,000 test images, 60,000 training images."""
    X, y, queries = real(trial)
    yield from race_rows(in_0_1(X), y, in_0_1(queries), trial)


def exactness(trial):
    """Test images whose neighbors differ from those in integer arithmetic."""
    X, y, queries = real(trial)
    truth = integer_neighbours(X, queries)
    models = {name: (make, np.float32) for name, make in PEERS.items()}
    models["ours, bytes"] = (ours, np.uint8)
    models["ours, float32"] = (ours, np.float32)
    for name, (make, dtype) in models.items():
        found = make().fit(X.astype(dtype), y).kneighbors(queries.astype(dtype))[1]
        wrong = (found != truth).any(axis=1).sum()
        verdict = ("met" if wrong == 0 else "MISSED") if name.startswith("ours") else ""
        yield name, f"{wrong} of {len(queries):,} queries", verdict
    found = ours().fit(in_0_1(X), y).kneighbors(in_0_1(queries))[1]
    wrong = (found != truth).any(axis=1).sum()
    # No target: pixels in [0, 1] are rounded to float32, so that their true neighbors may differ.
    yield "ours, float32 in [0, 1]", f"{wrong} of {len(queries):,} queries", ""


def integer_neighbours(X, queries):
    """Sort exact squared distances: sums of integers below 2**53 are exact in any order."""
    rows = X.astype(np.float64)
    norms = (rows**2).sum(axis=1)
    truth = np.empty((len(queries), K), np.int64)
    for start in range(0, len(queries), 250):
        squares = norms - 2 * queries[start : start + 250].astype(np.float64) @ rows.T
        limits = np.partition(squares, K - 1)[:, K - 1]
        for i, (values, limit) in enumerate(zip(squares, limits, strict=True), start):
            near = np.flatnonzero(values <= limit)
            truth[i] = near[np.lexsort((near, values[near]))][:K]
    return truth


def hard(trial):
    """Uniformly random rows with many or few features: 10,000 queries, 60,000 training rows."""
    rng = np.random.default_rng(0)
    n, n_queries = (3_000, 500) if trial else (60_000, 10_000)
    for n_features in (784, 2, 8, 32):
        X, queries = (rng.random((m, n_features), np.float32) for m in (n, n_queries))
        y = np.arange(n) % 10
        target = 1.1 if n_features == 784 else 1
        for name in ("scikit-learn, brute force", "faiss `IndexFlatL2`", "scikit-learn, kd-tree"):
            if name == "scikit-learn, kd-tree":
                if n_features > 8:
                    continue  # minutes
                peer = partial(KNeighborsClassifier, algorithm="kd_tree", n_jobs=-1)
            else:
                peer = PEERS[name]
            cases = {"peer": (peer, X, y, queries), "ours": (ours, X, y, queries)}
            searches, _ = race(cases, 1 if trial or n_features == 784 else 3)
            aim = target if name == "scikit-learn, brute force" else None
            what = f"{n_features} features, {name}"
            yield compare(what, searches["peer"], searches["ours"], unit="s", target=aim)


def latency(trial):
    """Single queries, with one job of skfashion."""
    X, y, queries = real(trial)
    rng = np.random.default_rng(0)
    data = {
        "real images, bytes": (X, queries),
        "real images, float32": (in_0_1(X), in_0_1(queries)),
    }
    for m in (784, 2, 8, 32):
        rows = [rng.random((n, m), np.float32) for n in (len(X), 1_000)]
        data[f"{m} uniformly random features, float32"] = rows
    for name, (rows, asked) in data.items():
        models = [
            KNeighborsClassifier(algorithm="brute").fit(rows, y),
            Faiss().fit(rows.astype(np.float32), y),
            ours(n_jobs=None).fit(rows, y),
        ]
        turns = iter(range(10**6))

        def ask(model, asked, turns):
            query = asked[next(turns) % len(asked)][np.newaxis]
            if isinstance(model, Faiss):
                query = query.astype(np.float32)
            return seconds(model.kneighbors, query)()

        took = in_turns(
            {i: partial(ask, model, asked, turns) for i, model in enumerate(models)},
            20 if trial else 300,
            warm_ups=10,
        )
        yield compare(f"scikit-learn, {name}", took[0], took[2], unit="ms", target=1)
        yield compare(f"faiss, {name}", took[1], took[2], unit="ms")


def growth(trial):
    """Scaling with the number of training rows: 2,000 test images, per query.

    The 240,000 rows are the real images and three copies of them, shifted by one pixel.
    """
    X, _, queries = real(False)
    images = X.reshape(-1, 28, 28)
    shifts = [(0, 1), (1, 0), (0, -1)]
    shifted = [np.roll(images, shift, axis=(1, 2)).reshape(X.shape) for shift in shifts]
    everything = np.concatenate([X, *shifted])
    queries = queries[:: 100 if trial else 5]
    for n in (7_500, 15_000) if trial else (7_500, 15_000, 30_000, 60_000, 240_000):
        rows, y = everything[:n], np.arange(n) % 10
        floats = rows.astype(np.float32)
        cases = {
            "faiss": (Faiss, floats, y, queries.astype(np.float32)),
            "ours": (ours, rows, y, queries),
        }
        searches, _ = race(cases, 1 if trial else 3)
        faiss_us, ours_us = (np.median(searches[name]) / len(queries) * 1e6 for name in cases)
        model = ours().fit(rows, y)
        index = model._search.index().coarse.nbytes + model._search.index().fine.nbytes
        yield (
            f"{n:,}",
            f"{faiss_us:.0f}",
            f"{ours_us:.0f}",
            f"**{ours_us / faiss_us:.3f}**",
            f"{floats.nbytes / MIB:.0f}",
            f"{rows.nbytes / MIB:.0f} + {index / MIB:.0f}",
        )


def approximate(trial):
    """Approximate search with faiss HNSW: 10,000 test images, 60,000 training images."""
    X, y, queries = real(trial)
    floats, asked = X.astype(np.float32), queries.astype(np.float32)
    exact = ours().fit(X, y)
    truth = exact.kneighbors(queries)[1]
    took = seconds(exact.kneighbors, queries)()
    yield "ours, exact", f"{seconds(ours().fit, X, y)():.3g} s", f"{took:.3g} s", "1"
    index = faiss.IndexHNSWFlat(X.shape[1], 32)
    built = seconds(index.add, floats)()
    for effort in (16, 64, 256):
        index.hnsw.efSearch = effort
        start = time.perf_counter()
        found = index.search(asked, K)[1]
        took = time.perf_counter() - start
        recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, truth, strict=True)])
        yield f"HNSW, efSearch {effort}", f"{built:.3g} s", f"{took:.3g} s", f"{recall:.4f}"


def numpy_search(X, queries, coordinates, coarse):
    """Search with the same bounds, in the fastest NumPy code that we found."""
    query_coarse, _, squared_norms = coordinates.transform(queries, NO_SCALES)
    query_coarse *= -2
    query_coarse[:, -1] = 1
    # Bytes as float32, shifted, so that all products are exact.
    shifted, asked = X.astype(np.float32) - 128, queries.astype(np.float32) - 128
    norms = np.einsum("ij,ij->i", shifted, shifted)
    found = np.empty((len(queries), K), np.int64)

    def part(block):
        bounds = query_coarse[block] @ coarse.T
        first = np.argpartition(bounds, 2 * K, axis=1)[:, : 2 * K]
        for i, trial, bound in zip(range(*block.indices(len(queries))), first, bounds, strict=True):

            def squares(rows, i=i):
                return norms[rows] - 2 * (shifted[rows] @ asked[i]) + asked[i] @ asked[i]

            within = np.partition(squares(trial), K - 1)[K - 1] * coordinates.unit
            near = np.flatnonzero(bound <= within * 1.001 - squared_norms[i] + 1e-3)
            exact = squares(near)
            found[i] = near[np.lexsort((near, exact))[:K]]

    with threadpool_limits(1, "blas"):
        blocks = (slice(i, i + 64) for i in range(0, len(queries), 64))
        Parallel(n_jobs=-1, backend="threading")(delayed(part)(block) for block in blocks)
    return found


def numba(trial):
    """Compiled loops and NumPy: the same bounds in NumPy, real images, bytes."""
    X, y, queries = real(trial)
    model = ours().fit(X, y)
    coordinates = Coordinates.fit(X, NO_SCALES)
    coarse = coordinates.transform(X, NO_SCALES)[0]
    assert (numpy_search(X, queries, coordinates, coarse) == model.kneighbors(queries)[1]).all()
    took = in_turns(
        {
            "NumPy": seconds(numpy_search, X, queries, coordinates, coarse),
            "ours": seconds(model.kneighbors, queries),
        },
        1 if trial else 3,
    )
    yield compare("NumPy, same neighbors", took["NumPy"], took["ours"], unit="s", target=0.5)


def accuracy(trial):
    """Accuracy on the 10,000 test images, with all 60,000 training images."""
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    queries, labels = fetch_fashion_mnist(subset="test", return_X_y=True)
    for weights, published in (("uniform", ""), ("distance", "0.8577 (write-up C)")):
        score = ours(weights=weights).fit(X, y).score(queries, labels)
        yield f'`VectorizedKNNClassifier(weights="{weights}")`, k = 5', published, f"{score:.4f}"


SECTIONS = {
    "bytes": (real_bytes, COLUMNS),
    "floats": (real_floats, COLUMNS),
    "exactness": (exactness, ("", "different neighbors", "")),
    "hard": (hard, COLUMNS),
    "latency": (latency, COLUMNS),
    "growth": (
        growth,
        ("rows", "faiss, us", "ours, us", "ours / faiss", "faiss, MiB", "ours, data + index, MiB"),
    ),
    "approximate": (approximate, ("", "build", "search", "recall of the 5 nearest")),
    "numba": (numba, COLUMNS),
    "accuracy": (accuracy, ("", "published", "ours")),
}


def main():
    options = arguments(__doc__, SECTIONS)
    parts = [header("exact_neighbours", __doc__, PACKAGES)]
    print(parts[0], flush=True)
    for name in options.sections or SECTIONS:
        section, columns = SECTIONS[name]
        title, _, text = section.__doc__.partition("\n\n")
        text = " ".join(text.split())
        rows = table(columns, section(options.trial))
        parts.append("\n\n".join(filter(None, (f"## {title.rstrip('.')}", text, rows))))
        print(f"\n{parts[-1]}", flush=True)
    if not options.trial and set(options.sections or SECTIONS) == set(SECTIONS):
        write_report("exact_neighbours", parts)


if __name__ == "__main__":
    main()
