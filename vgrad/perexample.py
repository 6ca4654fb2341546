"""Statistics of per-example gradients: norms, clipped sums, second moments, Gram matrices, gradient noise.

Relies on api. Each is defined on the B gradients of a batch, `vmap(grad(loss))`, in a line or two of NumPy, and runs as
one compiled program. The compiler forms those gradients only where that is cheaper than to do without: see
docs/contractions.md. `debug.explain` shows what is formed, and why.

In all of them `loss(params, *example)` is the loss of ONE example, a real number; params is any pytree of floats. A
`batch` that is a plain tuple holds the arguments `example`, any other pytree is the one argument; all its arrays have
the examples along axis 0. Sums, norms and inner products are over all parameters; of complex ones |g|^2 and Re<g, h>
count. The programs of the last 128 losses, which must be hashable, are kept: pass the same function again, not a new
lambda. As in jit, arrays that it closes over are taken as they are at its first call.

    import numpy as np
    from vgrad import perexample

    def loss(weights, image, label):
        scores = np.tanh(image @ weights)
        return np.log(np.sum(np.exp(scores))) - scores[label]

    weights = np.ones((4, 3)) / 10
    batch = np.arange(20.0).reshape(5, 4) / 20, np.array([0, 1, 2, 1, 0])
    assert perexample.norms(loss, weights, batch).shape == (5,)
    assert perexample.clipped_sum(loss, weights, batch, 0.1).shape == (4, 3)
    assert perexample.gram(loss, weights, batch).shape == (5, 5)
    print(perexample.check(loss, weights, batch))
"""

import dataclasses
import functools

import numpy as np

from vgrad import tree
from vgrad.api import grad, jit, vmap
from vgrad.core.functions import name_of, quiet
from vgrad.core.interpreter import Tracer
from vgrad.core.types import type_of
from vgrad.errors import ShapeError

__all__ = [
    "Difference",
    "Report",
    "check",
    "clipped_sum",
    "cosine_to_mean",
    "gram",
    "grads",
    "noise_scale",
    "norms",
    "second_moment",
    "snr",
    "variance",
]

# -------------------------------------------------- definitions, on gradients: a pytree of arrays (B, ...) like params


def squares(g):
    return np.real(np.conj(g) * g)


def sums(g):
    """One sum for each example."""
    return np.sum(g, axis=tuple(range(1, g.ndim)))


def leaf_norms_of(gradients):
    return tree.map(lambda g: np.sqrt(sums(squares(g))), gradients)


def norms_of(gradients):
    return np.sqrt(sum([sums(squares(g)) for g in tree.leaves(gradients)]))


def clipped_sum_of(gradients, bound):
    structure = tree.structure(gradients)
    if tree.structure(bound) == structure:  # a single array of parameters too
        norms_and_bounds = zip(tree.leaves(leaf_norms_of(gradients)), tree.leaves(bound))
    else:
        norms_and_bounds = [(norms_of(gradients), bound)] * structure.num_leaves
    factors = structure.unflatten([np.minimum(1.0, each / norm) for norm, each in norms_and_bounds])
    return tree.map(lambda g, factor: np.tensordot(factor.astype(g.dtype), g, 1), gradients, factors)


def mean_of(gradients):
    at_least(1, gradients)
    return tree.map(lambda g: np.mean(g, axis=0), gradients)


def second_moment_of(gradients):
    return mean_of(tree.map(squares, gradients))


def variance_of(gradients, ddof):
    at_least(ddof + 1, gradients)
    return tree.map(lambda g, mean: np.sum(squares(g - mean), axis=0) / (len(g) - ddof), gradients, mean_of(gradients))


def gram_of(gradients, other=None):
    def products(g, h):
        rest = list(range(1, g.ndim))
        return np.real(np.tensordot(g, np.conj(h), (rest, rest)))

    return sum(tree.leaves(tree.map(products, gradients, gradients if other is None else other)))


def cosine_to_mean_of(gradients):
    means = mean_of(gradients)
    products = tree.map(lambda g, mean: sums(np.real(g * np.conj(mean))), gradients, means)
    return sum(tree.leaves(products)) / (norms_of(gradients) * np.sqrt(squared_norm(means)))


def snr_of(gradients):
    return tree.map(lambda mean, variance: squares(mean) / variance, mean_of(gradients), variance_of(gradients, 0))


def noise_scale_of(gradients):
    count = at_least(2, gradients)
    noise = sum([np.sum(each) for each in tree.leaves(variance_of(gradients, 1))])
    return noise / (squared_norm(mean_of(gradients)) - noise / count)


def squared_norm(pytree):
    return sum([np.sum(squares(leaf)) for leaf in tree.leaves(pytree)])


def at_least(least, gradients):
    """The number of examples."""
    count = len(tree.leaves(gradients)[0])
    if count < least:
        raise ShapeError(f"this statistic needs {least} or more examples, but the batch has {count}.")
    return count


# ---------------------------------------------------------------------------------------------- programs of definitions


def gradients_of(loss, params, batch, name):
    """vmap(grad(loss)) over the batch, which errors call `name`."""
    if not tree.leaves(params):
        raise ValueError("params holds no arrays.")
    check_batch(batch, name)

    @functools.wraps(loss)
    def loss_of_one(params, *example):
        value = loss(params, *example)
        if getattr(value, "shape", ()) != ():
            raise ShapeError(
                f"{name_of(loss)} must return one number, the loss of one example, but returned shape {value.shape}.",
                "It is called with one example of the batch, without the examples' axis.",
            )
        return value

    example = arguments(batch)
    return vmap(grad(loss_of_one), (None,) + (0,) * len(example))(params, *example)


def arguments(batch):
    return batch if type(batch) is tuple else (batch,)


def check_batch(batch, name):
    paths = tree.leaves_with_path(batch)
    if not paths:
        raise ValueError(f"{name} holds no arrays.")
    (first, leaf), *others = [(name + tree.keystr(path), type_of(leaf)) for path, leaf in paths]
    for place, type_ in [(first, leaf), *others]:
        if type_.ndim == 0:
            raise ShapeError(f"{place} is {type_}: it has no axis of examples.", "Close over what all examples share.")
        if type_.shape[0] != leaf.shape[0]:
            raise ShapeError(f"{first} is {leaf}, but {place} is {type_}: axis 0 must count the same examples.")


@functools.lru_cache(maxsize=128)
def program(definition, loss, **static):
    """The definition as a compiled function of (params, batches, what else it takes)."""

    def statistic(params, batches, *args):
        names = ["batch", "other"][: len(batches)]
        gradients = [gradients_of(loss, params, *each) for each in zip(batches, names)]
        return definition(*gradients, *args, **static)

    statistic.__name__ = definition.__name__.removesuffix("_of")
    return jit(statistic)


# ----------------------------------------------------------------------------------------------------------- for users


def grads(loss, params, batch):
    """The gradient of each example: `vmap(grad(loss))`.

    Shapes: like params, each leaf with the examples as a new axis 0; dtypes those of params. A batch of 0 works.
    Cost:   B times the memory of params. The other statistics do not need it.
    Errors: ShapeError when the arrays of the batch disagree on B or a loss is not a scalar; ValueError when params or
            batch hold no arrays; TypeError when params are not floats. These hold for all functions here.
    """
    return program(identity, loss)(params, (batch,))


def identity(gradients):
    return gradients


def norms(loss, params, batch):
    """The L2 norm of each example's gradient, over all parameters: shape (B,), of their common real dtype.

    Holds:  a squared norm that is not formed is a sum of products, which may cancel. Of float32 gradients it is
            computed in float64: terms that cancel to 1e-5 of their size leave 6 digits; check shows it.
    Edges:  a batch of 0 works; Inf where the sum of squares overflows, 0 where all squares underflow.
    Cost:   about one ordinary gradient of the batch's loss, and for each dense layer a product of what it has anyway.
    Source: Goodfellow, Efficient per-example gradient computations, 2015, arXiv:1510.01799, here for any code.
    """
    return program(norms_of, loss)(params, (batch,))


def clipped_sum(loss, params, batch, bound):
    """The sum over examples of their gradients, each scaled down to L2 norm `bound` where it is longer.

    bound   a positive number, for the norm over all parameters; or a pytree like params with one for each leaf, where
            every leaf is clipped by its own norm. It may change from call to call and may be traced.
    Shapes, dtypes: like params. A batch of 0 gives zeros.
    Edges:  a gradient of norm 0 counts as it is, one of norm Inf by finite values as 0; NaN and Inf in a gradient
            reach the sum.
    Cost:   as norms, and one more product for each dense layer.
    Errors: ValueError for a bound that is not positive, unless it is traced; or with another structure than params.
    Source: Abadi et al., Deep learning with differential privacy, 2016, arXiv:1607.00133.
    """
    check_bound(bound, params)
    return program(clipped_sum_of, loss)(params, (batch,), bound)


def check_bound(bound, params):
    structure, wanted = tree.structure(bound), tree.structure(params)
    if structure != tree.structure(0) and structure != wanted:
        raise ValueError(f"bound must be a number or have the structure of params, {wanted}, but has {structure}.")
    for path, leaf in tree.leaves_with_path(bound):
        place = "bound" + tree.keystr(path)
        if type_of(leaf).shape != ():
            raise ShapeError(f"{place} must be one number, got {type_of(leaf)}.")
        if not isinstance(leaf, Tracer) and not leaf > 0:
            raise ValueError(f"{place} must be positive, got {leaf}.")


def second_moment(loss, params, batch):
    """The mean over examples of the elementwise squares of their gradients.

    Shapes: like params; of real dtype.
    Cost:   an ordinary gradient, and one product of squares for each dense layer; a layer that each example uses at
            several steps must be formed.
    Errors: ShapeError for a batch of 0.
    """
    return program(second_moment_of, loss)(params, (batch,))


def variance(loss, params, batch, *, ddof=0):
    """The variance over examples of each element of their gradients: the squared distances to the mean by B - ddof.

    ddof    0 as in np.var; 1 for the unbiased estimate
    Shapes: like params; of real dtype.
    Holds:  never negative. Of float32 gradients it is computed in float64, if they are not formed.
    Cost:   as second_moment, and some passes over arrays like params.
    Errors: ShapeError for ddof or fewer examples, or none.
    """
    return program(variance_of, loss, ddof=ddof)(params, (batch,))


def gram(loss, params, batch, other=None):
    """The inner products of all gradients of `batch` with all of `other` (of `batch` itself when None).

    For a loss that is the model's output this is the empirical neural tangent kernel.
    Shapes: (B, C), for C examples in other; of the common real dtype of params. Batches of 0 work.
    Cost:   a gradient of each batch's loss, and for each dense layer two products with B * C results.
    Source: Jacot et al., Neural tangent kernel, 2018, arXiv:1806.07572; Novak et al., Fast finite width neural tangent
            kernel, 2022, arXiv:2206.08720.
    """
    return program(gram_of, loss)(params, (batch,) if other is None else (batch, other))


def cosine_to_mean(loss, params, batch):
    """The cosine of the angle between each example's gradient and the mean gradient: shape (B,).

    Edges:  NaN where either is 0. Cost: as norms. Errors: ShapeError for a batch of 0.
    """
    return program(cosine_to_mean_of, loss)(params, (batch,))


def snr(loss, params, batch):
    """The gradient signal-to-noise ratio of each parameter: its squared mean gradient by its variance (ddof 0).

    Shapes: like params; of real dtype.
    Edges:  Inf where all gradients are equal, NaN where they are 0, up to rounding.
    Cost:   as variance. Errors: ShapeError for a batch of 0.
    Source: Liu et al., Understanding why neural networks generalize well through GSNR of parameters, 2020,
            arXiv:2001.07384, equation 1. For the ratio of whole gradients see noise_scale.
    """
    return program(snr_of, loss)(params, (batch,))


def noise_scale(loss, params, batch):
    """The simple gradient noise scale tr(Sigma) / |G|^2, in examples: batches much larger than it gain little.

    Sigma is the covariance of the examples' gradients and G their expectation; both terms are unbiased estimates,
    tr(Sigma) by B - 1 and |G|^2 as |mean|^2 - tr(Sigma) / B.
    Shapes: one number. Edges: negative or Inf where the batch is too small to tell |G| from 0; average the two terms
            over several batches then.
    Cost:   as variance. Errors: ShapeError for fewer than 2 examples.
    Source: McCandlish et al., An empirical model of large-batch training, 2018, arXiv:1812.06162, section 2.2 and
            appendix A.1, with batches of 1 and B.
    """
    return program(noise_scale_of, loss)(params, (batch,))


# --------------------------------------------------------------------------------------------------------------- check


@dataclasses.dataclass(frozen=True)
class Difference:
    """Where one way to compute a quantity is farthest from one example at a time.

    quantity    "norms of leaves", "norms" or "clipped sum"
    way         "formed" or "contracted"
    relative    the distance by the example's norm, or by the norm of the whole sum; Inf where one alone is not finite
    leaf        params and its path; "all leaves" for the norms over all
    example     its number; None for sums over examples
    value, reference    the norm of that leaf and example, or of that leaf of the sum
    """

    quantity: str
    way: str
    relative: float
    leaf: str
    example: int | None
    value: float
    reference: float

    def __str__(self):
        place = self.leaf if self.example is None else f"{self.leaf}, example {self.example}"
        numbers = f"{self.value:.9g}, one by one {self.reference:.9g}"
        return f"{self.quantity:<17}{self.way:<12}{self.relative:<10.1e}{place}: {numbers}"


@dataclasses.dataclass(frozen=True)
class Report:
    """What check found; prints as a table. `worst` is the largest of the differences."""

    loss: str
    examples: int
    parameters: int
    bound: object
    differences: tuple

    @property
    def worst(self):
        return max(self.differences, key=lambda difference: difference.relative)

    def __str__(self):
        lines = [
            f"{self.loss}: {self.examples} examples, {self.parameters} parameters, bound {self.bound}",
            f"{'quantity':<17}{'way':<12}{'relative':<10}where it differs most from one example at a time",
            *[str(difference) for difference in self.differences],
        ]
        return "\n".join(lines)


@quiet
def check(loss, params, batch, bound=None):
    """Norms and clipped sums in three ways: a Report of where they differ most.

    The reference is one example at a time, by grad(loss) in a Python loop. Compared with it are "formed", the same
    definitions on vmap(grad(loss)) by NumPy, and "contracted", the compiled norms and clipped_sum.
    bound   as in clipped_sum; None for the median of the norms, so that about half of the examples are clipped
    Cost:   B gradients, twice formed; for arrays, not inside jit. Errors: ShapeError for a batch of 0; as clipped_sum.
    """
    formed = gradients_of(loss, params, batch, "batch")
    count = at_least(1, formed)
    examples = [tree.map(lambda leaf: np.asarray(leaf)[number], batch) for number in range(count)]
    one_by_one = [grad(loss)(params, *arguments(example)) for example in examples]
    looped = tree.map(lambda *leaves: np.stack(leaves), *one_by_one)
    scale = norms_of(looped)
    if bound is None:
        finite = scale[np.isfinite(scale)]
        bound = float(np.median(finite) if finite.size else 0) or 1.0
    check_bound(bound, params)

    ways = {
        "formed": (leaf_norms_of(formed), norms_of(formed), clipped_sum_of(formed, bound)),
        "contracted": (
            program(leaf_norms_of, loss)(params, (batch,)),
            norms(loss, params, batch),
            clipped_sum(loss, params, batch, bound),
        ),
    }
    leaf_norms, total = leaf_norms_of(looped), clipped_sum_of(looped, bound)
    differences = []
    for way, (their_leaf_norms, their_norms, their_total) in ways.items():
        differences += [
            farthest_norm("norms of leaves", way, named_leaves(their_leaf_norms), named_leaves(leaf_norms), scale),
            farthest_norm("norms", way, {"all leaves": their_norms}, {"all leaves": scale}, scale),
            farthest_leaf("clipped sum", way, named_leaves(their_total), named_leaves(total)),
        ]
    parameters = sum([type_of(leaf).size for leaf in tree.leaves(params)])
    return Report(name_of(loss), count, parameters, bound, tuple(differences))


def named_leaves(pytree):
    return {"params" + tree.keystr(path): leaf for path, leaf in tree.leaves_with_path(pytree)}


def distance(values, references):
    """Of two arrays, elementwise: 0 where both are the same, NaN and Inf too, else Inf where one is not finite."""
    same = (values == references) | (np.isnan(values) & np.isnan(references))
    distances = np.where(same, 0, np.abs(values - references))
    return np.where(np.isfinite(distances), distances, np.inf)


def ratio(distances, scale):
    return np.where(distances == 0, 0.0, np.where(np.isinf(distances), np.inf, distances / scale))


def farthest_norm(quantity, way, values, references, scale):
    relative = {
        leaf: ratio(distance(values[leaf], reference), np.where(np.isfinite(scale), scale, reference))
        for leaf, reference in references.items()
    }
    leaf = max(relative, key=lambda leaf: np.max(relative[leaf]))
    example = int(np.argmax(relative[leaf]))
    numbers = relative[leaf][example], values[leaf][example], references[leaf][example]
    return Difference(quantity, way, float(numbers[0]), leaf, example, float(numbers[1]), float(numbers[2]))


def farthest_leaf(quantity, way, values, references):
    whole = np.sqrt(squared_norm(tree.map(lambda leaf: np.where(np.isfinite(leaf), leaf, 0), references)))
    relative = {
        leaf: float(ratio(np.linalg.norm(distance(values[leaf], reference)), whole))
        for leaf, reference in references.items()
    }
    leaf = max(relative, key=relative.get)
    numbers = [float(np.sqrt(squared_norm(each[leaf]))) for each in (values, references)]
    return Difference(quantity, way, relative[leaf], leaf, None, *numbers)
