"""
Write-up D: five easy steps
===========================

The write-up reads Kaggle's table with pandas and trains a network of one convolution, with 20 % of
the images as validation set. It states no accuracy on the test set. The best epoch, chosen on the
validation set of a full training (``benchmarks/write_ups.py``), reaches:

================  ============  ======================
test set          published     skfashion, three seeds
================  ============  ======================
accuracy          not stated    0.9134
F1 of shirts      not stated    0.757
================  ============  ======================
"""

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import ImageGridDisplay, PredictionGridDisplay, TrainingHistoryDisplay

# %%
# 1. Read
# -------
# The data frame has one row for each image, like Kaggle's files.
# :func:`~skfashion.datasets.read_fashion_csv` reads those files.

train = fetch_fashion_mnist(subset="train", as_frame=True)
test = fetch_fashion_mnist(subset="test", as_frame=True)
names = test.target_names
train.data.iloc[:3, 200:210]

# %%
# 2. Look
# -------

plt.imshow(train.data.iloc[0].to_numpy().reshape(28, 28), cmap="gray")
plt.axis("off")
plt.show()

# %%
_ = ImageGridDisplay.from_images(train.data, train.target, target_names=names, n_rows=15, n_cols=15)

# %%
# 3. Split
# --------

X, X_held_out, y, y_held_out = train_test_split(
    train.data[:6_000], train.target[:6_000], test_size=0.2, random_state=12345
)
X_test, y_test = test.data[:2_000], test.target[:2_000]

# %%
# 4. Train
# --------
# Early stopping restores the weights of the best epoch on the validation set.

pipeline = make_cnn_pipeline(
    architecture="one_conv_dropout",
    epochs=20,
    batch_size=128,
    early_stopping=True,
    n_iter_no_change=20,
    random_state=0,
)
X_val = pipeline[:-1].fit_transform(X_held_out)
pipeline.fit(X, y, cnn__X_val=X_val, cnn__y_val=y_held_out)
_ = TrainingHistoryDisplay.from_estimator(pipeline)

# %%
# 5. Predict
# ----------

_ = PredictionGridDisplay.from_estimator(pipeline, X_test, y_test, target_names=names)

# %%
print(classification_report(y_test, pipeline.predict(X_test), target_names=names))

# %%
_, ax = plt.subplots(layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    pipeline, X_test, y_test, display_labels=names, xticks_rotation="vertical", ax=ax
)
