"""The workloads, one module each.

Every module has
    BATCHES, MODES        the batch sizes and modes to run
    CLIP                  the bound of the DP step on the norm of one example's gradient, which about half exceed
    weights()             dict of float32 arrays, from a fixed seed
    data(batch)           tuple of arrays, examples along the first axis, from a fixed seed
    loss(np, lax, weights, *example)    in NumPy's words, and those of jax.lax for convolutions and loops; with a batch
                          of examples it gives one loss for each
    torch_loss(torch, weights, *example)          the same by hand in PyTorch's words
    torch_module(torch)   for Opacus, where MODES has dp_step: (module, parameters). `module(*data)` gives one loss for
                          each example of a batch; it is built of layers that Opacus knows (nn.Linear, nn.Embedding,
                          nn.LayerNorm, nn.Conv2d, ...), all its parameters are in them, and it has no buffers.
                          `parameters` maps each name in weights() to that of the module's parameter: {"weights0":
                          "layers.0.weight", ...}. The axes of nn.Linear (outputs, inputs) and of nn.Conv2d (outputs,
                          inputs, height, width) are ours (inputs, outputs) and (height, width, inputs, outputs) in
                          another order; what else differs in shape is reshaped.
    CHUNKS                for norms: how many examples an implementation takes at a time that forms gradients
    flops(batch, mode)    multiplications and additions that the products need, or None where products do not count
The Hessian and Jacobian workloads name the differentiated function `loss` as well.
"""

import importlib

NAMES = (
    "logistic",
    "softmax",
    "mlp",
    "wide_mlp",
    "oscillators",
    "chain",
    "transformer",
    "transformer_tied",
    "ffnn",
    "mnist_cnn",
    "cifar_cnn",
    "embedding",
    "lstm_64",
    "lstm_256",
    "hessian_input",
    "hessian_weights",
    "jacobian",
    "norms",
    "gram",
)
GRADIENTS = ("plain", "per_example", "dp_step")


def load(name):
    return importlib.import_module(f"cases.{name}")
