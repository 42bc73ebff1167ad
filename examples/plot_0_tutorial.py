"""
Tutorial: skfashion in ten minutes
==================================

This tutorial loads images of clothes, trains a network, shows its errors, tunes it and saves it.
It uses the usual tools of scikit-learn; only the estimators are new.
"""

# %%
# The data
# --------
# Fashion-MNIST has 60,000 training images and 10,000 test images of clothes in ten classes, with
# 28 x 28 gray pixels each. As usual in scikit-learn, each image is a row. The data are loaded from
# this machine if they are there, else downloaded.

from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import ImageGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
names = test.target_names
print(train.data.shape, train.data.dtype, test.data.shape)
_ = ImageGridDisplay.from_images(train.data, train.target, target_names=names, n_rows=3, n_cols=8)

# %%
# This page uses a part of the images to run in less than a minute. With all of them, the same code
# takes about two minutes on two cores with bfloat16 instructions, and the accuracy is 0.937.

X, y = train.data[:3_000], train.target[:3_000]
X_test, y_test = test.data[:1_000], test.target[:1_000]

# %%
# Train a network
# ---------------
# :func:`~skfashion.pipeline.make_cnn_pipeline` returns a pipeline that scales the pixels, reshapes
# the rows to images and trains a convolutional network. The default settings are a good start.

from skfashion import make_cnn_pipeline

pipeline = make_cnn_pipeline(random_state=0)
pipeline.fit(X, y)

# %%
print(f"Accuracy on {len(X_test):,} test images: {pipeline.score(X_test, y_test):.4f}")

# %%
# Show the errors
# ---------------
# The most confident errors come first. The bars are the probabilities of all classes.

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
# These pairs of classes are confused most often:

_ = ConfusedPairsDisplay.from_estimator(pipeline, X_test, y_test, target_names=names, n_pairs=3)

# %%
# scikit-learn's reports and displays, such as the confusion matrix, work with the pipeline:

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

print(classification_report(y_test, pipeline.predict(X_test), target_names=names))

# %%
_, ax = plt.subplots(layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, X_test, y_test, display_labels=names, xticks_rotation="vertical", ax=ax
)

# %%
# Tune the hyperparameters
# ------------------------
# The parameters of the network have the prefix ``cnn__``, the name of its step. To save time, this
# search has two candidates and 400 images. With ``n_jobs=2``, two networks are trained at once.

from sklearn.model_selection import GridSearchCV

grid = {"cnn__learning_rate": [0.01, 0.04]}
search = GridSearchCV(pipeline, grid, cv=2).fit(X[:400], y[:400])
for parameters, accuracy in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{accuracy:.4f}  {parameters}")

# %%
# Nearest neighbors
# -----------------
# The other classifier finds the nearest training images, exactly and fast:

from skfashion import make_knn_pipeline

knn = make_knn_pipeline(n_neighbors=6, weights="distance", n_jobs=-1).fit(X, y)
print(f"Nearest neighbors: {knn.score(X_test, y_test):.4f}")

# %%
# Save and load
# -------------
# A fitted pipeline can be pickled and loaded in another process.

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
# Next steps
# ----------
# The :doc:`user guide </guide/index>` explains the presets, custom architectures, your own images,
# searches on several machines, ONNX export, and how to resume training after a crash.
