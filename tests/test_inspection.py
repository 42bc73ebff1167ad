import sys
from itertools import combinations
from unittest.mock import patch

import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline

from skfashion import (
    KerasCNNClassifier,
    PixelScaler,
    RandomErasing,
    inspection,
    make_cnn_pipeline,
    make_knn_pipeline,
)
from skfashion.datasets import make_fashion_images
from skfashion.inspection import (
    ConfusedPairsDisplay,
    ImageGridDisplay,
    NeighborsDisplay,
    PredictionGridDisplay,
    RandomErasingDisplay,
    TrainingHistoryDisplay,
)

matplotlib.use("Agg")

import matplotlib.pyplot as plt

NAMES = make_fashion_images(10).target_names
LONG = [*NAMES[:9], "Ankle boot of a long name"]


@pytest.fixture(autouse=True)
def figures_closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def knn(clothes):
    X, y = clothes
    return make_knn_pipeline().fit(X[:120], y[:120])


@pytest.fixture(scope="module")
def cnn(clothes):
    X, y = clothes
    parameters = {"filters": (2, 2, 2), "dense_units": 0, "early_stopping": True}
    return make_cnn_pipeline(
        architecture="three_conv", epochs=2, validation_fraction=0.5, random_state=0, **parameters
    ).fit(X[:60], y[:60])


def texts_of(display):
    return [text.get_text() for text in display.text_]


def boxes(artists):
    return np.array([artist.get_window_extent().extents for artist in artists])


def overlapping(a, b):
    """Whether rectangles of two arrays share more than half a pixel in both directions."""
    a, b = a[:, np.newaxis], b[np.newaxis]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return (shared > 0.5).all(axis=-1)


def assert_nothing_is_cut_off_or_overlaps(figure):
    figure.canvas.draw()
    for ax in figure.axes:
        texts, images = boxes(ax.texts), boxes(ax.images)
        everything = np.concatenate([texts, images])
        assert (texts[:, 2:] > texts[:, :2]).all()
        for area in (ax.get_window_extent(), figure.bbox):
            assert (everything[:, :2] >= np.array(area.extents[:2]) - 0.5).all()
            assert (everything[:, 2:] <= np.array(area.extents[2:]) + 0.5).all()
        assert not overlapping(texts, images).any()
        assert overlapping(images, images).sum() == len(images)
        assert overlapping(texts, texts).sum() == len(texts)


def drawings(clothes, knn, names, ax=None):
    """One function for each display of images, which draws it."""
    X, y = clothes
    options = {"target_names": names, "ax": ax}
    return {
        "grid": lambda: ImageGridDisplay.from_images(X, y, **options),
        "large grid": lambda: ImageGridDisplay.from_images(X, y, n_rows=15, n_cols=15, **options),
        "predictions": lambda: PredictionGridDisplay.from_estimator(knn, X, y, **options),
        "bars": lambda: PredictionGridDisplay.from_estimator(
            knn, X, y, errors_only=True, show_proba=True, n_cols=3, **options
        ),
        "pairs": lambda: ConfusedPairsDisplay.from_estimator(knn, X, y, n_images=3, **options),
        "erasing": lambda: RandomErasingDisplay.from_estimator(
            RandomErasing(random_state=0), X, ax=ax
        ),
        "neighbors": lambda: NeighborsDisplay.from_estimator(
            knn, X[120:124], X[:120], y=y[120:124], y_train=y[:120], **options
        ),
    }


KINDS = ["grid", "large grid", "predictions", "bars", "pairs", "erasing", "neighbors"]


@pytest.mark.slow
@pytest.mark.parametrize("names", [NAMES, LONG], ids=["names", "long names"])
@pytest.mark.parametrize("kind", KINDS)
def test_texts_neither_overlap_nor_leave_the_figure(clothes, knn, kind, names):
    display = drawings(clothes, knn, names)[kind]()
    assert_nothing_is_cut_off_or_overlaps(display.figure_)
    display.figure_.set_size_inches(0.6 * display.figure_.get_size_inches())
    assert_nothing_is_cut_off_or_overlaps(display.figure_)
    display.ax_.set_title("A title\nof two lines")
    display.figure_.set_dpi(200)
    assert_nothing_is_cut_off_or_overlaps(display.figure_)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_in_axes_given(clothes, knn, kind):
    figure, axes = plt.subplots(1, 2, figsize=(9, 5))
    display = drawings(clothes, knn, NAMES, ax=axes[1])[kind]()
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].images
    axes[0].remove()
    assert_nothing_is_cut_off_or_overlaps(figure)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_drawing_again_draws_the_same(clothes, knn, kind):
    X, y = clothes
    before = X.copy(), y.copy()
    display = drawings(clothes, knn, NAMES)[kind]()
    first = display.ax_, texts_of(display)[:5], len(display.im_)
    assert display.plot() is display
    assert display.ax_ is not first[0]
    assert (texts_of(display)[:5], len(display.im_)) == first[1:]
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])


def test_a_grid_holds_the_first_images_row_after_row(clothes):
    X, y = clothes
    display = ImageGridDisplay.from_images(X, y, target_names=NAMES, n_rows=2, n_cols=3)
    assert texts_of(display) == [NAMES[label] for label in y[:6]]
    for drawn, row in zip(display.im_, X, strict=False):
        assert_array_equal(drawn.get_array().ravel(), row)
        assert drawn.get_clim() == (0, 255)
        assert drawn.get_cmap().name == "gray"
    lefts, _, _, tops = np.array([drawn.get_extent() for drawn in display.im_]).T
    assert_array_equal(np.lexsort((lefts, tops)), np.arange(6))
    assert len(np.unique(lefts)) == 3


def test_fewer_images_than_cells(clothes):
    X, _ = clothes
    display = ImageGridDisplay.from_images(X[:7], n_rows=15, n_cols=3)
    assert len(display.im_) == 7
    assert len({drawn.get_extent()[3] for drawn in display.im_}) == 3
    assert display.text_ == []


def test_rows_images_and_data_frames_look_the_same(clothes, knn):
    X, y = clothes
    forms = [X, X.reshape(-1, 20, 20), X.reshape(-1, 20, 20, 1), pd.DataFrame(X), X.tolist()]
    for form, labels in zip(forms, [y, y, y, pd.Series(y, index=y * 7), y.tolist()], strict=True):
        display = ImageGridDisplay.from_images(form, labels)
        assert_array_equal(display.images, X[:25].reshape(-1, 20, 20))
        assert texts_of(display) == [str(label) for label in y[:25]]
    for form in forms[:3]:
        display = PredictionGridDisplay.from_estimator(
            knn, form, pd.Series(y, index=y * 7), errors_only=True, n_rows=2
        )
        pairs = ConfusedPairsDisplay.from_estimator(knn, form, y, n_pairs=1)
        neighbors = NeighborsDisplay.from_estimator(knn, form[200:202], form[:120])
        erasing = RandomErasingDisplay.from_estimator(RandomErasing(random_state=0), form)
        found = texts_of(display), texts_of(pairs), texts_of(neighbors)
        drawn = [im.get_array() for one in (display, pairs, neighbors, erasing) for im in one.im_]
        if form is X:
            expected = found, drawn
        assert found == expected[0]
        assert_array_equal(drawn, expected[1])


def test_images_that_are_not_square():
    X = np.arange(6 * 24).reshape(6, 24)
    display = ImageGridDisplay.from_images(X, image_shape=(6, 4))
    assert_array_equal(display.images, X.reshape(6, 6, 4))
    left, right, bottom, top = display.im_[0].get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(4 / 6)
    assert ImageGridDisplay.from_images(X, image_shape=(1, 24)).images.shape == (6, 1, 24)
    erasing = RandomErasing(image_shape=(6, 4), random_state=0)
    assert RandomErasingDisplay.from_estimator(erasing, X).after.shape == (6, 6, 4)
    for shape in [(1, 24), (24, 1), (2, 12)]:
        display = ImageGridDisplay.from_images(X, list("abcdef"), image_shape=shape)
        assert_nothing_is_cut_off_or_overlaps(display.figure_)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "unit"])
def test_colours_come_out_as_they_are(channels, dtype):
    colours = np.array([0, 64, 255, 255], dtype="u1")[:channels]
    images = np.broadcast_to(colours, (2, 3, 3, channels))
    images = images / 255 if dtype == "unit" else images.astype(dtype)
    display = ImageGridDisplay.from_images(images)
    figure = display.figure_
    figure.canvas.draw()
    x, y, width, height = display.im_[1].get_window_extent().bounds
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1]
    found = pixels[int(y + height / 2), int(x + width / 2), :3]
    assert np.abs(found.astype(int) - colours[:3]).max() <= 1


@pytest.mark.parametrize(
    ("images", "white"),
    [
        (np.full((1, 2, 2), 1.0), 1),
        (np.full((1, 2, 2), 1 + 1e-6), 1),
        (np.full((1, 2, 2), True), 1),
        (np.full((1, 2, 2), 1, dtype=np.int64), 1),
        (np.full((1, 2, 2), 1, dtype=np.uint8), 255),
        (np.full((1, 2, 2), 2.0), 255),
        (np.full((1, 2, 2), 255, dtype=np.int16), 255),
    ],
)
def test_the_scale_of_gray_images(images, white):
    assert ImageGridDisplay.from_images(images).im_[0].get_clim() == (0, white)


def test_any_colormap(clothes):
    X, _ = clothes
    cmap = matplotlib.colormaps["viridis"]
    for given in ("viridis", cmap):
        assert ImageGridDisplay.from_images(X, cmap=given).im_[0].get_cmap().name == cmap.name


def test_predictions_in_words_colours_and_frames():
    X = np.zeros((3, 16))
    y_proba = [[0.88, 0.12, 0], [0.38, 0.62, 0], [0, 0.004, 0.996]]
    display = PredictionGridDisplay.from_predictions(
        X, ["a", "a", "c"], y_proba, target_names=["Coat", "Shirt $1", "Bag_"], classes=list("abc")
    )
    assert texts_of(display) == ["✓ Coat 88 %", "✗ Shirt $1 62 %\ntrue: Coat", "✓ Bag_ 100 %"]
    assert [text.get_color() for text in display.text_] == ["tab:blue", "tab:red", "tab:blue"]
    frames = display.ax_.patches
    colours = [matplotlib.colors.to_rgba(f"tab:{name}") for name in ("blue", "red", "blue")]
    assert [frame.get_edgecolor() for frame in frames] == colours
    assert [frame.get_linestyle() == "-" for frame in frames] == [True, False, True]
    assert frames[1].get_linewidth() > frames[0].get_linewidth()
    display.figure_.canvas.draw()  # no glyph is missing: that would warn


def test_marks_are_there_in_a_font_that_lacks_them():
    with plt.rc_context({"font.family": ["STIXGeneral"]}):
        display = PredictionGridDisplay.from_predictions(np.zeros((1, 4)), [0], [[1.0, 0]])
        display.figure_.canvas.draw()
    assert texts_of(display) == ["✓ 0 100 %"]


def test_bars_of_all_classes():
    y_proba = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    display = PredictionGridDisplay.from_predictions(
        np.zeros((2, 16)), [0, 1], y_proba, target_names=["A", "B", "C"], show_proba=True
    )
    bars = display.bars_.patches
    widths = np.array([bar.get_width() for bar in bars])
    np.testing.assert_allclose(widths / widths[0], y_proba.ravel() / 0.7)
    colours = ["blue", "gray", "gray", "gray", "blue", "red"]
    assert [bar.get_facecolor() for bar in bars] == [
        matplotlib.colors.to_rgba(f"tab:{name}") for name in colours
    ]
    names = [text for text in display.ax_.texts if text not in display.text_]
    assert [text.get_text() for text in names] == ["✓ A", "B", "C", "A", "✓ B", "✗ C"]
    for text, bar in zip(names, bars, strict=True):
        assert text.get_position()[1] == pytest.approx(bar.get_y() + bar.get_height() / 2)
        assert text.get_position()[0] <= bar.get_x()


def test_of_very_many_classes_only_two_are_marked():
    y_proba = np.eye(100)[[3, 4]]
    display = PredictionGridDisplay.from_predictions(
        np.zeros((2, 16)), [3, 5], y_proba, show_proba=True
    )
    marks = [text.get_text() for text in display.ax_.texts if text not in display.text_]
    assert marks == ["✓", "✗", "✓"]
    assert len(display.bars_.patches) == 200
    assert_nothing_is_cut_off_or_overlaps(display.figure_)


def test_errors_come_with_the_most_confident_first(clothes, knn):
    X, y = clothes
    y_proba, y_pred = knn.predict_proba(X), knn.predict(X)
    display = PredictionGridDisplay.from_estimator(knn, X, y, errors_only=True, n_rows=2)
    wrong = np.flatnonzero(y_pred != y)
    first = sorted(wrong, key=lambda i: -y_proba[i].max())[:10]
    assert_array_equal(display.images.reshape(10, -1), X[first])
    assert_array_equal(display.y_true, y[first])
    assert_array_equal(display.y_pred, y_pred[first])
    assert all(text.startswith("✗") for text in texts_of(display))


def test_without_only_nothing_is_predicted_that_is_not_drawn(clothes, knn):
    X, y = clothes
    with patch.object(type(knn), "predict_proba", return_value=knn.predict_proba(X[:4])) as asked:
        PredictionGridDisplay.from_estimator(knn, X, y, n_rows=2, n_cols=2)
    assert len(asked.call_args.args[0]) == 4


def test_no_errors_to_draw():
    X, y = np.zeros((2, 4)), [0, 1]
    with pytest.raises(ValueError, match="all 2 predictions are right"):
        PredictionGridDisplay.from_predictions(X, y, np.eye(2), errors_only=True)
    with pytest.raises(ValueError, match="all 2 predictions are right"):
        ConfusedPairsDisplay.from_predictions(X, y, y)


def test_names_go_by_the_class_where_some_classes_are_missing():
    X = np.zeros((3, 4))
    display = ImageGridDisplay.from_images(X, [9, 2, 9], target_names=NAMES)
    assert texts_of(display) == ["Ankle boot", "Pullover", "Ankle boot"]
    display = ImageGridDisplay.from_images(X, [2.5, 0.5, 1.5], target_names=["a", "b", "c"])
    assert texts_of(display) == ["c", "a", "b"]
    display = PredictionGridDisplay.from_predictions(
        X, [9, 2, 9], np.eye(10)[[9, 2, 1]], target_names=NAMES
    )
    assert texts_of(display)[2] == "✗ Trouser 100 %\ntrue: Ankle boot"
    display = ConfusedPairsDisplay.from_predictions(X, [9, 2, 9], [9, 2, 1], target_names=NAMES)
    assert texts_of(display)[0] == "Ankle boot taken for Trouser: 1"


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_labels_that_are_names_already_stay_as_they_are(clothes, form):
    X, y = clothes
    y = [NAMES[i] for i in y]
    for n in (len(X), 3):  # all of the classes, and some
        display = ImageGridDisplay.from_images(X[:n], form(y[:n]), target_names=np.array(NAMES))
        assert texts_of(display) == y[: len(display.images)]
    knn = make_knn_pipeline().fit(X, y)
    display = PredictionGridDisplay.from_estimator(knn, X, form(y), target_names=NAMES)
    assert display.target_names == sorted(NAMES)
    assert [display.target_names[i] for i in display.y_true] == y[:25]


@pytest.mark.slow
def test_pipelines_from_files_and_searches(clothes, tmp_path):
    X, y = clothes
    paths = [tmp_path / f"{i}.png" for i in range(40)]
    for path, image in zip(paths, X.reshape(-1, 20, 20), strict=False):
        Image.fromarray(255 - image).save(path)
    pipeline = make_knn_pipeline(from_files=True, n_neighbors=1)
    search = GridSearchCV(pipeline, {"knn__n_neighbors": [1]}, cv=2)
    search.fit(paths, y[:40])
    for estimator in (search, search.best_estimator_):
        display = PredictionGridDisplay.from_estimator(estimator, paths, y[:40])
        assert_array_equal(display.images, search.best_estimator_[0].transform(paths[:25]))
        assert all(text.startswith("✓") for text in texts_of(display))
        display = NeighborsDisplay.from_estimator(estimator, paths[:3], paths, n_neighbors=2)
        assert_array_equal(display.neighbors[:, 0], display.queries)
        with pytest.raises(ValueError, match="no confused pairs"):
            ConfusedPairsDisplay.from_estimator(estimator, paths, y[:40])


def test_a_legend_of_many_trainings_stays_inside_the_figure():
    histories = {f"learning_rate={i / 100}": HISTORY for i in range(30)}
    display = TrainingHistoryDisplay.from_histories(histories)
    figure = display.figure_
    figure.canvas.draw()
    legend = display.axes_[1].get_legend().get_window_extent()
    assert figure.bbox.x0 <= legend.x0
    assert legend.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= legend.y0
    assert not legend.overlaps(display.axes_[1].get_window_extent())


def test_confused_pairs_are_those_of_the_confusion_matrix(clothes, knn):
    X, y = clothes
    y_pred = knn.predict(X)
    confusion = confusion_matrix(y, y_pred)
    totals = {(a, b): confusion[a, b] + confusion[b, a] for a, b in combinations(range(10), 2)}
    display = ConfusedPairsDisplay.from_estimator(
        knn, X, y, target_names=NAMES, n_pairs=4, n_images=3
    )
    assert len(display.pairs) == 4
    expected = sorted(totals.values(), reverse=True)[:4]
    assert_array_equal(display.counts.sum(axis=1), expected)
    assert (display.counts[:, 0] >= display.counts[:, 1]).all()
    position = {name: i for i, name in enumerate(NAMES)}
    for row, pair in enumerate(display.pairs):
        a, b = (position[name] for name in pair)
        for side, (true, predicted) in enumerate([(a, b), (b, a)]):
            chosen = (y == true) & (y_pred == predicted)
            assert display.counts[row, side] == chosen.sum() == confusion[true, predicted]
            assert_array_equal(display.images[row][side].reshape(-1, 400), X[chosen][:3])
            text = f"{NAMES[true]} taken for {NAMES[predicted]}: {chosen.sum()}"
            assert texts_of(display)[2 * row + side] == text


def test_a_direction_without_errors_is_empty():
    display = ConfusedPairsDisplay.from_predictions(np.zeros((3, 4)), [0, 0, 1], [1, 1, 1])
    assert texts_of(display) == ["0 taken for 1: 2", "1 taken for 0: 0"]
    assert len(display.im_) == 2


def test_erasing_is_drawn_before_and_after(clothes):
    X, _ = clothes
    erasing = RandomErasing(1, random_state=0)
    display = RandomErasingDisplay.from_estimator(erasing, X, n_images=4)
    assert_array_equal(display.before.reshape(4, -1), X[:4])
    assert_array_equal(display.after.reshape(4, -1), erasing.augment(X[:4]))
    assert texts_of(display) == ["before", "after"]
    extents = np.array([drawn.get_extent() for drawn in display.im_])
    assert_array_equal(extents[:4, 0], extents[4:, 0])
    assert (extents[:4, 2] < extents[4:, 3]).all()


@pytest.mark.parametrize("kind", ["pipeline", "classifier", "searcher"])
def test_neighbours_are_those_that_the_estimator_finds(clothes, knn, kind):
    X, y = clothes
    X_train, queries = X[:120], X[120:123]
    estimator = {
        "pipeline": knn,
        "classifier": KNeighborsClassifier().fit(X_train, y[:120]),
        "searcher": make_pipeline(NearestNeighbors()).fit(X_train),
    }[kind]
    last = estimator if kind == "classifier" else estimator[-1]
    transformed = estimator[:-1].transform(queries) if kind == "pipeline" else queries
    distances, indices = last.kneighbors(transformed, 3)
    display = NeighborsDisplay.from_estimator(
        estimator, queries, X_train, y=y[120:123], y_train=y[:120], n_neighbors=3
    )
    assert_array_equal(display.neighbors.reshape(3, 3, -1), X_train[indices])
    assert_array_equal(display.queries.reshape(3, -1), queries)
    texts = iter(texts_of(display))
    for row in range(3):
        assert next(texts) == f"query\n{y[120 + row]}"
        for distance, i in zip(distances[row], indices[row], strict=True):
            assert next(texts) == f"{y[i]}\ndistance {distance:.4g}"
    bare = NeighborsDisplay.from_estimator(estimator, queries, X_train, n_neighbors=2)
    assert texts_of(bare)[:2] == ["query", f"distance {distances[0, 0]:.4g}"]


HISTORY = {
    "loss": [3.0, 2.0, 1.0],
    "accuracy": [0.1, 0.2, 0.3],
    "val_loss": [4.0, 3.0, 3.5],
    "val_accuracy": [0.2, 0.4, 0.3],
}


def test_histories_are_drawn_from_epoch_1():
    shorter = {"loss": [1.0], "accuracy": [0.5]}
    display = TrainingHistoryDisplay.from_histories(
        {"long": HISTORY, "short": shorter}, best_epochs={"long": 1}
    )
    assert set(display.lines_) == {
        *(("long", key) for key in HISTORY),
        *(("short", key) for key in shorter),
    }
    for (name, key), line in display.lines_.items():
        values = {"long": HISTORY, "short": shorter}[name][key]
        assert_array_equal(line.get_ydata(), values)
        assert_array_equal(line.get_xdata(), np.arange(len(values)) + 1)
        assert line.get_linestyle() == ("--" if key.startswith("val_") else "-")
        assert line.axes is display.axes_[int(key.endswith("accuracy"))]
        assert line.get_color() == ("C0" if name == "long" else "C1")
        assert (line.get_marker() == ".") == (name == "short")
    for ax, best in zip(display.axes_, [3.0, 0.4], strict=True):
        marked = [line for line in ax.lines if line.get_marker() == "o"]
        assert [line.get_xydata().tolist() for line in marked] == [[[2, best]]]
        (vertical,) = [line for line in ax.lines if line.get_linestyle() == ":"]
        assert_array_equal(vertical.get_xdata(), [2, 2])
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks == [1, 2, 3]
    legend = [text.get_text() for text in display.axes_[1].get_legend().get_texts()]
    assert legend == ["long", "short", "training", "validation", "best epoch"]


def test_histories_in_axes_given():
    figure, axes = plt.subplots(2, 1)
    display = TrainingHistoryDisplay.from_histories({"a": HISTORY}, ax=axes)
    assert display.axes_.tolist() == axes.tolist()
    assert display.figure_ is figure
    legend = [text.get_text() for text in axes[1].get_legend().get_texts()]
    assert legend == ["a", "training", "validation"]
    with pytest.raises(ValueError, match=r"Expected two Axes in ax.*got 1"):
        display.plot(axes[0])


@pytest.mark.slow
def test_the_history_of_a_network_a_pipeline_a_search_or_several(clothes, cnn):
    X, y = clothes
    network = cnn[-1]
    for estimator in (network, cnn):
        display = TrainingHistoryDisplay.from_estimator(estimator)
        assert display.histories == {"KerasCNNClassifier": network.history_}
        assert display.best_epochs == {"KerasCNNClassifier": network.best_epoch_}
    plain = clone(cnn).set_params(cnn__early_stopping=False)
    search = GridSearchCV(plain, {"cnn__epochs": [3]}, cv=2).fit(X[:60], y[:60])
    display = TrainingHistoryDisplay.from_estimator({"stopped": cnn, "searched": search})
    assert list(display.histories) == ["stopped", "searched"]
    assert list(display.best_epochs) == ["stopped"]
    assert len(display.lines_["searched", "loss"].get_xdata()) == 3
    with pytest.raises(ValueError, match="have names already"):
        TrainingHistoryDisplay.from_estimator({"a": cnn}, name="b")
    assert list(TrainingHistoryDisplay.from_estimator(cnn, name="b").histories) == ["b"]


def test_a_network_draws_its_predictions(clothes, cnn):
    X, y = clothes
    display = PredictionGridDisplay.from_estimator(cnn, X, y, target_names=NAMES, n_rows=1)
    proba = cnn.predict_proba(X[:5])
    np.testing.assert_allclose(display.y_proba, proba)
    predicted = NAMES[proba[0].argmax()]
    assert predicted in texts_of(display)[0]


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (KerasCNNClassifier(), ValueError, "not fitted yet"),
        (make_knn_pipeline(), TypeError, "Expected a KerasCNNClassifier.*got VectorizedKNN"),
        (
            GridSearchCV(make_cnn_pipeline(), {}),
            TypeError,
            "a fitted search with refit .* got GridSearchCV",
        ),
    ],
)
def test_estimators_without_a_history(estimator, error, message):
    with pytest.raises(error, match=message):
        TrainingHistoryDisplay.from_estimator(estimator)


@pytest.mark.parametrize(
    ("histories", "best_epochs", "message"),
    [
        ({}, None, "at least one name"),
        ([HISTORY], None, "a dict of at least one name to a history"),
        ({"a": {"loss": [1]}}, None, r"history of 'a', but \['accuracy'\] is missing"),
        ({"a": {**HISTORY, "val_loss": [1]}}, None, "'val_loss': 1.*Pass NaN"),
        ({"a": {"loss": [], "accuracy": []}}, None, "at least one"),
        ({"a": HISTORY}, {"a": 3}, "from 0 to 2 for the best epoch of 'a', got 3"),
        ({"a": HISTORY}, {"b": 1}, r"names that histories lacks: \['b'\]"),
    ],
)
def test_bad_histories(histories, best_epochs, message):
    with pytest.raises(ValueError, match=message):
        TrainingHistoryDisplay.from_histories(histories, best_epochs=best_epochs)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("X", "parameters", "message"),
    [
        (np.zeros((2, 4)) - 1, {}, r"0 to 255 or in \[0, 1\], got values from -1 to -1"),
        (np.full((2, 4), 300), {}, "got values from 300 to 300"),
        (np.full((2, 4), np.nan), {}, "X contains NaN"),
        (np.zeros((2, 3, 3, 2)), {}, "those of X have 2"),
        (np.zeros((2, 3, 3, 3, 3)), {}, "Expected rows"),
        (np.zeros(4), {}, r"got 1-dimensional input\. For one image, pass X\[numpy.newaxis\]"),
        (["a.png"], {}, r"For files, pass ImageLoader\(\).transform\(X\)"),
        (np.zeros((28, 27)), {}, r"Rows of 27 pixels are not square gray images.*X\[numpy.newaxis"),
        (np.zeros((0, 4)), {}, "at least one image in X, got none"),
        (np.zeros((2, 4)), {"image_shape": 4}, "image_shape=4 holds 16 values"),
        (np.zeros((2, 4)), {"image_shape": "4"}, "image_shape must be .*; got '4'"),
        (np.zeros((2, 4)), {"y": [0, np.nan]}, "y has missing labels"),
        (np.zeros((2, 4)), {"y": ["a", None]}, "y has missing labels"),
        (np.zeros((2, 4)), {"y": [0, 1], "target_names": "ab"}, "as a list of names.*got a str"),
        (np.zeros((2, 4)), {"y": [0, 1], "target_names": {"a", "b"}}, "got a set"),
        (np.zeros((2, 4)), {"y": [0, 1], "target_names": {0: "a", 1: "b"}}, "got a dict"),
        (
            np.zeros((2, 4)),
            {"y": [1, 2], "target_names": ["a", "b"]},
            "Expected labels from 0 to 1",
        ),
        (np.zeros((2, 4)), {"image_shape": (3, 3)}, "whose product is 4"),
        (np.zeros((2, 4, 4)), {"image_shape": (2, 8)}, r"images of shape \(4, 4, 1\)"),
        (np.zeros((2, 4)), {"n_rows": 0}, "'n_rows' parameter of ImageGridDisplay.from_images"),
        (np.zeros((2, 4)), {"n_cols": 1.5}, "'n_cols' parameter"),
        (np.zeros((2, 4)), {"y": [1]}, "a label in y for each of 2 images, got 1"),
        (np.zeros((2, 4)), {"y": [1, 2], "target_names": ["a"]}, "there are 1 classes"),
        (np.zeros((2, 4)), {"y": list("ab"), "target_names": list("xyz")}, "got 2 labels"),
    ],
)
def test_images_and_labels_that_cannot_be_drawn(X, parameters, message):
    with pytest.raises(ValueError, match=message):
        ImageGridDisplay.from_images(X, **parameters)


@pytest.mark.parametrize(
    ("y_true", "y_proba", "parameters", "message"),
    [
        ([0, 1], np.eye(3), {}, "each of 2 images, got 3 rows"),
        ([0, 1], np.eye(2) * 2, {}, r"Expected probabilities in \[0, 1\].* 0 to 2"),
        ([0, 2], np.eye(2), {"classes": [0, 1]}, r"y_true has labels that are none .* \[2\]"),
        ([0, 1], np.eye(2), {"classes": [0, 1, 2]}, "each of 3 classes, got 2"),
        ([0, 1], np.eye(2), {"target_names": ["a"]}, "Expected 2 target_names"),
        ([0, 5, 7], np.eye(3)[:, :2], {}, "2 classes .names, or columns of probabilities"),
        ([0, 1], np.eye(2), {"errors_only": "uncertain"}, "'errors_only' parameter"),
        ([0, 1], np.eye(2), {"show_proba": "yes"}, "'show_proba' parameter"),
    ],
)
def test_bad_predictions(y_true, y_proba, parameters, message):
    with pytest.raises(ValueError, match=message):
        PredictionGridDisplay.from_predictions(
            np.zeros((len(y_true), 4)), y_true, y_proba, **parameters
        )


def test_estimators_that_lack_what_is_drawn(clothes, knn):
    X, y = clothes
    ridge = make_pipeline(PixelScaler(), RidgeClassifier()).fit(X, y)
    with pytest.raises(AttributeError, match=r"predict_proba.*from_predictions"):
        PredictionGridDisplay.from_estimator(ridge, X, y)
    with pytest.raises(TypeError, match=r"with kneighbors.*got RidgeClassifier"):
        NeighborsDisplay.from_estimator(ridge, X, X)
    with pytest.raises(TypeError, match="a method augment, got PixelScaler"):
        RandomErasingDisplay.from_estimator(PixelScaler(), X)
    with pytest.raises(ValueError, match=r"240 images, but VectorizedKNNClassifier was .* 120"):
        NeighborsDisplay.from_estimator(knn, X[:2], X)
    with pytest.raises(ValueError, match=r"shape \(20, 20\), but X_train .* \(1, 400\)"):
        NeighborsDisplay.from_estimator(knn, X[:2].reshape(-1, 20, 20), X[:120].reshape(-1, 1, 400))
    with pytest.raises(ValueError, match="not fitted"):
        NeighborsDisplay.from_estimator(make_knn_pipeline(), X, X)


def test_without_matplotlib_the_error_says_what_to_install():
    with patch.dict(sys.modules, {"matplotlib": None}):
        for call in (
            lambda: ImageGridDisplay.from_images(np.zeros((1, 4))),
            lambda: ImageGridDisplay(images=np.zeros((1, 2, 2)), labels=None).plot(),
            lambda: TrainingHistoryDisplay.from_histories({"a": HISTORY}),
        ):
            with pytest.raises(ImportError, match=r"requires matplotlib\. You can install"):
                call()


def test_public_displays_are_listed():
    assert inspection.__all__ == sorted(inspection.__all__)
    assert all(hasattr(getattr(inspection, name), "plot") for name in inspection.__all__)


def test_what_is_no_axes_or_no_images_says_so():
    X = np.zeros((2, 4))
    with pytest.raises(TypeError, match="Expected one matplotlib Axes as ax, got Figure"):
        ImageGridDisplay.from_images(X, ax=plt.figure())
    with pytest.raises(TypeError, match=r"Expected images in X, got a Bunch\. Pass its data"):
        ImageGridDisplay.from_images(make_fashion_images(3))
    with pytest.raises(ValueError, match="Expected a classifier, got Ridge"):
        ConfusedPairsDisplay.from_estimator(Ridge().fit(X, [0, 1]), X, [0, 1])
    with pytest.raises(ValueError, match="best_epochs as a dict of names to indices"):
        TrainingHistoryDisplay.from_histories({"a": HISTORY}, best_epochs=1)
