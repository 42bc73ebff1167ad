"""Progress bars."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    description: str, *, total: int, unit: str, verbose: bool | int
) -> Iterator[Callable[[int], object]]:
    """Show a progress bar if `verbose`, and yield the function that advances it."""
    if not verbose:
        # Even a disabled tqdm waits for a global lock, which a killed process may never release.
        yield lambda n: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=description, unit=unit) as bar:
        yield bar.update
