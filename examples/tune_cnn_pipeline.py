"""
Tune a network: random erasing and dropout
==========================================

Random erasing and dropout reduce overfitting. The best amount of each depends on the number of
epochs and images. This grid search with cross-validation on 10,000 images runs in two processes and
takes about five minutes on two cores. It uses Fashion-MNIST if the data are on this machine or can
be downloaded, else generated images.
"""

import time

from sklearn.model_selection import GridSearchCV

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist, make_fashion_images

try:
    train = fetch_fashion_mnist(subset="train", n_retries=1)
    test = fetch_fashion_mnist(subset="test", n_retries=1)
    print("Data: Fashion-MNIST.")
except OSError as error:
    print(error)
    print("NOTICE: without Fashion-MNIST, this run takes generated images of clothes.")
    train = make_fashion_images(6000, random_state=0)
    test = make_fashion_images(1000, random_state=1)
X, y = train.data[:10_000], train.target[:10_000]

# %%
# ``random_erasing`` sets an augmenter, whose parameters have the prefix ``cnn__augmenter__``. Only
# training images are erased, never the images on which a fold is scored.

grid = {"cnn__augmenter__p": [0.0, 0.15, 0.4], "cnn__dropout": [0.0, 0.3]}
pipeline = make_cnn_pipeline("fast", random_erasing=0.15, random_state=0)
search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, verbose=1)
start = time.perf_counter()
search.fit(X, y)
seconds = time.perf_counter() - start

for parameters, accuracy in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{accuracy:.4f}  {parameters}")
print(f"Chosen in {seconds:.0f} s: {search.best_params_}")

# %%
# The best network was trained again on all 10,000 images. The test images are used here for the
# first time.

accuracy = search.score(test.data, test.target)
print(f"Accuracy on {len(test.data):,} test images: {accuracy:.4f}")
