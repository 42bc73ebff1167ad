import os
import signal
import subprocess
import sys
import warnings
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import settings

from skfashion.datasets import fetch_fashion_mnist, make_fashion_images
from skfashion.neural_network.runtime._keras import load_keras

# Timings never decide a test: the first example may load a library or compile a loop, and others
# may keep the processor busy.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


@pytest.fixture(scope="session")
def clothes():
    """240 generated images of 20 x 20 pixels, as rows of bytes, and their labels."""
    return make_fashion_images(240, image_size=20, random_state=0, return_X_y=True)


@pytest.fixture(scope="session")
def scaled(clothes):
    """The same rows in [0, 1], in single precision, and their labels."""
    X, y = clothes
    return (X / 255).astype(np.float32), y


@pytest.fixture(scope="session")
def real_fashion_mnist():
    """All 70,000 real images, if they are on this machine."""
    try:
        return fetch_fashion_mnist(subset="all", download_if_missing=False)
    except OSError as error:
        pytest.skip(f"no copy of Fashion-MNIST on this machine: {error}")


@pytest.fixture(scope="module")
def cluster():
    """A client of dask with two worker processes on this machine."""
    # distributed looks up host names and opens sockets in ways that warn; none is the user's. It
    # sets OMP_NUM_THREADS for its workers here, and leaves it so: TensorFlow is loaded before.
    load_keras()
    with warnings.catch_warnings(), patch.dict(os.environ):
        warnings.simplefilter("ignore")
        import distributed

        with (
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            assert len({*client.run(os.getpid).values(), os.getpid()}) == 3
            yield client


@pytest.fixture
def run_python(tmp_path):
    """Run code in a fresh interpreter; return what it wrote to (stdout, stderr)."""

    def run(code, *arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C, which a run in the background of a shell is without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
