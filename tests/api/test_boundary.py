"""What goes in and what comes out. Relies on vgrad.api.boundary."""

import warnings

import numpy as np
import pytest

from vgrad import grad, jit, jvp, value_and_grad, vmap

TRANSFORMS = {
    "jit": jit,
    "vmap": lambda f: vmap(f, axis_size=2),
    "jvp": lambda f: lambda x: jvp(f, (x,), (x,))[0],
    "value": lambda f: lambda x: value_and_grad(lambda x: (np.sum(x), f(x)), has_aux=True)(x)[0][1],
}
every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


@every_transform
def test_results_are_arrays_of_numpy(transform):
    for output in transform(lambda x: (x, x.sum(), np.zeros(3), 1.0))(np.ones((2, 3))):
        assert isinstance(output, (np.ndarray, np.generic))


@every_transform
def test_results_are_writable_and_shared_with_nobody(transform):
    x = np.ones((2, 3))
    outputs = transform(lambda x: (x, x.T, x[..., 0], np.broadcast_to(x, (4, *x.shape)), x))(x)
    for number, output in enumerate(outputs):
        output[...] = number + 10.0
    np.testing.assert_array_equal(x, np.ones((2, 3)))
    assert [output.ravel()[0] for output in outputs] == [10, 11, 12, 13, 14]


@every_transform
def test_nan_and_inf_are_values_without_warnings(transform):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output = transform(lambda x: np.log(x) / x)(np.array([[-1.0, 0.0], [np.nan, np.inf]]))
    assert np.isnan(output).sum() >= 2


@every_transform
def test_read_only_and_strided_inputs(transform):
    x = np.arange(24.0).reshape(4, 6)[::2, ::3]
    frozen = x.copy()
    frozen.flags.writeable = False
    f = lambda x: x * 2 + 1
    np.testing.assert_array_equal(transform(f)(x), x * 2 + 1)
    np.testing.assert_array_equal(transform(f)(frozen), x * 2 + 1)


def test_scalars_come_back_as_scalars():
    assert isinstance(jit(lambda x: x * 2)(3.0), np.float64)
    assert isinstance(grad(lambda x: x * 2)(np.float32(3)), np.float32)


def test_subclasses_and_scalars_of_numpy_are_accepted():
    class Tagged(np.ndarray):
        pass

    x = np.arange(3.0).view(Tagged)
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * x))(x), 2 * np.arange(3.0))
    assert jit(lambda x: x + 1)(np.int8(3)) == 4
