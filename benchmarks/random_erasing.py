"""Random erasing of 60,000 images compared with public implementations.

The peers are the definition of write-up C as a loop over the images (draw area, ratio and
position until the rectangle is inside, then fill it in place), torchvision's `RandomErasing`,
called for each image because it erases the same rectangle in a whole batch, and keras' layer,
which takes batches. All erase half of the images, with the ranges of the write-up and one value
per rectangle where possible. The last rows compare with a copy of the images by NumPy, because
skfashion never changes its input.
"""

from functools import partial

import numpy as np
from _report import COLUMNS, PACKAGES, arguments, compare, header, in_turns, seconds, table, write

from skfashion import RandomErasing
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neural_network.runtime._keras import load_keras

RANGES = {"area_range": (0.02, 0.4), "aspect_range": (0.3, 1 / 0.3)}


def loop(images, highest):
    """Erase as write-up C defines it, image by image, in place."""
    random_state = np.random.RandomState(0)
    height, width, _ = images.shape[1:]
    for image in images:
        if random_state.rand() > 0.5:
            continue
        while True:
            area = random_state.uniform(*RANGES["area_range"]) * height * width
            ratio = random_state.uniform(*RANGES["aspect_range"])
            w, h = int(np.sqrt(area / ratio)), int(np.sqrt(area * ratio))
            left, top = random_state.randint(0, width), random_state.randint(0, height)
            if left + w <= width and top + h <= height:
                break
        image[top : top + h, left : left + w, :] = random_state.uniform(0, highest)


def with_torchvision(images):
    import torch
    from torchvision.transforms import RandomErasing as Peer

    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    erase = Peer(0.5, RANGES["area_range"], RANGES["aspect_range"], value="random")
    for tensor in tensors:
        erase(tensor)


def with_keras(images):
    keras = load_keras()
    layer = keras.layers.RandomErasing(factor=1.0, scale=RANGES["area_range"], value_range=(0, 1))
    for start in range(0, len(images), 1024):
        layer(images[start : start + 1024], training=True)


def main():
    trial = arguments(__doc__).trial
    parts = [header("random_erasing", __doc__, (*PACKAGES, "torch", "torchvision"))]
    print(parts[0], flush=True)
    X, _ = fetch_fashion_mnist(subset="train", return_X_y=True)
    bytes_ = X.reshape(-1, 28, 28, 1)[: 3_000 if trial else None]
    floats = (bytes_ / 255).astype(np.float32)
    cases = [
        ("bytes, the loop", bytes_, partial(loop, highest=255), 255, 0.02),
        ("float32, the loop", floats, partial(loop, highest=1), 1, 0.02),
        ("float32, torchvision", floats, with_torchvision, 1, 1),
        ("float32, keras", floats, with_keras, 1, 1),
        ("bytes, only a copy", bytes_, np.copy, 255, None),
        ("float32, only a copy", floats, np.copy, 1, None),
    ]
    rows = []
    for what, images, peer, highest, target in cases:
        ours = RandomErasing(0.5, fill_range=(0, highest), random_state=0, **RANGES)
        took = in_turns(
            {"peer": seconds(peer, images.copy()), "ours": seconds(ours.augment, images)}, 5
        )
        rows.append(compare(what, took["peer"], took["ours"], unit="ms", target=target))
        print(rows[-1], flush=True)
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not trial:
        write("random_erasing", parts)


if __name__ == "__main__":
    main()
