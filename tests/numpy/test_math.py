"""vgrad.numpy.math against NumPy: values and dtypes for every kind of operand, derivatives, edges."""

import numpy as np
import pytest

import vgrad.numpy.math as vnp
from vgrad import config, grad, jit, jvp, vmap
from vgrad.errors import NotDifferentiable, ShapeError
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
REAL = np.array([[-1.7, -0.6, 0.3], [0.45, 1.2, 2.6]])
POSITIVE = np.array([[0.2, 0.9, 1.4], [2.2, 3.1, 0.5]])
UNIT = np.array([[-0.8, -0.3, 0.1], [0.4, 0.6, 0.9]])
ABOVE_ONE = POSITIVE + 1.1
INTEGERS = np.array([-3, 0, 1, 4])
COMPLEX = REAL + 1j * UNIT
EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])

SMOOTH = {
    **dict.fromkeys(
        [
            "negative",
            "positive",
            "exp",
            "exp2",
            "expm1",
            "square",
            "sin",
            "cos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
        ],
        REAL,
    ),
    **dict.fromkeys(["absolute", "fabs", "cbrt", "reciprocal", "deg2rad", "rad2deg", "sinc", "tan"], REAL),
    **dict.fromkeys(["radians", "degrees", "conjugate", "real", "i0"], REAL),
    **dict.fromkeys(["log", "log2", "log10", "log1p", "sqrt"], POSITIVE),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], UNIT),
    "arccosh": ABOVE_ONE,
}
DISCRETE = ["sign", "floor", "ceil", "trunc", "rint", "round", "fix", "imag"]
TESTS = ["isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "iscomplex", "signbit", "logical_not"]
PAIRS = {
    **dict.fromkeys(["add", "subtract", "multiply", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum"], REAL),
    **dict.fromkeys(["fmax", "fmin", "divide", "power", "float_power", "arctan2"], POSITIVE),
    **dict.fromkeys(["remainder", "fmod", "floor_divide"], POSITIVE + 5.3),
}
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
LOGIC = ["logical_and", "logical_or", "logical_xor"]
INTEGER_PAIRS = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm"]
COMPLEX_TOO = [
    "exp", "log", "sqrt", "sin", "cos", "tanh", "arcsinh", "square", "negative", "reciprocal", "absolute", "conjugate",
    "real", "imag", "angle", "isreal", "iscomplex", "round", "log1p",
]  # fmt: skip


def assert_numpys(got, wanted):
    got, wanted = [value if isinstance(value, tuple) else (value,) for value in (got, wanted)]
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        single = np.asarray(other).dtype.char in "fF"
        np.testing.assert_allclose(one, other, rtol=3e-7 if single else 1e-13, atol=1e-15)


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", [*SMOOTH, *DISCRETE, *TESTS, "modf", "frexp", "spacing", "angle"])
def test_unary_functions_are_numpys(name):
    ours, numpys = getattr(vnp, name), getattr(np, name)
    for x in (SMOOTH.get(name, REAL), REAL[0].astype(np.float32), 0.7, EDGES, np.zeros((0, 2)), [0.5, 0.25]):
        wanted = numpys(x)
        assert_numpys(ours(x), wanted)
        if not isinstance(x, list):
            assert_numpys(jit(ours)(x), wanted)
    if name not in ("spacing",):
        assert_numpys(ours(INTEGERS), numpys(INTEGERS))
        assert_numpys(jit(ours)(INTEGERS), numpys(INTEGERS))


@pytest.mark.parametrize("name", COMPLEX_TOO)
def test_complex_functions_are_numpys(name):
    assert_numpys(getattr(vnp, name)(COMPLEX), getattr(np, name)(COMPLEX))
    assert_numpys(
        jit(getattr(vnp, name))(COMPLEX.astype(np.complex64)), getattr(np, name)(COMPLEX.astype(np.complex64))
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_unary_functions(name):
    check_grads(getattr(vnp, name), (SMOOTH[name],), order=2, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*SMOOTH, *DISCRETE, "modf", "frexp"])
def test_vmap_of_unary_functions_is_a_loop(name):
    function, x = getattr(vnp, name), SMOOTH.get(name, REAL)
    rows = [function(row) for row in x]
    assert_numpys(vmap(function)(x), tuple(map(np.stack, zip(*rows))) if isinstance(rows[0], tuple) else np.stack(rows))


@pytest.mark.parametrize("name", [*PAIRS, *COMPARISONS, *LOGIC, "divmod", "copysign", "nextafter", "heaviside"])
def test_binary_functions_are_numpys(name):
    ours, numpys = getattr(vnp, name), getattr(np, name)
    x = PAIRS.get(name, REAL)
    singles = x.astype(np.float32)
    pairs = [(x, x[::-1]), (x, x[0]), (x[:, :1], x[0]), (x, 2.0), (2.0, x), (singles, 2.0), (singles, 2), (singles, x)]
    pairs += [(0.5, 1.5), (x, np.float32(3)), (x, [1.0, 2.0, 3.0])]
    if name not in ("power",):
        pairs += [(EDGES[:, None], EDGES)]
    if name not in ("copysign", "nextafter", "heaviside"):
        pairs += [(x, 3), (INTEGERS, np.array([1, 2, 3, 1])), (INTEGERS, 2), (INTEGERS.astype(np.int32), 1.5)]
    for pair in pairs:
        wanted = numpys(*pair)
        assert_numpys(ours(*pair), wanted)
        if not isinstance(pair[1], list):
            assert_numpys(jit(ours)(*pair), wanted)


@pytest.mark.parametrize("name", INTEGER_PAIRS)
def test_integer_functions_are_numpys(name):
    for pair in [
        (INTEGERS, np.array([1, 2, 3, 1])),
        (INTEGERS.astype(np.int8), 2),
        (INTEGERS[:, None], np.array([1, 2])),
    ]:
        assert_numpys(getattr(vnp, name)(*pair), getattr(np, name)(*pair))
        assert_numpys(jit(getattr(vnp, name))(*pair), getattr(np, name)(*pair))
    assert_numpys(vnp.invert(INTEGERS), np.invert(INTEGERS))
    assert_numpys(vnp.bitwise_count(INTEGERS), np.bitwise_count(INTEGERS))


@pytest.mark.parametrize("name", PAIRS)
def test_derivatives_of_binary_functions(name):
    x, y = PAIRS[name], PAIRS[name][0] * 0.7 + 0.1
    check_grads(getattr(vnp, name), (x, y), order=2, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*PAIRS, *COMPARISONS, "divmod"])
def test_vmap_of_binary_functions_is_a_loop(name):
    function, x = getattr(vnp, name), PAIRS.get(name, REAL)
    y = x[0] * 0.7
    stack = (lambda rows: tuple(map(np.stack, zip(*rows)))) if name == "divmod" else np.stack
    assert_numpys(vmap(function, (0, None))(x, y), stack([function(row, y) for row in x]))
    assert_numpys(vmap(function, (0, 0))(x.T, y), stack([function(row, single) for row, single in zip(x.T, y)]))


def test_every_name_is_numpys_and_documented():
    for name in vnp.__all__:
        assert hasattr(np, name), name
        assert getattr(vnp, name).__doc__, name
    for ufunc, primitive in vnp.UFUNC_PRIMITIVES.items():
        assert isinstance(ufunc, np.ufunc) and primitive.name


EDGE_GRADIENTS = [  # function, arguments, gradients: those of JAX
    ("absolute", (0.0,), (1.0,)),
    ("sqrt", (0.0,), (np.inf,)),
    ("cbrt", (0.0,), (np.inf,)),
    ("sign", (0.0,), (0.0,)),
    ("sinc", (0.0,), (0.0,)),
    ("i0", (0.0,), (0.0,)),
    ("maximum", (2.0, 2.0), (0.5, 0.5)),
    ("minimum", (2.0, 2.0), (0.5, 0.5)),
    ("maximum", (np.nan, 2.0), (0.0, 0.0)),
    ("fmax", (2.0, 2.0), (0.0, 1.0)),
    ("fmax", (np.nan, 2.0), (0.0, 1.0)),
    ("fmin", (2.0, np.nan), (1.0, 0.0)),
    ("hypot", (0.0, 0.0), (0.5, 0.5)),
    ("arctan2", (0.0, 0.0), (np.nan, np.nan)),
    ("logaddexp", (-np.inf, 1.0), (0.0, 1.0)),
    ("logaddexp", (np.inf, np.inf), (1.0, 1.0)),
    ("logaddexp2", (-np.inf, -np.inf), (np.nan, np.nan)),
    ("power", (0.0, 0.0), (np.nan, 0.0)),
    ("power", (0.0, 2.0), (0.0, 0.0)),
    ("power", (0.0, 1.0), (1.0, 0.0)),
    ("power", (-2.0, 3.0), (12.0, np.nan)),
    ("power", (0.0, 0.5), (np.inf, 0.0)),
    ("remainder", (6.0, 3.0), (1.0, -2.0)),
    ("remainder", (-7.0, 3.0), (1.0, 3.0)),
    ("fmod", (-7.0, 3.0), (1.0, 2.0)),
    ("floor_divide", (-7.0, 3.0), (0.0, 0.0)),
    ("copysign", (3.0, -1.0), (-1.0, 0.0)),
    ("copysign", (0.0, -1.0), (-1.0, 0.0)),
    ("heaviside", (0.0, 0.5), (0.0, 1.0)),
]


@pytest.mark.parametrize("name, args, wanted", EDGE_GRADIENTS, ids=str)
def test_gradients_at_edges(name, args, wanted):
    function = getattr(vnp, name)
    np.testing.assert_array_equal(grad(function, tuple(range(len(args))))(*args), wanted)
    np.testing.assert_array_equal(jit(grad(function, tuple(range(len(args)))))(*args), wanted)


@pytest.mark.parametrize("exponent, wanted", [(0, 0.0), (1, 1.0), (2, 0.0), (3, 0.0), (-1, -np.inf)])
def test_integer_powers_have_derivatives_at_zero(exponent, wanted):
    assert grad(lambda x: vnp.power(x, exponent))(0.0) == wanted
    assert grad(lambda x: vnp.power(x, np.int64(exponent)))(0.0) == wanted
    assert jit(grad(lambda x: vnp.power(x, np.int64(exponent))))(0.0) == wanted


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 8, 17, -1, -3])
def test_integer_powers_are_numpys(exponent):
    np.testing.assert_allclose(vnp.power(REAL, exponent), np.power(REAL, exponent), rtol=1e-14)
    assert vnp.power(REAL.astype(np.float32), exponent).dtype == np.float32
    check_grads(lambda x: vnp.power(x, exponent), (REAL + 0.05,), order=2, atol=1e-3, rtol=1e-3)
    if exponent >= 0:
        assert_numpys(vnp.power(INTEGERS, exponent), np.power(INTEGERS, exponent))
        assert_numpys(vnp.power(INTEGERS > 0, exponent), np.power(INTEGERS > 0, exponent))


def test_integers_have_no_negative_powers():
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        vnp.power(INTEGERS, -1)
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        jit(lambda x: vnp.power(x, -2))(INTEGERS)


def test_sinc_has_all_derivatives_at_zero():
    assert grad(grad(vnp.sinc))(0.0) == pytest.approx(-(np.pi**2) / 3)
    assert grad(grad(grad(grad(vnp.sinc))))(0.0) == pytest.approx(np.pi**4 / 5)
    near = np.array([0.02, 0.0317, 0.0319, 0.05])  # on both sides of the change of formula
    np.testing.assert_allclose(vnp.sinc(near), np.sinc(near), rtol=1e-15)


@pytest.mark.parametrize("decimals", [0, 1, 3, -1])
def test_round_to_decimals(decimals):
    for x in (REAL * 100, np.float32(12.345), np.array([15, 25, -138])):
        assert_numpys(vnp.round(x, decimals), np.round(x, decimals))
    assert grad(lambda x: vnp.round(x, decimals))(1.26) == 0.0


def test_gradients_of_complex_functions_are_jaxs():
    z = 3.0 + 4.0j
    assert grad(vnp.absolute)(z) == pytest.approx(0.6 - 0.8j)
    assert grad(vnp.absolute)(0j) == 0
    assert grad(vnp.real)(z) == 1
    assert grad(vnp.imag)(z) == -1j
    assert grad(vnp.angle)(1 + 2j) == pytest.approx(-0.4 - 0.2j)
    assert grad(lambda z: vnp.real(vnp.conjugate(z) * z))(z) == pytest.approx(6 - 8j)
    assert grad(vnp.sin, holomorphic=True)(z) == pytest.approx(np.cos(z))
    primal, tangent = jvp(vnp.conjugate, (z,), (1j,))
    assert (primal, tangent) == (3 - 4j, -1j)


def test_frexp_and_modf_take_numbers_apart():
    assert grad(lambda x: vnp.frexp(x)[0])(3.0) == 0.25
    assert grad(lambda x: vnp.modf(x)[0])(-1.0) == 1.0
    assert grad(lambda x: vnp.modf(x)[1])(2.5) == 0.0
    assert grad(lambda x: vnp.ldexp(x, 3))(1.5) == 8.0


def test_neighbours_have_no_derivative():
    with pytest.raises(NotDifferentiable, match="nextafter"):
        grad(lambda x: vnp.nextafter(x, 1.0))(0.5)


def test_real_if_close_needs_known_values():
    close = REAL + 1e-14j
    assert_numpys(vnp.real_if_close(close), np.real_if_close(close))
    assert vnp.real_if_close(COMPLEX).dtype == np.complex128
    assert vnp.real_if_close(REAL) is REAL
    with pytest.raises(TypeError, match="boolean conversion"):
        jit(vnp.real_if_close)(close)


def test_default_float_float32_makes_floats_of_integers_float32():
    with config(default_float="float32"):
        assert jit(vnp.exp)(INTEGERS).dtype == np.float32
        assert vnp.exp(INTEGERS).dtype == np.float32
        assert vnp.divide(INTEGERS, 2).dtype == np.float32
        assert vnp.exp(REAL).dtype == np.float64
        assert vnp.fabs(INTEGERS).dtype == np.float32


def test_errors_name_the_operation_and_the_shapes():
    with pytest.raises(ShapeError, match=r"add got incompatible shapes for broadcasting: \(2, 3\), \(4,\)"):
        vnp.add(REAL, np.ones(4))
    with pytest.raises(ShapeError, match="and does not accept dtype float64"):
        jit(vnp.bitwise_and)(1.5, 2)
    with pytest.raises(TypeError, match="fabs is not defined for complex"):
        vnp.fabs(COMPLEX)
    with pytest.raises(OverflowError, match="300"):
        jit(lambda x: x + 300)(np.ones(2, np.uint8))
