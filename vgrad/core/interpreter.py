"""The current interpreter, and tracers: the values it hands to the user's function.

Relies on types. Primitive.__call__ asks the current interpreter; a transform installs itself and runs its rules
under the one that was current before (its `outer`).
"""

import contextlib
import threading

import numpy as np

from vgrad.config import config
from vgrad.core.types import PYTHON_SCALARS, type_of
from vgrad.errors import (
    ConcretizationTypeError,
    ShapeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)


class Interpreter:
    """Gives an operation a meaning. `outer` is the interpreter that was current when this one was installed."""

    __slots__ = ("outer", "active")
    name = "evaluate"

    def __init__(self, outer):
        self.outer = outer
        self.active = True

    def process(self, primitive, operands, params):
        """The output of `primitive` on `operands`: the one method of an interpreter."""
        raise NotImplementedError

    def axis_size(self, axis_name):
        """Size of the vmap axis of this name around us. NameError if there is none."""
        return self.outer.axis_size(axis_name)

    def named_axes(self):
        """((name, size), ...) of the named vmap axes around us."""
        return self.outer.named_axes()


NOT_CONCRETE = object()


class Tracer:
    """An array inside a transformation. Behaves like an ndarray; vgrad.numpy gives it operators and methods."""

    __slots__ = ("interpreter",)
    __hash__ = None
    __array_priority__ = 1000

    @property
    def type(self):
        raise NotImplementedError

    def concrete(self):
        """The value without derivatives, or NOT_CONCRETE when it depends on what is not known yet."""
        return NOT_CONCRETE

    def constant(self):
        """The value if it carries no derivative and is known, else NOT_CONCRETE."""
        return NOT_CONCRETE

    @property
    def shape(self):
        return self.type.shape

    @property
    def dtype(self):
        return self.type.dtype

    @property
    def ndim(self):
        return len(self.type.shape)

    @property
    def size(self):
        return self.type.size

    @property
    def itemsize(self):
        return self.type.dtype.itemsize

    @property
    def nbytes(self):
        return self.size * self.itemsize

    @property
    def weak_type(self):
        return self.type.weak

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a traced array of rank 0")
        return self.shape[0]

    def __repr__(self):
        return f"Traced<{self.type}> by {self.interpreter.name}"

    def __format__(self, spec):
        value = self.concrete()
        return repr(self) if value is NOT_CONCRETE or not spec else format(value, spec)

    def __bool__(self):
        value = self.concrete()
        if value is not NOT_CONCRETE:
            return bool(value)
        raise TracerBoolConversionError(
            f"Attempted boolean conversion of traced array with shape {self.type}, which {self.why_unknown()}.",
            "Python's if, while, and, or, not need a known value. Write np.where(condition, a, b), "
            "lax.cond or lax.while_loop; for and/or/not write & | ~"
            + ("." if self.interpreter.name != "jit" else "; or mark the argument static_argnums in jit."),
        )

    def __int__(self):
        value = self.concrete()
        if value is not NOT_CONCRETE:
            return int(value)
        raise ConcretizationTypeError(
            "Abstract tracer value encountered where concrete value is expected: "
            f"traced array with shape {self.type}, which {self.why_unknown()}, in int().",
            "To convert the data type write x.astype(int); to use a Python integer mark the argument static.",
        )

    def __index__(self):
        value = self.concrete()
        if value is not NOT_CONCRETE and np.asarray(value).dtype.kind in "iub":
            return int(value)
        if self.dtype.kind not in "iu":
            raise TypeError(f"only integer arrays can be used as an index, got a traced array of type {self.type}")
        raise TracerIntegerConversionError(
            f"The __index__() method was called on traced array with shape {self.type}, which {self.why_unknown()}.",
            "range(), list indices, shapes and array[i] of an array that is not traced need a known integer. "
            "Write np.take(array, i, axis=0) or vgrad.numpy.asarray(array)[i]; for range() write lax.fori_loop; "
            "for a shape mark the argument static_argnums.",
        )

    def scalar(self, convert, name):
        value = self.constant()
        if value is not NOT_CONCRETE:
            return convert(value)
        raise ConcretizationTypeError(
            "Abstract tracer value encountered where concrete value is expected: "
            f"traced array with shape {self.type} in {name}(); a Python number cannot carry "
            + ("a derivative." if self.concrete() is not NOT_CONCRETE else f"what {self.why_unknown()}."),
            f"Leave out {name}(); for math.sin(x) write np.sin(x); for a[i] = x into an ndarray write "
            "a = vgrad.numpy.at(a)[i].set(x); "
            + ("" if name == "item" else f"to convert the data type write x.astype({name}); ")
            + "to leave the value out of differentiation write lax.stop_gradient(x).",
        )

    def __float__(self):
        return self.scalar(float, "float")

    def __complex__(self):
        return self.scalar(complex, "complex")

    def item(self, *args):
        value = self.constant()
        return self.scalar(float, "item") if value is NOT_CONCRETE else np.asarray(value).item(*args)

    def tolist(self):
        return np.asarray(self).tolist()

    def __array__(self, dtype=None, copy=None):
        value = self.constant()
        if value is not NOT_CONCRETE:
            return np.asarray(value, dtype=dtype)
        raise TracerArrayConversionError(
            f"The numpy.ndarray conversion method __array__() was called on traced array with shape {self.type}.",
            "np.array([x, y]) of traced values: write np.stack([x, y]) or vgrad.numpy.array([x, y]). "
            "np.asarray(x): leave it out, x is an array already, or write vgrad.numpy.asarray(x). "
            "a[i] = x into an ndarray: write a = vgrad.numpy.at(a)[i].set(x). "
            "A function that is not NumPy's cannot be traced: give it a rule with vgrad.custom_jvp.",
        )

    def __setitem__(self, index, value):
        raise TypeError(
            f"'{type(self).__name__}' object does not support item assignment: traced arrays are immutable. "
            "Instead of x[idx] = y, write x = x.at[idx].set(y) (or .add, .multiply, .min, .max)."
        )

    def __delitem__(self, index):
        raise TypeError("traced arrays are immutable; items cannot be deleted.")

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def why_unknown(self):
        return f"depends on the arguments of {self.interpreter.name}"


def leaked(tracer):
    return UnexpectedTracerError(
        "Encountered an unexpected tracer. A function transformed by vgrad had a side effect: an intermediate value "
        f"of type {tracer.type}, made by {tracer.interpreter.name}, escaped the transformation it belongs to.",
        "Return the value from the transformed function instead of saving it in a list, global or attribute.",
    )


class Evaluate(Interpreter):
    """The outermost meaning: run the operation on NumPy, now."""

    __slots__ = ()

    def process(self, primitive, operands, params):
        for operand in operands:
            if isinstance(operand, Tracer):
                raise leaked(operand)
        if primitive.prepare is not None and config.default_float != "float64":
            operands = primitive.prepare(*operands, **params)
        try:
            output = primitive.evaluate(*operands, **params)
        except (ValueError, TypeError, IndexError) as error:
            explain_failure(primitive, operands, params, error)
            raise
        if config.debug_nans:
            check_nans(primitive, operands, output)
        if config.default_float != "float64" and not primitive.multiple_outputs:
            return default_precision(primitive, operands, params, output)
        return output

    def axis_size(self, axis_name):
        raise NameError(
            f"unbound axis name: {axis_name}. Collectives work inside vmap(f, axis_name={axis_name!r}) only."
        )

    def named_axes(self):
        return ()


def explain_failure(primitive, operands, params, error):
    """NumPy refused. If the type rule refuses too, its error names the operation and both types: raise that one."""
    if isinstance(error, (ShapeError, ConcretizationTypeError, UnexpectedTracerError)):
        return
    try:
        types = [type_of(operand) for operand in operands]
    except TypeError:
        return
    try:
        primitive.output_type(*types, **params)
    except ShapeError as better:
        raise better from None
    except Exception:  # the type rule broke on the same input: NumPy's own error says more
        return


def keep_weak(primitive, output, operands):
    """The output of an elementwise operation on Python scalars alone as a Python scalar: weak, as in plain Python."""
    if isinstance(output, np.generic) and output.dtype.kind in "fic" and primitive.prepare is not None:
        if all([type(operand) in PYTHON_SCALARS for operand in operands]):
            return output.item()
    return output


def default_precision(primitive, operands, params, output):
    """What NumPy makes of Python scalars alone, in the precision that the type rule gives."""
    if operands and all([type(operand) in PYTHON_SCALARS for operand in operands]):
        dtype = primitive.output_type(*[type_of(operand) for operand in operands], **params).dtype
        return np.asarray(output).astype(dtype)[()]
    return output


def check_nans(primitive, operands, output):
    outputs = output if primitive.multiple_outputs else (output,)
    for value in outputs:
        value = np.asarray(value)
        if value.dtype.kind in "fc" and np.isnan(value).any():
            types = ", ".join(str(type_of(operand)) for operand in operands)
            raise FloatingPointError(f"invalid value (nan) encountered in {primitive.name} on operands {types}")


EVALUATE = Evaluate(None)


class State(threading.local):
    """One current interpreter per thread."""

    interpreter = EVALUATE


state = State()


@contextlib.contextmanager
def interpreting(interpreter):
    """Make `interpreter` the current one inside the with block."""
    before = state.interpreter
    state.interpreter = interpreter
    try:
        yield interpreter
    finally:
        state.interpreter = before


@contextlib.contextmanager
def installed(interpreter):
    """`interpreting`, and when the block ends the interpreter's tracers are dead: using one is an error."""
    try:
        with interpreting(interpreter):
            yield interpreter
    finally:
        interpreter.active = False


def check_alive(value):
    """Raise if `value` is a tracer of a transformation that has ended."""
    if isinstance(value, Tracer) and not value.interpreter.active:
        raise leaked(value)


def is_evaluating():
    """True when no transformation is active: operations run on NumPy at once."""
    return state.interpreter is EVALUATE
