"""The transformer whose head is its table of embeddings."""

from cases import GRADIENTS, transformer

BATCHES, MODES, CLIP = (16, 64, 256), GRADIENTS, 1.985
TOLERANCE = 1e-3  # float32 tables hold no more of a DP step, which moves their rows by so little
loss, torch_loss, data, flops = transformer.loss, transformer.torch_loss, transformer.data, transformer.flops


def weights():
    weights = transformer.weights()
    del weights["head"]
    return weights


def torch_module(torch):
    return transformer.torch_module(torch, tied=True)
