"""A primitive: an operation, and everything the system knows about it.

Relies on interpreter. Every file in primitives/ and control/ makes records of this class.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vgrad.core.interpreter import state
from vgrad.errors import NotDifferentiable

REGISTRY = {}


class Refusal:
    """Stands for a rule that cannot exist; asking for it raises an error with the reason."""

    def __init__(self, why):
        self.why = why

    def __call__(self, *operands, **params):
        raise NotDifferentiable(self.why)

    def __repr__(self):
        return f"refuse({self.why!r})"


def refuse(why):
    """In place of a rule that cannot exist: `transpose=refuse("sin is not linear")`."""
    return Refusal(why)


class Host:
    """A lowering: a compiled program calls `evaluate`, for a reason."""

    def __init__(self, why):
        self.why = why

    def __repr__(self):
        return f"host({self.why!r})"


def host(why):
    """As `lower`: the operation stays a call into NumPy or SciPy: `lower=host("a factorisation of LAPACK")`."""
    return Host(why)


class Expression:
    """A lowering: what one element of an elementwise operation is, as the text of an expression of x0, x1, ...

    text            the text; or {dtype kinds: text}, such as {"iu": ..., "f": ...}, by the kind of the first converted
                    operand, where a kind that is missing means the host; or a function (**params) -> either.
                    vgrad/compiler/expressions.py says what may stand in a text. One that uses a function that does not
                    exist for a dtype (exp of complex numbers) means the host for that dtype.
    operand_dtypes  (*ArrayType, **params) -> the dtypes that the operands are converted to first
    """

    __slots__ = ("text", "operand_dtypes")

    def __init__(self, text, operand_dtypes):
        self.text = text
        self.operand_dtypes = operand_dtypes

    def __repr__(self):
        return f"Expression({self.text!r})"


class Structural:
    """A lowering: the compiler knows the operation by name."""

    def __repr__(self):
        return "STRUCTURAL"


STRUCTURAL = Structural()


def no_tangent(output, operands, tangents, **params):
    """The jvp rule of an operation whose derivative is zero wherever it exists, or whose output is discrete."""
    return None


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    """An operation, and everything the system knows about it.

    Operands are arrays and come by position; params are static, hashable, and come by keyword.
    Every rule is required. A rule that cannot exist says so: refuse("why").

    name            what the Jaxpr prints
    output_type     (*ArrayType, **params) -> ArrayType; raises ShapeError
    evaluate        (*ndarray or scalar, **params) -> ndarray; never writes to its operands
    jvp             (output, operands, tangents, **params) -> tangent of the output
                    A tangent that is zero is None, on the way in and on the way out; at least one comes in.
    transpose       (cotangent, operands, wrt, **params) -> cotangent of operand `wrt`
                    The operation is linear in operand `wrt`; linear operands stand in `operands` as their ArrayType.
    batch           (operands, mapped_axes, **params) -> (output, mapped axis)
                    A mapped axis is a nonnegative int, or None for an operand that has none; at least one has.
    lower           what a compiled program makes of it: an Expression for elementwise operations; host("why") for a
                    call of `evaluate`; STRUCTURAL for what the compiler knows by name (views, reductions, products,
                    gathers, random bits, control flow)

    multiple_outputs    True: outputs, tangents, output types are tuples
    prepare         (*operands, **params) -> operands with promotions made explicit, so that evaluating a staged
                    program does not depend on which operands were Python scalars. None: nothing to do.
    holds_programs  True for control flow (jit, cond, scan, custom rules). Then the rules are
                        jvp(operands, tangents, **params) -> outputs, tangents
                        linearize(operands, tangents, **params) -> outputs, tangents      (reverse mode)
                        transpose(cotangents, operands, linear, **params) -> one cotangent per operand (None if not
                            linear or zero); cotangents may be None; `linear` is a tuple of bools
                        batch(axis, operands, mapped_axes, **params) -> outputs, mapped axes
    reach           (flags, **params) -> which outputs depend on the operands with a flag, for operations that hold
                    programs. None: all outputs do.
    close           (operands, params) -> operands, params: for operations that hold Python functions, run when they are
                    staged: replaces the functions by Jaxprs, and adds what they close over to the operands.
    collective      (axis, operands, mapped_axes, **params) -> (output, mapped axis): for psum and its kind, run by
                    the vmap whose axis is named params["axis_name"]; other vmaps use `batch`.
    """

    name: str
    output_type: Callable
    evaluate: Callable
    jvp: Callable
    transpose: Callable
    batch: Callable
    lower: Expression | Host | Structural
    multiple_outputs: bool = False
    prepare: Callable | None = None
    holds_programs: bool = False
    linearize: Callable | None = None
    reach: Callable | None = None
    close: Callable | None = None
    collective: Callable | None = None

    def __post_init__(self):
        if self.name in REGISTRY:
            raise ValueError(f"a primitive named {self.name!r} exists already")
        REGISTRY[self.name] = self

    def __call__(self, *operands, **params):
        return state.interpreter.process(self, operands, params)

    def __repr__(self):
        return self.name
