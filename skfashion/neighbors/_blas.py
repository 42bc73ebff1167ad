"""Limits of BLAS threads, so that a search uses no more cores than it has jobs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from joblib import cpu_count
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_n_users = 0
_was_shared = False
_limits_before: dict = {}


@lru_cache(maxsize=1)
def _threadpools() -> ThreadpoolController:
    # Cached, because the search for the libraries takes milliseconds.
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def limited_blas(n_threads: int = 1) -> Iterator[None]:
    """Limit matrix products to `n_threads` threads.

    In some libraries, the limit is global. Concurrent threads could then restore each other's
    limits, so the last thread to leave restores the limits that the first one found.
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
                # threadpoolctl lets one thread at a time control the limit. When that thread
                # ends, the next one that sets a limit takes control.
                thread = threading.Thread(
                    target=_threadpools().limit, kwargs={"limits": _limits_before}
                )
                thread.start()
                thread.join()
                _was_shared = False
