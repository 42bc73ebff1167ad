import copy
import io
import os
import pickle
import stat

import joblib
import keras
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning

import skfashion
from skfashion import (
    ImageLoader,
    ImageReshaper,
    KerasCNNClassifier,
    PixelScaler,
    RandomErasing,
    VectorizedKNNClassifier,
    make_cnn_pipeline,
    make_knn_pipeline,
)

ESTIMATORS = [
    ImageLoader(),
    ImageReshaper(),
    KerasCNNClassifier("two_conv_dropout", filters=(4,), epochs=1),
    PixelScaler(),
    RandomErasing(),
    VectorizedKNNClassifier(),
]
PIPELINES = {
    "fast": lambda: make_cnn_pipeline("fast", epochs=1, random_state=0),
    "balanced": lambda: make_cnn_pipeline("balanced", filters=(8, 8), epochs=1, random_state=0),
    "optimizer": lambda: make_cnn_pipeline(
        architecture="one_conv_dropout",
        epochs=1,
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        loss=keras.losses.CategoricalCrossentropy(),
        random_state=0,
    ),
    "warm_start": lambda: make_cnn_pipeline(
        architecture="two_conv_dropout", epochs=1, warm_start=True, random_state=0
    ),
    "knn": make_knn_pipeline,
}


@pytest.fixture(scope="module", params=PIPELINES)
def fitted(request, clothes):
    X, y = clothes
    return PIPELINES[request.param]().fit(X, y)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_a_pickle_tells_of_another_version(estimator, clothes, monkeypatch):
    X, y = clothes
    pickled = pickle.dumps(estimator.fit(X, y))
    pickle.loads(pickled)
    monkeypatch.setattr("skfashion._base.__version__", "9.9")
    with pytest.warns(InconsistentVersionWarning, match="9.9") as record:
        pickle.loads(pickled)
    assert skfashion.__version__ in str(record[0].message)


@pytest.mark.slow
def test_a_pickle_is_hardly_larger_than_the_weights(clothes):
    X, y = clothes
    pipeline = make_cnn_pipeline("fast", epochs=1, random_state=0).fit(X, y)
    size = sum(weight.nbytes for weight in copy.deepcopy(pipeline)["cnn"].model_.get_weights())
    assert len(pickle.dumps(pipeline)) < 1.2 * size
    assert pipeline["cnn"].model_ is not None  # which is its own from here on
    assert len(pickle.dumps(pipeline)) < 1.2 * size


@pytest.mark.slow
def test_the_optimizer_is_kept_where_training_may_go_on(clothes):
    X, y = clothes
    kept = make_cnn_pipeline(architecture="three_conv", epochs=1, warm_start=True).fit(X, y)
    left = make_cnn_pipeline(architecture="three_conv", epochs=1).fit(X, y)
    assert len(pickle.dumps(kept)) > 2.5 * len(pickle.dumps(left))


@pytest.mark.slow
def test_callbacks_are_kept_as_they_were_given(clothes):
    X, y = clothes
    stop = keras.callbacks.EarlyStopping("loss", patience=3)
    pipeline = make_cnn_pipeline(architecture="two_conv_dropout", epochs=1, callbacks=[stop])
    copied = pickle.loads(pickle.dumps(pipeline.fit(X, y)))
    assert copied["cnn"].callbacks[0].patience == 3
    assert len(pickle.dumps(copied["cnn"].callbacks)) < 1000


@pytest.mark.slow
def test_skops_needs_to_trust_in_nothing_but_skfashion(fitted, clothes):
    dumped = skops.io.dumps(fitted)
    types = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("skfashion.") for name in types)
    loaded = skops.io.loads(dumped, trusted=types)
    assert_array_equal(loaded.predict_proba(clothes[0]), fitted.predict_proba(clothes[0]))
    assert list(loaded.get_params()) == list(fitted.get_params())


@pytest.mark.slow
def test_a_copy_predicts_the_same(fitted, clothes):
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted), joblib.load(buffer)):
        assert_array_equal(copied.predict_proba(clothes[0]), fitted.predict_proba(clothes[0]))


PREDICT = """
import sys, joblib, skops.io, numpy as np
file = sys.argv[1]
if file.endswith("skops"):
    pipeline = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
else:
    pipeline = joblib.load(file)
np.save(file + ".npy", pipeline.predict_proba(np.load(sys.argv[2])))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "file"), [("fast", "fast.joblib"), ("balanced", "balanced.skops")]
)
def test_a_preset_predicts_in_another_process(clothes, tmp_path, run_python, preset, file):
    X, y = clothes
    pipeline = make_cnn_pipeline(preset, filters=(8, 8), epochs=1, random_state=0).fit(X, y)
    path = tmp_path / file
    (skops.io if file.endswith("skops") else joblib).dump(pipeline, path)
    np.save(tmp_path / "X.npy", X)
    run_python(PREDICT, path, tmp_path / "X.npy")
    assert_array_equal(np.load(f"{path}.npy"), pipeline.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "parameters"),
    [
        (".h5", {"preset": "fast", "horizontal_flip": False, "precision": "mixed_bfloat16"}),
        (".keras", {"preset": "best", "blocks_per_stage": 1, "precision": "mixed_bfloat16"}),
        (".keras", {"preset": "fast", "precision": "float64"}),
    ],
)
def test_keras_alone_loads_a_saved_model(clothes, tmp_path, run_python, ending, parameters):
    X, y = clothes
    pipeline = make_cnn_pipeline(filters=(8, 8), epochs=1, random_state=0, **parameters)
    pipeline.fit(X, y)
    path = tmp_path / f"network{ending}"
    path.write_text("not a network")
    pipeline["cnn"].save_model(path)
    np.save(tmp_path / "images.npy", pipeline[:-1].transform(X))
    run_python(
        "import sys, numpy as np, keras\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))\n"
        "assert 'bfloat16' not in {layer.compute_dtype for layer in model._flatten_layers()}\n"
        "assert 'skfashion' not in sys.modules",
        path,
        tmp_path / "images.npy",
        tmp_path / "predicted.npy",
    )
    in_bfloat16 = pipeline["cnn"].precision_ == "mixed_bfloat16"
    assert_allclose(
        np.load(tmp_path / "predicted.npy"),
        pipeline.predict_proba(X),
        atol=2e-3 if in_bfloat16 else 1e-5,
    )
    assert {file.name for file in tmp_path.iterdir()} == {
        path.name,
        "images.npy",
        "predicted.npy",
    }


def test_a_model_is_saved_under_an_ending_that_keras_knows(clothes, tmp_path):
    cnn = KerasCNNClassifier("two_conv_dropout", epochs=1).fit(*clothes)
    with pytest.raises(ValueError, match=r"path must end in one of \.keras, \.h5, \.hdf5"):
        cnn.save_model(tmp_path / "model.pb")
    assert list(tmp_path.iterdir()) == []


def test_hdf5_is_refused_where_predictions_are_averages(clothes, tmp_path):
    cnn = KerasCNNClassifier("two_conv_dropout", epochs=1, horizontal_flip=True).fit(*clothes)
    with pytest.raises(ValueError, match=r"HDF5 files cannot contain test-time.* ends in \.keras"):
        cnn.save_model(tmp_path / "model.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs the modes and links of POSIX")
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_model_is_saved_where_a_link_of_any_name_leads_in_the_mode_of_the_file_there(
    scaled, tmp_path, ending
):
    cnn = KerasCNNClassifier(
        "two_conv_dropout", filters=(4,), epochs=1, precision="float32", random_state=0
    )
    cnn.fit(*scaled)
    target = tmp_path / "0123"
    target.touch(0o600)
    link = tmp_path / ending.rjust(255, "n")
    link.symlink_to(target)
    cnn.save_model(os.fsencode(link))
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    loaded = keras.models.load_model(link)
    images = scaled[0].reshape(-1, 20, 20, 1)
    assert_allclose(loaded.predict(images, verbose=0), cnn.predict_proba(scaled[0]), atol=1e-5)
    assert {file.name for file in tmp_path.iterdir()} == {link.name, target.name}


def test_a_failed_save_leaves_the_file_as_it_was(clothes, tmp_path, monkeypatch):
    cnn = KerasCNNClassifier("two_conv_dropout", epochs=1).fit(*clothes)
    path = tmp_path / "model.keras"
    cnn.save_model(path)
    before = path.read_bytes()

    def disk_full(model, path, **kwargs):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        cnn.save_model(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
