"""What several workloads share: dense layers' weights and flops, softmax, layer norm, gelu, cross entropy.

The functions take the module they compute with, and work along the last axis, for one example or a batch of them.
"""

import math

import numpy


def dense(widths, seed):
    """weights0, bias0, weights1, ... of a perceptron: float32, normal with standard deviation 1 / sqrt(inputs)."""
    rng = numpy.random.default_rng(seed)
    weights = {}
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        matrix = rng.standard_normal((inputs, outputs), numpy.float32)
        weights[f"weights{layer}"] = matrix / numpy.float32(math.sqrt(inputs))
        weights[f"bias{layer}"] = rng.standard_normal(outputs, numpy.float32) / 10
    return weights


def torch_perceptron(torch, widths):
    """(the layers of `dense` with relu between them as a module, where its weights are)."""
    layers, parameters = [], {}
    for number, sizes in enumerate(zip(widths, widths[1:])):
        layers += [torch.nn.ReLU()] if layers else []
        parameters |= {f"weights{number}": f"{len(layers)}.weight", f"bias{number}": f"{len(layers)}.bias"}
        layers.append(torch.nn.Linear(*sizes))
    return torch.nn.Sequential(*layers), parameters


def torch_classifier(torch, scores, parameters):
    """(module of the cross entropy of a module's scores, its parameters)."""

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = scores

        def forward(self, x, label):
            return torch.nn.functional.cross_entropy(self.scores(x), label, reduction="none")

    return Classifier(), {name: f"scores.{place}" for name, place in parameters.items()}


def classified(batch, shape, classes, seed):
    """(examples of the shape, labels): float32 normal, and int32 below `classes`."""
    rng = numpy.random.default_rng(seed)
    return rng.standard_normal((batch, *shape), numpy.float32), rng.integers(classes, size=batch, dtype=numpy.int32)


def reviews(batch, tokens, vocabulary, seed):
    """(tokens, labels): int32 below `vocabulary`, and 0 or 1."""
    rng = numpy.random.default_rng(seed)
    text = rng.integers(vocabulary, size=(batch, tokens), dtype=numpy.int32)
    return text, rng.integers(2, size=batch, dtype=numpy.int32)


def dense_flops(widths, batch):
    """Forward products, weights' gradients, and inputs' gradients except the first layer's.

    Good for every mode: the gradients of the examples are outer products, as many multiplications as their sum, and
    norms and clipped sums can be had from the factors.
    """
    sizes = [inputs * outputs for inputs, outputs in zip(widths, widths[1:])]
    return 2 * batch * (3 * sum(sizes) - sizes[0])


def softmax(np, lax, scores):
    weights = np.exp(scores - lax.stop_gradient(np.max(scores, axis=-1, keepdims=True)))
    return weights / np.sum(weights, axis=-1, keepdims=True)


def cross_entropy(np, lax, scores, label):
    """logsumexp(scores) - scores[label]."""
    largest = lax.stop_gradient(np.max(scores, axis=-1, keepdims=True))
    shifted = scores - largest
    chosen = np.take_along_axis(shifted, label[..., None], axis=-1)[..., 0]
    return np.log(np.sum(np.exp(shifted), axis=-1)) - chosen


def torch_cross_entropy(torch, scores, label):
    chosen = torch.take_along_dim(scores, label[..., None], dim=-1)[..., 0]
    return torch.logsumexp(scores, dim=-1) - chosen


def layer_norm(np, x, scale, shift):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * scale + shift


def torch_layer_norm(torch, x, scale, shift):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], scale, shift, 1e-5)


def gelu(np, x):
    """In the form with tanh."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def torch_gelu(torch, x):
    return torch.nn.functional.gelu(x, approximate="tanh")
