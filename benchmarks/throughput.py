"""Training throughput of the preset "balanced", and the cost of augmentation.

The peer is the same network in plain keras: float32, keras' batch normalization, SGD with
momentum, no augmentation. skfashion runs the whole `fit` of the pipeline from rows of bytes,
including building and tracing the network. The cost of augmentation is measured on one epoch of
the write-ups' networks and of the preset, with and without random erasing and flips. The last
rows train each built-in network for one epoch of 20,000 images in float32 (peer) and in mixed
bfloat16, which `precision="auto"` chooses if the processor supports it.
"""

from functools import partial

from _report import COLUMNS, arguments, compare, header, in_turns, seconds, table, write

from skfashion import make_cnn_pipeline
from skfashion.datasets import fetch_fashion_mnist
from skfashion.neural_network import small_resnet
from skfashion.neural_network._presets import PRESETS
from skfashion.neural_network.architectures._write_ups import ARCHITECTURES
from skfashion.neural_network.runtime._keras import load_keras


def train_plain(X, y, epochs):
    """Train in plain keras."""
    keras = load_keras()

    def plain(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.BatchNormalization.from_config(config)
        return type(layer).from_config(config)

    preset = PRESETS["balanced"]
    options = {name: preset[name] for name in ("filters", "blocks_per_stage") if name in preset}
    model = keras.models.clone_model(small_resnet((28, 28, 1), 10, **options), clone_function=plain)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    images = (X.astype("float32") / 255).reshape(-1, 28, 28, 1)
    model.fit(images, y, batch_size=256, epochs=epochs, verbose=0)


def train_ours(X, y, **parameters):
    make_cnn_pipeline(random_state=0, **parameters).fit(X, y)


def main():
    trial = arguments(__doc__).trial
    parts = [header("throughput", __doc__)]
    print(parts[0], flush=True)
    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    if trial:
        X, y = X[:4_000], y[:4_000]
    train_plain(X[:1_000], y[:1_000], 1)  # warms up
    train_ours(X[:1_000], y[:1_000], epochs=1)

    measures = {
        "peer": seconds(train_plain, X, y, 1),
        "ours": seconds(partial(train_ours, X, y, preset="balanced", epochs=1)),
    }
    took = in_turns(measures, 1 if trial else 3, warm_ups=0)
    rows = [compare("one epoch of balanced", took["peer"], took["ours"], unit="s", target=1 / 1.5)]
    for name, values in zip(("peer", "ours"), took.values(), strict=True):
        print(f"{name}: {len(X) / min(values):.0f} images a second at best", flush=True)
    for what, settings in {
        "augmentation, balanced": {"preset": "balanced"},
        "augmentation, three_conv_dropout": {"architecture": "three_conv_dropout"},
        "augmentation, one_conv_dropout": {"architecture": "one_conv_dropout"},
    }.items():
        fit = partial(train_ours, X, y, epochs=1, **settings)
        took = in_turns(
            {
                "without": seconds(partial(fit, augmenter=None, horizontal_flip=False)),
                "with": seconds(partial(fit, random_erasing=0.5, horizontal_flip=True)),
            },
            1 if trial else 5,
            warm_ups=0,
        )
        rows.append(compare(what, took["without"], took["with"], unit="s", target=1.05))
        print(rows[-1], flush=True)
    for architecture in ARCHITECTURES:
        fit = partial(train_ours, X[:20_000], y[:20_000], architecture=architecture, epochs=1)
        took = in_turns(
            {
                precision: seconds(partial(fit, precision=precision))
                for precision in ("float32", "mixed_bfloat16")
            },
            1 if trial else 3,
        )
        rows.append(compare(f"bfloat16, {architecture}", *took.values(), unit="s", target=1))
        print(rows[-1], flush=True)
    parts.append(table(COLUMNS, rows))
    print("", parts[-1], sep="\n\n")
    if not trial:
        write("throughput", parts)


if __name__ == "__main__":
    main()
