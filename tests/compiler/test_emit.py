"""Kernels' sources and explained programs, compared with tests/golden/programs; which programs share kernels."""

import numpy as np
import pytest

from tests.compiler.workloads import PROGRAMS, mlp_data, mlp_loss, mlp_params, planned
from tests.conftest import GOLDEN
from vgrad import debug, grad, jit, vmap
from vgrad.compiler import build
from vgrad.compiler.explain import explain, kernel_names
from vgrad.config import config


@pytest.fixture(autouse=True)
def two_threads():
    with config(num_threads=2):
        yield


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Nothing is known from before: neither on disk nor in this process."""
    monkeypatch.setattr(build, "loaded", {})
    with config(cache_dir=str(tmp_path / "cache")):
        yield


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_and_its_kernels_are_as_they_were(name, golden):
    function, args = PROGRAMS[name]
    jaxpr, context, block = planned(function, *args)
    sections = [explain(jaxpr, context, block)]
    sections += [
        f"# {name}({', '.join(kernel.arguments)})\n{kernel.text}" for kernel, name in kernel_names(context).items()
    ]
    golden(f"programs/{name}.txt", "\n\n".join([section.rstrip("\n") for section in sections]))


def test_no_golden_file_is_left_over():
    assert {path.stem for path in (GOLDEN / "programs").glob("*.txt")} <= set(PROGRAMS)


@pytest.mark.parametrize("per_example", [False, True])
def test_a_new_batch_size_compiles_nothing(per_example, empty_cache):
    gradient = jit(vmap(grad(mlp_loss), (None, 0, 0)) if per_example else grad(mlp_loss))
    params = mlp_params()
    with debug.count_compilations() as first:
        gradient(params, *mlp_data(16))
    assert first.value > 0
    for batch in (64, 48):
        with debug.count_compilations() as count:
            gradient(params, *mlp_data(batch))
        assert count.value == 0, f"batch {batch}"


def test_equal_layers_share_kernels():
    def sources(layers):
        params = mlp_params()
        params = [params[0], *[params[1]] * layers, params[-1]]
        return set(planned(grad(mlp_loss), params, *mlp_data(16))[1].sources)

    assert sources(2) == sources(3) == sources(4)


def test_sizes_are_arguments():
    first, second = [planned(np.tanh, np.ones((size, 7)))[1].sources for size in (5, 500)]
    assert set(first) == set(second)


def test_expressions_may_stand_in_each_other_as_deep_as_one_likes():
    def interest(x):
        for _ in range(600):
            x = 1.01 * x + 1.0
        return x

    x = np.linspace(0, 1, 5)
    np.testing.assert_allclose(jit(interest)(x), interest(x))


def test_a_sum_over_hundreds_of_parameters():
    weights = {f"w{number}": np.full((2, 3), float(number)) for number in range(500)}

    def squares(weights):
        return sum([np.sum(each**2) for each in weights.values()])

    np.testing.assert_allclose(jit(squares)(weights), squares(weights))


@pytest.mark.parametrize("function", (np.max, np.argmax, np.sum))
def test_reductions_of_rows_become_vector_code(function):
    _, context, _ = planned(lambda x: function(x, axis=1), np.ones((8, 100), np.float32))
    assert "@llvm.vector.reduce." in build.optimised_ir(next(iter(context.sources)))
