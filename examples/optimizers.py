"""SGD, momentum, Adam and AdamW, with constant and changing learning rates, on the same network and the same batches.

    python examples/optimizers.py          a few seconds; --quick: fewer steps; the plot is in runs/optimizers/

The data are scikit-learn's digits. One step, gradient and update, is one compiled program; schedules run inside it.
"""

import argparse
from pathlib import Path

import numpy as np
from plotting import figure
from sklearn.datasets import load_digits
from tqdm import tqdm

from vgrad import jit, optim, random, value_and_grad

BATCH = 64


def contenders(steps):
    """{name: optimiser}; the schedules are made for so many steps."""
    warm = optim.warmup_cosine_decay_schedule(0.0, 0.02, steps // 10, steps)
    return {
        "SGD": optim.sgd(0.3),
        "SGD, momentum": optim.sgd(0.1, momentum=0.9),
        "SGD, Nesterov, cosine": optim.sgd(optim.cosine_decay_schedule(0.2, steps), momentum=0.9, nesterov=True),
        "SGD, momentum, stairs": optim.sgd(
            optim.piecewise_constant_schedule(0.2, {steps // 2: 0.1, 3 * steps // 4: 0.1}), momentum=0.9
        ),
        "Adam": optim.adam(0.005),
        "Adam, exponential": optim.adam(optim.exponential_decay(0.02, steps, 0.01)),
        "AdamW, warm-up, cosine": optim.adamw(warm, weight_decay=0.01),
        "clipped SGD, momentum": optim.chain(optim.clip_by_global_norm(0.3), optim.sgd(0.3, momentum=0.9)),
    }


def initial_parameters():
    first, second = random.split(random.PRNGKey(0))
    return {
        "w1": random.normal(first, (64, 64), np.float32) / np.float32(8),
        "b1": np.zeros(64, np.float32),
        "w2": random.normal(second, (64, 10), np.float32) / np.float32(8),
        "b2": np.zeros(10, np.float32),
    }


def logits(parameters, images):
    return np.tanh(images @ parameters["w1"] + parameters["b1"]) @ parameters["w2"] + parameters["b2"]


def loss(parameters, images, labels):
    scores = logits(parameters, images)
    scores = scores - np.max(scores, axis=-1, keepdims=True)
    chosen = np.take_along_axis(scores, labels[:, None], axis=-1)[:, 0]
    return np.mean(np.log(np.sum(np.exp(scores), axis=-1)) - chosen)


def losses_of(optimizer, images, labels, steps, progress):
    """(the loss of each step's batch, the last parameters)."""

    @jit
    def step(parameters, state, images, labels):
        value, gradient = value_and_grad(loss)(parameters, images, labels)
        updates, state = optimizer.update(gradient, state, parameters)
        return optim.apply_updates(parameters, updates), state, value

    parameters = initial_parameters()
    state, losses, rng = optimizer.init(parameters), [], np.random.default_rng(0)
    for _ in range(steps):
        batch = rng.choice(len(images), BATCH, replace=False)
        parameters, state, value = step(parameters, state, images[batch], labels[batch])
        losses.append(float(value))
        progress.update()
    return losses, parameters


def plot(path, curves):
    with figure(path, figsize=(8, 5)) as (_, axes):
        for name, losses in curves.items():
            window = max(1, len(losses) // 50)
            axes.plot(np.convolve(losses, np.ones(window) / window, "valid"), label=name)
        axes.set(yscale="log", xlabel="step", ylabel="loss of the batch, averaged over steps", title="Digits")
        axes.legend()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--output", type=Path, default=Path("runs/optimizers"), help="folder of the plot")
    arguments = parser.parse_args()
    steps = 150 if arguments.quick else 1500
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = (images[order] / 16).astype(np.float32), labels[order]
    test = images[:360], labels[:360]

    curves, accuracies = {}, {}
    optimizers = contenders(steps)
    with tqdm(total=len(optimizers) * steps, unit="step") as progress:
        for name, optimizer in optimizers.items():
            progress.set_description(name)
            curves[name], parameters = losses_of(optimizer, images[360:], labels[360:], steps, progress)
            assert all(leaf.dtype == np.float32 for leaf in parameters.values()), "single precision stays"
            accuracies[name] = float(np.mean(np.argmax(logits(parameters, test[0]), axis=-1) == test[1]))
    for name, accuracy in accuracies.items():
        print(f"{name:24} loss {np.mean(curves[name][-20:]):.4f}   test accuracy {100 * accuracy:.1f} %")
    path = arguments.output / "optimizers.png"
    plot(path, curves)
    print(f"loss over steps: {path}")
    assert min(accuracies.values()) > (0.85 if arguments.quick else 0.95), "each of them trains the network"
    assert np.mean(curves["SGD, momentum"][-20:]) < np.mean(curves["SGD"][-20:]), "momentum helps"


if __name__ == "__main__":
    main()
