"""Trains a convolutional network on real images with differential privacy: DP-SGD with momentum.

    python examples/dp_sgd_cnn.py                 twenty seconds
    python examples/dp_sgd_cnn.py --quick         a few seconds
    python examples/dp_sgd_cnn.py --resume        go on from the last checkpoint

The data are those of dp_sgd_digits.py, as images of 8 x 8 x 1. With a hundred examples in a batch, gradients of 5,000
weights each would be formed by a naive program; `jit` clips them as it goes (docs/contractions.md).
"""

import numpy as np
from dp_sgd_digits import BATCH, load_data
from private_training import argument_parser, clipped_sums, parse, plot, private_gradient, train

from vgrad import jit, lax, optim, random, vmap

DEFAULTS = {"noise_multiplier": 2.0, "clip": 1.0, "lr": 0.5}


def initial_parameters(key):
    """Two convolutions of 3 x 3, to 16 and 32 features, and a dense layer of their 2 x 2 x 32 features."""
    shapes = {"first": (3, 3, 1, 16), "second": (3, 3, 16, 32), "dense": (128, 10)}
    parameters = {}
    for own_key, (name, shape) in zip(random.split(key, len(shapes)), shapes.items()):
        parameters[name] = random.normal(own_key, shape, np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))
        parameters[f"{name}_bias"] = np.zeros(shape[-1], np.float32)
    return parameters


def pooled(image):
    """The mean of each 2 x 2 pixels."""
    return lax.reduce_window(image, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4


def logits(parameters, image):
    x = np.reshape(image, (1, 8, 8, 1))
    for name in ("first", "second"):
        x = lax.conv_general_dilated(x, parameters[name], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = pooled(np.tanh(x + parameters[f"{name}_bias"]))
    return np.reshape(x, (128,)) @ parameters["dense"] + parameters["dense_bias"]


def loss(parameters, image, label):
    """Cross-entropy of one example."""
    scores = logits(parameters, image)
    scores = scores - lax.stop_gradient(np.max(scores))
    return np.log(np.sum(np.exp(scores))) - scores[label]


@jit
def accuracy(parameters, images, labels):
    scores = vmap(logits, (None, 0))(parameters, images)
    return np.mean(np.argmax(scores, axis=-1) == labels)


def main():
    parser = argument_parser(__doc__.splitlines()[0], "dp_sgd_cnn", **DEFAULTS)
    arguments, settings = parse(parser, epochs=40, quick_epochs=8)
    (images, labels), (test_images, test_labels) = load_data()
    data = images.astype(np.float32), labels
    test = test_images.astype(np.float32), test_labels
    sums_of = clipped_sums(loss)
    optimizer = optim.sgd(settings["lr"], momentum=0.9)

    def private_step(state, key):
        parameters, momentum = state
        gradient, losses, norms = private_gradient(sums_of, parameters, key, data, BATCH, settings)
        updates, momentum = optimizer.update(gradient, momentum, parameters)
        return (optim.apply_updates(parameters, updates), momentum), losses, norms

    parameters = initial_parameters(random.PRNGKey(arguments.seed))
    _, norms, history = train(
        arguments,
        settings,
        start=(parameters, optimizer.init(parameters)),
        private_step=private_step,
        evaluate=lambda state: {"test accuracy": float(accuracy(state[0], *test))},
        rate=BATCH / len(images),
    )
    plot(arguments.output / "dp_sgd_cnn.png", history, norms, settings["clip"], "test accuracy")
    last = history[-1]
    assert last["test accuracy"] > 0.2, "twice as good as guessing, however short the run"
    if settings == DEFAULTS | {"epochs": 40, "seed": 0}:
        assert last["test accuracy"] >= 0.90 and last["epsilon"] <= 8, "the default run must reach 90 % at epsilon 8"


if __name__ == "__main__":
    main()
