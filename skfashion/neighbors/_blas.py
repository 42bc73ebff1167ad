"""No more cores than jobs."""

import threading
from contextlib import contextmanager
from functools import lru_cache

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_n_users = 0
_was_shared = False
_limits_before: dict = {}


@lru_cache(maxsize=1)
def _threadpools():
    # Looking for the libraries takes milliseconds.
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def limited_blas(n_threads=1):
    """Let each matrix product take no more than `n_threads` threads.

    With some libraries the limit is the thread's, with others it is the process's. There,
    threads that come and go at the same time would take each other's limit for the one to go
    back to: the last to leave sets what the first one found.
    """
    global _n_users, _was_shared, _limits_before
    with _lock:
        if _n_users == 0:
            _limits_before = {
                pool["filepath"]: pool["num_threads"] for pool in _threadpools().info()
            }
        _was_shared = _was_shared or _n_users > 0
        _n_users += 1
    try:
        with _threadpools().limit(limits=min(n_threads, cpu_count())):
            yield
    finally:
        with _lock:
            _n_users -= 1
            if _n_users == 0 and _was_shared:
                # A thread that ends leaves the control over the limit, which threadpoolctl gives
                # to one thread at a time, to the next one that asks.
                thread = threading.Thread(
                    target=_threadpools().limit, kwargs={"limits": _limits_before}
                )
                thread.start()
                thread.join()
                _was_shared = False
