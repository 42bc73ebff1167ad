"""Warnings where pixels cannot be scaled as those that an estimator was fitted on."""

import re
import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skfashion import (
    ImageReshaper,
    KerasCNNClassifier,
    PixelScaler,
    RandomErasing,
    VectorizedKNNClassifier,
    make_cnn_pipeline,
    make_knn_pipeline,
)
from skfashion.neural_network.runtime._keras import load_keras

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 1, "random_state": 0}


def messages(call, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **kwargs)
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


ESTIMATORS = {
    "cnn pipeline": lambda: make_cnn_pipeline(**SMALL),
    "knn pipeline": make_knn_pipeline,
    "cnn": lambda: KerasCNNClassifier(**SMALL),
    "knn": VectorizedKNNClassifier,
    "knn, by scikit-learn": lambda: VectorizedKNNClassifier(metric="manhattan"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_prediction_for_pixels_of_another_scale_warns(name, clothes):
    X, y = clothes
    estimator = ESTIMATORS[name]()
    assert messages(estimator.fit, X, y) == []
    for same in (X, X[:1], X // 3, np.zeros_like(X)):
        assert messages(estimator.predict, same) == []
    for scaled in (X / 255, (X[:1] / 255).astype(np.float32)):
        found = messages(estimator.predict, scaled)
        assert re.match(
            r"X has pixels of up to about (1|0\.\d+), but \w+ was fitted on pixels of up to about "
            r"2\d\d. Scale X like the training images\.$",
            found[0],
        )


@pytest.mark.slow
def test_bytes_for_a_network_of_scaled_pixels_warn(scaled, clothes):
    cnn = KerasCNNClassifier(**SMALL).fit(*scaled)
    message = (
        "pixels of up to about 2.., but KerasCNNClassifier was fitted on pixels of up to about 0"
    )
    for call in (cnn.predict, cnn.predict_proba, cnn.transform):
        with pytest.warns(UserWarning, match=message):
            call(clothes[0])
    with pytest.warns(UserWarning, match=message):
        cnn.partial_fit(*clothes)
    with pytest.warns(UserWarning, match=message):
        KerasCNNClassifier(**SMALL).fit(*scaled, X_val=clothes[0], y_val=clothes[1])


def test_the_angle_between_images_needs_no_scale(clothes):
    X, y = clothes
    knn = VectorizedKNNClassifier(metric="cosine").fit(X, y)
    assert messages(knn.predict, X / 255) == []


def test_few_features_are_small_by_chance_at_times():
    X = np.random.RandomState(0).standard_normal((50, 3))
    assert messages(VectorizedKNNClassifier().fit(X, X[:, 0] > 0).predict, X / 1000) == []


def test_a_row_far_from_the_others_makes_no_difference(clothes):
    X, y = clothes[0].astype(float), clothes[1]
    odd = X.copy()
    odd[3] *= 1e9
    knn = VectorizedKNNClassifier().fit(odd, y)
    assert messages(knn.predict, X) == messages(knn.predict, odd) == []
    assert len(messages(knn.predict, X / 255)) == 1


def test_images_scaled_before_in_the_range_of_bytes_warn(scaled):
    with pytest.warns(
        UserWarning, match=r"^pixel_range of PixelScaler is .* go up to about 0.*. Set"
    ):
        make_knn_pipeline().fit(*scaled)
    assert messages(make_knn_pipeline().set_params(scaler__pixel_range=(0, 1)).fit, *scaled) == []


def test_erasing_in_the_range_of_bytes_warns_of_pixels_that_are_scaled(scaled, clothes):
    X, y = scaled
    message = (
        r"^fill_range of RandomErasing is \(0, 255\), but pixels go up to about 0.*. Set it to"
    )
    with pytest.warns(UserWarning, match=message):
        RandomErasing().fit_transform(X)
    with pytest.warns(UserWarning, match=message):
        KerasCNNClassifier(**SMALL, augmenter=RandomErasing()).fit(X, y)
    step = make_pipeline(PixelScaler(), ImageReshaper(), RandomErasing(), VectorizedKNNClassifier())
    with pytest.warns(UserWarning, match=message):
        step.fit(*clothes)
    assert messages(RandomErasing().fit_transform, clothes[0]) == []
    assert messages(RandomErasing(fill_range=(0, 1)).fit_transform, X) == []
    assert messages(RandomErasing(fill_range=(0, 0)).fit_transform, X) == []


@pytest.mark.slow
def test_layers_in_the_range_of_bytes_warn_of_pixels_that_are_scaled(scaled):
    layers = load_keras().layers
    message = r"value_range of RandomBrightness is \(0, 255\), but pixels go up to about 0"
    for augmenter in (
        layers.RandomBrightness(0.2),
        [RandomErasing(fill_range=(0, 1)), layers.RandomBrightness(0.2)],
        load_keras().Sequential([layers.RandomBrightness(0.2)]),
    ):
        with pytest.warns(UserWarning, match=message):
            KerasCNNClassifier(**SMALL, augmenter=augmenter).fit(*scaled)
    right = layers.RandomBrightness(0.2, value_range=(0, 1))
    assert messages(KerasCNNClassifier(**SMALL, augmenter=right).fit, *scaled) == []


def test_the_largest_pixels_there_can_be_have_a_scale():
    X = np.full((4, 16), 1.7e308)
    knn = VectorizedKNNClassifier(1, metric="manhattan")
    assert messages(knn.fit, X, [0, 1, 0, 1]) == []
    assert messages(knn.predict, X) == []
