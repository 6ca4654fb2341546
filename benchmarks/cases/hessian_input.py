"""The Hessian of a perceptron 32-64-64-1 with tanh by its input, for each example."""

from cases.layers import classified, dense

WIDTHS = 32, 64, 64, 1
BATCHES, MODES = (16, 64, 256), ("hessian_by_input",)


def weights():
    return dense(WIDTHS, seed=0)


def data(batch):
    return classified(batch, WIDTHS[:1], 2, seed=batch)[:1]


def loss(np, lax, weights, x):
    x = np.tanh(x @ weights["weights0"] + weights["bias0"])
    x = np.tanh(x @ weights["weights1"] + weights["bias1"])
    return (x @ weights["weights2"] + weights["bias2"])[..., 0]


def torch_loss(torch, weights, x):
    return loss(torch, None, weights, x)


def flops(batch, mode):
    return None
