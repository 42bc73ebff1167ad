"""
Quality control: set aside what a person should look at
=======================================================

In a warehouse, a wrong label costs more than a second look. The network's probabilities tell which
images it is unsure of; those go to a person, and the others are labelled without. How sure is sure
enough is chosen on images held out, never on those that it is measured on.
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
# With a higher threshold, more images go to a person, and fewer of the others are wrong:


def labelled_without_a_person(probabilities, y, thresholds):
    is_right = pipeline.classes_[probabilities.argmax(axis=1)] == y
    is_sure = probabilities.max(axis=1) >= np.asarray(thresholds)[:, None]
    return is_sure.mean(axis=1), [is_right[sure].mean() for sure in is_sure]


thresholds = np.linspace(0.1, 0.9, 33)
part, accuracy = labelled_without_a_person(
    pipeline.predict_proba(X_held_out), y_held_out, thresholds
)
plt.plot(part, accuracy, marker=".")
plt.xlabel("part labelled without a person")
plt.ylabel("accuracy of that part, held out")
plt.show()

# %%
# The lowest threshold with which 97 of 100 labels are right on the images held out, and what comes
# of it on test images:

threshold = thresholds[np.argmax(np.array(accuracy) >= 0.97)]
probabilities = pipeline.predict_proba(X_test)
part, accuracy = labelled_without_a_person(probabilities, y_test, [threshold, 0])
print(f"threshold {threshold:.3f}: {part[0]:.1%} labelled, {accuracy[0]:.1%} of them right")
print(f"nothing set aside: {accuracy[1]:.1%} right")

# %%
# What the person sees first, the images that the network is least sure of:

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
# The probabilities are those among the ten classes. What is none of them, a chair say, may still
# come out as a bag for sure; that a threshold does not catch.
