"""Two convolutions with max-pools and two dense layers, as for MNIST: that of arXiv:2010.09063 (26,010 weights)."""

from cases import GRADIENTS
from cases.images import (
    conv,
    conv_flops,
    kernels,
    max_pool,
    of_images,
    of_torch_images,
    of_torch_images_apart,
    torch_conv,
    torch_kernels,
    torch_max_pool,
)
from cases.layers import (
    classified,
    cross_entropy,
    dense,
    dense_flops,
    torch_classifier,
    torch_cross_entropy,
    torch_perceptron,
)

# side of the kernel, features read, features given, stride, padding, side of the image given
CONVOLUTIONS = (8, 1, 16, 2, 3, 14), (4, 16, 32, 2, 0, 5)
WIDTHS = 32 * 4 * 4, 32, 10
BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 19.0


def weights():
    return kernels(CONVOLUTIONS, seed=0) | dense(WIDTHS, seed=1)


def data(batch):
    return classified(batch, (28, 28, 1), WIDTHS[-1], seed=batch)


def dense_layers(relu, weights, x):
    hidden = relu(x @ weights["weights0"] + weights["bias0"])
    return hidden @ weights["weights1"] + weights["bias1"]


def loss(np, lax, weights, image, label):
    x = of_images(np, image)
    for layer, (_, _, _, stride, padding, _) in enumerate(CONVOLUTIONS):
        x = max_pool(np, lax, np.maximum(conv(lax, weights, layer, x, stride, padding), 0))
    scores = dense_layers(lambda x: np.maximum(x, 0), weights, np.reshape(x, (*image.shape[:-3], WIDTHS[0])))
    return cross_entropy(np, lax, scores, label)


def torch_loss(torch, weights, image, label):
    x = of_torch_images(image)
    for layer, (_, _, _, stride, padding, _) in enumerate(CONVOLUTIONS):
        x = torch_max_pool(torch, torch.relu(torch_conv(torch, weights, layer, x, stride, padding)))
    channels_last = x.movedim(1, -1)
    scores = dense_layers(torch.relu, weights, channels_last.reshape(*image.shape[:-3], WIDTHS[0]))
    return torch_cross_entropy(torch, scores, label)


def torch_module(torch):
    convolutions, parameters = torch_kernels(torch, CONVOLUTIONS, "convolutions")
    dense_layers, places = torch_perceptron(torch, WIDTHS)
    parameters |= {name: f"dense.{place}" for name, place in places.items()}

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolutions, self.dense = convolutions, dense_layers

        def forward(self, images):
            x = of_torch_images_apart(torch, images)
            for convolution in self.convolutions:
                x = torch_max_pool(torch, torch.relu(convolution(x)))
            return self.dense(x.movedim(1, -1).flatten(1))

    return torch_classifier(torch, Scores(), parameters)


def flops(batch, mode):
    """The dense layers need the gradients of their inputs too."""
    return conv_flops(CONVOLUTIONS, batch) + dense_flops(WIDTHS, batch) + 2 * batch * WIDTHS[0] * WIDTHS[1]
