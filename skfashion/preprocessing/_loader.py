"""The base class of the loaders of photographs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from skfashion._base import Estimator
from skfashion._files import temporary_memmap
from skfashion._progress import progress_bar
from skfashion._sklearn import Interval, as_one_task, fit_context
from skfashion._validation import SIDE, parse_image_shape

from ._file_memory import FileReader
from ._photographs import check_header, list_of_photographs, read_rgb, registered_formats

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_IN_MEMORY = 2**28  # Bytes of images. More are kept in a temporary file.


class Loader(FileReader, TransformerMixin, Estimator):
    """Read photographs, on several cores, into one array of small images.

    Subclasses define how an image is made from each photograph.
    """

    _parameter_constraints: dict = {
        "image_shape": [SIDE, tuple, list],
        "max_pixels": [Interval(Integral, 1, None, closed="left")],
        "formats": [tuple, list],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }
    image_shape: Any
    max_pixels: int
    formats: tuple[str, ...]
    n_jobs: int | None
    verbose: bool | int

    @as_one_task
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; nothing is read or learned.

        Parameters
        ----------
        X : None
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The loader itself.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        self._checked_image_shape()
        self._canvas()
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Read photographs.

        Parameters
        ----------
        X : list, 1-D array or pandas.Series of n photographs, one column of n paths, or ndarray \
                of shape (n, height, width) or (n, height, width, channels)
            Each is a path (str or os.PathLike), a binary file, an image of Pillow, or an array of
            shape (height, width) or (height, width, channels), with 1 (gray), 2 (gray, alpha), 3
            (RGB) or 4 (RGBA) channels: uint8 from 0 to 255, floating-point or bool from 0 to 1.
            Floating-point files and images (mode "F" of Pillow) go from 0 to 1 too.
            They may be of different kinds and sizes. Open files are read from their current
            position, left open, and put back to it if they are seekable.

        Returns
        -------
        ndarray of shape (n, height, width) or (n, height, width, channels) of uint8
            Images of `image_shape`. More than 256 MiB of them are a :class:`numpy.memmap` of a
            temporary file, which is removed with the array.

        Raises
        ------
        OSError
            If a file cannot be opened or read: FileNotFoundError, IsADirectoryError,
            PermissionError and the like.
        ValueError
            If `X` is not a list of photographs, or one of them is damaged, empty, not an image, or
            larger than `max_pixels`. The message names it. The headers of all files are checked
            before the first one is decoded.
        ImportError
            If Pillow is not installed.
        """
        _, batches = self._read_in_batches(X, None)
        return next(batches)

    def _read_in_batches(
        self, X: Any, batch_size: int | None
    ) -> tuple[int, Iterator[NDArray[np.uint8]]]:
        """Return the number of photographs, and an iterator over their images in batches.

        Parameters
        ----------
        X : list of photographs
            As in `transform`.
        batch_size : int or None
            Number of images in a batch. None is all of them.
        """
        self._validate_params()  # Nothing is learned, so that fit need not come first.
        shape = self._checked_image_shape()
        self._canvas()
        photographs = list_of_photographs(X)
        formats = registered_formats(self.formats)
        if len(photographs) > 1:  # Reading a single file begins with this check.
            for position, item in enumerate(photographs):
                check_header(item, position, max_pixels=self.max_pixels, formats=formats)

        def batches() -> Iterator[NDArray[np.uint8]]:
            n_images = batch_size or len(photographs)
            for start in range(0, len(photographs), n_images):
                part = photographs[start : start + n_images]
                n_bytes = len(part) * int(np.prod(shape))
                make = temporary_memmap if n_bytes > _MAX_IN_MEMORY else np.zeros
                images = make((len(part), *shape), np.dtype(np.uint8))
                self._read(part, images, start, formats)
                self._check_images(images, part, start)
                yield images

        return len(photographs), batches()

    def _read(
        self,
        photographs: list[Any],
        images: NDArray[np.uint8],
        start: int,
        formats: list[str],
    ) -> None:
        """Read photographs into images. The first photograph is at position `start` in X."""
        canvas = self._canvas()

        def read(i: int) -> None:
            photograph = read_rgb(
                photographs[i],
                start + i,
                canvas=canvas,
                max_pixels=self.max_pixels,
                formats=formats,
                reduced_size=self._reduced_size,
            )
            self._draw(photograph, images[i])

        # Pillow decodes and resizes without the interpreter's lock.
        parallel = Parallel(self.n_jobs, require="sharedmem", return_as="generator")
        done = parallel(delayed(read)(i) for i in range(len(photographs)))
        with progress_bar(
            "Reading", total=len(photographs), unit=" images", verbose=self.verbose
        ) as advance:
            for _ in done:
                advance(1)

    def _check_images(self, images: NDArray[np.uint8], photographs: list[Any], start: int) -> None:
        """Warn about images that are of no use. The first one is at position `start` in X."""

    @abstractmethod
    def _draw(self, photograph: Image, image: NDArray[np.uint8]) -> None:
        """Draw a photograph, which is RGB and upright, into an image of zeros."""

    @abstractmethod
    def _canvas(self) -> Any:
        """Return the color behind transparent pixels, or None to choose it for each image."""

    @abstractmethod
    def _reduced_size(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Return the width and height to which a JPEG file may be reduced as it is decoded."""

    def _checked_image_shape(self) -> tuple[int, ...]:
        shape = parse_image_shape(self.image_shape)
        if shape[2:] not in ((), (1,), (3,)):
            raise ValueError(
                f"image_shape of {type(self).__name__} must have 1 channel (gray) or 3 (red, "
                f"green, blue), got {self.image_shape!r}."
            )
        return shape

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
