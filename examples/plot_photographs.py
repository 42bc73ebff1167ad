"""
From photographs to labels
==========================

Photographs of products are large, in colour, on a light ground, some of them lying on their side by
their EXIF data. :class:`~skfashion.preprocessing.ImageLoader` makes of them what a network trained
on Fashion-MNIST knows. No photographs come with the data, so this page makes some of test images.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageOps

from skfashion import ImageLoader, make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import PredictionGridDisplay

train = fetch_fashion_mnist(subset="train")
test = fetch_fashion_mnist(subset="test")
pipeline = make_cnn_pipeline(random_state=0).fit(train.data[:4_000], train.target[:4_000])

# %%
# Some "photographs": ten times as large, in blue on cream, off the middle, turned by a quarter,
# with the EXIF entry by which cameras tell so.


def photograph(row, path):
    image = Image.fromarray(row.reshape(28, 28)).resize((280, 280), Image.Resampling.BICUBIC)
    image = ImageOps.colorize(image, black="#f6f1e4", white="#1d2c54")
    image = ImageOps.expand(image, (160, 60, 40, 120), fill="#f6f1e4")
    exif = Image.Exif()
    exif[0x0112] = 6  # "Orientation": to be turned clockwise by a quarter
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
# Paths in, images of 28 x 28 bytes out, light on black. Photographs are sharpened as those that the
# data set is made of were; these are made of its images, which have been sharpened already.

images = ImageLoader(sharpen=False).transform(paths)
print(images.shape, images.dtype)
y = test.target[: len(paths)]
_ = PredictionGridDisplay.from_estimator(
    pipeline, images, y, target_names=test.target_names, n_rows=3, n_cols=8
)

# %%
# As test images, and as photographs of them:

print(f"as test images:  {pipeline.score(test.data[: len(paths)], y):.3f}")
print(f"as photographs:  {pipeline.score(images, y):.3f}")

# %%
# ``make_cnn_pipeline(from_files=True)`` has the loader as its first step, to train on files.

pipeline = make_cnn_pipeline(from_files=True, epochs=1).fit(paths, y)
print(np.shape(pipeline.predict_proba(paths[:3])))
folder.cleanup()
