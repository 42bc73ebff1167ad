"""
Find similar clothes
====================

Recommendations, and the search for duplicates in a catalogue, ask for images that look alike.
Pixels tell some of that; a trained network, which has learned what matters about clothes, tells
more: ``transform`` returns what it makes of an image before it tells the classes, and exact nearest
neighbours are found among these.
"""

from sklearn.pipeline import make_pipeline

from skfashion import VectorizedKNNClassifier, make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import NeighborsDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
names = test.target_names
X, y = train.data[:4_000], train.target[:4_000]  # the catalogue
X_new, y_new = test.data[:1_000], test.target[:1_000]

# %%
# The network is a transformer too, so that a pipeline goes on after it.

similar = make_pipeline(make_cnn_pipeline(random_state=0), VectorizedKNNClassifier(5, n_jobs=-1))
similar.fit(X, y)
print("Numbers for an image:", similar[:-1].transform(X_new[:1]).shape[1])

# %%
# New images, and the five of the catalogue most like them to the network:

new = X_new[10:15], y_new[10:15]
_ = NeighborsDisplay.from_estimator(
    similar, new[0], X, y=new[1], y_train=y, target_names=names, n_neighbors=5
)

# %%
# The same by pixels, which go by position and brightness:

pixels = VectorizedKNNClassifier(5, n_jobs=-1).fit(X, y)
_ = NeighborsDisplay.from_estimator(
    pixels, new[0], X, y=new[1], y_train=y, target_names=names, n_neighbors=5
)

# %%
# How many of the five are of the same kind:


def of_the_same_kind(classifier, images):
    indices = classifier.kneighbors(images, return_distance=False)
    return (y[indices] == y_new[:, None]).mean()


print(f"by pixels:  {of_the_same_kind(pixels, X_new):.3f}")
print(f"by network: {of_the_same_kind(similar[-1], similar[:-1].transform(X_new)):.3f}")
