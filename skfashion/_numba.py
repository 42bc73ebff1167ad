"""Compiling inner loops by numba, kept on disk where a folder can be written."""

import numba


def compiled(function, **options):
    """Compile a function on its first call; it releases the global interpreter lock.

    Parameters
    ----------
    function : callable
        Of arrays and numbers.
    **options
        Of :func:`numba.njit`.

    Returns
    -------
    callable
    """
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return numba.njit(nogil=True, **options)(function)
