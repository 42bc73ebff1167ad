import io

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import EpsImagePlugin, Image

from skfashion import ImageLoader

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
            ImageLoader().transform([item])
    assert not ghostscript


@pytest.mark.parametrize("format", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "MPO"])
def test_a_photograph_comes_in_the_formats_of_cameras_and_shops(format):
    content = written(shirt(), format)
    images = ImageLoader().transform(
        [shirt(), io.BytesIO(content), Image.open(io.BytesIO(content))]
    )
    difference = np.abs(images[0].astype(int) - images[1])
    assert difference.max() <= 30  # of the lossy ones
    assert_array_equal(images[1], images[2])


def test_other_formats_have_to_be_asked_for():
    content = written(shirt(), "PPM")
    expected = ImageLoader().transform([shirt()])
    for item in (io.BytesIO(content), Image.open(io.BytesIO(content))):
        with pytest.raises(ValueError, match="parameter formats of ImageLoader allows others"):
            ImageLoader().transform([item])
        loader = ImageLoader(formats=("PNG", "ppm"))
        assert_array_equal(loader.transform([item]), expected)
    with pytest.raises(ValueError, match=r"one of the formats PNG, PPM"):
        loader.transform([io.BytesIO(written(shirt(), "JPEG"))])


def test_an_image_that_was_read_before_has_no_format_to_be_refused_for():
    image = Image.open(io.BytesIO(written(shirt(), "PPM")))
    image.load()
    assert_array_equal(ImageLoader().transform([image]), ImageLoader().transform([shirt()]))


def test_a_misspelled_format_is_named():
    with pytest.raises(ValueError, match=r"names of formats that Pillow reads, .*JPEG.*got 'JPG'"):
        ImageLoader(formats=("JPG",)).transform([shirt()])
