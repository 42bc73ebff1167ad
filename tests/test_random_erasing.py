import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skfashion import ImageReshaper, RandomErasing

SIDE = 100


def rectangles(erased, fill):
    """(top, left, height, width) of what was filled in each image, after a look at its shape."""
    found = []
    for image in erased:
        filled = image == fill
        ys, xs = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
        assert filled.sum() == len(ys) * len(xs)  # a full rectangle, not a part of one
        assert len(ys) == np.ptp(ys) + 1
        assert len(xs) == np.ptp(xs) + 1
        found.append((ys[0], xs[0], len(ys), len(xs)))
    return np.array(found).T


def by_definition(n, height, width, area_range, aspect_range, rng):
    """Draw image by image, each part again until it fits."""
    found = []
    for _ in range(n):
        area = rng.uniform(*area_range) * height * width
        while True:
            aspect = rng.uniform(*aspect_range)
            h, w = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
            if 1 <= h <= height and 1 <= w <= width:
                break
        while True:
            top, left = rng.integers(height), rng.integers(width)
            if top + h <= height and left + w <= width:
                break
        found.append((top, left, h, w))
    return np.array(found).T


@pytest.mark.parametrize(
    ("area_range", "aspect_range"),
    [((0.02, 0.4), (0.3, 1 / 0.3)), ((0.05, 0.1), (1, 5)), ((0.2, 0.6), (0.5, 1))],
)
@pytest.mark.parametrize("shape", [(SIDE, SIDE), (SIDE, 2 * SIDE)])
def test_rectangles_are_those_of_the_definition(area_range, aspect_range, shape):
    n = 3000
    erasing = RandomErasing(
        1,
        area_range=area_range,
        aspect_range=aspect_range,
        fill_range=(7, 7),
        random_state=0,
    )
    ours = rectangles(erasing.augment(np.zeros((n, *shape), dtype=np.uint8)), 7)
    theirs = by_definition(n, *shape, area_range, aspect_range, np.random.default_rng(0))
    for name, a, b in zip(["top", "left", "height", "width"], ours, theirs, strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-3, name
    areas = ours[2] * ours[3] / np.prod(shape)
    low, high = area_range
    assert stats.kstest(areas, "uniform", (low, high - low)).pvalue > 1e-3
    assert low - 0.01 < areas.min()
    assert areas.max() < high + 0.01


@pytest.mark.slow
def test_where_all_aspect_ratios_fit_they_are_uniform():
    erasing = RandomErasing(1, area_range=(0.1, 0.1), fill_range=(7, 7), random_state=0)
    images = np.zeros((3000, 4 * SIDE, 4 * SIDE), dtype=np.uint8)
    _, _, heights, widths = rectangles(erasing.augment(images), 7)
    assert stats.kstest(heights / widths, "uniform", (0.3, 1 / 0.3 - 0.3)).pvalue > 1e-3


shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
dtypes = st.sampled_from(["u1", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "?"])
fractions = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
ratios = st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)).map(sorted)


@pytest.mark.slow
@given(
    st.integers(0, 20), shapes, dtypes, fractions, ratios, st.booleans(), st.integers(0, 2**32 - 1)
)
def test_any_image_any_range(n, shape, dtype, area_range, aspect_range, pixel_level, seed):
    images = np.zeros((n + 1, *shape), dtype=dtype)
    erasing = RandomErasing(
        1,
        area_range=area_range,
        aspect_range=aspect_range,
        fill_range=(1, 1),
        pixel_level=pixel_level,
        random_state=seed,
    )
    erased = erasing.augment(images)
    assert erased.dtype == images.dtype
    assert erased.shape == images.shape
    assert not images.any()
    channels = erased.reshape(-1, *shape)
    assert_array_equal(channels, np.broadcast_to(channels[..., :1], channels.shape))
    rectangles(channels[..., 0], 1)
    rows = clone(erasing).set_params(image_shape=shape).augment(images.reshape(n + 1, -1))
    assert_array_equal(rows, erased.reshape(n + 1, -1))


def test_about_the_part_p_is_erased():
    images = np.zeros((10_000, 4, 4))
    erased = RandomErasing(0.15, fill_range=(1, 2), random_state=0).augment(images)
    changed = erased.any(axis=(1, 2)).sum()
    assert stats.binomtest(int(changed), 10_000, 0.15).pvalue > 1e-3
    assert_array_equal(RandomErasing(0).augment(images), images)


@pytest.mark.parametrize("pixel_level", [False, True])
def test_fill_values_of_floats_are_uniform(pixel_level):
    images = np.zeros((2000, 10, 10, 3))
    erasing = RandomErasing(1, fill_range=(2, 5), pixel_level=pixel_level, random_state=0)
    erased = erasing.augment(images)
    per_image = [np.unique(image[image > 0]) for image in erased]
    values = np.concatenate(per_image)
    assert stats.kstest(values, "uniform", (2, 3)).pvalue > 1e-3
    if pixel_level:
        assert len(values) == (erased > 0).sum()
    else:
        assert all(len(values) == 1 for values in per_image)


@pytest.mark.parametrize(
    ("dtype", "fill_range"),
    [("u1", (0, 255)), ("i1", (-128, 127)), ("u1", (9.5, 12.2)), ("?", (0, 1))],
)
def test_fill_values_of_integers_are_uniform_with_both_ends(dtype, fill_range):
    erasing = RandomErasing(
        1, area_range=(1, 1), fill_range=fill_range, pixel_level=True, random_state=0
    )
    erased = erasing.augment(np.zeros((100, 40, 40), dtype=dtype))
    values, counts = np.unique(erased, return_counts=True)
    low, high = np.ceil(fill_range[0]), np.floor(fill_range[1])
    assert_array_equal(values.astype(int), np.arange(low, high + 1))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_largest_integers_stay_exact():
    largest = np.iinfo(np.int64).max
    erasing = RandomErasing(1, area_range=(1, 1), fill_range=(largest - 1, largest))
    erased = erasing.augment(np.zeros((50, 3, 3), dtype=np.int64))
    assert set(np.unique(erased)) == {largest - 1, largest}


def test_a_range_too_wide_to_draw_from():
    largest = np.finfo(np.float64).max
    with pytest.raises(ValueError, match="fill_range must be narrower"):
        RandomErasing(1, fill_range=(-largest, largest)).augment(np.zeros((2, 9)))
    with pytest.raises(ValueError, match=r"fill_range of float32 images .*got \(0, 1e\+39\)"):
        RandomErasing(1, fill_range=(0, 1e39)).augment(np.zeros((2, 9), dtype=np.float32))


def test_seeds():
    images = np.zeros((50, 6, 6))
    fixed = RandomErasing(random_state=3)
    assert_array_equal(fixed.augment(images), fixed.augment(images))
    assert_array_equal(fixed.fit_transform(images), fixed.augment(images))
    drawing = RandomErasing(random_state=np.random.RandomState(3))
    first = drawing.augment(images)
    assert_array_equal(first, fixed.augment(images))
    assert (drawing.augment(images) != first).any()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    fixed.augment(images)
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_a_pipeline_erases_in_training_only():
    X = np.arange(1.0, 26).reshape(1, 25).repeat(40, axis=0)
    y = np.arange(40) % 2
    pipeline = make_pipeline(RandomErasing(1, random_state=0), KNeighborsClassifier(1))
    pipeline.fit(X, y)
    assert (pipeline[-1]._fit_X != X).any(axis=1).all()
    assert pipeline[0].transform(X) is X
    assert_array_equal(pipeline[0].transform(X), X)


def test_data_frames_and_forms():
    frame = pd.DataFrame(np.zeros((3, 6)), columns=list("abcdef"))
    erasing = RandomErasing(1, fill_range=(1, 2), image_shape=(2, 3), random_state=0)
    erasing.set_output(transform="pandas")
    erased = erasing.fit_transform(frame)
    assert list(erased.columns) == list(frame.columns)
    assert erasing.image_shape_ == (2, 3, 1)
    assert list(erasing.get_feature_names_out()) == list("abcdef")
    with pytest.raises(ValueError, match="Images cannot become a pandas DataFrame"):
        erasing.fit_transform(np.zeros((3, 2, 3)))
    assert not frame.to_numpy().any()
    fortran = np.asfortranarray(np.zeros((5, 4, 4)))
    assert RandomErasing(1, random_state=0).augment(fortran).any(axis=(1, 2)).all()
    assert RandomErasing(1).augment([[[0, 1], [1, 0]]]).shape == (1, 2, 2)
    strip = RandomErasing(1, area_range=(0.5, 0.5), fill_range=(1, 1)).augment(np.zeros((9, 10)))
    assert_array_equal(strip.sum(axis=1), np.full(9, 5))


def test_images_that_contradict_the_shape_asked_for():
    images = np.zeros((3, 10, 10))
    for method in ("fit", "augment", "fit_transform"):
        with pytest.raises(ValueError, match=r"image_shape=\(5, 20\), but X has images of shape"):
            getattr(RandomErasing(image_shape=(5, 20)), method)(images)


def test_data_frames_are_erased_without_a_fit():
    frame = pd.DataFrame(np.zeros((3, 4)), columns=list("abcd"))
    assert RandomErasing(1, fill_range=(1, 2), random_state=0).augment(frame).any(axis=1).all()


def test_other_images_than_those_of_fit_are_an_error():
    erasing = RandomErasing().fit(np.zeros((2, 4, 4)))
    with pytest.raises(ValueError, match="16 features"):
        erasing.augment(np.zeros((2, 5, 5)))
    with pytest.raises(ValueError, match=r"images of shape \(4, 4, 1\)"):
        erasing.transform(np.zeros((2, 2, 8)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"p": 1.5}, "'p' parameter"),
        ({"area_range": (0.4, 0.02)}, r"area_range must be a tuple .* got \(0.4, 0.02\)"),
        ({"area_range": (0.1, 1.5)}, r"area_range .*range \[0.0, 1.0\]"),
        ({"area_range": (0.1,)}, "area_range"),
        ({"aspect_range": (0, 1)}, "aspect_range"),
        ({"aspect_range": (1, np.inf)}, "aspect_range"),
        ({"fill_range": (0, np.nan)}, "fill_range"),
        ({"fill_range": (0, 256)}, "fill_range of uint8 images .*255"),
        ({"fill_range": (0.2, 0.8)}, "fill_range must contain an integer for uint8 images"),
        ({"image_shape": (3, 3)}, "image_shape"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_parameters(parameters, message):
    images = np.zeros((3, 4, 4), dtype=np.uint8)
    erasing = RandomErasing(**parameters)
    for method in (erasing.fit, erasing.fit_transform, erasing.augment):
        with pytest.raises(ValueError, match=message):
            method(images)
    assert not hasattr(erasing, "n_features_in_")
    assert not images.any()


def test_before_or_after_the_reshaper():
    rows = np.zeros((20, 36), dtype=np.uint8)
    erasing = RandomErasing(1, random_state=0)
    first = make_pipeline(erasing, ImageReshaper()).fit_transform(rows)
    last = make_pipeline(ImageReshaper(), clone(erasing)).fit_transform(rows)
    assert_array_equal(first, last)
