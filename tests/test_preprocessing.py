import errno
import os
import tempfile
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import MinMaxScaler

from skfashion import ImageReshaper, PixelScaler

images_of_bytes = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=6)
)


@given(images_of_bytes)
def test_scaling_bytes_is_division_by_255_and_back(pixels):
    before = pixels.copy()
    scaled = PixelScaler().transform(pixels)
    assert scaled.dtype == np.float32
    assert scaled.shape == pixels.shape
    assert_array_equal(scaled, (pixels / 255).astype(np.float32))
    back = PixelScaler().inverse_transform(scaled)
    assert_array_equal(np.rint(back).astype(np.uint8), pixels)
    assert_array_equal(pixels, before)


@pytest.mark.slow
@given(images_of_bytes, st.floats(-5, 5), st.floats(0.5, 10))
@pytest.mark.filterwarnings("ignore:pixel_range of PixelScaler:UserWarning")
def test_ranges_agree_with_min_max_scaler(pixels, low, width):
    rows = pixels.reshape(len(pixels), -1)
    feature_range = (low, low + width)
    reference = MinMaxScaler(feature_range).fit(np.tile([[0.0], [255.0]], rows.shape[1]))
    ours = PixelScaler(feature_range=feature_range, dtype=np.float64).fit_transform(rows)
    assert_allclose(ours, reference.transform(rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("given_as", ["uint8", "int64", "float32", "float64", "bool"])
@pytest.mark.parametrize("dtype", [None, np.float32, "float64"])
def test_output_type(given_as, dtype):
    pixels = np.ones((2, 3), dtype=given_as)
    kept = np.dtype(given_as) if given_as.startswith("float") else np.float32
    assert PixelScaler(dtype=dtype).transform(pixels).dtype == (dtype or kept)


def test_pixels_out_of_range_are_an_error_or_clipped():
    pixels = np.array([[0.0, 300.0]])
    with pytest.raises(ValueError, match=r"from 0 to 255 .*got pixels from 0 to 300.*clip=True"):
        PixelScaler().transform(pixels)
    with pytest.raises(ValueError, match="Negative values in data"):
        PixelScaler().fit(-pixels)
    assert_array_equal(PixelScaler(clip=True).transform([[-3, 0, 300]]), [[0, 0, 1]])
    assert_array_equal(
        PixelScaler(clip=True).transform([[-1e300, 51, 1e300]]), np.float32([[0, 0.2, 1]])
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pixel_range": (255, 0)}, r"pixel_range must be .* got \(255, 0\)"),
        ({"pixel_range": (0, np.nan)}, "pixel_range"),
        ({"feature_range": (0, 1, 2)}, "feature_range"),
        ({"feature_range": 1}, "'feature_range' parameter"),
        ({"pixel_range": (0, 1e39)}, r"pixel_range=\(0, 1e\+39\) does not fit float32"),
        ({"pixel_range": (0, 1e-40)}, r"pixel_range=\(0, 1e-40\) does not fit float32"),
        ({"pixel_range": (-3e38, 3e38)}, "pixel_range=.* does not fit float32, .* 3.4e[+]38"),
        ({"pixel_range": (-1e308, 1e308), "dtype": "f8"}, "pixel_range=.* does not fit float64"),
        ({"feature_range": (0, 1e39)}, r"feature_range=\(0, 1e\+39\) does not fit float32"),
        ({"pixel_range": (1e8, 1e8 + 1)}, "pixel_range=.* does not fit float32, .* 6 digits"),
        ({"feature_range": (1e8, 1e8 + 1)}, "feature_range=.* does not fit float32"),
        ({"pixel_range": (0, 65535), "dtype": "f2"}, "does not fit float16, .* 6.6e[+]04"),
        ({"dtype": np.int32}, "dtype must be a floating-point type or None"),
        ({"dtype": "nope"}, "dtype must be a floating-point type or None, got 'nope'"),
        ({"clip": 2}, "'clip' parameter"),
    ],
)
def test_bad_scaler_parameters_are_named_and_leave_no_trace(parameters, message):
    scaler = PixelScaler(**parameters)
    for method in (scaler.fit, scaler.transform):
        with pytest.raises((ValueError, TypeError), match=message):
            method([[1, 2]])
    assert not hasattr(scaler, "n_features_in_")


def test_a_failed_fit_leaves_the_fitted_scaler_as_it_was():
    scaler = PixelScaler().fit(pd.DataFrame({"a": [1], "b": [2]}))
    before = dict(vars(scaler))
    with pytest.raises(ValueError, match="Negative"):
        scaler.fit(pd.DataFrame({"c": [-1]}))
    assert vars(scaler) == before


def test_names_and_set_output():
    frame = pd.DataFrame({"pixel1": [0, 255], "pixel2": [51, 0]})
    scaler = PixelScaler().set_output(transform="pandas").fit(frame)
    assert list(scaler.get_feature_names_out()) == ["pixel1", "pixel2"]
    scaled = scaler.transform(frame)
    assert list(scaled.columns) == ["pixel1", "pixel2"]
    assert scaled.dtypes.eq(np.float32).all()


def test_images_do_not_become_data_frames():
    scaler = PixelScaler().set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"cannot become a pandas DataFrame.* shape \(2, 2, 1\)"):
        scaler.fit_transform(np.zeros((3, 2, 2)))


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Images in a file, and a folder for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    X = np.arange(3_000 * 4, dtype=np.uint8).reshape(3_000, 4)
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def temporary_files():
    return os.listdir(tempfile.tempdir)


def test_images_on_disk_are_scaled_to_disk(on_disk):
    scaled = PixelScaler().transform(on_disk)
    assert isinstance(scaled, np.memmap)
    assert_array_equal(scaled, PixelScaler().transform(np.array(on_disk)))
    assert len(temporary_files()) == 1
    part = scaled[10:20]
    del scaled
    assert len(temporary_files()) == 1
    assert_array_equal(part, np.array(on_disk[10:20]) / np.float32(255))
    del part
    assert temporary_files() == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs posix_fallocate")
def test_no_space_for_images_on_disk(on_disk, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"48,000 bytes,.*No space left on device.* Set TMPDIR"):
        PixelScaler().transform(on_disk)
    assert temporary_files() == []


def test_without_a_way_to_reserve_space_zeros_are_written(on_disk, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    assert_array_equal(PixelScaler().transform(on_disk), PixelScaler().transform(np.array(on_disk)))


def test_a_forked_process_leaves_the_temporary_file(on_disk):
    scaled = PixelScaler().transform(on_disk)
    with mock.patch("skfashion._files.os.getpid", return_value=-1):
        del scaled
    assert len(temporary_files()) == 1


@given(images_of_bytes)
def test_reshaping_there_and_back(pixels):
    reshaper = ImageReshaper().fit(pixels)
    images = reshaper.transform(pixels)
    assert images.dtype == pixels.dtype
    assert images.shape == (len(pixels), *reshaper.image_shape_)
    assert_array_equal(reshaper.inverse_transform(images), pixels.reshape(len(pixels), -1))
    assert_array_equal(
        reshaper.inverse_transform(images.reshape(len(pixels), -1)).ravel(), pixels.ravel()
    )
    if pixels.ndim > 2:
        assert reshaper.image_shape_[:2] == pixels.shape[1:3]


@pytest.mark.parametrize(
    ("n_features", "image_shape", "expected"),
    [
        (784, None, (28, 28, 1)),
        (10, None, (1, 10, 1)),
        (1, None, (1, 1, 1)),
        (12, (3, 4), (3, 4, 1)),
        (12, [2, 2, 3], (2, 2, 3)),
    ],
)
def test_image_shape(n_features, image_shape, expected):
    rows = np.arange(2 * n_features).reshape(2, n_features)
    reshaper = ImageReshaper(image_shape)
    images = reshaper.fit_transform(rows)
    assert reshaper.image_shape_ == expected
    assert_array_equal(images, rows.reshape(2, *expected))
    assert np.shares_memory(images, rows)


def test_a_wrong_shape_says_both_numbers():
    with pytest.raises(ValueError, match=r"holds 783 values, but X has 784 features"):
        ImageReshaper((27, 29)).fit(np.zeros((2, 784)))
    with pytest.raises(ValueError, match=r"\(4, 4, 1\).*expecting images of shape \(2, 8, 1\)"):
        ImageReshaper((2, 8)).fit(np.zeros((2, 4, 4)))
    reshaper = ImageReshaper().fit(np.zeros((2, 4, 4)))
    with pytest.raises(ValueError, match=r"X has 9 features, but .* expecting 16"):
        reshaper.transform(np.zeros((2, 9)))
    with pytest.raises(ValueError, match=r"\(2, 8, 1\).*expecting images of shape \(4, 4, 1\)"):
        reshaper.inverse_transform(np.zeros((2, 2, 8)))


@pytest.mark.parametrize("image_shape", [(28,), (28, 0), (28, 28, 1, 1), (28.0, 28), "28x28"])
def test_a_shape_that_is_none_is_named(image_shape):
    with pytest.raises((ValueError, TypeError), match="image_shape"):
        ImageReshaper(image_shape).fit(np.zeros((2, 784)))


@pytest.mark.parametrize("transformer", [PixelScaler(), ImageReshaper()])
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 2, 2, 2, 2)), r"\(n, height, width, channels\)"),
        (np.full((2, 4), np.nan), "NaN"),
        (np.full((2, 2, 2), np.inf), "infinity"),
        (np.full((2, 4), 1j), "Complex data not supported"),
        (np.full((2, 4), "a", dtype=object), "could not convert string to float"),
        (np.zeros((0, 4)), "0 sample"),
        (np.zeros(4), "Expected 2D array"),
    ],
)
def test_bad_pixels(transformer, X, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)


@pytest.mark.parametrize("given_as", ["int64", "float64"])
def test_large_pixels_are_told_apart_in_the_type_that_they_come_in(given_as):
    pixels = np.array([[2**24, 2**24 + 1, 2**24 + 4]], given_as)
    scaler = PixelScaler((2**24, 2**24 + 4))
    assert_array_equal(scaler.fit_transform(pixels), np.float32([[0, 0.25, 1]]))


def test_what_cannot_be_scaled_back_is_an_error():
    with pytest.raises(ValueError, match=r"near feature_range=\(0, 1\), got some from 0 to 1e\+38"):
        PixelScaler().inverse_transform([[0, 1e38]])
    assert_array_equal(PixelScaler(dtype="f8").inverse_transform([[0, 1e38]]), [[0, 255e38]])
