"""Photographs before backgrounds that FashionMNISTLoader has to find."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from skfashion.datasets import make_fashion_images
from skfashion.preprocessing import FashionMNISTLoader

loader = FashionMNISTLoader(sharpen=False)


@pytest.fixture(scope="module")
def garments():
    """Five generated garments, trimmed and in the middle, none of them faint."""
    images = make_fashion_images(10, random_state=0, return_X_y=True)[0].reshape(-1, 28, 28)
    clean = np.where(images > 60, images, 0).astype(np.uint8)
    return loader.transform(clean[[1, 3, 4, 6, 7]])


def photograph(garment, ground=(255, 255, 255), cloth=(0, 0, 0), size=(600, 800)):
    """A garment between two colours, as numbers that need not be whole."""
    large = Image.fromarray(garment).resize((560, 560), Image.Resampling.NEAREST)
    share = np.zeros((size[1], size[0], 1))
    top, left = (size[1] - 560) // 2, (size[0] - 560) // 2
    share[top : top + 560, left : left + 560, 0] = np.asarray(large) / 255
    return ground + share * np.subtract(cloth, ground)


def bytes_of(pixels):
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def in_a_frame(pixels, thickness, level=20):
    framed = np.full_like(pixels, level)
    inner = slice(thickness, -thickness)
    framed[inner, inner] = pixels[inner, inner]
    return framed


def with_specks(pixels):
    pixels = pixels.copy()
    pixels[0, 0] = pixels[3, 580] = pixels[790, 2] = 0
    return pixels


def in_falling_light(pixels, part=0.15):
    return pixels * (1 - part * np.linspace(0, 1, pixels.shape[1])[:, np.newaxis])


def in_a_vignette(pixels, part=0.3):
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in pixels.shape[:2]), indexing="ij")
    return pixels * (1 - part * (x**2 + y**2) / 2)[:, :, np.newaxis]


def noisy(pixels, deviation=5):
    return pixels + np.random.default_rng(0).normal(0, deviation, pixels.shape)


def brightness(ground, cloth):
    """What the brightest pixel of a garment becomes, by the definition in the notes."""
    apart = np.abs(np.subtract(cloth, ground)) / np.maximum(ground, np.subtract(255, ground))
    return apart @ [0.299, 0.587, 0.114]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ground", "cloth"),
    [
        ((127, 127, 127), (40, 40, 40)),
        ((128, 128, 128), (40, 40, 40)),
        ((180, 180, 180), (255, 255, 255)),
        ((100, 100, 100), (255, 255, 255)),
        ((20, 30, 90), (5, 5, 10)),
        ((20, 30, 90), (160, 20, 20)),
        ((0, 0, 0), (255, 255, 255)),
        ((240, 240, 240), (255, 200, 0)),
    ],
)
def test_an_object_is_light_on_either_side_of_its_background(garments, ground, cloth):
    expected = garments * brightness(ground, cloth)
    for background in ("auto", "light", "dark"):
        images = FashionMNISTLoader(sharpen=False, background=background, trim=0.01).transform(
            [bytes_of(photograph(garment, ground, cloth)) for garment in garments]
        )
        assert_allclose(images, expected, atol=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        with_specks,
        in_falling_light,
        in_a_vignette,
        noisy,
        lambda pixels: in_a_frame(pixels, 1),
        lambda pixels: in_a_frame(pixels, 4),
        lambda pixels: in_a_frame(pixels, 10),
        lambda pixels: with_specks(noisy(in_falling_light(pixels), 2)),
        lambda pixels: in_a_frame(in_falling_light(pixels), 3),
    ],
)
@pytest.mark.parametrize(
    ("ground", "cloth"), [((245, 245, 245), (0, 0, 0)), ((120, 120, 120), (240, 240, 240))]
)
def test_borders_with_specks_frames_noise_and_uneven_light(garments, change, ground, cloth):
    plain = [photograph(garment, ground, cloth) for garment in garments]
    expected = loader.transform([bytes_of(pixels) for pixels in plain]).astype(int)
    images = loader.transform([bytes_of(change(pixels)) for pixels in plain])
    # An edge that moves by a part of a pixel changes all contours.
    apart = np.abs(images - expected)
    assert np.median(apart) <= 3
    assert apart.mean() < 12
    assert expected.mean() > 50


def test_one_black_pixel_in_the_corner_changes_nothing(garments):
    pixels = bytes_of(photograph(garments[0], size=(800, 900)))
    expected = loader.transform([pixels])
    pixels[0, 0] = 0
    assert_array_equal(loader.transform([pixels]), expected)


def test_an_object_that_touches_the_border_is_whole(garments):
    for ground in (255, 130):
        expected = np.zeros((28, 28))
        expected[:, 7:21] = 255
        pixels = np.full((400, 400), ground, np.uint8)
        pixels[:, 100:300] = 0  # from the top to the bottom
        assert_array_equal(loader.transform([pixels])[0], expected)
        noise = np.random.default_rng(0).normal(0, 3, pixels.shape)
        noisy_image = loader.transform([bytes_of(pixels + noise)])[0]
        assert_allclose(noisy_image, expected, atol=15)


def test_a_light_margin_is_no_frame_of_the_object_that_fills_it():
    pixels = np.full((400, 300), 250, np.uint8)
    pixels[5:-5, 5:-5] = 60
    image = loader.transform([pixels])[0]
    assert (image > 180).sum() == 28 * 21


@pytest.mark.parametrize("level", [0, 90, 255])
def test_cut_outs_of_any_colour_show(garments, level):
    for garment in garments:
        alpha = np.where(garment > 0, 255, 0).astype(np.uint8)
        cut_out = np.dstack([np.full_like(garment, level)] * 3 + [alpha])
        image = loader.transform([cut_out])[0]
        assert_array_equal(image > 0, garment > 0)
        assert image.max() >= 165


def test_transparent_corners_of_a_photograph_are_background(garments):
    for ground, cloth in ((255, 0), (0, 255)):
        pixels = bytes_of(photograph(garments[0], (ground,) * 3, (cloth,) * 3))
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:20, :20] = alpha[-20:, -20:] = 0
        rounded = np.dstack([pixels, alpha])
        assert_array_equal(loader.transform([rounded]), loader.transform([pixels]))


@settings(max_examples=15)
@given(
    st.integers(0, 9), st.integers(0, 255), st.lists(st.integers(0, 255), min_size=3, max_size=3)
)
def test_a_negative_is_the_same_image(seed, shade, ground):
    """Distances and the largest ones that there can be do not change with the sign."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((90, 70, 3), np.uint8)
    pixels[:] = ground
    top, left = rng.integers(5, 30, 2)
    pixels[top : top + 40, left : left + 30] = rng.integers(0, 256, 3)
    pixels[top + 10 : top + 20, left : left + 10] = shade
    plain, negative = (FashionMNISTLoader(trim=0).transform([p]) for p in (pixels, 255 - pixels))
    assert_allclose(negative.astype(int), plain.astype(int), atol=2)


def test_a_blank_image_is_warned_of(tmp_path):
    faint = np.full((100, 100), 200, np.uint8)
    faint[30:70, 30:70] = 204
    path = tmp_path / "faint.png"
    Image.fromarray(faint).save(path)
    clear = np.where(faint == 204, 0, faint).astype(np.uint8)
    plain = np.full((100, 100), 200, np.uint8)
    loader = FashionMNISTLoader(trim=0)
    names = rf"X\[1\], X\[2\], X\[3\] \('{re.escape(str(path))}'\)"
    with pytest.warns(UserWarning, match=rf"^3 of 4 images are black.*: {names}\.") as found:
        images = loader.transform([clear, faint, plain, path])
    assert images[0].max() > 200
    assert found[0].filename == __file__
    with pytest.warns(UserWarning, match=r"^1 of 2 images are black.*: X\[1\]\."):
        FashionMNISTLoader().transform([clear, faint])  # a difference within trim
    loader.transform([clear])  # of which there is nothing to tell


def test_a_cut_out_of_the_colour_of_its_canvas_is_warned_of():
    alpha = np.zeros((50, 50), np.uint8)
    alpha[10:40, 10:40] = 255
    for background, level in (("light", 255), ("dark", 0)):
        cut_out = np.dstack([np.full((50, 50), level, np.uint8), alpha])
        with pytest.warns(UserWarning, match=r"1 of 1 images are black.*: X\[0\]"):
            assert not FashionMNISTLoader(background=background).transform([cut_out]).any()


def test_images_of_fashion_mnist_stay_as_they_are():
    images = make_fashion_images(20, random_state=1, return_X_y=True)[0].reshape(-1, 28, 28)
    clean = np.zeros((20, 28, 28), np.uint8)
    clean[:, 1:-1, 1:-1] = np.where(images > 60, images, 0)[:, 1:-1, 1:-1]
    as_they_are = FashionMNISTLoader(sharpen=False, trim=None, background="dark").transform(clean)
    assert_array_equal(as_they_are, clean)


@pytest.mark.parametrize("deviation", [15, 20, 25])
@pytest.mark.parametrize(("ground", "cloth"), [(200, 60), (60, 180)])
def test_a_small_photograph_may_be_noisy(deviation, ground, cloth):
    clean = np.full((300, 240), ground, float)
    clean[75:225, 60:180] = cloth
    expected = loader.transform([bytes_of(clean)])[0] > 60
    rng = np.random.default_rng(0)
    noisy = [bytes_of(clean + rng.normal(0, deviation, clean.shape)) for _ in range(5)]
    for image in loader.transform(noisy):
        assert_array_equal(image > 60, expected)


def test_a_single_pixel_in_the_corner_of_a_small_photograph_is_a_part_of_the_object():
    """A limit that the guide tells of: of a row of 200 pixels or fewer, one is 1/200."""
    for side, is_speck in ((100, False), (199, False), (200, True), (300, True)):
        plain = np.full((side, side), 255, np.uint8)
        plain[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 60
        spotted = plain.copy()
        spotted[0, 0] = 0
        images = loader.transform([plain, spotted])
        assert np.array_equal(*images) == is_speck, side


@pytest.mark.parametrize("deviation", [3, 4, 5])
def test_noise_that_averages_leave_little_of_is_no_part_of_the_object(deviation):
    clean = np.full((800, 600), 200.0)
    clean[200:600, 150:450] = 60
    expected = loader.transform([bytes_of(clean)])[0]
    noisy = [
        bytes_of(clean + np.random.default_rng(seed).normal(0, deviation, clean.shape))
        for seed in range(5)
    ]
    assert_allclose(loader.transform(noisy), np.tile(expected, (5, 1, 1)), atol=60)
