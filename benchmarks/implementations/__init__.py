"""The libraries compared, one module each, imported only in that library's own process.

Every module has
    version()                  of the library
    prepare(array, threads)    a NumPy array as the library's own
    program(case, mode)        the function of (weights, *data) that is timed; NotImplementedError if it cannot be
                               where run.py has MICROBATCHES of it: program(case, mode, microbatch), the number of
                               examples whose gradients are formed at a time, or None for the whole batch
    compiled(function)         a function of one array, as the library compiles functions if it does
    wait(result)               returns when the result is there
    numpy_array(leaf)          the library's array as NumPy's
    product                    the matrix product, for the machine's rate
"""

RATE = 0.5  # of the DP step


def mean_loss(np, loss):
    """The loss is written for one example or a batch; here the mean over a batch."""
    return lambda weights, *data: np.mean(loss(weights, *data))


def dp_step(np, per_example_gradients, clip):
    """The naive DP step without the noise: norms over all leaves, clip, sum over examples, update."""

    def step(weights, *data):
        gradients = per_example_gradients(weights, *data)
        factors = np.minimum(1, clip / norms(np, gradients))
        sums = {name: np.einsum("b,b...->...", factors, each) for name, each in gradients.items()}
        return {name: weights[name] - RATE / len(factors) * sums[name] for name in weights}

    return step


def norms(np, gradients):
    """The norm of each example's gradient, over all leaves."""
    return np.sqrt(sum(np.sum(each**2, axis=tuple(range(1, each.ndim))) for each in gradients.values()))


def gram(np, gradients):
    """The inner products of all examples' gradients."""
    flat = [np.reshape(each, (len(each), -1)) for each in gradients.values()]
    return sum(each @ each.T for each in flat)


def of_numpy_family(np, library, case, mode):
    """The function to compile, for libraries with grad, vmap, hessian, jacrev and lax that go by these names."""

    def loss(weights, *example):
        return case.loss(np, library.lax, weights, *example)

    def for_each_example(transformed):
        return lambda weights, *data: library.vmap(transformed, (None, *(0 for _ in data)))(weights, *data)

    if mode == "plain":
        return library.grad(mean_loss(np, loss))
    if mode == "per_example":
        return for_each_example(library.grad(loss))
    if mode == "dp_step":
        return dp_step(np, for_each_example(library.grad(loss)), case.CLIP)
    if mode == "norms":
        return lambda weights, *data: norms(np, for_each_example(library.grad(loss))(weights, *data))
    if mode == "gram":
        return lambda weights, *data: gram(np, for_each_example(library.grad(loss))(weights, *data))
    if mode == "hessian_by_input":
        return for_each_example(library.hessian(loss, 1))
    if mode == "hessian_by_weights":
        return for_each_example(library.hessian(loss))
    if mode == "jacobian":
        return for_each_example(library.jacrev(loss))
    raise ValueError(f"no such mode: {mode}")
