"""Compiled functions in other processes and threads: joblib, dask.delayed, concurrent.futures. They pickle.

python examples/parallel.py

Each process of a pool has its own threads: with as many processes as processors, give each one thread.
"""

import os
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("VGRAD_NUM_THREADS", "1")  # before vgrad is imported, here and in the processes that we start

import dask  # noqa: E402
import numpy as np  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402

from vgrad import grad, jit  # noqa: E402

rng = np.random.default_rng(0)
weights = rng.normal(size=8)


@jit
def loss(weights, inputs, targets):
    return np.mean((np.tanh(inputs @ weights) - targets) ** 2)


gradient = jit(grad(loss))  # a function of a function: joblib and dask send it by cloudpickle


def part(number, rows=200):
    """The data of one worker."""
    own = np.random.default_rng(number)
    inputs = own.normal(size=(rows, 8))
    return inputs, np.tanh(inputs @ np.ones(8))


def main():
    parts = [part(number) for number in range(4)]
    expected = [gradient(weights, *data) for data in parts]

    found = {"joblib": Parallel(n_jobs=2)(delayed(gradient)(weights, *data) for data in parts)}
    with ThreadPoolExecutor(2) as pool:
        found["threads"] = list(pool.map(lambda data: gradient(weights, *data), parts))
    tasks = [dask.delayed(gradient)(weights, *data) for data in parts]
    found["dask"] = dask.compute(*tasks, scheduler="processes", num_workers=2)

    for name, gradients in found.items():
        print(f"{name:>8}: norm of the mean gradient {np.linalg.norm(np.mean(gradients, 0)):.6f}")
        assert np.allclose(gradients, expected, rtol=1e-12), f"{name} gives the gradients of this process"


if __name__ == "__main__":
    main()
