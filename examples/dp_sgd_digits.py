"""Trains a small network on real images with differential privacy (DP-SGD), and shows what it costs.

    python examples/dp_sgd_digits.py                 a quarter of a minute
    python examples/dp_sgd_digits.py --quick         a few seconds
    python examples/dp_sgd_digits.py --resume        go on from the last checkpoint

The data are scikit-learn's digits: 1,797 scanned 8x8 images of handwritten digits, inside the package. What a private
step does, and why a run can be killed and resumed, is told in private_training.py.
"""

import numpy as np
from private_training import argument_parser, clipped_sums, parse, plot, private_gradient, train
from sklearn.datasets import load_digits

from vgrad import random

BATCH = 256  # expected batch size; the real one differs from step to step
HIDDEN = 64
DEFAULTS = {"noise_multiplier": 2.0, "clip": 1.0, "lr": 2.0}


def load_data():
    """(train images, train labels), (test images, test labels); pixels in [0, 1]. The split never changes."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    held_out = len(images) // 5
    return (images[held_out:], labels[held_out:]), (images[:held_out], labels[:held_out])


def initial_parameters(key):
    first, second = random.split(key)
    return {
        "w1": random.normal(first, (64, HIDDEN)) / 8.0,
        "b1": np.zeros(HIDDEN),
        "w2": random.normal(second, (HIDDEN, 10)) / np.sqrt(HIDDEN),
        "b2": np.zeros(10),
    }


def logits(parameters, image):
    hidden = np.tanh(image @ parameters["w1"] + parameters["b1"])
    return hidden @ parameters["w2"] + parameters["b2"]


def loss(parameters, image, label):
    """Cross-entropy of one example."""
    scores = logits(parameters, image)
    scores = scores - np.max(scores)
    return np.log(np.sum(np.exp(scores))) - scores[label]


def accuracy(parameters, images, labels):
    return float(np.mean(np.argmax(logits(parameters, images), axis=-1) == labels))


sums_of = clipped_sums(loss)


def private_step(parameters, key, data, settings):
    """(new parameters, losses, gradient norms of the batch)."""
    gradient, losses, norms = private_gradient(sums_of, parameters, key, data, BATCH, settings)
    return {name: parameters[name] - settings["lr"] * gradient[name] for name in parameters}, losses, norms


def main():
    parser = argument_parser(__doc__.splitlines()[0], "dp_sgd_digits", **DEFAULTS)
    arguments, settings = parse(parser, epochs=40, quick_epochs=8)
    data, test = load_data()
    _, norms, history = train(
        arguments,
        settings,
        start=initial_parameters(random.PRNGKey(arguments.seed)),
        private_step=lambda parameters, key: private_step(parameters, key, data, settings),
        evaluate=lambda parameters: {"test accuracy": accuracy(parameters, *test)},
        rate=BATCH / len(data[0]),
    )
    plot(arguments.output / "dp_sgd_digits.png", history, norms, settings["clip"], "test accuracy")
    if settings == DEFAULTS | {"epochs": 40, "seed": 0}:
        last = history[-1]
        assert last["test accuracy"] >= 0.90 and last["epsilon"] <= 8, "the default run must reach 90 % at epsilon 8"


if __name__ == "__main__":
    main()
