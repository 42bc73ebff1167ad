"""
Imbalanced classes
==================

If a shop has many shoes and few shirts, a classifier trained on its images rarely predicts "shirt".
``class_weight="balanced"`` gives the images of rare classes a larger weight in training. In this
example, three of the ten classes keep only 5 % of their images.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score, recall_score

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
X_test, y_test, names = test.data[:2_000], test.target[:2_000], test.target_names.tolist()
X, y = train.data[:6_000], train.target[:6_000]
rare = [names.index(name) for name in ("Pullover", "Sandal", "Shirt")]
kept = ~np.isin(y, rare) | (np.arange(len(y)) % 20 == 0)
X, y = X[kept], y[kept]
print(dict(zip(names, np.bincount(y).tolist(), strict=True)))

# %%
# Both networks have the same architecture, images and seed. The test images have about equally many
# of each class.

recalls = {}
for class_weight in (None, "balanced"):
    pipeline = make_cnn_pipeline(
        architecture="three_conv", epochs=8, class_weight=class_weight, random_state=0
    )
    pipeline.fit(X, y)
    predicted = pipeline.predict(X_test)
    recalls[class_weight] = recall_score(y_test, predicted, average=None)
    print(
        f"class_weight={class_weight!r}: balanced accuracy "
        f"{balanced_accuracy_score(y_test, predicted):.4f}, recall of the rare "
        f"{recalls[class_weight][rare].mean():.4f}"
    )

# %%
# With class weights, the recall of the rare classes is higher, and the recall of the classes with
# which they are confused is lower.

figure, ax = plt.subplots(layout="constrained")
places = np.arange(len(names))
for shift, (class_weight, recall) in zip((-0.2, 0.2), recalls.items(), strict=True):
    ax.barh(places + shift, recall, 0.4, label=f"class_weight={class_weight!r}")
ax.set_yticks(places, [f"{name} (rare)" if i in rare else name for i, name in enumerate(names)])
ax.invert_yaxis()
ax.set_xlabel("recall, test images")
figure.legend(loc="outside upper center", ncols=2)
plt.show()
