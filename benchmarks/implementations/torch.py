"""PyTorch: torch.func without compilation."""

import torch
from torch.func import grad, hessian, jacrev, vmap

from implementations import RATE, gram


def version():
    return torch.__version__


def prepare(array, threads):
    torch.set_num_threads(threads)
    tensor = torch.from_numpy(array)
    return tensor if tensor.is_floating_point() else tensor.long()  # PyTorch wants its indices so


def clipped_step(weights, gradients, clip):
    """The DP step from the gradients of the examples."""
    norms = [torch.linalg.vector_norm(each.reshape(len(each), -1), dim=1) for each in gradients.values()]
    factors = torch.clamp(clip / torch.linalg.vector_norm(torch.stack(norms), dim=0), max=1)
    sums = {name: torch.einsum("b,b...->...", factors, each) for name, each in gradients.items()}
    return {name: weights[name] - RATE / len(factors) * sums[name] for name in weights}


def program(case, mode):
    def loss(weights, *example):
        return case.torch_loss(torch, weights, *example)

    def for_each_example(transformed):
        return lambda weights, *data: vmap(transformed, (None, *(0 for _ in data)))(weights, *data)

    def dp_step(weights, *data):
        return clipped_step(weights, for_each_example(grad(loss))(weights, *data), case.CLIP)

    if mode == "norms":
        one = lambda weights, *example: sum(torch.sum(g**2) for g in grad(loss)(weights, *example).values())
        return lambda weights, *data: torch.sqrt(
            vmap(one, (None, *(0 for _ in data)), chunk_size=case.CHUNKS["torch"])(weights, *data)
        )
    if mode == "gram":
        return lambda weights, *data: gram(torch, for_each_example(grad(loss))(weights, *data))
    if mode == "dp_step":
        return dp_step
    if mode == "plain":
        return grad(lambda weights, *data: torch.mean(loss(weights, *data)))
    transformed = {"per_example": grad, "hessian_by_weights": hessian, "jacobian": jacrev}
    if mode == "hessian_by_input":
        return for_each_example(hessian(loss, 1))
    return for_each_example(transformed[mode](loss))


def compiled(function):
    return function


def wait(result):
    return result


def numpy_array(tensor):
    return tensor.detach().numpy()


product = torch.matmul
