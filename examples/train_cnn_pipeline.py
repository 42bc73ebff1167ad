"""
Train a convolutional pipeline on images of clothes
===================================================

A pipeline scales the pixels, reshapes the rows to images and trains a small convolutional network.
It uses Fashion-MNIST if the data are on this machine or can be downloaded, else generated images.
"""

import time

from sklearn.metrics import classification_report

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist, make_fashion_images

try:
    train = fetch_fashion_mnist(subset="train", n_retries=1)
    test = fetch_fashion_mnist(subset="test", n_retries=1)
    print("Data: Fashion-MNIST.")
except OSError as error:
    print(error)
    print("NOTICE: without Fashion-MNIST, this run trains on generated images of clothes.")
    train = make_fashion_images(6000, random_state=0)
    test = make_fashion_images(1000, random_state=1)

# %%
# The default preset "fast" takes about two minutes on two cores with bfloat16 instructions, and
# twice as long on others. "balanced" and "best" take longer and are more accurate. The test images
# are used here for the first time.

pipeline = make_cnn_pipeline("fast", verbose=1, random_state=0)
start = time.perf_counter()
pipeline.fit(train.data, train.target)
seconds = time.perf_counter() - start

print(pipeline)
print(
    classification_report(test.target, pipeline.predict(test.data), target_names=test.target_names)
)
accuracy = pipeline.score(test.data, test.target)
print(f"Accuracy on {len(test.data):,} test images: {accuracy:.4f}, trained in {seconds:.0f} s")
