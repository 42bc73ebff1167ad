"""Floating-point precision of networks."""

from functools import cache
from pathlib import Path

from numpy.typing import DTypeLike

PRECISIONS = ("float32", "float64", "mixed_bfloat16")
# Names of bfloat16 instructions in Linux: AVX-512 (AMD since Zen 4, Intel since Cooper Lake), AMX
# and those of Arm.
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}


@cache
def has_bfloat16() -> bool:
    """Return whether Linux reports bfloat16 instructions; False on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _INSTRUCTIONS.isdisjoint(flags.split())


def choose_precision(precision: str, dtype: DTypeLike) -> str:
    """Return one of `PRECISIONS` for the parameter `precision` and images of `dtype`.

    Parameters
    ----------
    precision : str
        One of `PRECISIONS`, which is returned unchanged, or "auto".
    dtype : numpy.dtype
        Dtype of the images. "auto" is float64 for float64, else the fastest precision.

    Returns
    -------
    str
    """
    if precision != "auto":
        return precision
    if dtype == "float64":
        return "float64"
    return "mixed_bfloat16" if has_bfloat16() else "float32"
