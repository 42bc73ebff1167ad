import io
import struct
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import EpsImagePlugin, Image

from skfashion.preprocessing import FashionMNISTLoader

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 64\n%%EndComments\nshowpage\n%%EOF\n"


def shirt():
    pixels = np.full((64, 48), 255, np.uint8)
    pixels[16:48, 8:40] = 20  # of whole blocks of JPEG, beyond which nothing spreads
    return Image.fromarray(pixels)


def written(image, format):
    file = io.BytesIO()
    image.save(file, format)
    return file.getvalue()


@pytest.fixture
def ghostscript(monkeypatch):
    """How often Pillow has called Ghostscript."""
    calls = []
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *args, **kwargs: calls.append(args) or shirt().im
    )
    return calls


@pytest.mark.parametrize("name", ["shirt.jpg", "shirt.eps"])
def test_no_name_of_a_file_starts_ghostscript(tmp_path, ghostscript, name):
    path = tmp_path / name
    path.write_bytes(EPS)
    for item in (path, io.BytesIO(EPS), Image.open(io.BytesIO(EPS))):
        with pytest.raises(ValueError, match=r"one of the formats (AVIF, )?BMP"):
            FashionMNISTLoader().transform([item])
    assert not ghostscript


@pytest.mark.parametrize("format", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "MPO"])
def test_a_photograph_comes_in_the_formats_of_cameras_and_shops(format):
    content = written(shirt(), format)
    images = FashionMNISTLoader().transform(
        [shirt(), io.BytesIO(content), Image.open(io.BytesIO(content))]
    )
    difference = np.abs(images[0].astype(int) - images[1])
    assert difference.max() <= 30  # of the lossy ones
    assert_array_equal(images[1], images[2])


def test_other_formats_have_to_be_asked_for():
    content = written(shirt(), "PPM")
    expected = FashionMNISTLoader().transform([shirt()])
    for item in (io.BytesIO(content), Image.open(io.BytesIO(content))):
        with pytest.raises(ValueError, match="parameter formats of the loader allows others"):
            FashionMNISTLoader().transform([item])
        loader = FashionMNISTLoader(formats=("PNG", "ppm"))
        assert_array_equal(loader.transform([item]), expected)
    with pytest.raises(ValueError, match=r"one of the formats PNG, PPM"):
        loader.transform([io.BytesIO(written(shirt(), "JPEG"))])


def test_an_image_that_was_read_before_has_no_format_to_be_refused_for():
    image = Image.open(io.BytesIO(written(shirt(), "PPM")))
    image.load()
    assert_array_equal(
        FashionMNISTLoader().transform([image]), FashionMNISTLoader().transform([shirt()])
    )


def test_a_misspelled_format_is_named():
    with pytest.raises(ValueError, match=r"names of formats that Pillow reads, .*JPEG.*got 'JPG'"):
        FashionMNISTLoader(formats=("JPG",)).transform([shirt()])


def progressive(side, n_scans):
    """A JPEG file whose last scan comes so many times more."""
    content = written(Image.new("L", (side, side)), "JPEG")
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = b"\xff\xda" + content.split(b"\xff\xda")[-1][:-2]
    return content[:-2] + last * n_scans + content[-2:]


@pytest.mark.filterwarnings("ignore:1 of 1 images are black:UserWarning")
def test_a_jpeg_file_of_many_scans_is_refused_before_it_is_decoded():
    content = progressive(500, 60)
    for item in (io.BytesIO(content), Image.open(io.BytesIO(content))):
        with pytest.raises(ValueError, match=r"500 x 500 pixels in 6\d scans.* max_pixels"):
            FashionMNISTLoader(max_pixels=300_000).transform([item])
        assert FashionMNISTLoader().transform([item]).shape == (1, 28, 28)


def test_a_tile_counts_as_much_as_the_image():
    sizes = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 277: 1, 322: 22_528, 323: 22_544, 324: 8}
    sizes[325] = 1
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, size) for tag, size in sizes.items())
    content = b"II*\0" + struct.pack("<IH", 8, len(sizes)) + entries + bytes(4)
    with pytest.raises(ValueError, match=r"tile of X\[0\] has 22528 x 22544 pixels.*max_pixels"):
        FashionMNISTLoader().transform([io.BytesIO(content)])


@pytest.mark.slow
@pytest.mark.parametrize("side", [4200, 8100])
def test_a_large_jpeg_file_is_read_as_a_smaller_one_is(side, monkeypatch):
    small = np.full((84, 84, 3), 230, np.uint8)
    small[20:60, 30:70] = (150, 30, 60)
    large = Image.fromarray(small).resize((side, side), Image.Resampling.NEAREST)
    content = written(large, "JPEG")
    sizes = []
    convert = Image.Image.convert
    monkeypatch.setattr(
        Image.Image,
        "convert",
        lambda self, *args, **kwargs: sizes.append(self.size) or convert(self, *args, **kwargs),
    )
    read = FashionMNISTLoader().transform([io.BytesIO(content)])
    assert max(map(max, sizes)) <= 2300
    assert np.abs(read.astype(int) - FashionMNISTLoader().transform([large])).max() <= 6
    assert max(map(max, sizes)) == side  # an image of the user's is not made smaller


@pytest.mark.slow
def test_a_file_takes_memory_in_proportion_to_max_pixels(run_python, tmp_path):
    pixels = Image.new("RGBA", (5000, 5000), (255, 255, 255, 255))
    pixels.putpixel((9, 9), (0, 0, 0, 0))
    for format in ("PNG", "WEBP", "TIFF"):
        (tmp_path / format).write_bytes(written(pixels, format))
    (tmp_path / "PNG16").write_bytes(
        written(Image.fromarray(np.full((5000, 5000), 60_000, np.uint16)), "PNG")
    )
    code = (
        "import sys, numpy as np\n"
        "from skfashion import FashionMNISTLoader\n"
        "def peak():\n"
        "    return next(int(l.split()[1]) for l in open('/proc/self/status') if 'VmHWM' in l)\n"
        "FashionMNISTLoader().transform([np.zeros((50, 50), np.uint8)])\n"
        "before = peak()\n"
        "FashionMNISTLoader().transform(sys.argv[1:])\n"
        "print((peak() - before) * 1024 / 25e6)\n"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("reads the peak of memory as Linux has it")
    a_pixel, _ = run_python(code, *tmp_path.iterdir())
    assert float(a_pixel) < 20.5  # bytes, and what is loaded for each format


@pytest.mark.slow
def test_threads_share_one_image_that_is_not_read_yet(tmp_path):
    path = tmp_path / "shared.png"
    shirt().resize((640, 480)).save(path)
    expected = FashionMNISTLoader().transform([path])
    for _ in range(5):
        with Image.open(path) as image:
            found = joblib.Parallel(4, backend="threading")(
                joblib.delayed(FashionMNISTLoader().transform)([image]) for _ in range(8)
            )
        for one in found:
            assert_array_equal(one, expected)


@pytest.mark.parametrize("format", ["AVIF", "WEBP", "TIFF", "GIF", "BMP"])
def test_damaged_files_raise_errors_of_one_kind_that_name_the_file(tmp_path, format):
    Image.init()
    if format not in Image.SAVE:
        pytest.skip(f"Pillow writes no {format} here")
    original = written(shirt(), format)
    path, draw, named = tmp_path / "damaged", np.random.RandomState(0), []
    for _ in range(150):
        content = bytearray(original)
        for place in draw.randint(len(content), size=3):
            content[place] = draw.randint(256)
        path.write_bytes(content[: draw.randint(len(content) // 2, len(content) + 1)])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                FashionMNISTLoader(max_pixels=10**6).transform([path])
        except (ValueError, OSError) as error:
            named.append("damaged" in str(error))
    assert named
    assert all(named)
