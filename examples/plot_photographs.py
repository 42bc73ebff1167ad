"""
Classify photographs of products
================================

Product photographs are large color images with a light background, and some are rotated by their
EXIF data. :class:`~skfashion.preprocessing.FashionMNISTLoader` converts them to images like those
of Fashion-MNIST. The data set has no photographs, so this example makes some from test images.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageOps

from skfashion import FashionMNISTLoader, make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import PredictionGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
pipeline = make_cnn_pipeline(random_state=0).fit(train.data[:4_000], train.target[:4_000])

# %%
# The "photographs" are ten times as large, blue on cream and off-center. They are stored rotated,
# with an EXIF orientation, as by a camera.


def photograph(row, path):
    image = Image.fromarray(row.reshape(28, 28)).resize((280, 280), Image.Resampling.BICUBIC)
    image = ImageOps.colorize(image, black="#f6f1e4", white="#1d2c54")
    image = ImageOps.expand(image, (160, 60, 40, 120), fill="#f6f1e4")
    exif = Image.Exif()
    exif[0x0112] = 6  # "Orientation": rotate by 90 degrees, clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=90)


folder = tempfile.TemporaryDirectory()
paths = [Path(folder.name) / f"product {i:02}.jpg" for i in range(60)]
for row, path in zip(test.data, paths, strict=False):
    photograph(row, path)

with Image.open(paths[0]) as image:
    plt.imshow(image)
    plt.title(f"{image.width} x {image.height}, lying on its side")
plt.axis("off")
plt.show()

# %%
# The loader takes paths and returns images of 28 x 28 bytes, light on black. By default, it
# sharpens photographs like the authors of the data set. These images are sharpened already.

images = FashionMNISTLoader(sharpen=False).transform(paths)
print(images.shape, images.dtype)
y = test.target[: len(paths)]
_ = PredictionGridDisplay.from_estimator(
    pipeline, images, y, target_names=test.target_names, n_rows=3, n_cols=8
)

# %%
# Accuracy on the original test images and on the photographs:

print(f"as test images:  {pipeline.score(test.data[: len(paths)], y):.3f}")
print(f"as photographs:  {pipeline.score(images, y):.3f}")

# %%
# To train on files, use ``make_cnn_pipeline(from_files=True)``. Its first step is the loader.

pipeline = make_cnn_pipeline(from_files=True, epochs=1).fit(paths, y)
print(np.shape(pipeline.predict_proba(paths[:3])))
folder.cleanup()
