"""Photographs: the presets of `make_photo_pipeline` on ten classes of clothes.

The photographs are those of clothing-dataset-small (A. Grigorev, CC0): 3,068 for training and 341
for validation, in folders named after their classes. Name the folder that contains `train` and
`validation`. The settings of the presets were chosen on these photographs, by cross-validation and
on the validation folder. Similar items are the five nearest training photographs by the cosine
distance of the features, without the photograph itself.

    python benchmarks/photographs.py --folder clothing
"""

import argparse
import time
from pathlib import Path

import numpy as np
from _report import header, table, write
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skfashion import VectorizedKNNClassifier, make_photo_pipeline
from skfashion.datasets import load_image_folder

COLUMNS = (
    "preset", "validation accuracy", "5-fold accuracy, mean (min to max)", "fit, seconds",
    "one photograph, ms", "similar items of the same class",
)  # fmt: skip
PRESETS = ("fast", "balanced")


def measure(preset, train, test):
    pipeline = make_photo_pipeline(preset, n_jobs=-1)
    pipeline["encoder"].transform(test.data[:40])  # loads and traces the network
    start = time.perf_counter()
    pipeline.fit(train.data, train.target)
    took = time.perf_counter() - start
    accuracy = pipeline.score(test.data, test.target)
    one = []
    for path in test.data[:20]:
        start = time.perf_counter()
        pipeline.predict([path])
        one.append(time.perf_counter() - start)
    features = pipeline["encoder"].transform(train.data)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_score(pipeline[1:], features, train.target, cv=folds)
    knn = VectorizedKNNClassifier(5, metric="cosine").fit(features, train.target)
    same = train.target[knn.kneighbors(return_distance=False)] == train.target[:, np.newaxis]
    return (
        preset,
        f"{accuracy:.3f}",
        f"{scores.mean():.3f} ({scores.min():.3f} to {scores.max():.3f})",
        f"{took:.0f}",
        f"{1000 * np.median(one):.0f}",
        f"{same.mean():.3f}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="contains train and validation")
    folder = parser.parse_args().folder
    train, test = (load_image_folder(folder / part) for part in ("train", "validation"))
    rows = [measure(preset, train, test) for preset in PRESETS]
    report = header("photographs", __doc__.partition("\n\n    python")[0])
    write("photographs", [report, table(COLUMNS, rows)])


if __name__ == "__main__":
    main()
