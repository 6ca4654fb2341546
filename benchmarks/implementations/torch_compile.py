"""PyTorch: the same programs compiled by torch.compile (inductor; needs a C++ compiler)."""

import torch

from implementations import torch as eager
from implementations.torch import numpy_array, prepare, product, version, wait  # noqa: F401  the rest is the same


def program(case, mode):
    return torch.compile(eager.program(case, mode))


compiled = torch.compile
