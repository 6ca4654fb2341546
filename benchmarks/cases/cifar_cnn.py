"""Eight 3 x 3 convolutions with average-pools, as for CIFAR-10: that of arXiv:2010.09063 (605,226 weights)."""

from cases import GRADIENTS
from cases.images import (
    average_pool,
    conv,
    conv_flops,
    kernels,
    of_images,
    of_torch_images,
    of_torch_images_apart,
    torch_average_pool,
    torch_conv,
    torch_kernels,
)
from cases.layers import classified, cross_entropy, torch_classifier, torch_cross_entropy

FEATURES = 3, 32, 32, 64, 64, 128, 128, 256, 10
SIZES = 32, 32, 16, 16, 8, 8, 4, 4
POOLED = 1, 3, 5  # after these
CONVOLUTIONS = tuple((3, *pair, 1, 1, size) for pair, size in zip(zip(FEATURES, FEATURES[1:]), SIZES))
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 4.49
TOLERANCE = 5e-3  # of 8 million relus in a batch of 64, one within rounding of 0 may go the other way than in float64


def weights():
    return kernels(CONVOLUTIONS, seed=0)


def data(batch):
    return classified(batch, (32, 32, FEATURES[0]), FEATURES[-1], seed=batch)


def scores(relu, conv, pool, x):
    """At each place of what is left of the image."""
    last = len(CONVOLUTIONS) - 1
    for layer in range(len(CONVOLUTIONS)):
        x = conv(layer, x)
        x = relu(x) if layer < last else x
        x = pool(x) if layer in POOLED else x
    return x


def loss(np, lax, weights, image, label):
    places = scores(
        lambda x: np.maximum(x, 0),
        lambda layer, x: conv(lax, weights, layer, x, stride=1, padding=1),
        lambda x: average_pool(lax, x),
        of_images(np, image),
    )
    return cross_entropy(np, lax, np.reshape(np.mean(places, axis=(1, 2)), (*image.shape[:-3], FEATURES[-1])), label)


def torch_loss(torch, weights, image, label):
    places = scores(
        torch.relu,
        lambda layer, x: torch_conv(torch, weights, layer, x, stride=1, padding=1),
        lambda x: torch_average_pool(torch, x),
        of_torch_images(image),
    )
    return torch_cross_entropy(torch, places.mean(dim=(2, 3)).reshape(*image.shape[:-3], FEATURES[-1]), label)


def torch_module(torch):
    convolutions, parameters = torch_kernels(torch, CONVOLUTIONS, "convolutions")

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolutions = convolutions

        def forward(self, images):
            conv = lambda layer, x: self.convolutions[layer](x)
            pool = lambda x: torch_average_pool(torch, x)
            places = scores(torch.relu, conv, pool, of_torch_images_apart(torch, images))
            return places.mean(dim=(2, 3))

    return torch_classifier(torch, Scores(), parameters)


def flops(batch, mode):
    return conv_flops(CONVOLUTIONS, batch)
