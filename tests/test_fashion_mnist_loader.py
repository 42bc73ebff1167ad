import io
import pickle
import re
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageCms
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skfashion import (
    ImageReshaper,
    PixelScaler,
    RandomErasing,
    make_knn_pipeline,
)
from skfashion.datasets import make_fashion_images
from skfashion.preprocessing import FashionMNISTLoader

ORIENTATION = 0x0112
# How a camera that is held so stores what it sees; EXIF tells how to undo it.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture(scope="module")
def garments():
    """Ten generated garments in the form of Fashion-MNIST, with no noise around them."""
    images = make_fashion_images(10, random_state=0, return_X_y=True)[0].reshape(-1, 28, 28)
    clean = np.where(images > 30, images, 0).astype(np.uint8)
    return FashionMNISTLoader(sharpen=False, background="dark").transform(clean)


def photograph(garment, color=(255, 255, 255), size=(600, 800)):
    """What a camera might see of a garment: large, in colour, before a plain background."""
    share = (
        1 - np.asarray(Image.fromarray(garment).resize((560, 560), Image.Resampling.NEAREST)) / 255
    )
    picture = np.empty((size[1], size[0], 3), dtype=np.uint8)
    picture[:] = color
    top, left = (size[1] - 560) // 2, (size[0] - 560) // 2
    picture[top : top + 560, left : left + 560] = np.rint(share[:, :, np.newaxis] * color)
    return Image.fromarray(picture)


def saved(image, **options):
    """An image as a file in memory."""
    file = io.BytesIO()
    image.save(file, **{"format": "PNG", **options})
    file.seek(0)
    return file


unsharpened = FashionMNISTLoader(trim=0, sharpen=False)


@pytest.mark.parametrize("color", [(255, 255, 255), (230, 225, 210), (180, 180, 180)])
def test_a_photograph_comes_back_as_the_image_that_it_was_made_of(garments, color):
    photographs = [photograph(garment, color) for garment in garments]
    assert_allclose(unsharpened.transform(photographs).astype(int), garments, atol=3)
    of_colour = FashionMNISTLoader((28, 28, 3), trim=0, sharpen=False).transform(photographs)
    assert_allclose(of_colour.astype(int), np.stack([garments] * 3, -1), atol=3)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_photographs_are_turned_upright(garments, orientation, form):
    picture = photograph(garments[5])
    if STORED[orientation] is not None:
        picture = picture.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = saved(picture, format=form, exif=exif, **({"quality": 95} if form == "JPEG" else {}))
    loaded = FashionMNISTLoader(sharpen=False).transform([file])[0]
    assert np.abs(loaded.astype(int) - garments[5]).mean() < 5
    turned = FashionMNISTLoader(sharpen=False).transform([picture])[0]
    assert orientation == 1 or np.abs(loaded.astype(int) - turned).mean() > 1


@pytest.mark.slow
def test_all_ways_to_give_a_photograph_are_alike(garments, tmp_path):
    picture = photograph(garments[3])
    path = tmp_path / "ünï code.png"
    picture.save(path)
    pixels = np.asarray(picture)
    before = pixels.copy()
    with open(path, "rb") as file, Image.open(path) as unread:
        X = [
            str(path),
            path,
            file,
            io.BytesIO(path.read_bytes()),
            picture,
            unread,
            pixels,
            np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]),
            pixels[:, :, 0],
            pixels[:, :, :1],
            np.dstack([pixels[:, :, 0], np.full(pixels.shape[:2], 255, np.uint8)]),
            pixels / 255,
            (pixels / 255).astype(np.float32),
            np.asfortranarray(pixels),
        ]
        loader = FashionMNISTLoader()
        for _ in range(2):  # a file is where it was, to be read again
            images = loader.transform(X)
            assert_array_equal(images, np.broadcast_to(images[0], images.shape))
            assert not file.closed
            assert file.tell() == 0
    assert images.dtype == np.uint8
    assert images.shape == (len(X), 28, 28)
    assert_array_equal(pixels, before)
    objects = np.empty(2, dtype=object)
    objects[:] = [str(path), picture]
    batch = np.stack([pixels, pixels])
    paths = pd.Series([str(path)] * 2, index=[7, 3])
    for same in (
        objects,
        objects.reshape(-1, 1),
        paths,
        paths.to_frame(),
        paths.to_numpy(),
        np.array([[str(path)]] * 2),
        (path, path),
        batch,
        batch[..., 0],
        batch[..., :1],
    ):
        assert_array_equal(loader.transform(same), images[:2])


def test_a_column_of_paths_in_a_pipeline(garments, tmp_path):
    paths = []
    for i, garment in enumerate(garments[:4]):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(garment).save(paths[-1])
    table = pd.DataFrame({"path": paths})
    for memory in (None, str(tmp_path / "cache")):
        steps = make_knn_pipeline(from_files=True, memory=memory)[:-1]
        expected = steps.fit_transform(paths)
        assert_array_equal(steps.fit_transform(table), expected)
        assert_array_equal(steps.transform(table.to_numpy()), expected)


def test_a_file_is_read_from_where_it_stands(garments):
    first, second = (saved(photograph(garments[i])).read() for i in (0, 1))
    file = io.BytesIO(b"header" + first)
    file.seek(6)
    expected = FashionMNISTLoader().transform([io.BytesIO(first), io.BytesIO(second)])
    assert_array_equal(FashionMNISTLoader().transform([file, io.BytesIO(second)]), expected)
    assert file.tell() == 6


def test_what_is_transparent_is_background(garments):
    garment = garments[0]
    alpha = np.where(garment > 0, 255, 0).astype(np.uint8)
    for hidden in (0, 90, 255):  # what a transparent pixel holds must not show
        on_white = np.where(garment > 0, 255 - garment, hidden).astype(np.uint8)
        cut_out = np.dstack([on_white] * 3 + [alpha])
        assert_allclose(unsharpened.transform([cut_out])[0].astype(int), garment, atol=2)
        palette = Image.fromarray(cut_out).quantize(256)
        assert_allclose(unsharpened.transform([saved(palette)])[0].astype(int), garment, atol=12)
        on_black = np.dstack([np.where(garment > 0, garment, hidden).astype(np.uint8), alpha])
        dark = clone(unsharpened).set_params(background="dark")
        assert_allclose(dark.transform([on_black])[0].astype(int), garment, atol=2)


def test_light_and_dark_backgrounds(garments):
    garment = garments[0]
    assert_allclose(
        unsharpened.transform([255 - garment, garment]).astype(int), [garment] * 2, atol=2
    )
    grays = np.array([40, 20, 30]) + np.multiply.outer(garment, [0.8, 0.9, 0.8])
    dark = unsharpened.transform([grays.astype(np.uint8)])[0]
    assert np.abs(dark.astype(int) - garment).mean() < 0.15 * garment.mean()
    assert not dark[garment == 0].any()
    # A light object on gray stands out as a dark one does.
    gray = np.full((30, 30), 150, np.uint8)
    gray[5:25, 5:25] = 220
    for background in ("auto", "light", "dark"):
        assert FashionMNISTLoader(background=background).transform([gray])[0, 5:-5, 5:-5].all()


COLOURS = ("RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
GRAYS = ("L", "LA", "La", "P", "PA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def in_mode(picture, mode):
    """A photograph in RGB, and the same in another mode, with what is between them at most."""
    gray = picture.convert("L")
    if mode == "1":
        return gray.convert("1").convert("RGB"), gray.convert("1"), 0
    if mode == "LAB":
        lab, srgb = (ImageCms.createProfile(space) for space in ("LAB", "sRGB"))
        return picture, ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB"), 6
    if mode in COLOURS:
        steps = {"RGBa": ["RGBA", "RGBa"]}.get(mode, [mode])
        image = picture
        for step in steps:
            image = image.convert(step)
        return picture, image, 6 if mode in ("YCbCr", "HSV") else 0
    if mode == "F":
        return gray.convert("RGB"), Image.fromarray(np.asarray(gray) / np.float32(255)), 0
    if mode in ("P", "PA"):
        indices = gray.convert("P")
        return gray.convert("RGB"), indices if mode == "P" else indices.convert("PA"), 0
    steps = {"La": ["LA", "La"]}.get(mode, [mode])
    image = gray
    for step in steps:
        image = image.convert(step)
    return gray.convert("RGB"), image, 0


@pytest.mark.parametrize("mode", ["1", *COLOURS, *GRAYS])
def test_a_photograph_is_the_same_in_every_mode(garments, mode):
    picture = photograph(garments[4], (230, 225, 210)).resize((300, 400))
    picture, image, apart = in_mode(picture, mode)
    assert image.mode == mode
    before = image.tobytes()
    loader = FashionMNISTLoader((28, 28, 3), sharpen=False)
    expected = loader.transform([picture]).astype(int)
    assert expected.max() > 150
    assert_allclose(loader.transform([image]), expected, atol=apart + 1)
    assert image.tobytes() == before
    assert image.mode == mode


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_modes_in_files(garments, mode):
    picture, image, _ = in_mode(photograph(garments[4]).resize((300, 400)), mode)
    expected = unsharpened.transform([picture]).astype(int)
    assert_allclose(
        unsharpened.transform([saved(image, format="TIFF")]).astype(int), expected, atol=1
    )


@pytest.mark.parametrize(
    ("form", "dtype"),
    [
        ("PNG", np.uint16),
        ("TIFF", np.uint16),
        ("TIFF", np.int32),
        (None, np.uint16),
        (None, np.int32),
    ],
)
def test_pixels_of_more_than_8_bits_are_scaled_by_their_range_or_refused(garments, form, dtype):
    levels = np.asarray(photograph(garments[4]).convert("L").resize((300, 400)), dtype)
    expected = unsharpened.transform([levels.astype(np.uint8)]).astype(int)

    def given(levels):
        image = Image.fromarray(levels)
        return image if form is None else saved(image, format=form)

    assert_allclose(unsharpened.transform([given(levels)]).astype(int), expected, atol=1)
    assert_allclose(unsharpened.transform([given(levels * 257)]).astype(int), expected, atol=1)
    for bits in (10, 12, 14):
        fewer = (levels.astype(float) / 255 * (2**bits - 1)).astype(dtype)
        with pytest.raises(ValueError, match=rf"X\[1\].*none above {2**bits - 1}: .*10, 12 or 14"):
            unsharpened.transform([given(levels), given(fewer)])
        if form == "TIFF":
            told = saved(Image.fromarray(fewer), format="TIFF", tiffinfo={281: 2**bits - 1})
            assert_allclose(unsharpened.transform([told]).astype(int), expected, atol=1)


def tiff(values, bits, channels=1):
    """A TIFF of so many bits a channel, which Pillow reads but does not write."""
    height, width = values.shape[:2]
    if bits == 12:
        low, high = values.reshape(-1, 2).astype(int).T
        data = np.stack([low >> 4, (low & 15) << 4 | high >> 8, high & 255], 1).astype(np.uint8)
    else:
        data = values.astype("<u2")
    content = data.tobytes()
    entries = [(256, 4, 1, width), (257, 4, 1, height)]
    # Three numbers do not fit in an entry: they stand behind the entries.
    end = 8 + 2 + 12 * 9 + 4
    entries.append((258, 3, channels, bits if channels == 1 else end))
    entries += [(259, 3, 1, 1), (262, 3, 1, 1 if channels == 1 else 2), (273, 4, 1, end + 6)]
    entries += [(277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(content))]
    header = b"II*\0" + struct.pack("<IH", 8, len(entries))
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return io.BytesIO(header + directory + struct.pack("<HHH", bits, bits, bits) + content)


def test_12_bits_of_which_a_file_tells(garments):
    levels = np.asarray(photograph(garments[4]).convert("L").resize((300, 400)))
    expected = unsharpened.transform([levels]).astype(int)
    file = tiff(np.rint(levels / 255 * 4095), 12)
    assert_allclose(unsharpened.transform([file]).astype(int), expected, atol=1)


def test_colours_of_16_bits_of_which_few_are_used_are_refused(garments):
    levels = np.asarray(photograph(garments[4], (230, 225, 210)).resize((300, 400)))
    expected = unsharpened.transform([levels]).astype(int)
    deep = tiff(levels.astype(int) * 257, 16, channels=3)
    assert_allclose(unsharpened.transform([deep]).astype(int), expected, atol=1)
    for factor in (1, 16):
        with pytest.raises(ValueError, match=r"X\[0\].*none above .*10, 12 or 14 bits"):
            unsharpened.transform([tiff(levels.astype(int) * factor, 16, channels=3)])


def test_files_of_16_bits_keep_their_tones():
    ramp = np.full((28, 28), 65535, np.uint16)
    ramp[4:-4, 4:-4] = np.linspace(0, 60000, 20).astype(np.uint16)
    loader = FashionMNISTLoader((20, 20), sharpen=False)
    expected = 255 - np.rint(np.linspace(0, 60000, 20) / 257)
    for file in (saved(Image.fromarray(ramp)), saved(Image.fromarray(ramp), format="TIFF")):
        assert_allclose(loader.transform([file])[0, 7].astype(int), expected, atol=1)


def test_the_first_frame_of_an_animation():
    frames = [Image.new("L", (40, 40), 255) for _ in range(2)]
    frames[0].paste(0, (10, 10, 30, 20))
    frames[1].paste(0, (10, 10, 20, 30))
    file = saved(frames[0], format="GIF", save_all=True, append_images=frames[1:])
    assert_array_equal(
        FashionMNISTLoader().transform([file]), FashionMNISTLoader().transform(frames[:1])
    )


@pytest.mark.filterwarnings("ignore:.*images are black:UserWarning")  # of noise
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (5000, 3), (2, 2), (27, 29), (1000, 1)])
@pytest.mark.parametrize("image_shape", [(28, 28), (28, 28, 1), (5, 40, 3), (1, 1)])
def test_odd_sizes(size, image_shape):
    blank = np.full(size, 200, np.uint8)
    assert not FashionMNISTLoader(image_shape).transform([blank, blank * 0, blank | 255]).any()
    assert (
        not FashionMNISTLoader(image_shape, trim=None)
        .transform([blank, blank * 0, blank | 255])
        .any()
    )
    drawn = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    assert FashionMNISTLoader(image_shape).transform([drawn]).shape == (1, *image_shape)


def test_the_object_just_fits_in_the_middle_and_nothing_is_stretched():
    picture = np.full((300, 400), 255, np.uint8)
    picture[20:220, 300:350] = 0  # 200 x 50
    image = FashionMNISTLoader((40, 40), sharpen=False).transform([picture])[0]
    expected = np.zeros((40, 40))
    expected[:, 15:25] = 255
    assert_array_equal(image, expected)
    wide = FashionMNISTLoader((40, 20), sharpen=False).transform([picture.T])[0]
    assert wide[18:23].all()
    assert wide.sum() == 5 * 20 * 255
    whole = FashionMNISTLoader((30, 40), trim=None, sharpen=False).transform([picture])[0]
    assert whole[2:22, 30:35].all()
    assert whole.sum() == 20 * 5 * 255


def test_trim_is_a_tolerance_from_the_background_in_any_channel():
    picture = np.full((100, 100, 3), 240, np.uint8)
    picture[40:60, 40:60] = 0
    picture[10, 10, 2] = 220  # a speck, by 20 of 255 in one channel
    for trim, tight in [(0, False), (0.07, False), (0.09, True)]:
        image = FashionMNISTLoader((20, 20), trim=trim, sharpen=False).transform([picture])[0]
        assert image.all() == tight


def test_sharpening_is_the_gaussian_of_the_paper():
    picture = np.full((28, 28), 255, np.uint8)
    picture[4:24, 4:24] = 155
    picture[13, 13] = 125
    plain = FashionMNISTLoader(trim=None, sharpen=False).transform([picture])[0].astype(float)
    sharp = FashionMNISTLoader(trim=None).transform([picture])[0].astype(float)
    gauss = np.exp(-np.array([[2, 1, 2], [1, 0, 1], [2, 1, 2]]) / 2)
    around = sum(
        gauss[i, j] * np.pad(plain, 1, mode="edge")[i : i + 28, j : j + 28]
        for i in range(3)
        for j in range(3)
    )
    # Twice the sum of the weights in the middle, less the others.
    expected = (2 * gauss.sum() * plain - (around - plain)) / (2 * gauss.sum() - (gauss.sum() - 1))
    assert_allclose(sharp, expected.clip(0, 255), atol=1)
    assert sharp[13, 13] > plain[13, 13]


modes = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*images are black:UserWarning")  # of noise
@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 70), st.integers(1, 70), modes, st.integers(0, 99)),
        min_size=1,
        max_size=4,
    ),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from(["auto", "light", "dark"]),
    st.sampled_from([None, 0, 0.05, 0.5]),
    st.booleans(),
)
def test_any_image(drawn, size, channels, background, trim, sharpen):
    pictures = []
    for width, height, mode, seed in drawn:
        values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(values)
        pictures.append(
            Image.fromarray(values[:, :, 0].astype(np.uint16) * 257)
            if mode == "I;16"
            else image.convert(mode)
        )
    before = [picture.tobytes() for picture in pictures]
    loader = FashionMNISTLoader(
        (*size, *channels), background=background, trim=trim, sharpen=sharpen
    )
    images = loader.transform(pictures)
    assert images.dtype == np.uint8
    assert images.shape == (len(pictures), *size, *channels)
    assert [picture.tobytes() for picture in pictures] == before
    for picture, image in zip(pictures, images, strict=True):  # whatever it is loaded with
        assert_array_equal(loader.transform([picture])[0], image)


def bomb(width, height):
    """A PNG of a few bytes whose header tells of an image that large."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.fixture
def files(tmp_path, garments):
    """Paths of files that are no whole images, by what is wrong with them."""
    jpeg, png = (saved(photograph(garments[0]), format=form).read() for form in ("JPEG", "PNG"))
    contents = {
        "text": b"no image at all",
        "nothing": b"",
        "cut.jpeg": jpeg[: len(jpeg) // 2],
        "cut.png": png[: len(png) // 2],
        "header.png": png[:30],
        "bomb.png": bomb(30_000, 30_000),
        "half a bomb.png": bomb(10_000, 10_000),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("as_a", [str, Path])
@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("missing.png", FileNotFoundError, "No such file or directory"),
        ("folder", IsADirectoryError, "got a folder: pass the paths in it"),
        ("text", ValueError, "one of the formats .*BMP, GIF.*cannot identify"),
        ("nothing", ValueError, "one of the formats .*BMP, GIF.*cannot identify"),
        ("cut.jpeg", ValueError, "truncated"),
        ("cut.png", ValueError, "truncated"),
        ("header.png", ValueError, "damaged file"),
        ("bomb.png", ValueError, "bomb.*900000000 pixels.*MAX_IMAGE_PIXELS"),
        ("half a bomb.png", ValueError, "bomb.*100000000 pixels.*MAX_IMAGE_PIXELS"),
    ],
)
def test_a_file_that_is_no_image(files, garments, name, kind, message, as_a):
    good = files / "good.png"
    Image.fromarray(garments[0]).save(good)
    path = files / name
    with pytest.raises(kind, match=rf"X\[2\] \('{re.escape(str(path))}'\)(?s:.)*{message}"):
        FashionMNISTLoader().transform([good, good, as_a(path)])
    if kind is ValueError:
        with (
            open(path, "rb") as file,
            pytest.raises(ValueError, match=rf"X\[0\] .*{re.escape(name)}"),
        ):
            FashionMNISTLoader().transform([file])
    assert Image.MAX_IMAGE_PIXELS == 89_478_485  # which is left alone


def test_the_limit_of_pixels_is_checked_before_decoding(files, garments):
    path = files / "good.png"
    photograph(garments[0]).save(path)
    message = r"X\[0\].* has 600 x 800 pixels, more than the 479,999 of max_pixels"
    for item in (path, Image.open(path)):
        with pytest.raises(ValueError, match=message):
            FashionMNISTLoader(max_pixels=479_999).transform([item])
    assert FashionMNISTLoader(max_pixels=480_000).transform([path]).any()
    item.close()
    with warnings.catch_warnings():
        # As it is unless warnings are errors: Pillow only warns up to twice its limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(
            ValueError, match=r"X\[0\].*10000 x 10000 pixels, more than the 67,108,864"
        ):
            FashionMNISTLoader().transform([files / "half a bomb.png"])


def test_damaged_files_are_named_whatever_pillow_makes_of_them(garments):
    picture = photograph(garments[0]).resize((60, 80))
    rng = np.random.default_rng(0)
    refused = 0
    for form in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA"):
        content = np.frombuffer(saved(picture, format=form).read(), np.uint8)
        for _ in range(40):
            damaged = content[: rng.integers(1, len(content))].copy()
            where = rng.integers(0, min(len(damaged), 200), 4)
            damaged[where] = rng.integers(0, 256, 4)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # Pillow's own, of odd metadata
                    FashionMNISTLoader().transform([io.BytesIO(damaged.tobytes())])
            except ValueError as error:
                assert str(error).startswith("X[0]")  # noqa: PT017  some are read all the same
                refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.zeros((5, 5), np.int64), r"bytes from 0 to 255 \(uint8\).*got int64.*astype"),
        (np.zeros((5, 5), np.uint16), "got uint16"),
        (np.zeros((5, 5), complex), "got complex128"),
        (np.full((5, 5), 255.0), "from 0 to 1 in an array of float64, got 255 to 255"),
        (np.full((5, 5), -0.1), "got -0.1 to -0.1"),
        (np.full((5, 5), np.nan), "got NaN or infinite ones"),
        (np.zeros(5), r"shape \(height, width\) or .*got one of shape \(5,\)"),
        (np.zeros((5, 5, 5)), r"got one of shape \(5, 5, 5\)"),
        (np.zeros((0, 5)), r"at least one pixel, got an image of shape \(0, 5\)"),
        (Image.new("L", (0, 5)), "at least one pixel"),
        (Image.new("I", (5, 5), 70_000), "from 0 to 1"),
        (io.StringIO("text"), "Open it with 'rb'"),
        (io.BytesIO(), r"nothing is left to read.*file\.seek\(0\)"),
        ("a\0b", "null"),
        (
            b"bytes",
            r"expected a path, a binary file.*got bytes\. Wrap .* in io\.BytesIO",
        ),
        (["a.png"], "got list. Pass one list of images"),
        ("https://example.com/a.jpg", "got a URL: download it first"),
        ("", "got an empty string"),
        (7, "got int"),
        (None, "got NoneType"),
    ],
)
def test_items_that_are_no_photographs(item, message):
    good = np.zeros((5, 5), np.uint8)
    X = [good, item]
    with pytest.raises(ValueError, match=rf"X\[1\].*{message}"):
        FashionMNISTLoader().transform(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("one.png", "got one .str.: wrap it in a list"),
        (Path("one.png"), "wrap it in a list"),
        (io.BytesIO(), "wrap it in a list"),
        (Image.new("L", (5, 5)), "wrap it in a list"),
        (np.zeros((5, 5)), r"array of shape \(5, 5\).*wrap it in a list"),
        (np.zeros((5, 5, 3)), r"array of shape \(5, 5, 3\).*wrap it in a list.*list\(X\)"),
        (pd.DataFrame({"path": ["a.png"], "price": [1]}), "one column of paths"),
        (np.zeros((2, 5, 5, 3, 1)), r"got ndarray of shape \(2, 5, 5, 3, 1\)"),
        ({"a.png"}, "got set"),
        (None, "got NoneType"),
        ([], "at least one image"),
    ],
)
def test_what_is_no_list(X, message):
    with pytest.raises(ValueError, match=message):
        FashionMNISTLoader().transform(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"image_shape": (28,)},
        {"image_shape": 0},
        {"image_shape": -28},
        {"image_shape": 28.0},
        {"image_shape": True},
        {"image_shape": (28, True)},
        {"image_shape": (28, 0)},
        {"image_shape": (28, 28, 2)},
        {"image_shape": (28, 28.5)},
        {"background": "white"},
        {"trim": 1},
        {"trim": -0.1},
        {"max_pixels": 0},
    ],
)
def test_bad_parameters(parameters):
    loader = FashionMNISTLoader(**parameters)
    for method in (loader.fit, loader.transform):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            method([np.zeros((5, 5))])


def test_one_number_is_height_and_width(garments):
    side = np.int64(20)
    for shape in (20, side):
        loader = FashionMNISTLoader(shape)
        assert loader.fit(None) is loader
        assert loader.image_shape is shape
        expected = FashionMNISTLoader((20, 20)).transform(list(garments))
        assert_array_equal(loader.transform(list(garments)), expected)
    rows = expected.reshape(len(expected), -1)
    assert_array_equal(ImageReshaper(20).fit_transform(rows), expected[..., np.newaxis])
    assert RandomErasing(image_shape=20).fit(rows).image_shape_ == (20, 20, 1)
    with pytest.raises(ValueError, match=r"image_shape=28 holds 784 values.*400 features"):
        ImageReshaper(28).fit(rows)


def test_copies_and_pickles_load_alike(garments):
    loader = FashionMNISTLoader((20, 24, 3), trim=None)
    expected = loader.transform(list(garments))
    for copied in (clone(loader), pickle.loads(pickle.dumps(loader)), loader.fit(None)):
        assert_array_equal(copied.transform(list(garments)), expected)
    scaled = make_pipeline(loader, PixelScaler()).fit_transform(list(garments))
    assert_array_equal(scaled, expected / np.float32(255))


def test_without_pillow_the_error_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "skfashion\[images\]"'):
        FashionMNISTLoader().transform([np.zeros((5, 5))])


@pytest.mark.slow
@pytest.mark.real_data
def test_photographs_of_real_clothes_are_classified_as_the_images_are(real_fashion_mnist, tmp_path):
    X, y = real_fashion_mnist.data, real_fashion_mnist.target
    pipeline = make_knn_pipeline(n_neighbors=5).fit(X[:6000], y[:6000])
    some = X[60_000:60_100].reshape(-1, 28, 28)
    paths = []
    for i, garment in enumerate(some):
        paths.append(tmp_path / f"{i}.jpg")
        photograph(garment, (240, 235, 225), (700, 600)).save(paths[-1], quality=90)
    loaded = FashionMNISTLoader(sharpen=False).transform(paths)
    assert np.abs(loaded.astype(int) - some).mean() < 5
    same = pipeline.predict(loaded) == pipeline.predict(some)
    assert same.mean() > 0.95


def test_a_closed_file_and_what_is_no_list_say_what_to_do(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (3, 3)).save(path)
    with open(path, "rb") as file:
        pass
    with pytest.raises(ValueError, match=r"X\[0\] .*a\.png.*: expected an open file, got a closed"):
        FashionMNISTLoader().transform([file])
    with pytest.raises(ValueError, match=r"got generator\. Pass list\(X\)"):
        FashionMNISTLoader().transform(path for _ in range(2))
    with pytest.raises(ValueError, match="got int"):
        FashionMNISTLoader().transform(3)


def test_a_whole_file_of_a_kind_that_pillow_does_not_read_is_not_called_damaged_only():
    # Width, height, bits (64), no compression, gray, one strip, floating-point numbers.
    values = {256: 2, 257: 2, 258: 64, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 32, 339: 3}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in values.items())
    tiff = b"II*\0" + struct.pack("<I32xH", 40, len(values)) + entries + bytes(4)
    with pytest.raises(ValueError, match=r"cannot identify it. .* or have .* 64-bit ones\. The"):
        FashionMNISTLoader().transform([io.BytesIO(tiff)])
