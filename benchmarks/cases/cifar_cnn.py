"""Eight 3 x 3 convolutions with average-pools, as for CIFAR-10: that of arXiv:2010.09063 (605,226 weights)."""

from cases import GRADIENTS
from cases.images import (
    average_pool,
    conv,
    conv_flops,
    kernels,
    of_images,
    of_torch_images,
    torch_average_pool,
    torch_conv,
)
from cases.layers import classified, cross_entropy, torch_cross_entropy

FEATURES = 3, 32, 32, 64, 64, 128, 128, 256, 10
SIZES = 32, 32, 16, 16, 8, 8, 4, 4
POOLED = 1, 3, 5  # after these
CONVOLUTIONS = tuple((3, *pair, 1, 1, size) for pair, size in zip(zip(FEATURES, FEATURES[1:]), SIZES))
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 4.49


def weights():
    return kernels(CONVOLUTIONS, seed=0)


def data(batch):
    return classified(batch, (32, 32, FEATURES[0]), FEATURES[-1], seed=batch)


def scores(relu, conv, pool, weights, x):
    """At each place of what is left of the image."""
    last = len(CONVOLUTIONS) - 1
    for layer, (_, _, _, stride, padding, _) in enumerate(CONVOLUTIONS):
        x = conv(weights, layer, x, stride, padding)
        x = relu(x) if layer < last else x
        x = pool(x) if layer in POOLED else x
    return x


def loss(np, lax, weights, image, label):
    places = scores(
        lambda x: np.maximum(x, 0),
        lambda *operands: conv(lax, *operands),
        lambda x: average_pool(lax, x),
        weights,
        of_images(np, image),
    )
    return cross_entropy(np, lax, np.reshape(np.mean(places, axis=(1, 2)), (*image.shape[:-3], FEATURES[-1])), label)


def torch_loss(torch, weights, image, label):
    places = scores(
        torch.relu,
        lambda *operands: torch_conv(torch, *operands),
        lambda x: torch_average_pool(torch, x),
        weights,
        of_torch_images(image),
    )
    return torch_cross_entropy(torch, places.mean(dim=(2, 3)).reshape(*image.shape[:-3], FEATURES[-1]), label)


def flops(batch, mode):
    return conv_flops(CONVOLUTIONS, batch)
