"""How photographs are read: what each limit is, and which colour is seen through what."""

import errno
import io
import os
import struct
import zlib
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion.preprocessing import FashionMNISTLoader

Image = pytest.importorskip("PIL.Image")
_photographs = pytest.importorskip("skfashion.preprocessing._photographs")


def read(item, **settings):
    """Return the pixels of a photograph."""
    usual = {
        "canvas": None,
        "max_pixels": 2**26,
        "formats": _photographs.registered_formats(_photographs.FORMATS),
        "reduced_size": lambda size: None,
    }
    image = _photographs.read_rgb(item, 0, **{**usual, **settings})
    assert image.mode == "RGB"
    return np.asarray(image)


def written(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_the_formats_whose_readers_start_no_program():
    expected = {"AVIF", "BMP", "GIF", "HEIF", "JPEG", "PNG", "TIFF", "WEBP"}
    assert set(FashionMNISTLoader().formats) == expected


def test_an_array_of_many_photographs():
    X = np.random.default_rng(0).integers(0, 256, (3, 30, 20, 3), dtype=np.uint8)
    assert_array_equal(FashionMNISTLoader().transform(X), FashionMNISTLoader().transform(list(X)))


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3), (5, 6, 4)])
def test_one_image_is_no_list_of_them(shape):
    with pytest.raises(ValueError, match=r"if it is one image, wrap it in a list, \[X\]"):
        _photographs.list_of_photographs(np.zeros(shape, np.uint8))


def test_a_list_is_asked_for_where_there_is_one():
    with pytest.raises(ValueError, match=r"got generator\. Pass list\(X\)\.$"):
        _photographs.list_of_photographs(path for path in "ab")
    with pytest.raises(ValueError, match=r"got int\.$"):
        _photographs.list_of_photographs(3)
    with pytest.raises(ValueError, match=r"got ndarray of shape \(1, 2, 3, 4, 5\)\.$"):
        _photographs.list_of_photographs(np.zeros((1, 2, 3, 4, 5)))


def test_photographs_are_called_by_their_files(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    name = f"X[3] ({str(tmp_path / 'a.png')!r})"
    with open(tmp_path / "a.png", "rb") as file, Image.open(tmp_path / "a.png") as image:
        for item in (tmp_path / "a.png", str(tmp_path / "a.png"), file, image):
            assert _photographs.name_of(item, 3) == name
        with open(os.dup(file.fileno()), "rb") as unnamed:  # its name is a number
            assert _photographs.name_of(unnamed, 3) == "X[3]"
    for item in (Image.new("L", (2, 2)), io.BytesIO(), np.zeros(3)):
        assert _photographs.name_of(item, 3) == "X[3]"


def test_a_reader_need_not_tell_whether_it_is_closed():
    class Reader:
        def read(self):
            return written(Image.new("RGB", (3, 2), "red"), "PNG")

    assert read(Reader()).shape == (2, 3, 3)


@pytest.mark.parametrize("is_file", [True, False])
def test_too_many_pixels_are_named_as_such(is_file):
    image = Image.new("L", (20, 20))
    item = io.BytesIO(written(image, "PNG")) if is_file else image
    assert read(item, max_pixels=400).shape == (20, 20, 3)
    with pytest.raises(ValueError, match=r"^X\[0\] has 20 x 20 pixels, more than the 399"):
        read(item, max_pixels=399)


def test_formats_are_named_where_they_may_be_the_reason():
    content = written(Image.new("L", (20, 20)), "PNG")
    with (
        mock.patch("PIL.Image.open", side_effect=SyntaxError("not this one")),
        pytest.raises(ValueError, match=r"in one of the formats .*: not this one\. The parameter"),
    ):
        read(io.BytesIO(content))
    with pytest.raises(ValueError, match=r"expected an image, found something else .*[^.]$"):
        read(io.BytesIO(content[:-30]))


def test_several_pictures_in_a_jpeg_file():
    file = io.BytesIO()
    pictures = [Image.new("RGB", (400, 400), color) for color in ("red", "blue")]
    pictures[0].save(file, "MPO", save_all=True, append_images=pictures[1:])
    image = Image.open(io.BytesIO(file.getvalue()))
    assert image.format == "MPO"
    assert read(image).shape == (400, 400, 3)
    reduced = read(io.BytesIO(file.getvalue()), reduced_size=lambda size: (100, 100))
    assert reduced.shape == (100, 100, 3)


def test_a_disk_that_cannot_be_read_is_named_as_the_system_names_it():
    bad = OSError(errno.EIO, "Input/output error")
    with (
        mock.patch("PIL.Image.open", side_effect=bad),
        pytest.raises(OSError, match=r"X\[0\] cannot be read: Input/output error") as raised,
    ):
        read(io.BytesIO(written(Image.new("L", (2, 2)), "PNG")))
    assert raised.value.errno == errno.EIO


# Scans of JPEG files


def progressive(size, n_scans):
    content = written(Image.new("L", size), "JPEG", progressive=True)
    last = b"\xff\xda" + content.split(b"\xff\xda")[-1][:-2]
    return content[:-2] + last * n_scans + content[-2:]


def test_the_limit_of_scans_times_pixels_is_exact():
    content = progressive((512, 256), 60)
    n_scans = content.count(b"\xff\xda")
    limit = 512 * 256 * n_scans // 32
    read(io.BytesIO(content), max_pixels=limit)
    with pytest.raises(ValueError, match=rf"512 x 256 pixels in {n_scans} scans"):
        read(io.BytesIO(content), max_pixels=limit - 1)


@pytest.mark.parametrize("before", [0, 5, *(io.DEFAULT_BUFFER_SIZE + np.arange(-2, 2)), 2**20 - 1])
def test_scans_are_counted_wherever_they_begin(before):
    file = io.BytesIO(bytes(before) + b"\xff\xda" + bytes(3) + b"\xff\xda\xff")
    file.seek(4)
    assert _photographs._count_scans(file) == 2
    assert file.tell() == 4


@pytest.mark.parametrize(
    ("size", "side", "decoded"),
    [
        ((4200, 4200), 28, (525, 525)),
        ((4200, 4200), 100, (2100, 2100)),
        ((4200, 4200), 131, (2100, 2100)),
        ((4200, 4200), 132, (4200, 4200)),
        ((8400, 2000), 28, (1050, 250)),
        ((2000, 8400), 28, (250, 1050)),
        ((8300, 2000), 28, (8300, 2000)),  # few enough pixels
    ],
)
def test_large_jpeg_files_are_decoded_at_a_part_of_their_size(size, side, decoded):
    content = written(Image.new("L", size), "JPEG")
    loader = FashionMNISTLoader(side)
    found = read(io.BytesIO(content), reduced_size=loader._reduced_size)
    assert found.shape == (*decoded[::-1], 3)


# Pixels of more than 8 bits


def png(array):
    """A PNG file of 16 bits: gray (2 dimensions), gray and alpha, or red, green and blue."""
    kind = {1: 0, 2: 4, 3: 2}[1 if array.ndim == 2 else array.shape[2]]

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("n_channels", [2, 3])
@pytest.mark.parametrize(("highest", "is_read"), [(40 << 8, False), (64 << 8, True)])
def test_16_bits_of_which_few_are_used_are_refused(n_channels, highest, is_read):
    pixels = np.zeros((4, 4, n_channels), np.uint16)
    pixels[1:3, 1:3] = highest
    if n_channels == 2:
        pixels[..., 1] = 65535
    file = io.BytesIO(png(pixels))
    if is_read:
        assert read(file).max() == 64
    else:
        with pytest.raises(ValueError, match="10, 12 or 14 bits"):
            read(file)


def test_dark_bytes_are_no_16_bits():
    assert read(io.BytesIO(written(Image.new("RGB", (3, 2), (0, 40, 0)), "PNG"))).max() == 40


@pytest.mark.parametrize(
    ("highest", "tags", "white"),
    [
        (65535, {}, 65535),
        (4000, {258: 12}, 4095),
        (511, {258: (9,)}, 511),
        (30_000, {258: 15}, 32767),
        (1000, {281: 1023}, 1023),
        (1023, {281: 1023}, 1023),
        (40_000, {281: 1023}, 65535),
        (0, {281: 0}, 255),
        (200, {258: 8}, 255),
        (40_000, {258: 16}, 65535),
    ],
)
def test_the_level_of_white(highest, tags, white):
    assert _photographs._white_level(highest, tags, "X[0]") == white


@pytest.mark.parametrize(
    ("highest", "level"), [(0, 0), (1, 1), (255, 255), (2**14, 64), (65535, 255)]
)
def test_integers_are_bytes_or_of_16_bits(highest, level):
    pixels = np.zeros((4, 4), np.int32)
    pixels[1, 2] = highest
    assert read(Image.fromarray(pixels)).max() == level


@pytest.mark.parametrize("highest", [256, 1023, 2**14 - 1])
def test_integers_between_are_refused(highest):
    with pytest.raises(ValueError, match=f"none above {highest}"):
        read(Image.fromarray(np.full((2, 2), highest, np.int32)))


def test_negative_integers_are_refused():
    with pytest.raises(ValueError, match=r"pixels of at least 0, got some of -3 \(mode 'I'\)"):
        read(Image.fromarray(np.array([[-3, 200]], np.int32)))


@pytest.mark.parametrize("dtype", [np.uint16, np.int64])
def test_other_integers_are_refused(dtype):
    with pytest.raises(ValueError, match=r"got u?int.*\.astype\('uint8'\); divide .* 65535"):
        read(np.full((2, 2), 7, dtype))


# What the user's images are afterwards, and what is seen through them


def test_an_image_with_an_orientation_stays_as_it_is():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image = Image.open(io.BytesIO(written(Image.new("RGB", (30, 20), "red"), "PNG", exif=exif)))
    image.load()
    assert read(image).shape == (30, 20, 3)
    assert image.size == (30, 20)
    assert image.getexif()[0x0112] == 6


def rgba(outer, inner, *, border=0, alpha=255):
    """An image of 10 x 10 pixels: a border of one gray and opacity, and what is within."""
    pixels = np.zeros((10, 10, 4), np.uint8)
    pixels[..., :3] = outer
    pixels[..., 3] = border
    pixels[1:-1, 1:-1, :3] = inner
    pixels[1:-1, 1:-1, 3] = alpha
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("image", "color"),
    [
        (rgba(0, 0, alpha=0), "white"),  # nothing at all
        (rgba(0, 100), "white"),  # objects, cut out
        (rgba(0, 190), "white"),
        (rgba(0, 192), "black"),
        (rgba(0, 193), "black"),
        (rgba(100, 100, border=80), "white"),  # nearly transparent at the border
        (rgba(255, 190), "white"),  # whatever colour what is transparent has
        (rgba(100, 255, border=255), "black"),  # a ground, opaque at the border
        (rgba(100, 100, border=255), "black"),
        (rgba(128, 128, border=255), "white"),
        (rgba(129, 0, border=255), "white"),
        (rgba(126, 255, border=255), "black"),
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_the_colour_seen_through_what_is_transparent(image, color, is_large):
    if is_large:
        image = image.resize((1800, 1800), Image.Resampling.NEAREST)
    assert _photographs._canvas_of(image) == color
