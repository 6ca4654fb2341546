"""vgrad.numpy.polynomial against NumPy, and its derivatives. Relies on nothing else in tests/."""

import numpy as np
import pytest

from vgrad import jit, vmap
from vgrad import numpy as vnp
from vgrad.errors import ConcretizationTypeError, ShapeError
from vgrad.testing import check_grads

rng = np.random.default_rng(0)
P, Q, X = rng.normal(size=5), rng.normal(size=3), rng.normal(size=(2, 4))
POINTS, VALUES = np.linspace(-1, 2, 8), rng.normal(size=(8, 2))

# name, operands, keywords, differentiable
CASES = [
    ("vander", (Q,), {}, True),
    ("vander", (P,), {"N": 3, "increasing": True}, True),
    ("vander", (np.arange(4),), {"N": 3}, False),
    ("vander", (P,), {"N": 0}, False),
    ("polyval", (P, X), {}, True),
    ("polyval", (P, 2.0), {}, True),
    ("polyval", ([1, 2, 3], np.arange(3)), {}, False),
    ("polyadd", (P, Q), {}, True),
    ("polyadd", (Q, P), {}, True),
    ("polysub", (P, Q), {}, True),
    ("polysub", ([1, 2], 3), {}, False),
    ("polymul", (P, Q), {}, True),
    ("polyder", (P,), {}, True),
    ("polyder", (P,), {"m": 3}, True),
    ("polyder", (P,), {"m": 0}, True),
    ("polyder", (Q,), {"m": 5}, False),
    ("polyint", (P,), {}, True),
    ("polyint", (P,), {"m": 2, "k": 3.0}, True),
    ("polyint", (P,), {"m": 2, "k": Q[:2]}, True),
    ("polyint", ([1, 2],), {"m": 0}, False),
    ("poly", (P,), {}, True),
    ("poly", (X.T @ X + np.diag(np.arange(4)),), {}, True),
    ("polyfit", (POINTS, VALUES[:, 0], 3), {}, True),
    ("polyfit", (POINTS, VALUES, 2), {"w": POINTS + 2}, True),
    ("polyfit", (POINTS, VALUES[:, 0], 2), {"full": True}, False),
    ("polyfit", (POINTS, VALUES[:, 0], 2), {"cov": True}, True),
    ("polyfit", (POINTS, VALUES, 2), {"cov": True}, True),
    ("polyfit", (POINTS, VALUES, 2), {"cov": "unscaled"}, True),
]


def leaves(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def case_id(value):
    return ",".join(str(np.shape(x)) for x in value) if isinstance(value, tuple) else str(value)[:60]


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_values_and_dtypes_are_numpys(name, operands, keywords, differentiable):
    got, wanted = getattr(vnp, name)(*operands, **keywords), getattr(np, name)(*operands, **keywords)
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype.kind == np.asarray(other).dtype.kind
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name, operands, keywords, differentiable", CASES, ids=case_id)
def test_derivatives_vmap_and_jit(name, operands, keywords, differentiable):
    if not differentiable:
        return
    fixed = operands[2:]

    def function(*operands):
        return leaves(getattr(vnp, name)(*operands, *fixed, **keywords))

    operands = operands[:2]
    check_grads(function, operands, order=1)
    for got, wanted in zip(jit(function)(*operands), function(*operands), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    rows = [np.stack([np.asarray(operand), 2 * np.asarray(operand)]) for operand in operands]
    for got, *wanted in zip(vmap(function)(*rows), *map(function, *rows), strict=True):
        np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-9, atol=1e-9)


def test_polydiv_keeps_leading_zeros_of_the_remainder():
    quotient, remainder = vnp.polydiv(P, Q)
    wanted_quotient, wanted_remainder = np.polydiv(P, Q)
    np.testing.assert_allclose(quotient, wanted_quotient)
    np.testing.assert_allclose(remainder, np.pad(wanted_remainder, (3, 0)), atol=1e-12)
    check_grads(vnp.polydiv, (P, Q), order=1)
    quotient, remainder = vnp.polydiv(Q, P)
    np.testing.assert_array_equal(quotient, [0.0])
    np.testing.assert_array_equal(remainder, Q)


@pytest.mark.parametrize("p", [[1, -6, 11, -6], [0, 0, 2.0, 1, -3, 0], [3.0], [0.0, 0.0], [2.0, 0.0], P, P * 1j + 1])
def test_roots_are_numpys(p):
    got, wanted = vnp.roots(p), np.roots(p)
    assert got.dtype.kind == "c" and got.shape == wanted.shape
    np.testing.assert_allclose(np.sort_complex(got), np.sort_complex(wanted), atol=1e-9)


def test_roots_under_transformations():
    check_grads(vnp.roots, (P,), order=1)
    np.testing.assert_allclose(jit(lambda p: vnp.roots(p, strip_zeros=False))(P), vnp.roots(P))
    with pytest.raises(ConcretizationTypeError, match=r"roots\(p, strip_zeros=False\)"):
        jit(vnp.roots)(P)


def test_products_keep_leading_zeros():
    np.testing.assert_array_equal(vnp.polymul([0, 1, 2], [1, 1]), [0, 1, 3, 2])
    with pytest.raises(ValueError, match="depend on values"):
        vnp.polymul(P, Q, trim_leading_zeros=True)


def test_errors():
    for function, operands, text in [
        (vnp.polyadd, (X, P), r"a sequence of coefficients, got shape \(2, 4\)"),
        (vnp.polyint, (P, 2, Q), r"k must be a number or 2 of them, got shape \(3,\)"),
        (vnp.polyfit, (POINTS, P, 1), r"points of shape \(8,\) and values of shape \(5,\)"),
        (vnp.polyfit, (POINTS, VALUES, 1, None, False, P), r"weights of shape \(5,\) .* points of shape \(8,\)"),
    ]:
        with pytest.raises(ShapeError, match=text):
            function(*operands)
    with pytest.raises(ValueError, match="must be positive, got -1"):
        vnp.polyder(P, -1)
    with pytest.raises(ValueError, match="exceed deg"):
        vnp.polyfit(POINTS[:3], VALUES[:3], 2, cov=True)
