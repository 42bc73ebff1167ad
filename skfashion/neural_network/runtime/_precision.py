"""The arithmetic of a network: single, double, or bfloat16 with weights in single precision."""

from functools import cache
from pathlib import Path

PRECISIONS = ("float32", "float64", "mixed_bfloat16")
# What Linux calls the instructions: AVX-512 (AMD since Zen 4, Intel since Cooper Lake), AMX, Arm's.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}


@cache
def has_bfloat16():
    """Tell whether the processor multiplies bfloat16 itself; False where Linux does not say so."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _INSTRUCTIONS.isdisjoint(flags.split())


def choose_precision(precision, dtype):
    """Return one of `PRECISIONS` for the parameter `precision` and images of `dtype`.

    Parameters
    ----------
    precision : str
        One of `PRECISIONS`, returned as it is, or "auto".
    dtype : numpy.dtype
        float64 images ask for float64; all others for what is fastest.

    Returns
    -------
    str
    """
    if precision != "auto":
        return precision
    if dtype == "float64":
        return "float64"
    return "mixed_bfloat16" if has_bfloat16() else "float32"
