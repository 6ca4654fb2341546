"""Regression with the empirical neural tangent kernel: a network is trained to the end by solving linear equations.

    python examples/ntk.py                 ten seconds; --quick: fewer images; the plot is in runs/ntk/

Near its first parameters a wide network is linear in them, and gradient descent on squares ends at the solution of
kernel regression with K(x, y) = <grad f(x), grad f(y)> (Jacot et al. 2018, arXiv:1806.07572). `perexample.gram` gives
that kernel from the naive definition, without forming a gradient per image.
"""

import argparse
from pathlib import Path

import numpy as np
from plotting import figure
from sklearn.datasets import load_digits
from tqdm import tqdm

from vgrad import perexample, random

RIDGE = 1e-3  # of the mean of the kernel's diagonal


def initial_parameters(key, width):
    first, second, third = random.split(key, 3)
    return {
        "w1": random.normal(first, (64, width)) / 8,
        "w2": random.normal(second, (width, width)) / np.sqrt(width),
        "w3": random.normal(third, (width,)) / np.sqrt(width),
    }


def output(parameters, image):
    """One number: that of all ten classes' outputs is the same kernel, times an identity matrix."""
    hidden = np.tanh(np.tanh(image @ parameters["w1"]) @ parameters["w2"])
    return hidden @ parameters["w3"]


def fitted_scores(parameters, images, labels, test_images):
    """The scores of the ten classes for the test images, after training on the images without end."""
    kernel = perexample.gram(output, parameters, images)
    between = perexample.gram(output, parameters, test_images, images)
    ridge = RIDGE * np.trace(kernel) / len(kernel)
    targets = np.eye(10)[labels] - 0.1
    return between @ np.linalg.solve(kernel + ridge * np.eye(len(kernel)), targets)


def plot(path, sizes, accuracies):
    with figure(path, figsize=(6, 4)) as (_, axes):
        for width, values in accuracies.items():
            axes.plot(sizes, [100 * value for value in values], marker="o", label=f"width {width}")
        axes.set(xscale="log", xlabel="training images", ylabel="test accuracy (%)", title="Empirical NTK regression")
        axes.legend()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    parser.add_argument("--output", type=Path, default=Path("runs/ntk"), help="folder of the plot")
    arguments = parser.parse_args()
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    test_images, test_labels = images[-360:], labels[-360:]
    sizes = (100, 400) if arguments.quick else (50, 100, 200, 400, 800, 1400)
    accuracies = {width: [] for width in ((16, 256) if arguments.quick else (16, 64, 256, 1024))}
    with tqdm(total=len(sizes) * len(accuracies), unit="fit") as progress:
        for width, values in accuracies.items():
            parameters = initial_parameters(random.PRNGKey(0), width)
            for size in sizes:
                scores = fitted_scores(parameters, images[:size], labels[:size], test_images)
                values.append(float(np.mean(np.argmax(scores, axis=-1) == test_labels)))
                progress.set_postfix(width=width, images=size, accuracy=f"{values[-1]:.3f}")
                progress.update()
    for width, values in accuracies.items():
        print(f"width {width:4d}: " + ", ".join(f"{100 * v:.1f} % of {size} images" for size, v in zip(sizes, values)))
    path = arguments.output / "ntk.png"
    plot(path, sizes, accuracies)
    print(f"accuracy over the number of training images: {path}")
    widest = accuracies[max(accuracies)]
    assert widest[-1] > (0.93 if arguments.quick else 0.97), "a wide network's kernel reads digits"
    assert widest[-1] > widest[0], "more images help"


if __name__ == "__main__":
    main()
