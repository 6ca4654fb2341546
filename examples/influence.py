"""Which training images made the network say what it says, and which training labels are wrong: by gradients' angles.

    python examples/influence.py           a few seconds; --quick: fewer images; the plot is in runs/influence/

A step on one training image lowers the loss of a test image by about the inner product of their two gradients (TracIn,
Pruthi et al. 2020, arXiv:2002.08484); by their norms, it is the cosine of the angle between them. A few labels are made
wrong on purpose: their images pull hard against images of the digit that they show.
"""

import argparse
from pathlib import Path

import numpy as np
from plotting import figure
from sklearn.datasets import load_digits

from vgrad import grad, jit, optim, perexample, random, vmap

WRONG = 0.05  # of the training labels


def loss(parameters, image, label):
    hidden = np.tanh(image @ parameters["w1"] + parameters["b1"])
    scores = hidden @ parameters["w2"] + parameters["b2"]
    scores = scores - np.max(scores)
    return np.log(np.sum(np.exp(scores))) - scores[label]


def trained(images, labels, steps):
    """The parameters after some steps of Adam on all images."""
    first, second = random.split(random.PRNGKey(0))
    parameters = {
        "w1": random.normal(first, (64, 32)) / 8,
        "b1": np.zeros(32),
        "w2": random.normal(second, (32, 10)) / np.sqrt(32),
        "b2": np.zeros(10),
    }
    optimizer = optim.adam(0.01)

    def mean_loss(parameters):
        return np.mean(vmap(loss, (None, 0, 0))(parameters, images, labels))

    @jit
    def step(parameters, state):
        updates, state = optimizer.update(grad(mean_loss)(parameters), state)
        return optim.apply_updates(parameters, updates), state

    state = optimizer.init(parameters)
    for _ in range(steps):
        parameters, state = step(parameters, state)
    return parameters


def pulls(parameters, train, test):
    """(train, test): how far each training image's gradient goes along the direction of each test image's."""
    return perexample.gram(loss, parameters, train, test) / perexample.norms(loss, parameters, test)


def plot(path, train, test, cosine, cases):
    """For each case, a test image, the training images that speak for its label most, and those against it."""
    with figure(path, len(cases), 7, figsize=(10, 1.7 * len(cases))) as (_, axes):
        for row, case in zip(axes, cases):
            order = np.argsort(cosine[:, case])
            shown = [(*[each[case] for each in test], "test")]
            shown += [(*[each[i] for each in train], f"{cosine[i, case]:+.2f}") for i in (*order[:-4:-1], *order[:3])]
            for place, (image, label, text) in zip(row, shown):
                place.imshow(image.reshape(8, 8), cmap="gray_r")
                place.set_title(f"label {label}\n{text}", fontsize=8)
                place.axis("off")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    parser.add_argument("--output", type=Path, default=Path("runs/influence"), help="folder of the plot")
    arguments = parser.parse_args()
    count = 600 if arguments.quick else 1797
    images, labels = load_digits(return_X_y=True)
    images, labels = images[:count] / 16, labels[:count]
    held_out = count // 4
    test = images[:held_out], labels[:held_out]
    rng = np.random.default_rng(0)
    wrong = rng.random(count - held_out) < WRONG
    true_labels = labels[held_out:]
    train = images[held_out:], np.where(wrong, (true_labels + rng.integers(1, 10, len(wrong))) % 10, true_labels)

    parameters = trained(*train, steps=100)
    pull = pulls(parameters, train, test)
    cosine = pull / perexample.norms(loss, parameters, train)[:, None]

    closest = np.argmax(cosine, axis=0)  # for each test image, the training image that speaks for its label most
    agree = np.mean(train[1][closest] == test[1])
    print(f"the most helpful training image has the label of the test image: {100 * agree:.0f} % of {len(test[1])}")

    against = np.mean(np.sort(pull, axis=1)[:, : held_out // 10], axis=1)  # the tenth that each harms most
    suspects = np.argsort(against)[: np.sum(wrong)]
    found = np.mean(wrong[suspects])
    share = f"{100 * found:.0f} % are labelled wrong"
    print(f"of the {len(suspects)} training images that pull hardest against others, {share}")
    print(f"({100 * np.mean(wrong):.0f} % of all are)")

    losses = vmap(loss, (None, 0, 0))(parameters, *test)
    path = arguments.output / "influence.png"
    plot(path, train, test, cosine, np.argsort(-losses)[:5])
    print(f"the five test images with the largest loss, with those that help and harm them most: {path}")
    assert agree > 0.9, "gradients point the same way for images of the same digit"
    assert found > 0.8, "wrong labels pull against right ones"


if __name__ == "__main__":
    main()
