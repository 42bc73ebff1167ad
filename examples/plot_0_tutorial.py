"""
Ten minutes with skfashion
==========================

From the data to a classifier that is tuned, looked at and saved. All of it is scikit-learn's own
way of working; only the names of the estimators are new.
"""

# %%
# The data
# --------
# Fashion-MNIST has 60,000 training and 10,000 test images of clothes, 28 x 28 gray pixels, in ten
# classes. They come as rows of bytes, as scikit-learn has them, from this machine or, the first
# time, from the network.

from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import ImageGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
names = test.target_names
print(train.data.shape, train.data.dtype, test.data.shape)
_ = ImageGridDisplay.from_images(train.data, train.target, target_names=names, n_rows=3, n_cols=8)

# %%
# A part of them is enough here, so that this page is built within a minute. With all of them, the
# same lines take about two minutes on two cores that multiply bfloat16, and reach 0.937.

X, y = train.data[:3_000], train.target[:3_000]
X_test, y_test = test.data[:1_000], test.target[:1_000]

# %%
# A network
# ---------
# :func:`~skfashion.pipeline.make_cnn_pipeline` makes a plain pipeline: it scales the pixels, shapes
# rows into images, and trains a convolutional network with settings that need no further choice.

from skfashion import make_cnn_pipeline

pipeline = make_cnn_pipeline(random_state=0)
pipeline.fit(X, y)

# %%
print(f"Accuracy on {len(X_test):,} test images: {pipeline.score(X_test, y_test):.4f}")

# %%
# What it gets wrong
# ------------------
# The mistakes that it is surest of come first; the bars are the probabilities of all classes.

from skfashion.inspection import ConfusedPairsDisplay, PredictionGridDisplay

_ = PredictionGridDisplay.from_estimator(
    pipeline,
    X_test,
    y_test,
    target_names=names,
    errors_only=True,
    n_rows=3,
    n_cols=3,
    show_proba=True,
)

# %%
# Which classes are taken for each other:

_ = ConfusedPairsDisplay.from_estimator(pipeline, X_test, y_test, target_names=names, n_pairs=3)

# %%
# scikit-learn's own reports and displays take the pipeline as any other:

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

print(classification_report(y_test, pipeline.predict(X_test), target_names=names))

# %%
_, ax = plt.subplots(layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, X_test, y_test, display_labels=names, xticks_rotation="vertical", ax=ax
)

# %%
# Tuning
# ------
# Parameters of the network are reached by the step's name, ``cnn``; here are few candidates on few
# images, for time. With ``n_jobs=2``, two would train at once.

from sklearn.model_selection import GridSearchCV

grid = {"cnn__learning_rate": [0.01, 0.04]}
search = GridSearchCV(pipeline, grid, cv=2).fit(X[:400], y[:400])
for parameters, accuracy in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{accuracy:.4f}  {parameters}")

# %%
# Neighbours
# ----------
# The other classifier compares each image with all training images, exactly and fast:

from skfashion import make_knn_pipeline

knn = make_knn_pipeline(n_neighbors=6, weights="distance", n_jobs=-1).fit(X, y)
print(f"Nearest neighbours: {knn.score(X_test, y_test):.4f}")

# %%
# Saving
# ------
# A fitted pipeline comes back whole from a pickle, in another process too.

import tempfile
from pathlib import Path

import joblib

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "clothes.joblib"
    joblib.dump(pipeline, path)
    print(f"{path.stat().st_size / 2**20:.1f} MiB")
    again = joblib.load(path)
print((again.predict(X_test) == pipeline.predict(X_test)).all())

# %%
# From here on
# ------------
# The user guide has a page for each part: more presets, networks of your own, photographs from
# files, searches on many machines, ONNX, and going on after a crash.
