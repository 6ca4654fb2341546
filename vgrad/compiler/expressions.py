"""The text of one element: what a primitive's Expression is for given dtypes, as Python that Numba types as NumPy.

Relies on core. It makes only text: Numba is not needed here. lowering and emit call `expression`.

Left to itself Numba computes int32 + int32 as int64, float32 * 0.5 and uint64 + int64 as float64. So every step of the
text made here has a known dtype: operands are converted first as NumPy's ufunc converts them, numbers get the dtype of
what they meet, and what Numba would widen is written as a call (`add_i32(x, y)`) or cast back.

In the text of an Expression may stand

    x0, x1, ...             the converted operands
    1, 0.5, inf, nan        numbers, of the dtype of what they meet: the other operand, the other arguments, else x0
    True, False, width      booleans; the number of bits of x0
    + - * / // %            of numbers of one dtype; // and % of integers, whose divisor must not be 0 (nor -1)
    & | ^ ~ << >>           of integers; & | ^ of booleans too. A shift must be at least 0 and less than the width.
    not, == != < <= > >=    booleans; comparing int64 with uint64 is exact
    select(c, a, b)         a where c is true, else b: no branch, both are computed
    square(x)               x * x
    real, imag, conj, complex_of(x, y), complex_divide(z, w), complex_reciprocal(z)
    bits, unsigned          a float's bits, an integer's bits as an unsigned integer
    int32(x), uint64(x)...  a conversion
    exp(x), fma(x, y, z)... any function of `intrinsics` and `mathlib`, without the suffix for the dtype: of floats,
                            and `abs maximum minimum popcount clz` of integers
"""

import ast
import functools
import re
from typing import NamedTuple

import numpy as np

from vgrad.core.primitive import Expression

SUFFIXES = {
    np.dtype(name): suffix
    for name, suffix in {
        "float32": "f32",
        "float64": "f64",
        "int8": "i8",
        "int16": "i16",
        "int32": "i32",
        "int64": "i64",
        "uint8": "u8",
        "uint16": "u16",
        "uint32": "u32",
        "uint64": "u64",
    }.items()
}
BOOL, INT32, INT64, UINT64 = [np.dtype(name) for name in ("bool", "int32", "int64", "uint64")]
COMPLEX = {np.dtype("complex64"): "c64", np.dtype("complex128"): "c128"}
PARTS = {np.dtype("complex64"): np.dtype("float32"), np.dtype("complex128"): np.dtype("float64")}
SUPPORTED = {*SUFFIXES, *PARTS, BOOL}
INTRINSIC_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.BitAnd: "bit_and",
    ast.BitOr: "bit_or",
    ast.BitXor: "bit_xor",
    ast.LShift: "shift_left",
    ast.RShift: "shift_right",
}
OF_INTEGERS = {"abs", "square", "maximum", "minimum", "popcount", "clz", *INTRINSIC_OPERATORS.values()}
OF_OTHERS = {
    "b": (),
    "i": OF_INTEGERS,
    "u": OF_INTEGERS,
    "c": ("square", "multiply", "accumulate"),
}  # functions, besides those of floats
MIRRORED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq}
ATOM = re.compile(r"\w+|\w+\([^()]*\)")


class HostOnly(Exception):
    """No native code for an expression in these dtypes."""


def expression(primitive, params, operand_types, output_type, names):
    """(text of an element of the output in exactly the output's dtype, functions of intrinsics and mathlib it calls).

    names   the texts of the operands' elements: numbers of Numba in the dtypes of `operand_types`, booleans for bool

    None where there is no code.
    """
    made = code_of(primitive, params, operand_types, output_type)
    if made is None:
        return None
    code, functions = made
    return code.format(*[name if ATOM.fullmatch(name) else f"({name})" for name in names]), functions


def code_of(primitive, params, operand_types, output_type):
    """(text with {0}, {1}, ... for the operands, functions) of an element of the output.

    None where the operation is no elementwise one or the host must do it: what its record says, float16, long double.
    """
    lower = primitive.lower
    if not isinstance(lower, Expression):
        return None
    dtypes = lower.operand_dtypes(*operand_types, **params)
    text = lower.text(**params) if callable(lower.text) else lower.text
    if isinstance(text, dict):
        text = next((each for kinds, each in text.items() if dtypes[0].kind in kinds), None)
    if text is None:
        return None
    return template(text, tuple([type_.dtype for type_ in operand_types]), tuple(dtypes), output_type.dtype)


def number(value, dtype):
    """The text of a number (a boolean for bool) in exactly this dtype."""
    return number_text(value, repr(value), np.dtype(dtype))


@functools.lru_cache(maxsize=1024)
def number_text(value, shown, dtype):
    """As `number`; `shown` tells 0.0 from -0.0, which are equal."""
    return ast.unparse(constant(value, dtype).node)


@functools.lru_cache(maxsize=4096)
def template(text, given, dtypes, output):
    """(text with {0}, {1}, ... for the operands of dtypes `given`, functions), or None if only the host can do it."""
    if not SUPPORTED.issuperset([*given, *dtypes, output]):
        return None
    writer = Writer(given, dtypes)
    try:
        result = writer.convert(writer.write(ast.parse(text, mode="eval").body), output)
    except HostOnly:
        return None
    return ast.unparse(result.node), tuple(sorted(writer.functions))


class Typed(NamedTuple):
    """A piece of the text and its dtype; a number that has no dtype yet is (number, None)."""

    node: object
    dtype: np.dtype | None


def call(name, *arguments):
    return ast.Call(ast.Name(name), list(arguments), [])


def constant(value, dtype):
    """A number as a Typed piece."""
    if dtype in PARTS:
        value = complex(value)
        parts = [constant(part, PARTS[dtype]).node for part in (value.real, value.imag)]
        return Typed(call("complex", *parts), dtype)
    if dtype == BOOL:
        return Typed(ast.Constant(bool(value)), dtype)
    if dtype.kind == "f":
        value = shortest(dtype.type(value))
        if value != value:
            node = ast.Name("nan")
        else:
            magnitude = ast.Name("inf") if abs(value) == float("inf") else ast.Constant(abs(value))
            node = ast.UnaryOp(ast.USub(), magnitude) if np.signbit(value) else magnitude
    else:
        value = int(value)
        node = ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)
    # Numba's own types for the numbers of Python
    return Typed(node if dtype in ("float64", "int64") else call(dtype.name, node), dtype)


def shortest(value):
    """The float that prints shortest and that conversion to float32 makes this value (float64 prints so by itself)."""
    if type(value) is not np.float32:
        return float(value)
    short = float(str(value))
    return short if np.float32(short) == value else float(value)


class Writer:
    """Gives every node of an expression its dtype. Methods take and give Typed pieces."""

    def __init__(self, given, dtypes):
        self.operands = [Typed(ast.Name(f"{{{number}}}"), dtype) for number, dtype in enumerate(given)]
        self.dtypes = dtypes
        self.functions = set()

    # ------------------------------------------------------------------------------------------------- the language

    def write(self, node):
        match node:
            case ast.Constant(value=bool(value)):
                return constant(value, BOOL)
            case ast.Constant(value=value):
                return Typed(value, None)
            case ast.Name(id="inf" | "nan" as name):
                return Typed(float(name), None)
            case ast.Name(id="width"):
                return Typed(8 * self.dtypes[0].itemsize, None)
            case ast.Name(id=name):
                position = int(name[1:])
                return self.convert(self.operands[position], self.dtypes[position])
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.write(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(op, self.write(left), self.write(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.compare(op, self.write(left), self.write(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.function(name, [self.write(argument) for argument in arguments])
        raise SyntaxError(f"{ast.unparse(node)} may not stand in the text of an Expression")

    def unary(self, op, x):
        if x.dtype is None:
            return Typed(-x.node, None)
        if isinstance(op, ast.Not):
            return Typed(ast.UnaryOp(op, x.node), x.dtype)
        if x.dtype.kind in "fc" or x.dtype == INT64:
            return Typed(ast.UnaryOp(op, x.node), x.dtype)
        if isinstance(op, ast.USub):
            return self.call_function("subtract", constant(0, x.dtype), x)
        return self.call_function(
            "bit_xor", x, constant(-1 if x.dtype.kind == "i" else 2 ** (8 * x.dtype.itemsize) - 1, x.dtype)
        )

    def binary(self, op, x, y):
        if x.dtype is None and y.dtype is None:
            return Typed({ast.Add: x.node + y.node, ast.Sub: x.node - y.node}[type(op)], None)
        x, y = self.meet(x, y)
        node = Typed(ast.BinOp(x.node, op, y.node), x.dtype)
        if x.dtype.kind in "bf" or (x.dtype.kind == "c" and not isinstance(op, ast.Mult)):
            return node
        if isinstance(op, ast.FloorDiv | ast.Mod):
            return node if x.dtype in (INT64, UINT64) else Typed(call(x.dtype.name, node.node), x.dtype)
        if x.dtype in (INT64, UINT64) and not isinstance(op, ast.LShift | ast.RShift):
            return node
        return self.call_function(INTRINSIC_OPERATORS[type(op)], x, y)

    def compare(self, op, x, y):
        x, y = self.meet(x, y, mixed=True)
        if x.dtype != y.dtype:
            return self.compare_signs(op, x, y)
        if x.dtype.kind == "c":
            if not isinstance(op, ast.Eq | ast.NotEq):
                raise HostOnly
            pairs = zip(self.parts(x), self.parts(y))
            equal = [self.compare(op, *pair).node for pair in pairs]
            return Typed(ast.BinOp(equal[0], ast.BitAnd() if isinstance(op, ast.Eq) else ast.BitOr(), equal[1]), BOOL)
        return Typed(ast.Compare(x.node, [op], [y.node]), BOOL)

    def compare_signs(self, op, x, y):
        """An int64 against a uint64: by the sign first."""
        if x.dtype.kind == "u":
            return self.compare_signs(MIRRORED[type(op)](), y, x)
        same_sign = ast.Compare(self.convert(x, UINT64).node, [op], [y.node])
        if isinstance(op, ast.Lt | ast.LtE | ast.NotEq):  # true of every negative number
            return Typed(ast.BinOp(ast.Compare(x.node, [ast.Lt()], [ast.Constant(0)]), ast.BitOr(), same_sign), BOOL)
        return Typed(ast.BinOp(ast.Compare(x.node, [ast.GtE()], [ast.Constant(0)]), ast.BitAnd(), same_sign), BOOL)

    def meet(self, *pieces, mixed=False):
        """The pieces in one dtype: numbers take that of the others."""
        dtypes = {piece.dtype for piece in pieces} - {None}
        assert len(dtypes) <= 1 or mixed, f"dtypes {dtypes} meet in the text of an Expression"
        dtype = dtypes.pop() if dtypes else self.dtypes[0]
        return [constant(piece.node, dtype) if piece.dtype is None else piece for piece in pieces]

    # ---------------------------------------------------------------------------------------------------- functions

    def function(self, name, arguments):
        if name in CONVERSIONS:
            return self.convert(*arguments, CONVERSIONS[name])
        own = getattr(self, f"write_{name}", None)
        if own is not None:
            return own(*arguments)
        return self.call_function(name, *self.meet(*arguments))

    def call_function(self, name, *arguments, result=None):
        """A call of a function of intrinsics or mathlib: its name ends in the dtype of the first argument."""
        dtype = arguments[0].dtype
        if dtype.kind != "f" and name not in OF_OTHERS[dtype.kind]:
            raise HostOnly
        name = f"{name}_{(SUFFIXES | COMPLEX)[dtype]}"
        self.functions.add(name)
        return Typed(call(name, *[argument.node for argument in arguments]), result or dtype)

    def write_select(self, condition, x, y):
        x, y = self.meet(x, y)
        self.functions.add("select")
        return Typed(call("select", condition.node, x.node, y.node), x.dtype)

    def write_square(self, x):
        return self.call_function("square", x)

    def write_ldexp(self, x, exponent):
        return self.call_function("ldexp", x, exponent)

    def write_binary_exponent(self, x):
        return self.call_function("binary_exponent", x, result=INT32)

    def write_bits(self, x):
        return self.call_function("bits", x, result=np.dtype(f"i{x.dtype.itemsize}"))

    def write_unsigned(self, x):
        return self.convert(x, np.dtype(f"u{x.dtype.itemsize}"))

    # ----------------------------------------------------------------------------------------------- complex numbers

    def parts(self, z):
        """The real and the imaginary part."""
        if isinstance(z.node, ast.Call) and z.node.func.id == "complex":
            return [Typed(part, PARTS[z.dtype]) for part in z.node.args]
        return [Typed(ast.Attribute(z.node, part), PARTS[z.dtype]) for part in ("real", "imag")]

    def write_real(self, z):
        return self.parts(z)[0]

    def write_imag(self, z):
        return self.parts(z)[1]

    def write_complex_of(self, x, y):
        x, y = self.meet(x, y)
        return Typed(call("complex", x.node, y.node), np.result_type(x.dtype, np.complex64))

    def write_conj(self, z):
        x, y = self.parts(z)
        return self.write_complex_of(x, self.unary(ast.USub(), y))

    def write_complex_divide(self, z, w):
        """The imaginary part of (a + b i) / w is the real part of (b - a i) / w."""
        z, w = self.meet(z, w)
        (a, b), of_w = self.parts(z), self.parts(w)
        real = self.call_function("complex_quotient", a, b, *of_w)
        imag = self.call_function("complex_quotient", b, self.unary(ast.USub(), a), *of_w)
        return self.write_complex_of(real, imag)

    def write_complex_reciprocal(self, z):
        """The imaginary part of 1 / (a + b i) is minus the real part of 1 / (b + a i)."""
        a, b = self.parts(z)
        real, imag = self.call_function("complex_reciprocal", a, b), self.call_function("complex_reciprocal", b, a)
        return self.write_complex_of(real, self.unary(ast.USub(), imag))

    # -------------------------------------------------------------------------------------------------- conversions

    def convert(self, x, dtype):
        """NumPy's conversion: C's, and the real part of a complex number."""
        if x.dtype is None:
            return constant(x.node, dtype)
        if x.dtype == dtype:
            return x
        if dtype in PARTS:
            parts = self.parts(x) if x.dtype in PARTS else (x, constant(0, PARTS[dtype]))
            return self.write_complex_of(*[self.convert(part, PARTS[dtype]) for part in parts])
        if dtype == BOOL:
            return self.compare(ast.NotEq(), x, Typed(0, None))
        if x.dtype in PARTS:
            return self.convert(self.write_real(x), dtype)
        if x.dtype.kind == "f" and dtype.kind in "iu":
            return self.float_to_integer(x, dtype)
        return Typed(call(dtype.name, x.node), dtype)

    def float_to_integer(self, x, dtype):
        """As C on the machines that NumPy is built for: by way of a signed integer, of which the low bits are kept."""
        if dtype == UINT64:
            half = constant(2.0**63, x.dtype)
            beyond = call(
                "bit_xor_u64",
                call("uint64", call("int64", ast.BinOp(x.node, ast.Sub(), half.node))),
                constant(2**63, UINT64).node,
            )
            within = call("uint64", call("int64", x.node))
            self.functions.add("bit_xor_u64")
            return self.write_select(self.compare(ast.Lt(), x, half), Typed(within, UINT64), Typed(beyond, UINT64))
        if dtype.kind == "i" and dtype.itemsize >= 4:
            return Typed(call(dtype.name, x.node), dtype)
        wide = INT32 if dtype.itemsize < 4 else INT64
        return Typed(call(dtype.name, call(wide.name, x.node)), dtype)


CONVERSIONS = {dtype.name: dtype for dtype in SUFFIXES}
