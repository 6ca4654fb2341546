"""What all samplers share: the samples of jax.random; a loop over keys is vmap; staged is eager; argument errors."""

import numpy as np
import pytest

from tests.random.jax_samples import ROWS
from vgrad import config, jit, random, vmap
from vgrad.core.interpreter import Tracer
from vgrad.errors import ShapeError

KEY = np.asarray([123, 456], np.uint32)
IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(ROWS)]


@pytest.mark.parametrize(("name", "arguments", "narrow", "wide"), ROWS, ids=IDS)
def test_samples_are_those_of_jax(name, arguments, narrow, wide):
    for default, expected in (("float32", narrow), ("float64", wide)):
        with config(default_float=default):
            cast = {
                key: value.astype(default) if type(value) is np.ndarray else value for key, value in arguments.items()
            }
            sample = np.asarray(getattr(random, name)(KEY, **cast))
        if sample.dtype.kind == "f":
            assert sample.dtype == default
            np.testing.assert_allclose(sample.ravel(), expected, rtol=2e-5 if default == "float32" else 1e-12)
        else:
            assert sample.ravel().tolist() == expected


@pytest.mark.parametrize(("name", "arguments"), [row[:2] for row in ROWS], ids=IDS)
def test_vmap_over_keys_is_a_loop_and_jit_is_eager(name, arguments):
    keys = random.split(KEY, 3)

    def draw(key):
        return getattr(random, name)(key, **arguments)

    each = np.stack([draw(key) for key in keys])
    np.testing.assert_allclose(vmap(draw)(keys), each, rtol=1e-12)
    np.testing.assert_allclose(jit(draw)(keys[0]), each[0], rtol=1e-12)
    np.testing.assert_allclose(jit(vmap(draw, 1))(keys.T), each, rtol=1e-12)
    assert np.asarray(jit(draw)(keys[0])).dtype == np.asarray(draw(keys[0])).dtype


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), 3, [2, 1], np.asarray([2, 2])])
def test_shapes_are_sequences_of_ints_or_one_int(shape):
    expected = (3,) if isinstance(shape, int) else tuple(shape)
    assert np.shape(random.uniform(KEY, shape)) == expected
    assert np.shape(random.gamma(KEY, 2.0, shape)) == expected
    assert np.shape(random.permutation(KEY, 5)) == (5,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.normal(KEY, 2.5), TypeError, "normal: a shape is a tuple of ints, got 2.5"),
        (lambda: random.normal(KEY, (2, -1)), ShapeError, r"lengths of a shape are not negative, got \(2, -1\)"),
        (lambda: random.normal(KEY, (2,), int), ValueError, "dtype argument to `normal` must be a float or complex"),
        (lambda: random.uniform(KEY, (2,), int), ValueError, "dtype argument to `uniform` must be a float dtype, got"),
        (lambda: random.bits(KEY, (2,), np.int32), ValueError, "`bits` must be an unsigned int dtype, got int32"),
        (lambda: random.poisson(KEY, 1.0, dtype=float), ValueError, "`poisson` must be an int dtype, got float64"),
        (
            lambda: random.uniform(KEY, (2,), minval=np.zeros(3)),
            ShapeError,
            r"uniform: Incompatible shapes for broadcasting: shape \(2,\) and .* minval \(3,\), maxval \(\)",
        ),
        (lambda: random.gamma(KEY, np.ones((2, 3)), (3,)), ShapeError, r"gamma: .* shape \(3,\) .* a \(2, 3\)"),
        (
            lambda: random.beta(KEY, np.ones(2), np.ones(3)),
            ShapeError,
            r"beta: shapes of parameters do not broadcast together: a \(2,\), b \(3,\)",
        ),
        (lambda: random.gamma(KEY, 1j), TypeError, "gamma: a must be real"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_traced_length_says_what_to_write():
    def draw(n):
        assert isinstance(n, Tracer)
        return random.normal(KEY, (n,))

    with pytest.raises(TypeError, match="static_argnums"):
        jit(draw)(3)
