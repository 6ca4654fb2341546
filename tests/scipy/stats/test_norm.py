"""vgrad.scipy.stats.norm against scipy.stats.norm."""

import numpy as np
import pytest
import scipy.stats

from vgrad import grad, jit, vmap
from vgrad.scipy.stats import norm
from vgrad.testing import check_grads

X = np.array([[-3.0, -0.4, 0.0], [0.7, 2.2, 6.0]])
LOC, SCALE = np.array([-0.3, 0.2, 1.0]), np.array([0.7, 1.0, 2.5])
QUANTILES = np.array([[0.001, 0.3, 0.5], [0.77, 0.9, 0.999]])


@pytest.mark.parametrize("name", norm.__all__)
def test_values_and_derivatives(name):
    function, reference = getattr(norm, name), getattr(scipy.stats.norm, name)
    x = QUANTILES if name in ("ppf", "isf") else X
    np.testing.assert_allclose(function(x), reference(x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(function(x, LOC, SCALE), reference(x, LOC, SCALE), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(jit(function)(x, loc=LOC, scale=2), reference(x, LOC, 2), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(vmap(function, (0, None, None))(x, LOC, SCALE), reference(x, LOC, SCALE), rtol=1e-12)
    assert function(x.astype(np.float32)).dtype == np.float32
    check_grads(function, (x, LOC, SCALE), order=2, atol=1e-3, rtol=1e-3)


def test_tails_do_not_underflow():
    assert norm.logcdf(-40.0) == pytest.approx(scipy.stats.norm.logcdf(-40.0))
    assert norm.logsf(40.0) == pytest.approx(scipy.stats.norm.logsf(40.0))
    assert norm.sf(10.0) == pytest.approx(scipy.stats.norm.sf(10.0))
    assert grad(norm.logcdf)(-40.0) == pytest.approx(40.024968847, rel=1e-9)
    np.testing.assert_array_equal(norm.ppf(np.array([0.0, 1.0])), [-np.inf, np.inf])
