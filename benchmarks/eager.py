"""Eager `grad` against HIPS autograd, side by side in one run: a 3-layer MLP and a chain of 1000 scalar operations.

    python -m pip install -e ".[benchmarks]" && python benchmarks/eager.py [--rounds 40]

Each round times both libraries one after the other; the ratio is the median over rounds of vgrad's time / autograd's.
Also: how long `import vgrad`, and `from vgrad import grad`, take in a fresh process, against `import numpy`.
"""

import argparse
import statistics
import subprocess
import sys
import time

import autograd
import autograd.numpy as autograd_numpy
import numpy as np

import vgrad

WIDTH, BATCH, LAYERS, OPERATIONS = 64, 64, 3, 1000


def mlp_loss(numpy):
    def loss(parameters, images, targets):
        hidden = images
        for weights, bias in parameters:
            hidden = numpy.tanh(numpy.dot(hidden, weights) + bias)
        return numpy.mean((hidden - targets) ** 2)

    return loss


def scalar_chain(numpy):
    def chain(x):
        for _ in range(OPERATIONS // 4):
            x = numpy.sin(x) * 0.9 + x * 0.1
        return x

    return chain


def cases():
    rng = np.random.default_rng(0)
    parameters = [(rng.normal(size=(WIDTH, WIDTH)) / 8, rng.normal(size=WIDTH)) for _ in range(LAYERS)]
    images, targets = rng.normal(size=(BATCH, WIDTH)), rng.normal(size=(BATCH, WIDTH))
    yield (
        f"MLP, {LAYERS} layers, batch {BATCH}, width {WIDTH}",
        lambda grad, numpy: (grad(mlp_loss(numpy)), (parameters, images, targets)),
    )
    yield f"scalar chain of {OPERATIONS} operations", lambda grad, numpy: (grad(scalar_chain(numpy)), (0.5,))


def seconds(function, args, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        function(*args)
    return (time.perf_counter() - start) / repeats


def flat(result):
    return np.concatenate([np.ravel(leaf) for leaf in vgrad.tree.leaves(result)])


def compare(name, make, rounds):
    ours, args = make(vgrad.grad, np)
    theirs, _ = make(autograd.grad, autograd_numpy)
    assert np.allclose(flat(ours(*args)), flat(theirs(*args))), "the two libraries must agree before they are timed"
    repeats = max(1, int(0.02 / seconds(theirs, args, 3)))
    pairs = [(seconds(ours, args, repeats), seconds(theirs, args, repeats)) for _ in range(rounds)]
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    mine, other = (statistics.median(column) * 1e3 for column in zip(*pairs))
    spread = f"{ratios[len(ratios) // 4]:.2f}-{ratios[3 * len(ratios) // 4]:.2f}"
    print(
        f"{name:<42} vgrad {mine:8.3f} ms   autograd {other:8.3f} ms   ratio {statistics.median(ratios):.2f} ({spread})"
    )


def import_seconds(statement):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def compare_imports(rounds):
    """Whole processes, the time of an empty one taken off."""
    statements = "pass", "import numpy", "import vgrad", "from vgrad import grad"
    times = [[import_seconds(statement) for statement in statements] for _ in range(rounds)]
    for column, statement in ((2, statements[2]), (3, statements[3])):
        ratios = sorted((row[column] - row[0]) / (row[1] - row[0]) for row in times)
        ours, numpys = (statistics.median(row[each] - row[0] for row in times) * 1e3 for each in (column, 1))
        spread = f"{ratios[rounds // 4]:.2f}-{ratios[3 * rounds // 4]:.2f}"
        print(
            f"{statement:<42} vgrad {ours:8.1f} ms   numpy    {numpys:8.1f} ms   "
            f"ratio {statistics.median(ratios):.2f} ({spread})"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="rounds per case (default 40)")
    rounds = parser.parse_args().rounds
    print(f"numpy {np.__version__}, python {sys.version.split()[0]}, {rounds} rounds, ratio: median (quartiles)")
    for name, make in cases():
        compare(name, make, rounds)
    compare_imports(max(5, rounds // 2))


if __name__ == "__main__":
    main()
