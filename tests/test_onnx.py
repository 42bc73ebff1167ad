import json
import os
import stat

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import (
    KerasCNNClassifier,
    PixelScaler,
    RandomErasing,
    export_onnx,
    make_cnn_pipeline,
    make_knn_pipeline,
)

SMALL = {"architecture": "two_conv_dropout", "filters": (4,), "epochs": 1, "random_state": 0}


def run(path, X):
    session = onnxruntime.InferenceSession(path)
    (pixels,) = session.get_inputs()
    assert (pixels.name, pixels.shape[1:], pixels.type) == ("pixels", [X.shape[1]], "tensor(float)")
    return session.run(None, {"pixels": X.astype(np.float32)})[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pipeline",
    [
        make_cnn_pipeline("fast", epochs=1, precision="float32", random_state=0),
        make_cnn_pipeline(
            "balanced", filters=(8, 8), epochs=1, precision="float32", random_state=0
        ),
        make_cnn_pipeline(**SMALL, precision="float32"),
        make_cnn_pipeline(architecture="three_conv", precision="float64", epochs=1, random_state=0),
        make_pipeline(
            PixelScaler((10, 200), (-1, 1), clip=True),
            RandomErasing(fill_range=(-1, 1)),
            make_pipeline(KerasCNNClassifier(tta_shifts=2, **SMALL, precision="float32")),
        ),
    ],
    ids=["fast", "balanced", "one of our own", "float64", "clipped"],
)
def test_it_gives_the_same_probabilities(clothes, tmp_path, pipeline):
    X, y = clothes
    pipeline.fit(X, y)
    export_onnx(pipeline, tmp_path / "clothes.onnx")
    assert_allclose(run(tmp_path / "clothes.onnx", X), pipeline.predict_proba(X), rtol=0, atol=1e-5)
    assert [file.name for file in tmp_path.iterdir()] == ["clothes.onnx"]


@pytest.mark.slow
def test_it_computes_in_float32_what_was_trained_in_bfloat16(clothes, tmp_path):
    X, y = clothes
    pipeline = make_cnn_pipeline("fast", epochs=2, precision="mixed_bfloat16", random_state=0)
    export_onnx(pipeline.fit(X, y), tmp_path / "clothes.onnx")
    assert_allclose(run(tmp_path / "clothes.onnx", X), pipeline.predict_proba(X), rtol=0, atol=0.05)


@pytest.mark.skipif(os.name == "nt", reason="needs the modes of POSIX")
def test_a_name_of_any_length_and_the_mode_of_the_file_there(clothes, tmp_path):
    pipeline = make_cnn_pipeline(**SMALL, precision="float32").fit(*clothes)
    path = tmp_path / ("." + 254 * "n")
    path.touch(0o600)
    export_onnx(pipeline, os.fsencode(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    expected = pipeline.predict_proba(clothes[0])
    assert_allclose(run(path, clothes[0]), expected, rtol=0, atol=1e-5)


def test_the_classifier_alone(clothes, tmp_path):
    X, y = clothes
    cnn = KerasCNNClassifier(**SMALL, precision="float32").fit(X / 255, y)
    export_onnx(cnn, tmp_path / "clothes.onnx")
    exported = run(tmp_path / "clothes.onnx", X / 255)
    session = onnxruntime.InferenceSession(tmp_path / "clothes.onnx")
    (output,) = session.get_outputs()
    assert (output.name, output.shape) == ("probabilities", ["n", 10])
    classes = session.get_modelmeta().custom_metadata_map["classes"]
    assert json.loads(classes) == cnn.classes_.tolist()
    assert_allclose(exported, cnn.predict_proba(X / 255), rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["D", "ns"])
def test_labels_that_are_dates_are_written_as_iso_8601(clothes, tmp_path, unit):
    X, y = clothes
    dates = (np.datetime64("2026-11-20", unit) + np.timedelta64(1, "D") * y).astype(f"M8[{unit}]")
    cnn = KerasCNNClassifier(**SMALL).fit(X / 255, dates)
    export_onnx(cnn, tmp_path / "clothes.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "clothes.onnx")
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert_array_equal(np.array(classes, dtype=cnn.classes_.dtype), cnn.classes_)


@pytest.mark.slow
def test_what_cannot_be_exported(clothes, tmp_path):
    path = tmp_path / "clothes.onnx"
    scaled = make_pipeline(StandardScaler(), KerasCNNClassifier(**SMALL))
    with pytest.raises(TypeError, match=r"got StandardScaler\(\). Export only the steps after it"):
        export_onnx(scaled.fit(*clothes), path)
    with pytest.raises(TypeError, match=r"(?s)ends in one.*VectorizedKNNClassifier"):
        export_onnx(make_knn_pipeline().fit(*clothes), path)
    search = GridSearchCV(scaled, {"kerascnnclassifier__epochs": [1]})
    for nothing in (search, None, make_pipeline("passthrough")):
        with pytest.raises(TypeError, match="For a search, pass its best_estimator_"):
            export_onnx(nothing, path)
    with pytest.raises(FileNotFoundError, match="folder to write to does not exist"):
        export_onnx(make_cnn_pipeline(**SMALL).fit(*clothes), tmp_path / "none" / "clothes.onnx")
    with pytest.raises(ValueError, match="not fitted"):
        export_onnx(make_cnn_pipeline(), path)
    assert not path.exists()


def test_tf2onnx_is_asked_for(clothes, tmp_path, monkeypatch):
    monkeypatch.setattr("skfashion._onnx.find_spec", lambda name: None)
    cnn = KerasCNNClassifier(**SMALL).fit(*clothes)
    with pytest.raises(ImportError, match=r"skfashion\[onnx\]"):
        export_onnx(cnn, tmp_path / "clothes.onnx")
