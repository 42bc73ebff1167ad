"""
Find similar clothes with embeddings
====================================

Recommender systems and searches for duplicates need images that look similar. The embeddings of a
trained network represent clothes better than pixels. ``transform`` returns these embeddings: the
input of the final dense layer. The nearest neighbors among them are similar items.
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
# The network is a transformer too, so it may be followed by another step.

similar = make_pipeline(make_cnn_pipeline(random_state=0), VectorizedKNNClassifier(5, n_jobs=-1))
similar.fit(X, y)
print("Features of an embedding:", similar[:-1].transform(X_new[:1]).shape[1])

# %%
# The five most similar items in the catalogue, by the embeddings of the network:

new = X_new[10:15], y_new[10:15]
_ = NeighborsDisplay.from_estimator(
    similar, new[0], X, y=new[1], y_train=y, target_names=names, n_neighbors=5
)

# %%
# The five most similar items by their pixels, which depend on position and brightness:

pixels = VectorizedKNNClassifier(5, n_jobs=-1).fit(X, y)
_ = NeighborsDisplay.from_estimator(
    pixels, new[0], X, y=new[1], y_train=y, target_names=names, n_neighbors=5
)

# %%
# The fraction of the five neighbors that have the same class:


def fraction_of_same_class(classifier, images):
    indices = classifier.kneighbors(images, return_distance=False)
    return (y[indices] == y_new[:, None]).mean()


print(f"by pixels:  {fraction_of_same_class(pixels, X_new):.3f}")
print(f"by network: {fraction_of_same_class(similar[-1], similar[:-1].transform(X_new)):.3f}")
