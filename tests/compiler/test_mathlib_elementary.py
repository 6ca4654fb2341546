"""Elementary functions of mathlib: their distance from mpmath's in units of the last place; NumPy's values at edges.

Relies on vgrad.compiler.build for the loops around them.
"""

import ctypes
import functools

import mpmath
import numpy as np
import pytest

from vgrad.compiler.build import KernelSource, compile_kernels
from vgrad.primitives.threefry import draw_bits, encipher

DTYPES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
INTEGERS = {f"{kind}{8 * size}": np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
COUNT = 300  # operands per row of the table
DIGITS = 40


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def cbrt(x):
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


# function, mpmath's, intervals of the operands (logarithmic if wide and positive), units in the last place, dtypes
BOTH, DOUBLE = ("f32", "f64"), ("f64",)
TABLE = [
    ("exp", mpmath.exp, [(-103, 88.7)], 2, BOTH),
    ("exp", mpmath.exp, [(-745, 709.7)], 2, DOUBLE),
    ("expm1", mpmath.expm1, [(-20, 88)], 4, BOTH),
    ("expm1", mpmath.expm1, [(1e-37, 1)], 4, BOTH),
    ("expm1", mpmath.expm1, [(-1, 1)], 4, BOTH),
    ("exp2", lambda x: mpmath.mpf(2) ** x, [(-149, 127.9)], 2, BOTH),
    ("exp2", lambda x: mpmath.mpf(2) ** x, [(-1074, 1023.9)], 2, DOUBLE),
    ("logistic", logistic, [(-80, 40)], 4, BOTH),
    ("tanh", mpmath.tanh, [(-20, 20)], 2, BOTH),
    ("tanh", mpmath.tanh, [(1e-37, 1)], 2, BOTH),
    ("log", mpmath.log, [(1e-38, 1e38)], 2, BOTH),
    ("log", mpmath.log, [(1e-323, 1e308)], 2, DOUBLE),
    ("log", mpmath.log, [(0.5, 2)], 2, BOTH),
    ("log1p", mpmath.log1p, [(-0.999, 3)], 4, BOTH),
    ("log1p", mpmath.log1p, [(1e-37, 1e37)], 4, BOTH),
    ("log2", lambda x: mpmath.log(x, 2), [(1e-323, 1e308)], 2, DOUBLE),
    ("log2", lambda x: mpmath.log(x, 2), [(0.5, 2)], 2, BOTH),
    ("log10", mpmath.log10, [(1e-44, 1e38)], 2, BOTH),
    ("log10", mpmath.log10, [(0.5, 2)], 2, BOTH),
    ("sin", mpmath.sin, [(-10, 10)], 2, BOTH),
    ("sin", mpmath.sin, [(1, 1e30)], 2, BOTH),
    ("cos", mpmath.cos, [(-10, 10)], 2, BOTH),
    ("cos", mpmath.cos, [(1, 1e30)], 2, BOTH),
    ("tan", mpmath.tan, [(-10, 10)], 4, BOTH),
    ("tan", mpmath.tan, [(1e-30, 1e30)], 4, BOTH),
    ("asin", mpmath.asin, [(-1, 1)], 4, BOTH),
    ("asin", mpmath.asin, [(1e-37, 1)], 4, BOTH),
    ("acos", mpmath.acos, [(-1, 1)], 4, BOTH),
    ("acos", mpmath.acos, [(0.999, 1)], 4, BOTH),
    ("atan", mpmath.atan, [(-5, 5)], 4, BOTH),
    ("atan", mpmath.atan, [(1e-37, 1e37)], 4, BOTH),
    ("atan2", mpmath.atan2, [(-3, 3), (-3, 3)], 4, BOTH),
    ("atan2", mpmath.atan2, [(1e-10, 1e10), (1e-10, 1e10)], 4, BOTH),
    ("atan2", mpmath.atan2, [(1e-300, 1e308), (1e-10, 1e308)], 4, DOUBLE),
    ("atan2", mpmath.atan2, [(1e-45, 1e-38), (1e-45, 1e-38)], 4, BOTH),
    ("atan2", mpmath.atan2, [(1e-323, 1e-308), (1e-323, 1e-308)], 4, DOUBLE),
    ("sinh", mpmath.sinh, [(-89.4, 89.4)], 4, BOTH),
    ("sinh", mpmath.sinh, [(-710.4, 710.4)], 4, DOUBLE),
    ("sinh", mpmath.sinh, [(1e-37, 2)], 4, BOTH),
    ("cosh", mpmath.cosh, [(-89.4, 89.4)], 4, BOTH),
    ("cosh", mpmath.cosh, [(-710.4, 710.4)], 4, DOUBLE),
    ("asinh", mpmath.asinh, [(-3, 3)], 4, BOTH),
    ("asinh", mpmath.asinh, [(1e-37, 1e37)], 4, BOTH),
    ("acosh", mpmath.acosh, [(1, 3)], 4, BOTH),
    ("acosh", mpmath.acosh, [(1, 1e37)], 4, BOTH),
    ("atanh", mpmath.atanh, [(-0.999, 0.999)], 4, BOTH),
    ("atanh", mpmath.atanh, [(1e-37, 0.9)], 4, BOTH),
    ("cbrt", cbrt, [(-10, 10)], 2, BOTH),
    ("cbrt", cbrt, [(1e-44, 1e38)], 2, BOTH),
    ("cbrt", cbrt, [(1e-320, 1e308)], 2, DOUBLE),
    ("pow", mpmath.power, [(0.01, 20), (-25, 25)], 4, BOTH),
    ("pow", mpmath.power, [(1e-300, 1e300), (-1, 1)], 4, DOUBLE),
    ("pow", mpmath.power, [(0.999, 1.001), (-500000, 500000)], 4, DOUBLE),
    ("pow", mpmath.power, [(5e-324, 1e-308), (-0.9, 0.9)], 4, DOUBLE),
    ("hypot", mpmath.hypot, [(-3, 3), (-3, 3)], 2, BOTH),
    ("hypot", mpmath.hypot, [(1e-38, 1e38), (1e-38, 1e38)], 2, BOTH),
    ("hypot", mpmath.hypot, [(1e-307, 1e307), (1e-307, 1e307)], 2, DOUBLE),
]  # fmt: skip
# mathlib's name, NumPy's function: what it gives at the edges must be the same (to a rounding where it is not exact)
UNARY = {
    "exp": np.exp, "expm1": np.expm1, "exp2": np.exp2, "tanh": np.tanh, "log": np.log, "log1p": np.log1p,
    "log2": np.log2, "log10": np.log10, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "cbrt": np.cbrt,
}  # fmt: skip
BINARY = {"pow": np.power, "hypot": np.hypot, "atan2": np.arctan2, "logaddexp": np.logaddexp}
EXACT = {"floor_divide": np.floor_divide, "remainder": np.remainder, "fmod": np.fmod, "nextafter": np.nextafter}
ONE_OPERAND, TWO_OPERANDS = [*UNARY, "logistic"], [*BINARY, *EXACT]


def edges(dtype):
    limits = np.finfo(dtype)
    near_one = [1 - limits.epsneg, 1, 1 + limits.eps]
    large = [1e10, limits.max / 2, limits.max, np.inf]
    small = [0.0, limits.smallest_subnormal, 3 * limits.smallest_subnormal, limits.tiny, limits.eps]
    positive = [*small, 0.25, 0.3, 0.5, *near_one, 1.5, 2, 2.5, 3, 10, 88.7, 300, 710, 1023, *large]
    return np.array([*positive, *(-x for x in positive), np.nan], dtype)


def kernel(name, operands, result):
    parameters = [f"x{number}" for number in range(len(operands))]
    elements = ", ".join(f"{parameter}[i]" for parameter in parameters)
    text = f"def kernel({', '.join(parameters)}, out, size):\n"
    text += f"    for i in range(size):\n        out[i] = {name}({elements})\n"
    return KernelSource(text, (*(f"*{kind}" for kind in operands), f"*{result}", "i64"))


@functools.cache
def addresses():
    """{name: address of a kernel}, compiled together."""
    kernels = {}
    for kind in DTYPES:
        kernels |= {f"{name}_{kind}": ([kind], kind) for name in ONE_OPERAND}
        kernels |= {f"{name}_{kind}": ([kind, kind], kind) for name in TWO_OPERANDS}
        kernels[f"ldexp_{kind}"] = [kind, "i32"], kind
    kernels |= {f"random_bits_{kind}": (["u32", "u32", "i64"], kind) for kind in ("u8", "u16", "u32", "u64")}
    kernels["threefry_u32"] = ["u32", "u32", "u32", "u32", "i64"], "u32"
    kernels |= {f"{name}_{kind}": ([kind], kind) for name in ("popcount", "clz") for kind in INTEGERS}
    sources = [kernel(name, operands, result) for name, (operands, result) in kernels.items()]
    return dict(zip(kernels, compile_kernels(sources)))


def compiled(name, *operands):
    """What the function gives for arrays of one size; its kind is the last part of its name."""
    result = np.empty(operands[0].size, (DTYPES | INTEGERS)[name.rpartition("_")[2]])
    arrays = [*[np.ascontiguousarray(operand) for operand in operands], result]
    words = np.array([*[array.ctypes.data for array in arrays], result.size])
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses()[name])(words.ctypes.data)
    return result


def drawn(interval, generator, dtype):
    low, high = interval
    if low > 0 and high / low > 100:
        return np.exp(generator.uniform(np.log(low), np.log(high), COUNT)).astype(dtype)
    return generator.uniform(low, high, COUNT).astype(dtype)


def same_at_edges(result, expected):
    """Equal to a few roundings; zeros of one sign, NaN at the same places."""
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    zero = (result == 0) | (expected == 0)
    np.testing.assert_array_equal(np.signbit(result[zero]), np.signbit(expected[zero]))
    limits = np.finfo(result.dtype)
    np.testing.assert_allclose(result, expected, rtol=4 * limits.eps, atol=2 * limits.smallest_subnormal)


@pytest.mark.parametrize(
    ("row", "kind"),
    [pytest.param(row, kind, id=f"{row[0]}{row[2]}-{kind}") for row in TABLE for kind in row[4]],
)
def test_distance_from_mpmath(row, kind):
    name, reference, intervals, bound, _ = row
    dtype = DTYPES[kind]
    generator = np.random.default_rng(len(name))
    operands = [drawn(interval, generator, dtype) for interval in intervals]
    result = compiled(f"{name}_{kind}", *operands)
    with mpmath.workdps(DIGITS):
        for value, *given in zip(result, *operands):
            exact = reference(*[mpmath.mpf(float(x)) for x in given])
            if abs(exact) > mpmath.mpf(float(np.finfo(dtype).max)):
                assert value == float(mpmath.sign(exact)) * np.inf, given
                continue
            unit = float(np.spacing(np.abs(dtype.type(float(exact)))))
            distance = abs(mpmath.mpf(float(value)) - exact) / unit
            assert distance <= bound, (given, value, float(distance))


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_edges_are_numpys(name, kind):
    x = edges(DTYPES[kind])
    with np.errstate(all="ignore"):
        same_at_edges(compiled(f"{name}_{kind}", x), UNARY[name](x))


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_edges_of_two_operands_are_numpys(name, kind):
    x, y = [operand.ravel() for operand in np.meshgrid(edges(DTYPES[kind]), edges(DTYPES[kind]))]
    result = compiled(f"{name}_{kind}", x, y)
    with np.errstate(all="ignore"):
        expected = BINARY[name](x, y)
        if name == "logaddexp":  # a result near 0 has the error of the larger operand
            size = np.maximum(np.abs(x), np.abs(y))
            near = np.abs(result - expected) <= 4 * np.finfo(x.dtype).eps * np.where(np.isfinite(size), size, 0)
            result = np.where(near, expected, result)
        same_at_edges(result, expected)


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_exact_functions_are_numpys(name, kind):
    dtype = DTYPES[kind]
    x, y = [operand.ravel() for operand in np.meshgrid(edges(dtype), edges(dtype))]
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2 ** (8 * dtype.itemsize), (2, 2000), f"u{dtype.itemsize}").view(dtype)
    usual = generator.uniform(-10, 10, (2, 2000)).astype(dtype)
    whole = generator.integers(-9, 10, (2, 500)).astype(dtype)
    x, y = np.concatenate([[x, y], bits, usual, whole], axis=1)
    with np.errstate(all="ignore"):
        expected = EXACT[name](x, y)
    result = compiled(f"{name}_{kind}", x, y)
    np.testing.assert_array_equal(result, expected)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(result[number]), np.signbit(expected[number]))


@pytest.mark.parametrize("kind", DTYPES)
def test_ldexp_is_numpys(kind):
    exponents = np.array([0, 1, -1, 5, -5, 100, -100, 127, -149, -150, 1023, -1074, -1075, 2100, -2100, 10000, -10000])
    x, exponents = [
        operand.ravel()
        for operand in np.meshgrid(edges(DTYPES[kind]) * DTYPES[kind].type(0.3), exponents.astype(np.int32))
    ]
    with np.errstate(all="ignore"):
        expected = np.ldexp(x, exponents)
    result = compiled(f"ldexp_{kind}", x, exponents)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize("kind", DTYPES)
def test_whole_powers_are_exact(kind):
    exponents = np.arange(-126, 128, dtype=DTYPES[kind])
    powers = np.ldexp(DTYPES[kind].type(1), exponents.astype(np.int32))
    np.testing.assert_array_equal(compiled(f"exp2_{kind}", exponents), powers)
    np.testing.assert_array_equal(compiled(f"log2_{kind}", powers), exponents)


@pytest.mark.parametrize("bit_width", (8, 16, 32, 64))
def test_random_bits_are_those_of_threefry(bit_width):
    key, count = np.array([[0x12345678, 0xDEADBEEF]], np.uint32), 1003
    keys = [np.full(count, word) for word in key[0]]
    result = compiled(f"random_bits_u{bit_width}", *keys, np.arange(count))
    np.testing.assert_array_equal(result, draw_bits(key, count, bit_width)[0])


def test_random_bits_of_large_counters():
    high, low = np.array([5, 0, 2**31 - 1], np.uint32), np.array([7, 2**32 - 1, 9], np.uint32)
    key0, key1 = np.array([1, 2, 3], np.uint32), np.array([4, 5, 6], np.uint32)
    counters = (high.astype(np.int64) << 32) | low
    result = compiled("random_bits_u64", key0, key1, counters)
    words = [compiled("threefry_u32", key0, key1, high, low, np.full(3, place)) for place in (0, 1)]
    encipher(key0, key1, high, low)
    np.testing.assert_array_equal(words, (high, low))
    np.testing.assert_array_equal(result, (high.astype(np.uint64) << np.uint64(32)) | low)


@pytest.mark.parametrize("kind", INTEGERS)
def test_bits_of_integers(kind):
    dtype = INTEGERS[kind]
    limits = np.iinfo(dtype)
    x = np.array([0, 1, 2, 3, 100, limits.max, limits.max - 1, limits.max // 2, limits.min, limits.min // 2 + 1], dtype)
    width = 8 * dtype.itemsize
    binary = [f"{int(value) % 2**width:0{width}b}" for value in x]
    np.testing.assert_array_equal(compiled(f"popcount_{kind}", x), [text.count("1") for text in binary])
    np.testing.assert_array_equal(compiled(f"clz_{kind}", x), [width - len(text.lstrip("0")) for text in binary])
