"""
A grid search on several machines
=================================

A grid search runs on the workers of a dask cluster. In this example, the workers are two processes
on this machine. For another cluster, pass the address of its scheduler,
``Client("tcp://...:8786")``. The example uses generated images and takes less than a minute. It
needs ``pip install distributed``.
"""

import os
import time

import joblib
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skfashion import make_cnn_pipeline
from skfashion.datasets import make_fashion_images

GRID = {"cnn__learning_rate": [0.02, 0.04]}


def main():
    # With as many threads as a worker, sums are computed in the same order, and scores are equal.
    os.environ["OMP_NUM_THREADS"] = "1"
    X, y = make_fashion_images(500, random_state=0, return_X_y=True)
    folds = list(StratifiedKFold(2).split(X, y))
    search = GridSearchCV(make_cnn_pipeline(epochs=2, random_state=0), GRID, cv=folds)
    start = time.perf_counter()
    search.fit(X, y)
    print(f"In one process: {search.best_params_}, {search.best_score_:.4f}, {_since(start)}")

    # Send the data to every worker. Data on a single worker would be lost if that worker dies.
    everywhere = [X, y, *(indices for fold in folds for indices in fold)]
    # One thread per worker: TensorFlow has its own threads, one for each core of the worker.
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask", scatter=everywhere),
    ):
        client.amm.stop()  # dask's memory manager, which would drop the copies again
        start = time.perf_counter()
        search.fit(X, y)
        print(f"On dask: {search.best_params_}, {search.best_score_:.4f}, {_since(start)}")


def _since(start):
    return f"{time.perf_counter() - start:.0f} s"


# Each worker imports this file, and must not start a cluster of its own.
if __name__ == "__main__":
    main()
