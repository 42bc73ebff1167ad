"""
Write-up A: three convolutions with dropout
===========================================

The network of the first write-up has three blocks of convolution, pooling and dropout. It is
trained on 80 % of the images. The write-up shows learning curves, a classification report, the
confusion matrix and misclassified images. This example shows the same for a tenth of the images
and fewer epochs. The table compares full trainings (``benchmarks/write_ups.py``) with the
published results:

================  ============  ================
test set          published     skfashion
================  ============  ================
accuracy          0.9258        0.9267
loss              0.2088        0.2065
F1 of shirts      0.79          0.785
================  ============  ================

The preset "fast" has an accuracy of 0.937 and takes a quarter of the time.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import PredictionGridDisplay, TrainingHistoryDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
X, X_held_out, y, y_held_out = train_test_split(
    train.data[:6_000], train.target[:6_000], test_size=0.2, random_state=0
)
X_test, y_test, names = test.data[:2_000], test.target[:2_000], test.target_names

# %%
# The write-up does not state the epochs, the batch size or the optimizer. This example trains for
# 12 epochs with Adam. The classifier does not scale validation images, so the first steps of the
# pipeline transform them here.

pipeline = make_cnn_pipeline(
    architecture="three_conv_dropout", epochs=12, batch_size=64, random_state=0
)
X_val = pipeline[:-1].fit_transform(X_held_out)
pipeline.fit(X, y, cnn__X_val=X_val, cnn__y_val=y_held_out)
_ = TrainingHistoryDisplay.from_estimator(pipeline)

# %%
# As in the write-up, shirts are the most difficult class.

print(classification_report(y_test, pipeline.predict(X_test), target_names=names))

# %%
_, ax = plt.subplots(layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, X_test, y_test, display_labels=names, xticks_rotation="vertical", ax=ax
)

# %%
_ = PredictionGridDisplay.from_estimator(
    pipeline, X_test, y_test, target_names=names, errors_only=True, n_rows=3, n_cols=6
)
