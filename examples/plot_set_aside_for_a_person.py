"""
Quality control: set uncertain images aside
===========================================

In a warehouse, a wrong label costs more than a second look. If the largest probability of an image
is below a threshold, a person labels it; the others get the predicted label. The threshold is
chosen on held-out images and evaluated on the test images.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import PredictionGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
X_test, y_test, names = test.data[:2_000], test.target[:2_000], test.target_names
X, X_held_out, y, y_held_out = train_test_split(
    train.data[:5_000], train.target[:5_000], test_size=1_000, random_state=0
)
pipeline = make_cnn_pipeline(random_state=0).fit(X, y)

# %%
# With a higher threshold, a person labels more images, and fewer of the other labels are wrong:


def labelled_without_a_person(probabilities, y, thresholds):
    is_right = pipeline.classes_[probabilities.argmax(axis=1)] == y
    is_sure = probabilities.max(axis=1) >= np.asarray(thresholds)[:, None]
    return is_sure.mean(axis=1), [is_right[sure].mean() for sure in is_sure]


thresholds = np.linspace(0.1, 0.9, 33)
part, accuracy = labelled_without_a_person(
    pipeline.predict_proba(X_held_out), y_held_out, thresholds
)
plt.plot(part, accuracy, marker=".")
plt.xlabel("fraction labelled automatically")
plt.ylabel("accuracy of these labels, held-out images")
plt.show()

# %%
# Choose the lowest threshold with an accuracy of at least 97 % on the held-out images, and evaluate
# it on the test images:

threshold = thresholds[np.argmax(np.array(accuracy) >= 0.97)]
probabilities = pipeline.predict_proba(X_test)
part, accuracy = labelled_without_a_person(probabilities, y_test, [threshold, 0])
print(f"threshold {threshold:.3f}: {part[0]:.1%} labelled, accuracy {accuracy[0]:.1%}")
print(f"without a threshold: accuracy {accuracy[1]:.1%}")

# %%
# These are the most uncertain images:

unsure = probabilities.max(axis=1).argsort()[:20]
_ = PredictionGridDisplay.from_predictions(
    X_test[unsure],
    y_test[unsure],
    probabilities[unsure],
    classes=pipeline.classes_,
    target_names=names,
    n_rows=4,
    n_cols=5,
)

# %%
# The probabilities are relative to the ten classes. The network may be certain that a chair is a
# bag. A threshold does not detect images of other classes.
