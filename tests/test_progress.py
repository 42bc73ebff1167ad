"""Progress bars."""

import threading

import numpy as np
import pytest
from tqdm import tqdm

from skfashion import ImageLoader
from skfashion._progress import progress_bar

PHOTOGRAPH = np.zeros((30, 30, 3), np.uint8)


@pytest.fixture
def lost_lock():
    """tqdm's lock, held by a thread that does not give it back."""
    lock, locked, done = tqdm.get_lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            locked.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    yield
    done.set()
    holder.join()


def test_quiet_work_does_not_wait_for_the_bars_of_others(lost_lock):
    reader = threading.Thread(target=ImageLoader().transform, args=([PHOTOGRAPH],), daemon=True)
    reader.start()
    reader.join(10)
    assert not reader.is_alive()


def test_a_bar_is_shown_when_asked_for(capsys):
    for verbose in (False, 0, True, 1):
        with progress_bar("Baking", total=4, unit=" loaves", verbose=verbose) as advance:
            for _ in range(4):
                advance(1)
        assert ("Baking: 100%" in capsys.readouterr().err) == bool(verbose)
