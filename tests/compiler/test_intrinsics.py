"""Intrinsics: what they compute, in kernels made of them, against NumPy; and that loops around them become vector code.

Relies on vgrad.compiler.build for the loops around them.
"""

import ctypes
from fractions import Fraction

import numpy as np
import pytest

from vgrad.compiler import intrinsics
from vgrad.compiler.build import KernelSource, compile_kernels, compile_module, optimised_ir

FLOATS = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
INTEGERS = {f"{kind}{8 * size}": np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
DTYPES = FLOATS | INTEGERS


def integer_of(suffix):
    return "i" + suffix[1:]


def bits_text(x):
    width = 8 * x.dtype.itemsize
    return [f"{int(value) % 2**width:0{width}b}" for value in x]


# name: (operands of that type, NumPy's way, suffix of the result by the suffix of the operands)
SAME = str
OF_FLOATS = {
    "floor": (1, np.floor, SAME),
    "ceil": (1, np.ceil, SAME),
    "trunc": (1, np.trunc, SAME),
    "round_even": (1, np.rint, SAME),
    "sqrt": (1, np.sqrt, SAME),
    "abs": (1, np.abs, SAME),
    "copysign": (2, np.copysign, SAME),
    "maximum": (2, np.maximum, SAME),
    "minimum": (2, np.minimum, SAME),
    "largest": (2, np.maximum, SAME),
    "least": (2, np.minimum, SAME),
    "bits": (1, lambda x: x.view(f"i{x.itemsize}"), integer_of),
}
OF_INTEGERS = {
    "add": (2, np.add, SAME),
    "subtract": (2, np.subtract, SAME),
    "multiply": (2, np.multiply, SAME),
    "bit_and": (2, np.bitwise_and, SAME),
    "bit_or": (2, np.bitwise_or, SAME),
    "bit_xor": (2, np.bitwise_xor, SAME),
    "popcount": (1, lambda x: [text.count("1") for text in bits_text(x)], SAME),
    "clz": (1, lambda x: [len(text) - len(text.lstrip("0")) for text in bits_text(x)], SAME),
    "abs": (1, np.abs, SAME),
    "maximum": (2, np.maximum, SAME),
    "minimum": (2, np.minimum, SAME),
}


def values(dtype):
    """Pairs of all edges of a type with each other."""
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        numbers = [0, 0.5, 1, 1.5, 2.5, 7.3, 2.0**23 + 0.5, limits.max, limits.tiny, limits.smallest_subnormal, np.inf]
        edges = np.array([*numbers, *(-x for x in numbers), np.nan], dtype)
    else:
        limits = np.iinfo(dtype)
        edges = np.array(
            [0, 1, 2, 3, 77, limits.max, limits.max - 1, limits.min, limits.min // 2, limits.max // 3], dtype
        )
    return [operand.ravel() for operand in np.meshgrid(edges, edges)]


def run(expressions, operands):
    """Arrays of what the expressions give, [(text of x, y, z, kind of the result)], all computed by one kernel."""
    kinds = {dtype: kind for kind, dtype in DTYPES.items()}
    names = "xyz"[: len(operands)]
    parameters = [*names, *[f"out{number}" for number in range(len(expressions))], "size"]
    lines = [f"def kernel({', '.join(parameters)}):", "    for i in range(size):"]
    for number, (text, _) in enumerate(expressions):
        lines.append(f"        out{number}[i] = {text}")
    dtypes = [operand.dtype for operand in operands]
    pointers = [*[f"*{kinds[dtype]}" for dtype in dtypes], *[f"*{kind}" for _, kind in expressions]]
    [address] = compile_kernels([KernelSource("\n".join(lines) + "\n", (*pointers, "i64"))])
    results = [np.empty(operands[0].size, DTYPES[kind]) for _, kind in expressions]
    words = np.array([*[array.ctypes.data for array in (*operands, *results)], operands[0].size])
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(words.ctypes.data)
    return results


def call(name, suffix, arity):
    return f"{name}_{suffix}({', '.join(['x[i]', 'y[i]', 'z[i]'][:arity])})"


@pytest.mark.parametrize("suffix", DTYPES)
def test_operations_are_numpys(suffix):
    operands = values(DTYPES[suffix])
    table = OF_FLOATS if suffix in FLOATS else OF_INTEGERS
    expressions = [(call(name, suffix, arity), result(suffix)) for name, (arity, _, result) in table.items()]
    with np.errstate(all="ignore"):
        for array, (name, (arity, function, _)) in zip(run(expressions, operands), table.items()):
            expected = function(*operands[:arity])
            np.testing.assert_array_equal(array, expected, err_msg=name)


@pytest.mark.parametrize("suffix", INTEGERS)
def test_shifts(suffix):
    x, amounts = values(INTEGERS[suffix])
    amounts = (amounts.view(f"u{amounts.itemsize}") % (8 * amounts.itemsize)).astype(amounts.dtype)
    left, right = run([(call(f"shift_{way}", suffix, 2), suffix) for way in ("left", "right")], [x, amounts])
    np.testing.assert_array_equal(left, x << amounts)
    np.testing.assert_array_equal(right, x >> amounts)


@pytest.mark.parametrize("suffix", FLOATS)
def test_fma_rounds_once(suffix):
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 200)).astype(FLOATS[suffix])
    z = -(x * y)
    [result] = run([(call("fma", suffix, 3), suffix)], [x, y, z])
    exact = [float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))) for a, b, c in zip(x, y, z)]
    assert np.count_nonzero(result) > 100
    np.testing.assert_array_equal(result, np.array(exact, FLOATS[suffix]))


@pytest.mark.parametrize("group", intrinsics.SAME_SIZE)
def test_bits_are_read_as_another_type(group):
    for source in group:
        x = values(DTYPES[source])[0]
        targets = [target for target in group if target != source]
        results = run([(call(f"bitcast_{source}", target, 1), target) for target in targets], [x])
        for target, result in zip(targets, results):
            np.testing.assert_array_equal(result, x.view(DTYPES[target]))
        if source in ("i32", "i64"):
            name = f"f{source[1:]}"
            [result] = run([(call("float_of_bits", name, 1), name)], [x])
            np.testing.assert_array_equal(result, x.view(DTYPES[name]))


@pytest.mark.parametrize("suffix", DTYPES)
def test_select_takes_one_of_two(suffix):
    x, y = values(DTYPES[suffix])
    [result] = run([("select(x[i] < y[i], x[i], y[i])", suffix)], [x, y])
    np.testing.assert_array_equal(result, np.where(x < y, x, y))


@pytest.mark.parametrize("length", (1, 2, 4, 8, 9, 12, 15, 20, 26))
def test_polynomial_of_any_length(length):
    coefficients = tuple(np.random.default_rng(length).standard_normal(length).tolist())
    text = "from vgrad.compiler.intrinsics import polynomial\n"
    text += f"p = polynomial('f64', {coefficients})\n"
    text += "def value(x):\n    return p(x)\n"
    address = compile_module(text, {"value": (("f64",), "f64")})["value"]
    value = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)
    for x in (-0.9, 0.0, 0.3, 0.99):
        exact = sum(Fraction(coefficient) * Fraction(x) ** power for power, coefficient in enumerate(coefficients))
        size = sum(abs(coefficient * x**power) for power, coefficient in enumerate(coefficients))
        assert abs(value(x) - exact) <= 4 * np.finfo(float).eps * size


@pytest.mark.parametrize("name", ("sin_f32", "cos_f64", "fmod_f32"))
def test_loops_with_rare_slow_operands_are_vector_code(name):
    """The vector variant of the function that asks libm is what the loop calls."""
    kind = name[-3:]
    operands = "x[i], y[i]" if name.startswith("fmod") else "x[i]"
    text = f"def kernel(x, y, out, size):\n    for i in range(size):\n        out[i] = {name}({operands})\n"
    code = optimised_ir(KernelSource(text, (f"*{kind}", f"*{kind}", f"*{kind}", "i64")))
    assert any(f"@vgrad_rescued_{name}_{width}(" in code for width in intrinsics.VECTOR_WIDTHS)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", ("largest", "least"))
def test_reductions_to_an_extremum_are_vector_code(kind, name):
    text = "def kernel(x, out, size):\n    r = x[0]\n    for i in range(size):\n"
    text += f"        r = {name}_{kind}(r, x[i])\n    out[0] = r\n"
    code = optimised_ir(KernelSource(text, (f"*{kind}", f"*{kind}", "i64")))
    assert "@llvm.vector.reduce.f" in code


@pytest.mark.parametrize("kind", FLOATS)
def test_only_rare_operands_are_computed_by_libm(kind):
    x = np.linspace(-3, 3, 64).astype(FLOATS[kind])
    x[[3, 40]] = 1e30, -1e12
    [result] = run([(call("sin", kind, 1), kind)], [x])
    np.testing.assert_allclose(result, np.sin(x), rtol=4 * np.finfo(x.dtype).eps)
