"""Progress bars."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    description: str, *, total: int, unit: str, verbose: bool | int
) -> Iterator[Callable[[int], object]]:
    """Show a progress bar if `verbose`, and yield the function that advances it."""
    if not verbose:
        # tqdm would wait for its lock even if disabled. The lock is lost if whoever holds it is
        # killed or interrupted.
        yield lambda n: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=description, unit=unit) as bar:
        yield bar.update
