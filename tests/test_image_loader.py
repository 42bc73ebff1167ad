"""Photographs as they are, resized."""

import io
import tempfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageOps

from skfashion import FashionMNISTLoader, ImageLoader
from skfashion.preprocessing import _loader

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(width, height):
    """A photograph, red on the left and blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def saved(image, path, **options):
    image.save(path, **options)
    return path


@pytest.fixture
def paths(tmp_path):
    """Files of several formats and sizes, of which no two are the same."""
    rng = np.random.default_rng(0)
    images = [
        Image.fromarray(rng.integers(0, 256, (40 + i, 60 - i, 3), dtype=np.uint8)) for i in range(9)
    ]
    endings = ["jpg", "png", "webp"]
    return [
        saved(image, tmp_path / f"{i}.{endings[i % 3]}", quality=90)
        for i, image in enumerate(images)
    ]


def test_squeezed_photographs_are_what_pillow_makes_of_them(paths):
    images = ImageLoader((24, 32, 3)).transform(paths[1:3])
    expected = [
        np.asarray(Image.open(path).convert("RGB").resize((32, 24), Image.Resampling.BILINEAR))
        for path in paths[1:3]
    ]
    assert_array_equal(images, expected)
    assert images.dtype == np.uint8


def test_all_proportions_by_each_way_to_resize():
    wide = halves(80, 20)
    squeezed, cropped, padded = (
        ImageLoader((20, 20, 3), resize=resize, background=(1, 2, 3)).transform([wide])[0]
        for resize in ("squeeze", "crop", "pad")
    )
    for image in (squeezed, cropped):
        assert_array_equal(image[:, 0], [RED] * 20)
        assert_array_equal(image[:, -1], [BLUE] * 20)
    is_margin = (padded == (1, 2, 3)).all(axis=2)
    assert is_margin.all(axis=1).sum() == 15
    assert_array_equal(padded[10, 0], RED)
    assert_array_equal(padded[10, -1], BLUE)
    # What is cut off is at both sides.
    corners = Image.new("RGB", (80, 20), RED)
    corners.paste(BLUE, (20, 0, 60, 20))
    assert (ImageLoader((20, 20, 3), resize="crop").transform([corners]) == BLUE).all()


@pytest.mark.parametrize(("shape", "expected"), [(8, (8, 8)), ((8, 6), (8, 6)), ((8, 6, 1),) * 2])
def test_gray_images(shape, expected):
    images = ImageLoader(shape).transform([halves(20, 20)])
    assert images.shape == (1, *expected)
    assert_array_equal(np.unique(images[0, :, 0]), [76])  # 0.299 * 255


def test_photographs_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    path = saved(halves(32, 32).rotate(180), tmp_path / "a.jpg", exif=exif, quality=95)
    image = ImageLoader((8, 8, 3)).transform([path])[0].astype(int)
    assert np.abs(image[:, 0] - RED).max() < 10


@pytest.mark.parametrize(
    ("background", "color"),
    [
        ("white", (255,) * 3),
        ("#102030", (16, 32, 48)),
        ((1, 2, 3), (1, 2, 3)),
        ([9, 9, 9], (9,) * 3),
    ],
)
def test_the_color_that_is_seen_through_what_is_transparent(background, color):
    cut_out = Image.new("RGBA", (10, 10), (200, 0, 0, 0))
    cut_out.paste((0, 200, 0, 255), (0, 0, 5, 10))
    image = ImageLoader((10, 10, 3), background=background).transform([cut_out])[0]
    assert_array_equal(image[0, 0], (0, 200, 0))
    assert_array_equal(image[0, 9], color)


@pytest.mark.parametrize(
    "background", ["no color", "", (1, 2), (1, 2, 256), (-1, 0, 0), ("a", "b", "c"), "#10203040"]
)
def test_what_is_no_color(background):
    with pytest.raises(ValueError, match="background must be the name of a color, such as 'white'"):
        ImageLoader(background=background).fit([])


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_any_number_of_jobs_reads_the_same_in_order(paths, n_jobs):
    expected = ImageLoader((10, 10, 3)).transform(paths)
    assert_array_equal(ImageLoader((10, 10, 3), n_jobs=n_jobs).transform(paths), expected)
    assert_array_equal(
        FashionMNISTLoader(n_jobs=n_jobs).transform(paths), FashionMNISTLoader().transform(paths)
    )


def test_jpeg_files_are_decoded_at_a_part_of_their_size_where_that_suffices():
    def decoded(size, loader):
        file = io.BytesIO()
        halves(*size).save(file, "JPEG")
        with Image.open(file) as image:
            image.draft(None, loader._reduced_size(image.size))
            return image.size

    assert decoded((400, 533), ImageLoader((64, 64, 3))) == (200, 267)
    assert decoded((400, 533), ImageLoader((25, 25, 3))) == (50, 67)
    assert decoded((400, 533), ImageLoader((288, 288, 3))) == (400, 533)
    # A padded photograph is smaller than the image.
    assert decoded((800, 100), ImageLoader((100, 100, 3), resize="pad")) == (200, 25)
    assert decoded((800, 100), ImageLoader((100, 100, 3))) == (800, 100)


def test_a_jpeg_file_that_is_reduced_shows_the_same(tmp_path):
    path = saved(halves(512, 512), tmp_path / "a.jpg", quality=95)
    whole = np.asarray(Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    image = ImageLoader((32, 32, 3)).transform([path])[0]
    assert np.abs(image - whole).max() < 8


@pytest.mark.parametrize("loader", [ImageLoader, FashionMNISTLoader])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no image", r"X\[8\] \('.*bad\.jpg'\): expected an image in one of the formats"),
        (b"", r"X\[8\] \('.*bad\.jpg'\): expected an image in one of the formats"),
        (None, r"X\[8\] \('.*bad\.jpg'\) cannot be opened: No such file"),
    ],
)
def test_all_headers_are_checked_before_the_first_file_is_decoded(
    paths, tmp_path, monkeypatch, loader, content, message
):
    if content is not None:
        (tmp_path / "bad.jpg").write_bytes(content)
    monkeypatch.setattr(_loader, "read_rgb", None)
    with pytest.raises((ValueError, OSError), match=message):
        loader().transform([*paths[:8], tmp_path / "bad.jpg"])


def test_a_file_that_is_cut_short_is_named(paths, tmp_path):
    content = paths[0].read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"X\[1\] \('.*cut\.jpg'\): expected an image"):
        ImageLoader(n_jobs=2).transform([paths[0], tmp_path / "cut.jpg"])


def test_too_many_pixels_are_refused_before_anything_is_decoded(paths, monkeypatch):
    monkeypatch.setattr(_loader, "read_rgb", None)
    with pytest.raises(ValueError, match=r"X\[0\] .* has 60 x 40 pixels, more than the 2,399"):
        ImageLoader(max_pixels=2399).transform(paths)


def test_many_images_are_kept_on_disk(paths, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    expected = ImageLoader((10, 10, 3)).transform(paths)
    monkeypatch.setattr(_loader, "_MAX_IN_MEMORY", 9 * 300 - 1)
    images = ImageLoader((10, 10, 3)).transform(paths)
    assert isinstance(images, np.memmap)
    assert not isinstance(expected, np.memmap)
    assert_array_equal(images, expected)


def test_progress_is_shown_when_asked_for(paths, capsys):
    ImageLoader().transform(paths)
    assert capsys.readouterr() == ("", "")
    ImageLoader(verbose=True).transform(paths)
    assert "Reading: 100%" in capsys.readouterr().err


def test_the_margins_are_as_pillow_makes_them():
    image = halves(30, 60)
    found = ImageLoader((40, 40, 3), resize="pad").transform([image])[0]
    expected = ImageOps.pad(image, (40, 40), Image.Resampling.BILINEAR, (255, 255, 255))
    assert_array_equal(found, np.asarray(expected))
