"""What the convolutional workloads share: kernels and their flops, convolutions and pools, in both libraries' words.

Images have their features last, (height, width, features), one or a batch of them; kernels are (height, width, features
read, features given). PyTorch gets views of both in its own order.
"""

import math

import numpy


def kernels(convolutions, seed):
    """kernel0, shift0, kernel1, ...: float32, normal with standard deviation 1 / sqrt(inputs of an output)."""
    rng = numpy.random.default_rng(seed)
    weights = {}
    for layer, (side, inputs, outputs, *_) in enumerate(convolutions):
        kernel = rng.standard_normal((side, side, inputs, outputs), numpy.float32)
        weights[f"kernel{layer}"] = kernel / numpy.float32(math.sqrt(side * side * inputs))
        weights[f"shift{layer}"] = rng.standard_normal(outputs, numpy.float32) / 10
    return weights


def conv_flops(convolutions, batch):
    """Forward products, kernels' gradients, and inputs' gradients except the first layer's, as for dense layers."""
    sizes = [side**2 * inputs * outputs * size**2 for side, inputs, outputs, _, _, size in convolutions]
    return 2 * batch * (3 * sum(sizes) - sizes[0])


def of_images(np, image):
    """One image or a batch of them as a batch."""
    return np.reshape(image, (-1, *image.shape[-3:]))


def conv(lax, weights, layer, x, stride, padding):
    numbers = "NHWC", "HWIO", "NHWC"
    x = lax.conv_general_dilated(
        x, weights[f"kernel{layer}"], (stride, stride), [(padding, padding)] * 2, dimension_numbers=numbers
    )
    return x + weights[f"shift{layer}"]


def max_pool(np, lax, x):
    """Of 2 x 2 windows at each place."""
    return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "VALID")


def average_pool(lax, x):
    """Of 2 x 2 windows side by side."""
    return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4


def of_torch_images(image):
    return image.reshape(-1, *image.shape[-3:]).movedim(-1, 1)


def of_torch_images_apart(torch, image):
    """Each feature in one piece: Opacus gives wrong gradients of convolutions where they lie next to each other."""
    return of_torch_images(image).clone(memory_format=torch.contiguous_format)


def torch_conv(torch, weights, layer, x, stride, padding):
    kernel = weights[f"kernel{layer}"].permute(3, 2, 0, 1)
    return torch.nn.functional.conv2d(x, kernel, weights[f"shift{layer}"], stride, padding)


def torch_max_pool(torch, x):
    return torch.nn.functional.max_pool2d(x, 2, 1)


def torch_average_pool(torch, x):
    return torch.nn.functional.avg_pool2d(x, 2)


def torch_kernels(torch, convolutions, place):
    """(a ModuleList of the convolutions, where the weights of `kernels` are if it stands at `place`)."""
    layers, parameters = torch.nn.ModuleList(), {}
    for layer, (side, inputs, outputs, stride, padding, _) in enumerate(convolutions):
        layers.append(torch.nn.Conv2d(inputs, outputs, side, stride, padding))
        parameters |= {f"kernel{layer}": f"{place}.{layer}.weight", f"shift{layer}": f"{place}.{layer}.bias"}
    return layers, parameters
