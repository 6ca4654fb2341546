"""One gradient per example, by vmap(grad(loss)): their norms, and the examples that pull the parameters hardest.

python examples/per_example_gradients.py
"""

import numpy as np
from sklearn.datasets import load_digits

from vgrad import grad, vmap

images, labels = load_digits(return_X_y=True)
images = images / 16.0


def loss(weights, image, label):
    scores = image @ weights
    return np.log(np.sum(np.exp(scores - np.max(scores)))) + np.max(scores) - scores[label]


def total_loss(weights):
    return np.mean(vmap(loss, in_axes=(None, 0, 0))(weights, images, labels))


weights = np.zeros((64, 10))
for _ in range(200):
    weights -= 0.5 * grad(total_loss)(weights)

per_example = vmap(grad(loss), in_axes=(None, 0, 0))(weights, images, labels)  # (1797, 64, 10)
norms = np.sqrt(np.sum(per_example**2, axis=(1, 2)))
print(f"gradient norms: median {np.median(norms):.3f}, largest {np.max(norms):.3f}")
for example in np.argsort(-norms)[:5]:
    guess = np.argmax(images[example] @ weights)
    print(f"most influential: image {example:4d}, a {labels[example]} taken for a {guess}, norm {norms[example]:.2f}")

assert np.allclose(np.mean(per_example, axis=0), grad(total_loss)(weights)), "the mean of the gradients is the gradient"
