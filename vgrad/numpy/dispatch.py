"""What makes `import numpy as np` enough: NumPy's functions, operators and methods on tracers.

Relies on the whole surface, which hands its namespace to `install`. np.f(tracer) becomes vgrad.numpy.f(tracer).
"""

import numpy as np

from vgrad.core.interpreter import Tracer
from vgrad.core.types import PYTHON_SCALARS
from vgrad.numpy.array import at
from vgrad.numpy.math import UFUNC_PRIMITIVES
from vgrad.numpy.operands import operand
from vgrad.numpy.subscripts import getitem

SURFACE = None  # the module vgrad.numpy, set by install
UFUNCS = dict(UFUNC_PRIMITIVES)  # NumPy ufunc -> function; filled as they are met
FUNCTIONS = {}  # NumPy array function -> function; filled as they are met
READY = (Tracer, np.ndarray, np.generic, *PYTHON_SCALARS)

# ufunc.reduce and ufunc.accumulate are reductions under other names
REDUCTIONS = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "max",
    np.minimum: "min",
    np.logical_and: "all",
    np.logical_or: "any",
}
ACCUMULATIONS = {np.add: "cumsum", np.multiply: "cumprod"}


def refuse_out(name):
    raise TypeError(
        f"np.{name}(..., out=) writes into an array, which is not possible with traced arrays. "
        f"Use the result: y = np.{name}(...); in place of a += x write a = a + x."
    )


def no_rule(name):
    return TypeError(
        f"vgrad cannot trace np.{name}: it has no rule for it. Write it with functions of vgrad.numpy, "
        "or give it rules with vgrad.custom_jvp."
    )


def array_ufunc(self, ufunc, method, *inputs, out=None, **kwargs):
    """np.sin(tracer), np.add.reduce(tracer), ndarray + tracer, ..."""
    name = ufunc.__name__
    if out is not None:
        refuse_out(name)
    if method == "__call__":
        function = UFUNCS.get(ufunc) or find_ufunc(ufunc)
        if not kwargs:
            return function(*[value if isinstance(value, READY) else operand(value) for value in inputs])
        return call_with(function, name, inputs, kwargs)
    if method in ("reduce", "accumulate"):
        table = REDUCTIONS if method == "reduce" else ACCUMULATIONS
        if ufunc not in table:
            raise no_rule(f"{name}.{method}")
        (value, *rest) = inputs
        kwargs.update(zip(("axis", "dtype", "out", "keepdims", "initial", "where"), rest))
        kwargs = {key: given for key, given in kwargs.items() if given is not np._NoValue}
        kwargs.setdefault("axis", 0)
        return getattr(SURFACE, table[ufunc])(value, **kwargs)
    if method == "outer":
        first, second = [operand(value) for value in inputs]
        spread = SURFACE.reshape(first, np.shape(first) + (1,) * np.ndim(second))
        return call_with(find_ufunc(ufunc), name, (spread, second), kwargs)
    if method == "at":
        raise TypeError(
            f"np.{name}.at writes into an array, which is not possible with traced arrays. "
            "Write a = vgrad.numpy.at(a)[i].add(x) (or .multiply, .min, .max)."
        )
    raise no_rule(f"{name}.{method}")


def find_ufunc(ufunc):
    """The surface's function for a ufunc of NumPy."""
    name = ufunc.__name__
    if ufunc not in UFUNCS:
        if vars(np).get(name) is not ufunc:
            raise TypeError(
                f"vgrad cannot trace the ufunc {name}, which is not NumPy's. For scipy.special.{name} write "
                f"vgrad.scipy.special.{name}; for your own give it rules with vgrad.custom_jvp."
            )
        UFUNCS[ufunc] = function_named(name, SURFACE, name)
    return UFUNCS[ufunc]


def call_with(function, name, inputs, kwargs):
    """A ufunc call with dtype= (the others of NumPy's keywords have another way to be written)."""
    dtype = kwargs.pop("dtype", None)
    where = kwargs.pop("where", True)
    if where is not True:
        raise TypeError(
            f"np.{name}(..., where=) is not supported on traced arrays. Write np.where(mask, np.{name}(x), y)."
        )
    for keyword in ("casting", "order", "subok"):
        kwargs.pop(keyword, None)
    options = {"axis": kwargs.pop("axis")} if name == "vecdot" and "axis" in kwargs else {}
    if kwargs:
        raise TypeError(f"np.{name} got keywords that traced arrays do not support: {sorted(kwargs)}.")
    inputs = [operand(value) for value in inputs]
    if dtype is not None:
        inputs = [SURFACE.astype(value, dtype) for value in inputs]
    return function(*inputs, **options)


def array_function(self, function, types, args, kwargs):
    """np.sum(tracer), np.linalg.inv(tracer), np.fft.fft(tracer), ..."""
    handler = FUNCTIONS.get(function) or find_function(function)
    if kwargs.get("out") is not None:
        refuse_out(function.__name__)
    return handler(*args, **kwargs)


def find_function(function):
    """The surface's function for a function of numpy, numpy.linalg or numpy.fft."""
    name, module = function.__name__, function.__module__.removeprefix("numpy").strip(".")
    if name in IN_PLACE:
        raise TypeError(f"np.{name} writes into an array, which is not possible with traced arrays. {IN_PLACE[name]}")
    if module in ("linalg", "fft"):
        FUNCTIONS[function] = function_named(name, getattr(SURFACE, module), f"{module}.{name}")
    else:
        FUNCTIONS[function] = function_named(name, SURFACE, name)
    return FUNCTIONS[function]


def function_named(name, surface, full_name):
    function = getattr(surface, name, None)
    if function is None:
        raise no_rule(full_name)
    return function


IN_PLACE = {
    "copyto": "Write a = np.where(mask, x, a).",
    "put": "Write a = vgrad.numpy.at(a)[i].set(x).",
    "place": "Write a = np.where(mask, x, a).",
    "putmask": "Write a = np.where(mask, x, a).",
    "put_along_axis": "Write a = vgrad.numpy.put_along_axis(a, indices, values, axis, inplace=False).",
    "fill_diagonal": "Write a = vgrad.numpy.fill_diagonal(a, value, inplace=False).",
}


# ------------------------------------------------------------------------------------------------ operators


def binary(name, reflected=False):
    function = getattr(SURFACE, name)

    def apply(self, other):
        if not isinstance(other, READY):
            if not isinstance(other, (list, tuple)) and not hasattr(other, "__array__"):
                return NotImplemented
            other = operand(other)
        return function(other, self) if reflected else function(self, other)

    return apply


BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "divmod": "divmod",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}

# methods that call the function of the same name on the array
METHODS = """all any argmax argmin argpartition argsort choose clip compress conj conjugate copy cumprod cumsum diagonal
    dot max mean min nonzero prod ptp ravel repeat round searchsorted squeeze std sum swapaxes take trace var
    view""".split()

# methods of ndarray that change it in place: never silently something else
REFUSED = {
    "sort": "Write x = np.sort(x).",
    "partition": "Write x = np.partition(x, k).",
    "fill": "Write x = np.full_like(x, value).",
    "put": "Write x = x.at[i].set(value).",
    "itemset": "Write x = x.at[i].set(value).",
    "resize": "Write x = np.resize(x, shape).",
    "setfield": "",
    "byteswap": "",
}


def unary(name):
    function = getattr(SURFACE, name)
    return lambda self: function(self)


def method(name):
    def call(self, *args, **kwargs):
        return getattr(SURFACE, name)(self, *args, **kwargs)

    call.__name__ = name
    return call


def refused(name, advice):
    def call(self, *args, **kwargs):
        raise TypeError(f"x.{name}() changes an array in place, which is not possible with traced arrays. {advice}")

    return call


def shape_arguments(args):
    return args[0] if len(args) == 1 and not isinstance(args[0], (int, np.integer, Tracer)) else args


def reshape(self, *shape, order="C", **kwargs):
    return SURFACE.reshape(self, kwargs.get("shape", shape_arguments(shape)), order=order)


def transpose(self, *axes):
    axes = shape_arguments(axes)
    return SURFACE.transpose(self, axes if axes is None or len(axes) else None)


def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
    return SURFACE.astype(self, dtype)


def flatten(self, order="C"):
    return SURFACE.ravel(self, order=order)


def iterate(self):
    if not self.shape:
        raise TypeError("iteration over a 0-d array")
    return (getitem(self, number) for number in range(self.shape[0]))


def contains(self, value):
    return bool(SURFACE.any(SURFACE.equal(self, value)))


def power(self, exponent, modulo=None):
    if modulo is not None:
        raise TypeError("pow() with a modulus is not supported on arrays")
    return SURFACE.power(self, exponent)


def install(surface):
    """Give tracers their operators and methods, and point NumPy's functions at those of the module `surface`."""
    global SURFACE
    SURFACE = surface
    for name, target in BINARY.items():
        setattr(Tracer, f"__{name}__", binary(target))
        setattr(Tracer, f"__r{name}__", binary(target, reflected=True))
    for name, target in COMPARISONS.items():
        setattr(Tracer, f"__{name}__", binary(target))
    for name, target in UNARY.items():
        setattr(Tracer, f"__{name}__", unary(target))
    for name in METHODS:
        setattr(Tracer, name, method(name))
    for name, advice in REFUSED.items():
        setattr(Tracer, name, refused(name, advice))
    Tracer.__hash__ = None
    Tracer.__pow__ = power
    Tracer.__round__ = lambda self, decimals=0: SURFACE.round(self, decimals)
    Tracer.__getitem__ = getitem
    Tracer.__iter__ = iterate
    Tracer.__contains__ = contains
    Tracer.__array_ufunc__ = array_ufunc
    Tracer.__array_function__ = array_function
    Tracer.__array_namespace__ = lambda self, api_version=None: SURFACE
    Tracer.reshape, Tracer.transpose, Tracer.astype, Tracer.flatten = reshape, transpose, astype, flatten
    Tracer.T = property(lambda self: SURFACE.transpose(self))
    Tracer.mT = property(lambda self: SURFACE.matrix_transpose(self))
    Tracer.real = property(lambda self: SURFACE.real(self))
    Tracer.imag = property(lambda self: SURFACE.imag(self))
    Tracer.flat = property(lambda self: iter(flatten(self)))
    Tracer.at = property(at)
    Tracer.block_until_ready = lambda self: self
