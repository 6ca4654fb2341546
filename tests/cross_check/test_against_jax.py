"""Cross-check against JAX where it is installed (never needed): every expression of cases.py, transformed.

Both libraries run in float64, JAX without jit. Compared: the value, the value under jit, the jvp, the gradient of a
weighted sum, vmap over a stack of inputs with jit and grad inside, and second derivatives.
"""

import importlib
import re

import numpy
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed; these checks are optional")

import vgrad  # noqa: E402
from tests.cross_check.cases import CASES, variables  # noqa: E402
from vgrad.errors import NotDifferentiable  # noqa: E402

jax.config.update("jax_enable_x64", True)
TRANSFORMATIONS = ("value", "jit", "jvp", "grad", "vmap", "vmap_grad", "second")
EXPRESSIONS = [(area, text) for area, texts in CASES.items() for text in dict.fromkeys(texts)]


def namespace(library):
    """What the expressions' names mean in the library."""
    for name in ("scipy.linalg", "scipy.special", "scipy.stats"):
        importlib.import_module(f"{library.__name__}.{name}")
    np, lax, nn, scipy, random = library.numpy, library.lax, library.nn, library.scipy, library.random
    return {
        "np": np,
        "lax": lax,
        "nn": nn,
        "sp": scipy.special,
        "sl": scipy.linalg,
        "norm": scipy.stats.norm,
        "random": random,
        "key": random.PRNGKey(7),
        "AT": np.at if library is vgrad else lambda x: np.asarray(x).at,
    }


def function_of(library, text):
    """(function of the named inputs, their values)."""
    inputs = {
        name: value for name, value in variables().items() if re.search(rf"(?<![\w.'\"]){name}(?![\w'\"(=])", text)
    }
    code = compile(text, text, "eval")
    names = namespace(library)
    if library is jax:
        inputs = {name: jax.numpy.asarray(value) for name, value in inputs.items()}
    return (lambda *values: eval(code, {**names, **dict(zip(inputs, values))})), list(inputs.values())


def result_of(library, text, transformation):
    """Leaves of the expression under the transformation."""
    function, inputs = function_of(library, text)
    moving = [n for n, value in enumerate(inputs) if numpy.asarray(value).dtype.kind == "f"]

    def partial(*values):
        merged = list(inputs)
        for number, value in zip(moving, values):
            merged[number] = value
        return function(*merged)

    primals = [inputs[number] for number in moving]
    rng = numpy.random.default_rng(1)
    directions = [numpy.asarray(rng.normal(size=numpy.shape(primal))) for primal in primals]
    stacks = [numpy.stack([primal, primal * 0.9 + 0.05, primal * 1.1]) for primal in primals]

    def total(*values):
        leaves = [leaf for leaf in library.tree.leaves(partial(*values))]
        terms = []
        for leaf in leaves:
            kind = numpy.dtype(leaf.dtype).kind if hasattr(leaf, "dtype") else "f"
            if kind in "fc":
                weights = numpy.cos(numpy.arange(numpy.size(leaf)) + 1.0).reshape(numpy.shape(leaf))
                terms.append(
                    library.numpy.sum(library.numpy.real(leaf * (weights * (1 - 0.5j) if kind == "c" else weights)))
                )
        return sum(terms) if terms else 0.0 * sum(library.numpy.sum(value) for value in values)

    argnums = tuple(range(len(moving)))
    jit = vgrad.jit if library is vgrad else lambda function: function  # JAX's own jit would take minutes to compile
    run = {
        "value": lambda: function(*inputs),
        "jit": lambda: jit(partial)(*primals),
        "jvp": lambda: library.jvp(partial, tuple(primals), tuple(directions))[1],
        "grad": lambda: library.grad(total, argnums)(*primals),
        "vmap": lambda: library.vmap(jit(partial))(*stacks),
        "vmap_grad": lambda: jit(library.vmap(library.grad(total, argnums)))(*stacks),
        "second": lambda: library.jvp(library.grad(total, argnums), tuple(primals), tuple(directions))[1],
    }[transformation]
    return [numpy.asarray(leaf) for leaf in library.tree.leaves(run())]


def applies(text, transformation):
    _, inputs = function_of(vgrad, text)
    return transformation == "value" or any(numpy.asarray(value).dtype.kind == "f" for value in inputs)


# vgrad refuses these second derivatives with an error that says so
REFUSED = {("second", f"random.{draw}") for draw in ("gamma(key, p)", "beta(key, p, q)", "dirichlet(key, p)")}


def check_equal(ours, theirs, text, transformation):
    """The leaves agree in number, shapes and values; a derivative of integers is nothing here and zeros there."""
    assert len(ours) == len(theirs), transformation
    for mine, other in zip(ours, theirs):
        assert mine.shape == other.shape, f"{transformation}: shape {mine.shape}, JAX {other.shape}"
        if mine.dtype.kind == "V" or other.dtype.kind == "V":
            assert all(not each.any() for each in (mine, other) if each.dtype.kind != "V")
            continue
        single = "attention" in text  # JAX takes that softmax in float32
        rtol, atol = (1e-5, 1e-6) if single else (2e-6, 2e-8)
        numpy.testing.assert_allclose(mine, other, rtol=rtol, atol=atol, err_msg=transformation)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("area, text", EXPRESSIONS, ids=[text[:80] for _, text in EXPRESSIONS])
def test_agrees_with_jax(area, text):
    compared = 0
    for transformation in TRANSFORMATIONS:
        if not applies(text, transformation):
            continue
        try:
            theirs = result_of(jax, text, transformation)
        except Exception:  # JAX cannot do this one: there is nothing to compare with
            continue
        if (transformation, text) in REFUSED:
            with pytest.raises(NotDifferentiable):
                result_of(vgrad, text, transformation)
        else:
            check_equal(result_of(vgrad, text, transformation), theirs, text, transformation)
        compared += 1
    assert compared, "JAX can do none of the transformations of this expression"
