"""Initializers: values that jax.nn.initializers gives for the same key, and the moments and norms that are promised."""

import numpy as np
import pytest

from vgrad import config, grad, jit, random, vmap
from vgrad.errors import ShapeError
from vgrad.nn import initializers

KEY = random.PRNGKey(7)

KNOWN = [  # computed with JAX 0.10 for PRNGKey(7) in float32
    (initializers.uniform(), (2, 2), [0.006740898825, 0.009746168740, 0.003028435633, 0.004439584911]),
    (initializers.normal(), (2, 2), [0.004512351472, 0.019534509629, -0.005162394606, -0.001409402933]),
    (initializers.truncated_normal(), (2, 2), [0.004293583333, 0.016748856753, -0.004907143768, -0.001344877994]),
    (initializers.glorot_uniform(), (2, 2), [0.426431447268, 1.162569284439, -0.482932657003, -0.137273028493]),
    (initializers.he_normal(), (2, 2), [0.488114863634, 1.904089212418, -0.557867348194, -0.152892097831]),
    (initializers.variance_scaling(1.5, "fan_out", "normal"), (2, 2), [0.3907811, 1.6917381, -0.4470765, -0.1220579]),
    (initializers.orthogonal(), (3, 2), [0.4897351, 0.8697620, -0.5602856, 0.3672174, 0.6680117, -0.3296444]),
    (initializers.orthogonal(2.0, 0), (3, 2), [0.9794703, 1.7395240, -1.1205713, 0.7344348, 1.3360233, -0.6592888]),
]
KNOWN_COMPLEX = [
    (initializers.he_normal(), [-0.928718686 - 1.826502323j, 0.607374549 - 1.170568466j]),
    (initializers.he_uniform(), [-0.844233811 - 1.660346627j, 0.687037051 - 1.324098825j]),
]

MAKERS = {  # how an initializer is made, and the standard deviation of its values for shape (40, 60)
    "uniform": (lambda **settings: initializers.uniform(2.0, **settings), 2 / 12**0.5),
    "normal": (lambda **settings: initializers.normal(0.5, **settings), 0.5),
    "truncated_normal": (lambda **settings: initializers.truncated_normal(0.5, **settings), 0.5 * 0.8796),
    "glorot_uniform": (initializers.glorot_uniform, 50**-0.5),
    "glorot_normal": (initializers.glorot_normal, 50**-0.5),
    "lecun_uniform": (initializers.lecun_uniform, 40**-0.5),
    "lecun_normal": (initializers.lecun_normal, 40**-0.5),
    "he_uniform": (initializers.he_uniform, 20**-0.5),
    "he_normal": (initializers.he_normal, 20**-0.5),
    "fan_out": (lambda **settings: initializers.variance_scaling(3.0, "fan_out", "normal", **settings), 20**-0.5),
    "fan_geo_avg": (
        lambda **settings: initializers.variance_scaling(1.0, "fan_geo_avg", "uniform", **settings),
        2400**-0.25,
    ),
}
OTHERS = {
    "constant": lambda **settings: initializers.constant(2.5, **settings),
    "orthogonal": initializers.orthogonal,
    "delta_orthogonal": initializers.delta_orthogonal,
}


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_values_are_jaxs(number):
    initialize, shape, wanted = KNOWN[number]
    for got in (initialize(KEY, shape, np.float32), jit(lambda key: initialize(key, shape, np.float32))(KEY)):
        assert got.dtype == np.float32 and got.shape == shape
        np.testing.assert_allclose(got.ravel(), wanted, rtol=2e-6)


@pytest.mark.parametrize("number", range(len(KNOWN_COMPLEX)))
def test_complex_values_are_jaxs(number):
    initialize, wanted = KNOWN_COMPLEX[number]
    got = initialize(KEY, (1, 2), np.complex64)
    assert got.dtype == np.complex64
    np.testing.assert_allclose(got.ravel(), wanted, rtol=2e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_spread_is_as_promised(name):
    make, deviation = MAKERS[name]
    weights = make()(KEY, (40, 60))
    mean = 1.0 if name == "uniform" else 0.0
    assert weights.std() == pytest.approx(deviation, rel=0.05) and weights.mean() == pytest.approx(mean, abs=0.05)


@pytest.mark.parametrize("name", [*MAKERS, *OTHERS])
def test_dtypes_and_transformations(name):
    make = MAKERS[name][0] if name in MAKERS else OTHERS[name]
    shape = (3, 2, 4)
    initialize = make()
    assert initialize(KEY, shape).dtype == initialize(KEY, shape, None).dtype == np.float64
    assert initialize(KEY, shape, np.float32).dtype == make(dtype=np.float32)(KEY, shape).dtype == np.float32
    assert make(dtype=np.float32)(KEY, shape, np.float64).dtype == np.float64
    with config(default_float="float32"):
        assert initialize(KEY, shape).dtype == initialize(KEY, shape, float).dtype == np.float32
    keys = random.split(KEY, 3)
    got = vmap(jit(lambda key: initialize(key, shape)))(keys)
    np.testing.assert_allclose(got, np.stack([initialize(key, shape) for key in keys]), rtol=1e-13)


def test_zeros_ones_constant():
    for name, wanted in [("zeros", np.zeros(3)), ("ones", np.ones(3))]:
        got = getattr(initializers, name)(KEY, (3,))
        assert got.dtype == np.float64 and getattr(initializers, name)(KEY, (3,), np.float32).dtype == np.float32
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(initializers.constant([1, 2])(KEY, (2, 2)), [[1, 2], [1, 2]])
    assert initializers.constant(3)(KEY, ()).dtype == np.float64
    assert initializers.constant(3)(KEY, (2, 2)).flags.writeable
    with pytest.raises(ShapeError, match=r"constant: Incompatible shapes for broadcasting: shape \(3,\)"):
        initializers.constant([1, 2])(KEY, 3)


def test_fans_follow_the_axes():
    def deviation(shape, **axes):
        return initializers.variance_scaling(1.0, "fan_in", "normal", **axes)(KEY, shape).std()

    assert deviation((3, 3, 40, 20)) == pytest.approx(360**-0.5, rel=0.05)  # a receptive field of 9
    assert deviation((40, 60), in_axis=1, out_axis=0) == pytest.approx(60**-0.5, rel=0.05)
    assert deviation((5, 8, 60), in_axis=(0, 1)) == pytest.approx(40**-0.5, rel=0.05)
    assert deviation((9, 40, 20)) == pytest.approx(360**-0.5, rel=0.05)
    assert deviation((9, 40, 20), batch_axis=0) == pytest.approx(40**-0.5, rel=0.05)
    assert deviation((9, 40, 20), batch_axis=(0,)) == pytest.approx(40**-0.5, rel=0.05)


def test_settings_are_differentiable():
    for make in (initializers.uniform, initializers.normal, initializers.truncated_normal, initializers.constant):
        weights = make(1.0)(KEY, (5,))
        assert grad(lambda size: make(size)(KEY, (5,)).sum())(1.0) == pytest.approx(weights.sum())
    weights = initializers.variance_scaling(2.0, "fan_in", "normal")(KEY, (4, 5))
    slope = grad(lambda scale: initializers.variance_scaling(scale, "fan_in", "normal")(KEY, (4, 5)).sum())(2.0)
    assert slope == pytest.approx(weights.sum() / 4)


@pytest.mark.parametrize("shape, axis", [((4, 4), -1), ((6, 4), -1), ((4, 6), -1), ((6, 4), 0), ((2, 3, 4), 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_orthogonal(shape, axis, dtype):
    weights = initializers.orthogonal(2.0, axis)(KEY, shape, dtype)
    assert weights.shape == shape and weights.dtype == dtype
    matrix = np.moveaxis(weights, axis, -1).reshape(-1, shape[axis])
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(matrix.conj().T @ matrix, 4 * np.eye(matrix.shape[1]), atol=1e-12)


@pytest.mark.parametrize("spatial", [(3,), (4, 3), (1, 2, 5)])
def test_delta_orthogonal(spatial):
    weights = initializers.delta_orthogonal(0.5)(KEY, (*spatial, 3, 4))
    centre = tuple((length - 1) // 2 for length in spatial)
    np.testing.assert_array_equal(weights[centre], initializers.orthogonal(0.5)(KEY, (3, 4)))
    assert np.count_nonzero(weights) == 12


def test_empty_shapes():
    assert initializers.orthogonal()(KEY, (0, 3)).shape == (0, 3)
    assert initializers.normal()(KEY, (2, 0)).shape == (2, 0)


def test_errors():
    with pytest.raises(ShapeError, match=r"weights of shape \(3,\).*give in_axis and out_axis"):
        initializers.he_normal()(KEY, (3,))
    with pytest.raises(ValueError, match="axis 5 is out of bounds"):
        initializers.he_normal(in_axis=5)(KEY, (3, 4))
    with pytest.raises(ValueError, match="mode must be one of fan_in, fan_out, fan_avg, fan_geo_avg, got 'fan'"):
        initializers.variance_scaling(1.0, "fan", "normal")(KEY, (3, 4))
    with pytest.raises(ValueError, match="distribution must be truncated_normal, normal or uniform, got 'gamma'"):
        initializers.variance_scaling(1.0, "fan_in", "gamma")(KEY, (3, 4))
    with pytest.raises(ShapeError, match=r"orthogonal: weights need at least 2 axes, got shape \(3,\)"):
        initializers.orthogonal()(KEY, (3,))
    with pytest.raises(ShapeError, match=r"delta_orthogonal: weights need 3, 4 or 5 axes, got shape \(3, 4\)"):
        initializers.delta_orthogonal()(KEY, (3, 4))
    with pytest.raises(ShapeError, match=r"fan_in must not be larger than fan_out, got 4 > 3 in \(2, 4, 3\)"):
        initializers.delta_orthogonal()(KEY, (2, 4, 3))


def test_aliases():
    for name in ("uniform", "normal"):
        assert getattr(initializers, f"kaiming_{name}") is getattr(initializers, f"he_{name}")
        assert getattr(initializers, f"xavier_{name}") is getattr(initializers, f"glorot_{name}")
        assert getattr(initializers, f"he_{name}").__doc__
