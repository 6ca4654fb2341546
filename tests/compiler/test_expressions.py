"""Texts of expressions: compiled, they give what evaluate gives, in every dtype and at the edges of its range.

Relies on vgrad.compiler.build for the loops around the texts.
"""

import ctypes
import functools
import itertools
from typing import NamedTuple

import numpy as np
import pytest

from tests.primitives.samples import SAMPLES
from vgrad.compiler.build import KernelSource, compile_kernels
from vgrad.compiler.expressions import COMPLEX, PARTS, SUFFIXES, expression, number
from vgrad.core.primitive import STRUCTURAL, Expression, Host
from vgrad.core.types import ArrayType, type_of
from vgrad.errors import ShapeError
from vgrad.primitives.broadcasting import convert, reshape
from vgrad.primitives.comparison import clamp, eq, ge, gt, le, lt, maximum, minimum, ne, select
from vgrad.primitives.complex import complex_of
from vgrad.primitives.elementwise import add, exp, gcd, ldexp, mul, reciprocal
from vgrad.primitives.linalg import cholesky
from vgrad.primitives.powers import integer_pow, power
from vgrad.primitives.special import log_ndtr, logit

BOOL, INT64, UINT64 = np.dtype(bool), np.dtype(np.int64), np.dtype(np.uint64)
KINDS = {BOOL: "b1", **SUFFIXES, **COMPLEX}
DTYPES = [dtype for dtype in KINDS if dtype.itemsize != 2 and dtype != np.uint32]  # as the other narrow ones
EXTREMA = (maximum, minimum, clamp)  # NumPy does not say which zero is the larger
COMPARISONS = (eq, ne, lt, le, gt, ge)
# Relative to the value of evaluate, which has an error of its own.
TOLERANCES = {np.dtype("float32"): 2e-6, np.dtype("float64"): 4e-15}
pytestmark = pytest.mark.xdist_group("expressions")  # one process compiles them all
TOGETHER = 8  # expressions in one kernel: compiling one kernel takes longer than compiling one more line


def edges(dtype):
    """Values at the ends and corners of the dtype's range, and a few from the middle."""
    if dtype == BOOL:
        return np.array([False, True])
    if dtype in PARTS:
        parts = np.array([0.0, -0.0, 1.5, -2.25, np.inf, np.nan], PARTS[dtype])
        values = np.empty((len(parts), len(parts)), dtype)
        values.real, values.imag = parts[:, None], parts
        return values.ravel()
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        ends = [limits.smallest_subnormal, limits.tiny, limits.max, np.inf]
        sizes = [0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.7, 100.25, *ends]
        return np.array([*sizes, *[-size for size in sizes], np.nan], dtype)
    limits = np.iinfo(dtype)
    negative = [] if dtype.kind == "u" else [-1, -2, -3, -7, -64, limits.min, limits.min + 1]
    return np.array([0, 1, 2, 3, 5, 7, 31, 63, 64, 100, *negative, limits.max, limits.max - 1], dtype)


@functools.cache
def operands_of(dtypes):
    """All combinations of edges."""
    grids = np.meshgrid(*[edges(dtype) for dtype in dtypes], indexing="ij")
    return [np.ascontiguousarray(grid.ravel()) for grid in grids]


class Case(NamedTuple):
    primitive: object
    params: tuple
    dtypes: tuple

    @property
    def types(self):
        return [ArrayType((), dtype) for dtype in self.dtypes]

    @property
    def output_type(self):
        return self.primitive.output_type(*self.types, **dict(self.params))

    def text(self):
        """Of operands x0, x1, ...; None if the host must do it."""
        names = [f"x{position}" for position in range(len(self.dtypes))]
        made = expression(self.primitive, dict(self.params), self.types, self.output_type, names)
        return made and made[0]

    def __str__(self):
        return "-".join([self.primitive.name, *[str(value) for _, value in self.params], *map(str, self.dtypes)])


def runs(case):
    """Whether the operation takes these dtypes, and it is not as for another dtype after a conversion."""
    try:
        known = case.output_type.dtype in KINDS
    except (ShapeError, TypeError):
        return False
    converted = case.primitive.lower.operand_dtypes(*case.types, **dict(case.params))
    again = case.dtypes[0].kind in "biu" and case.dtypes[0] != INT64 and converted[0].kind == "f"
    parts_are_real = case.primitive is not complex_of or case.dtypes[0].kind != "c"
    return known and not again and parts_are_real


def elementwise_cases():
    """Every elementwise primitive with its params in the sample table, in the dtypes there and in every other one."""
    found = {}
    for row in SAMPLES:
        if not isinstance(row.primitive.lower, Expression) or row.primitive is convert:
            continue
        dtypes = [tuple([draw(np.random.default_rng(0), name).dtype for draw in row.draws]) for name in row.dtypes]
        for dtype in DTYPES:
            together = (dtype,) * len(row.draws)
            dtypes.append({select: (BOOL, *together[1:]), ldexp: (dtype, INT64)}.get(row.primitive, together))
        if row.primitive in COMPARISONS:
            dtypes += [(INT64, UINT64), (UINT64, INT64)]
        found.update({Case(row.primitive, tuple(row.params.items()), each): None for each in dtypes})
    return [case for case in found if runs(case)]


def conversions():
    return [Case(convert, (("dtype", target),), (source,)) for source in KINDS for target in KINDS]


CASES = [case for case in [*elementwise_cases(), *conversions()] if case.text() is not None]


def kernel_of(cases):
    """A loop over the elements of operands of the same dtypes, with one output per case."""
    dtypes = cases[0].dtypes
    parameters = [f"p{position}" for position in range(len(dtypes))] + [
        f"out{position}" for position in range(len(cases))
    ]
    lines = [f"def kernel({', '.join(parameters)}, size):", "    for i in range(size):"]
    for position, dtype in enumerate(dtypes):
        lines.append(f"        x{position} = p{position}[i]{' != 0' if dtype == BOOL else ''}")
    kinds = [KINDS[dtype] for dtype in dtypes]
    for position, case in enumerate(cases):
        kinds.append(KINDS[case.output_type.dtype])
        lines.append(f"        out{position}[i] = {f'uint8({case.text()})' if kinds[-1] == 'b1' else case.text()}")
    return KernelSource("\n".join(lines) + "\n", (*[f"*{kind}" for kind in kinds], "i64"))


@functools.cache
def outputs():
    """{case: what the compiled expression gives}: compiled together, which is faster than one by one."""
    groups = []
    by_dtypes = sorted(CASES, key=lambda case: str(case.dtypes))
    for _, cases in itertools.groupby(by_dtypes, key=lambda case: case.dtypes):
        cases = list(cases)
        groups += [cases[start : start + TOGETHER] for start in range(0, len(cases), TOGETHER)]
    results = {}
    for cases, address in zip(groups, compile_kernels([kernel_of(cases) for cases in groups])):
        operands = operands_of(cases[0].dtypes)
        made = [np.empty(operands[0].shape, case.output_type.dtype) for case in cases]
        words = np.array([array.ctypes.data for array in (*operands, *made)] + [operands[0].size])
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(words.ctypes.data)
        results.update(zip(cases, made))
    return results


def far(output, expected, size, signs):
    """Where floats differ by more than rounding relative to `size`, a NaN, or (signs) the sign of a zero."""
    tolerance = TOLERANCES[output.dtype] * np.maximum(np.abs(expected), size)
    near = (output == expected) | (np.abs(output - expected) <= tolerance + np.finfo(output.dtype).smallest_subnormal)
    if signs:
        near &= (np.signbit(output) == np.signbit(expected)) | (expected != 0)
    return ~(near | (np.isnan(output) & np.isnan(expected)))


def differing(primitive, output, expected):
    if output.dtype in PARTS:  # the sign of a part that is zero depends on the order of the operations
        size = np.where(np.isfinite(expected), np.abs(expected), 0)
        return far(output.real, expected.real, size, False) | far(output.imag, expected.imag, size, False)
    if output.dtype.kind == "f":
        # SciPy's log_ndtr is 1e-13 off for large operands
        size = 50 * np.abs(expected) if primitive is log_ndtr and output.dtype.itemsize == 8 else np.zeros(())
        return far(output, expected, np.where(np.isfinite(size), size, 0), primitive not in EXTREMA)
    return output != expected


def left_open(case, operands):
    """Where C leaves open what becomes of a float that is beyond the range of an integer type."""
    source, target = case.dtypes[0], case.output_type.dtype
    if case.primitive is not convert or source.kind not in "fc" or target.kind not in "iu":
        return False
    limits = np.iinfo(target if target.kind == "i" else np.int64 if target.itemsize > 2 else np.int32)
    return ~((operands[0].real > float(limits.min)) & (operands[0].real < float(limits.max)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_expression_computes_what_evaluate_does(case):
    operands, output = operands_of(case.dtypes), outputs()[case]
    with np.errstate(all="ignore"):
        expected = np.asarray(case.primitive.evaluate(*operands, **dict(case.params)))
        assert output.dtype == expected.dtype
        wrong = differing(case.primitive, output, np.broadcast_to(expected, output.shape)) & ~np.asarray(
            left_open(case, operands)
        )
    rows = [f"{[str(x[i]) for x in operands]}: {output[i]}, not {expected[i]}" for i in np.flatnonzero(wrong)[:8]]
    assert not rows, "\n".join([case.text(), *rows])


def text_of(primitive, *values, names=("x", "y", "z"), **params):
    types = [type_of(value) for value in values]
    made = expression(primitive, params, types, primitive.output_type(*types, **params), names[: len(values)])
    return made and made[0]


F32, F64, I8, I32, U64, C64 = (np.ones(3, dtype) for dtype in ("f4", "f8", "i1", "i4", "u8", "c8"))


@pytest.mark.parametrize(
    "made, text",
    [
        (text_of(add, F32, F32), "x + y"),
        (text_of(add, F32, F64), "float64(x) + y"),
        (text_of(add, I32, I32), "add_i32(x, y)"),
        (text_of(add, F32, 2.0), "x + float32(y)"),
        (text_of(mul, C64, F32), "multiply_c64(x, complex(y, float32(0.0)))"),
        (text_of(exp, I32), "exp_f64(float64(x))"),
        (text_of(lt, I8, U64), "(int64(x) < 0) | (uint64(int64(x)) < y)"),
        (text_of(reciprocal, F32), "float32(1.0) / x"),
        (text_of(select, F32, I8, F32), "select(x != float32(0.0), float32(y), z)"),
        (text_of(integer_pow, F64, y=13), "square_f64(square_f64(square_f64(x) * x)) * x"),
        (text_of(add, F32, F32, names=("a[i]", "n * 2")), "(a[i]) + (n * 2)"),
    ],
)
def test_texts_can_be_read(made, text):
    assert made == text


def test_functions_are_listed():
    types = [ArrayType((3,), np.dtype(np.float32))]
    _, functions = expression(logit, {}, types, *types, ["x"])
    assert functions == ("abs_f32", "log1p_f32", "log_f32", "select")


def test_what_the_host_does():
    half = np.ones(3, "f2")
    for made in (text_of(exp, C64), text_of(add, half, half), text_of(power, I32, I32), text_of(gcd, I32, I32)):
        assert made is None
    assert isinstance(gcd.lower, Host) and isinstance(cholesky.lower, Host) and reshape.lower is STRUCTURAL
    assert text_of(cholesky, np.eye(3)) is None and text_of(reshape, F32, shape=(3, 1)) is None


@pytest.mark.parametrize(
    "value, dtype, text",
    [
        (0.1, "float64", "0.1"),
        (0.1, "float32", "float32(0.1)"),
        (-np.inf, "float64", "-inf"),
        (np.nan, "float32", "float32(nan)"),
        (-0.0, "float64", "-0.0"),
        (True, "bool", "True"),
        (3, "int64", "3"),
        (-3, "int8", "int8(-3)"),
        (2**64 - 1, "uint64", "uint64(18446744073709551615)"),
        (1 - 2j, "complex64", "complex(float32(1.0), float32(-2.0))"),
    ],
)
def test_numbers(value, dtype, text):
    assert number(value, dtype) == text


@pytest.mark.parametrize("value", np.random.default_rng(0).normal(size=50).astype(np.float32), ids=str)
def test_short_numbers_are_exact(value):
    assert np.float32(eval(number(value, np.float32), {"float32": float})) == value
