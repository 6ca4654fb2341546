"""A program with control flow and the same in plain Python, under every composition of transformations."""

import zlib

import numpy as np

from vgrad import grad, hessian, jacfwd, jacrev, jit, jvp, linearize, make_jaxpr, vmap
from vgrad.core.typecheck import typecheck


def directions(args):
    rng = np.random.default_rng(7)
    return tuple([np.asarray(rng.normal(size=np.shape(arg)))[()] for arg in args])


def pushed(f):
    return lambda *args: jvp(f, args, directions(args))


def gradient(f):
    return lambda *args: grad(f, tuple(range(len(args))))(*args)


def along(f):
    """The derivative of f along fixed directions, by reverse mode: a scalar function again."""
    return lambda *args: sum((g * v).sum() for g, v in zip(gradient(f)(*args), directions(args)))


# name -> (transformation, whether it maps the arguments). `first` maps the first argument alone.
FORWARD = {
    "value": (lambda f: f, None),
    "jit": (jit, None),
    "jvp": (pushed, None),
    "jit of jvp": (lambda f: jit(pushed(f)), None),
    "jvp of jit": (lambda f: pushed(jit(f)), None),
    "jvp of jvp": (lambda f: pushed(pushed(f)), None),
    "jacfwd": (jacfwd, None),
    "linearize": (lambda f: lambda *args: linearize(f, *args)[1](*directions(args)), None),
    "vmap": (vmap, "all"),
    "vmap of the first": (vmap, "first"),
    "vmap of jit": (lambda f: vmap(jit(f)), "all"),
    "jit of vmap": (lambda f: jit(vmap(f)), "all"),
    "vmap of jvp": (lambda f: vmap(pushed(f)), "all"),
}
REVERSE = {
    "grad": (gradient, None),
    "jit of grad": (lambda f: jit(gradient(f)), None),
    "grad of jit": (lambda f: gradient(jit(f)), None),
    "jacrev": (jacrev, None),
    "hessian": (hessian, None),
    "grad of grad": (lambda f: gradient(along(f)), None),
    "grad of jit of grad of jit": (lambda f: gradient(jit(along(jit(f)))), None),
    "jvp of grad": (lambda f: pushed(gradient(f)), None),
    "grad of jvp": (lambda f: gradient(lambda *args: pushed(f)(*args)[1]), None),
    "vmap of grad": (lambda f: vmap(gradient(f)), "all"),
    "vmap of grad, the first": (lambda f: vmap(gradient(f)), "first"),
    "jit of vmap of grad": (lambda f: jit(vmap(gradient(f))), "all"),
    "vmap of grad of grad": (lambda f: vmap(gradient(along(f))), "all"),
    "grad of vmap": (lambda f: gradient(lambda *args: (vmap(f)(*args) * np.arange(1.0, 4.0)).sum()), "all"),
}
ALL = {**FORWARD, **REVERSE}


def examples(args):
    """Three sets of arguments, from one."""
    rng = np.random.default_rng(zlib.crc32(b"examples"))
    return [[np.asarray(arg * (1 + 0.3 * rng.normal(size=np.shape(arg))))[()] for arg in args] for _ in range(3)]


def check(program, reference, args, name):
    """The composition of this name gives the same for the program as for the reference; its Jaxpr is well formed."""
    transformation, mapped = ALL[name]
    args = [np.asarray(arg, float)[()] for arg in args]
    if mapped is None:
        got, wanted = transformation(program)(*args), transformation(reference)(*args)
    else:
        rows = examples(args)
        stacked = [np.stack(column) for column in zip(*rows)]
        if mapped == "first":
            fixed = args[1:]
            program, reference = with_rest(program, fixed), with_rest(reference, fixed)
            stacked = stacked[:1]
        got, wanted = transformation(program)(*stacked), transformation(reference)(*stacked)
        args = stacked
    same(got, wanted)
    typecheck(make_jaxpr(transformation(program))(*args))


def with_rest(f, rest):
    return lambda first: f(first, *rest)


def same(got, wanted):
    got, wanted = flat(got), flat(wanted)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def flat(value):
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, (tuple, list)) else [value]
