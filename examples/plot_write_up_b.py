"""
Write-up B: first steps with keras
==================================

Three convolutions without padding, RMSprop with a small learning rate, ten epochs. It shows a grid
of samples, predictions, the confusion matrix, and discusses which clothes are confused.

==============================  ===========  ==========================  ====================
test set                        published    skfashion, as stated        learning rate 0.001
==============================  ===========  ==========================  ====================
accuracy                        0.85         0.782                       0.877
F1 of shirts                    0.62         0.27                        0.67
==============================  ===========  ==========================  ====================

Figures are means of three seeds. As it is stated, with a learning rate of 0.0001, the recipe takes
too few steps to come to 0.85, in plain keras (0.796) as here; with RMSprop's usual rate it passes
that (``benchmarks/write_up_b.py``).
"""

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import ConfusedPairsDisplay, ImageGridDisplay, PredictionGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
X, y = train.data[:6_000], train.target[:6_000]
X_test, y_test, names = test.data[:2_000], test.target[:2_000], test.target_names
_ = ImageGridDisplay.from_images(X, y, target_names=names, n_rows=3, n_cols=8)

# %%
# A tenth of the images makes a tenth of the steps an epoch, so the batches are smaller here. Any
# optimizer and loss of keras goes, by name or as an object.

pipeline = make_cnn_pipeline(
    architecture="three_conv",
    optimizer="rmsprop",
    learning_rate=1e-3,
    loss="categorical_crossentropy",
    epochs=10,
    batch_size=64,
    random_state=0,
)
pipeline.fit(X, y)
_ = PredictionGridDisplay.from_estimator(pipeline, X_test, y_test, target_names=names)

# %%
print(classification_report(y_test, pipeline.predict(X_test), target_names=names))

# %%
_, ax = plt.subplots(layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, X_test, y_test, display_labels=names, xticks_rotation="vertical", ax=ax
)

# %%
# What the write-up discusses: shirts and T-shirts, coats and pullovers differ by a collar or a zip
# that 28 pixels hardly show.

_ = ConfusedPairsDisplay.from_estimator(pipeline, X_test, y_test, target_names=names, n_pairs=4)
