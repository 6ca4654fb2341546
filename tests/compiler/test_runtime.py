"""Programs assembled by hand: every instruction. Relies on vgrad.compiler.runtime, build, blas and threads."""

import ctypes
import itertools
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from vgrad.compiler import blas, build, runtime, threads
from vgrad.compiler.runtime import Label, Reference

FIRST = 2  # the entry of `bases` after those that are reserved

KERNELS = {
    "twice": (
        "def kernel(start, stop, x, y):\n    for i in range(start, stop):\n        y[i] = 2 * x[i]\n",
        ("i64", "i64", "*f64", "*f64"),
    ),
    "tile": (  # what start and stop it was called with, by tile
        "def kernel(start, stop, x):\n    x[0] = start\n    x[1] = stop\n",
        ("i64", "i64", "*i64"),
    ),
    "add": (  # x[k] = x[k] + amount
        "def kernel(start, stop, x, k, amount):\n    x[k] = x[k] + amount\n",
        ("i64", "i64", "*i64", "i64", "i64"),
    ),
    "less": (
        "def kernel(start, stop, x, limit, out):\n    out[0] = uint8(x[0] < limit[0])\n",
        ("i64", "i64", "*i64", "*i64", "*b1"),
    ),
    "sum": (  # adds its tile to the lane's scratch
        "def kernel(start, stop, x, scratch):\n"
        "    total = scratch[0]\n"
        "    for i in range(start, stop):\n"
        "        total = total + x[i]\n"
        "    scratch[0] = total\n",
        ("i64", "i64", "*f64", "*f64"),
    ),
}


@pytest.fixture(scope="module")
def kernels():
    sources = [build.KernelSource(*source) for source in KERNELS.values()]
    return dict(zip(KERNELS, build.compile_kernels(sources)))


def run(instructions, *arrays, threads_=1, callback=None):
    """Run a program whose bases from FIRST on are the arrays."""
    code = runtime.assemble([*instructions, runtime.end()])
    bases = np.array([0, 0, *[array.ctypes.data for array in arrays]], np.int64)
    before = bases.copy()
    try:
        threads.run(code.ctypes.data, bases.ctypes.data, len(bases), threads_, callback)
    finally:
        np.testing.assert_array_equal(bases, before)


def at(number, offset=0, step=0):
    return Reference(FIRST + number, offset, step)


def add(kernels, array, position=0, amount=1):
    """A region that adds to x[position]."""
    return runtime.region(1, [runtime.kernel_step(kernels["add"], [at(array)], [position, amount])])


# Regions


@pytest.mark.parametrize("threads_", [1, 2, 3])
@pytest.mark.parametrize(
    "extent, tile, lanes", [(1000, None, 1), (1000, 7, 1), (1000, 64, 5), (3, 1, 8), (0, 4, 2), (1, 100, 1)]
)
def test_lanes_and_tiles_cover_the_extent(kernels, extent, tile, lanes, threads_):
    x, y = np.arange(float(extent + 1)), np.full(extent + 1, -1.0)
    step = runtime.kernel_step(kernels["twice"], [at(0), at(1)])
    run([runtime.region(extent, [step], tile=tile, lanes=lanes)], x, y, threads_=threads_)
    np.testing.assert_array_equal(y, [*(2 * x[:extent]), -1.0])


def test_a_unit_scales_start_and_stop_and_a_step_moves_the_address(kernels):
    seen = np.full((5, 2), -1)
    step = runtime.kernel_step(kernels["tile"], [at(0, 0, 8)], unit=10)  # 8 bytes a start: two starts a row
    run([runtime.region(9, [step], tile=2)], seen)
    np.testing.assert_array_equal(seen, [[0, 20], [20, 40], [40, 60], [60, 80], [80, 90]])


def test_the_lanes_divide_the_extent_whatever_the_threads(kernels):
    for threads_ in (1, 2, 4):
        seen = np.full((3, 2), -1)
        scratch = Reference(runtime.SCRATCH)
        step = runtime.kernel_step(kernels["tile"], [scratch])
        run([runtime.region(10, [step], lanes=3, scratch=(FIRST, 0), scratch_stride=16)], seen, threads_=threads_)
        np.testing.assert_array_equal(seen, [[0, 3], [3, 6], [6, 10]])


def test_a_prologue_runs_once_a_lane_even_where_the_lane_is_empty(kernels):
    for threads_ in (1, 2):
        x, sums = np.arange(6.0), np.full((8, 1), 7.0)
        scratch = Reference(runtime.SCRATCH)
        body = [runtime.kernel_step(kernels["sum"], [at(0), scratch])]
        fill = [runtime.fill_step(scratch, 8)]
        region = runtime.region(6, body, prologue=fill, tile=1, lanes=8, scratch=(FIRST + 1, 0), scratch_stride=8)
        run([region], x, sums, threads_=threads_)
        expected = [x[6 * lane // 8 : 6 * (lane + 1) // 8].sum() for lane in range(8)]
        np.testing.assert_array_equal(sums[:, 0], expected)


def test_regions_follow_each_other(kernels):
    """Each reads what all lanes of the one before have written."""
    buffers = [np.ones(4096), *[np.zeros(4096) for _ in range(7)]]
    regions = [
        runtime.region(4096, [runtime.kernel_step(kernels["twice"], [at(i), at(i + 1)])], tile=100, lanes=4 - i % 3)
        for i in range(7)
    ]
    for _ in range(20):
        run(regions, *buffers, threads_=2)
        np.testing.assert_array_equal(buffers[-1], 2.0**7)
        buffers[-1][:] = 0


def test_fill_and_copy_affine_in_the_tile():
    source, to, zeros = np.arange(10.0), np.full(12, -1.0), np.full(12, -1.0)
    steps = [
        runtime.copy_step(at(1, 8, 8), at(0, 0, 8), (0, 8)),
        runtime.fill_step(at(2, 0, 8), (8, 8)),  # one more than the tile
    ]
    run([runtime.region(10, steps, tile=3)], source, to, zeros)
    np.testing.assert_array_equal(to, [-1.0, *source, -1.0])
    np.testing.assert_array_equal(zeros, [*[0.0] * 11, -1.0])


def test_empty_fills_and_copies():
    x = np.ones(3)
    run([runtime.region(1, [runtime.fill_step(at(0), 0), runtime.copy_step(at(0), at(0), 0)])], x)
    np.testing.assert_array_equal(x, 1.0)


# Products


def matrix(rng, rows, columns, dtype, batch=()):
    values = rng.integers(-4, 5, (*batch, rows, columns)).astype(dtype)
    return values + (1j * rng.integers(-4, 5, values.shape)).astype(dtype) if np.dtype(dtype).kind == "c" else values


@pytest.mark.parametrize("kind", list(runtime.GEMM_KINDS))
@pytest.mark.parametrize("transpose_a, transpose_b, accumulate", list(itertools.product([False, True], repeat=3)))
def test_products(kind, transpose_a, transpose_b, accumulate):
    rng = np.random.default_rng(0)
    for m, n, k in [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (17, 33, 9)]:
        a, b, c = matrix(rng, m, k, kind), matrix(rng, k, n, kind), matrix(rng, m, n, kind)
        expected = a @ b + (c if accumulate else 0)
        if not accumulate and np.dtype(kind).kind == "f":
            c[...] = np.nan  # what was there does not count
        stored_a = np.ascontiguousarray(a.T if transpose_a else a)
        stored_b = np.ascontiguousarray(b.T if transpose_b else b)
        step = runtime.gemm_step(
            *(blas.gemm(kind), kind, m, n, k, at(0), at(1), at(2)),
            *(stored_a.shape[1], stored_b.shape[1], n, transpose_a, transpose_b, accumulate),
        )
        run([runtime.region(1, [step])], stored_a, stored_b, c)
        np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("accumulate", [False, True])
def test_products_of_empty_matrices(accumulate):
    for m, n, k in [(3, 4, 0), (0, 4, 5), (3, 0, 5), (0, 0, 0)]:
        a, b, c = np.ones((m, k)), np.ones((k, n)), np.full(20, 7.0)
        step = runtime.gemm_step(
            blas.gemm("float64"), "float64", m, n, k, at(0), at(1), at(2), k, n, n, accumulate=accumulate
        )
        run([runtime.region(1, [step])], a, b, c)
        written = 0 if accumulate or k else m * n
        np.testing.assert_array_equal(c, [*[0.0] * written, *[7.0] * (20 - written)])


def test_products_of_matrices_inside_larger_ones():
    rng = np.random.default_rng(0)
    a, b, c = matrix(rng, 6, 9, "float64"), matrix(rng, 9, 8, "float64"), np.zeros((5, 7))
    expected = c.copy()
    expected[1:4, 2:6] = a[2:5, 1:6] @ b[3:8, 4:8]
    step = runtime.gemm_step(
        *(blas.gemm("float64"), "float64", 3, 4, 5),
        *(at(0, 8 * (2 * 9 + 1)), at(1, 8 * (3 * 8 + 4)), at(2, 8 * (7 + 2)), 9, 8, 7),
    )
    run([runtime.region(1, [step])], a, b, c)
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("kind", list(runtime.GEMM_KINDS))
@pytest.mark.parametrize("transpose_a, transpose_b", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("m, n, k", [(1, 70, 50), (70, 1, 50), (1, 1, 50), (1, 70, 1), (70, 1, 1), (1, 1, 1)])
def test_products_with_vectors_inside_larger_matrices(kind, transpose_a, transpose_b, m, n, k):
    rng = np.random.default_rng(0)
    stored_a = matrix(rng, *((k, m) if transpose_a else (m, k)), kind)
    stored_b = matrix(rng, *((n, k) if transpose_b else (k, n)), kind)
    a, b, c = (
        np.full((size.shape[0], size.shape[1] + 3), np.nan, kind) for size in (stored_a, stored_b, np.empty((m, n)))
    )
    a[:, :-3], b[:, :-3] = stored_a, stored_b
    step = runtime.gemm_step(
        *(blas.gemm(kind), kind, m, n, k, at(0), at(1), at(2)),
        *(a.shape[1], b.shape[1], c.shape[1], transpose_a, transpose_b),
    )
    run([runtime.region(1, [step])], a, b, c)
    expected = (stored_a.T if transpose_a else stored_a) @ (stored_b.T if transpose_b else stored_b)
    np.testing.assert_array_equal(c[:, :-3], expected)
    assert np.isnan(c[:, -3:]).all()


def test_a_product_of_no_terms_inside_a_larger_matrix_leaves_the_rest():
    for kind in runtime.GEMM_KINDS:
        c = np.ones((4, 5), kind)
        item = c.itemsize
        step = runtime.gemm_step(blas.gemm(kind), kind, 2, 3, 0, at(0), at(0), at(0, item * 6), 1, 3, 5)
        run([runtime.region(1, [step])], c)
        expected = np.ones((4, 5), kind)
        expected[1:3, 1:4] = 0
        np.testing.assert_array_equal(c, expected)


def test_batches_of_products_in_two_loops():
    rng = np.random.default_rng(0)
    a, b = (
        matrix(rng, 2, 5, "float32", (3, 4)),
        matrix(rng, 5, 6, "float32", (3, 1)),
    )  # b is the same for the inner loop
    c = np.zeros((3, 4, 2, 6), "float32")
    batch = ((3, a.strides[0], b.strides[0], c.strides[0]), (4, a.strides[1], 0, c.strides[1]))
    step = runtime.gemm_step(blas.gemm("float32"), "float32", 2, 6, 5, at(0), at(1), at(2), 5, 6, 6, batch=batch)
    run([runtime.region(1, [step])], a, b, c)
    np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize("lanes, tile", [(1, None), (1, 4), (3, 2)])
def test_products_by_tiles_of_rows_and_of_the_batch(lanes, tile):
    rng = np.random.default_rng(0)
    a, b, c = matrix(rng, 11, 5, "float64"), matrix(rng, 5, 6, "float64"), np.zeros((11, 6))
    rows = runtime.gemm_step(blas.gemm("float64"), "float64", (0, 1), 6, 5, at(0, 0, 40), at(1), at(2, 0, 48), 5, 6, 6)
    run([runtime.region(11, [rows], tile=tile, lanes=lanes)], a, b, c, threads_=2)
    np.testing.assert_array_equal(c, a @ b)

    a, c = matrix(rng, 3, 5, "float64", (11,)), np.zeros((11, 3, 6))
    batch = (((0, 1), a.strides[0], 0, c.strides[0]),)
    examples = runtime.gemm_step(
        *(blas.gemm("float64"), "float64", 3, 6, 5),
        *(at(0, 0, a.strides[0]), at(1), at(2, 0, c.strides[0]), 5, 6, 6),
        batch=batch,
    )
    run([runtime.region(11, [examples], tile=tile, lanes=lanes)], a, b, c, threads_=2)
    np.testing.assert_array_equal(c, a @ b)


def test_products_that_sum_over_tiles():
    rng = np.random.default_rng(0)
    a, b, c = matrix(rng, 11, 3, "float64"), matrix(rng, 11, 6, "float64"), np.full((3, 6), np.nan)
    step = runtime.gemm_step(
        *(blas.gemm("float64"), "float64", 3, 6, (0, 1), at(0, 0, 24), at(1, 0, 48), at(2), 3, 6, 6),
        transpose_a=True,
        accumulate=True,
    )
    run([runtime.region(11, [step], prologue=[runtime.fill_step(at(2), c.nbytes)], tile=4)], a, b, c)
    np.testing.assert_array_equal(c, a.T @ b)


# Loops and branches


def counted(times, *body):
    """`body`, so many times, by counter 0."""
    top, done = Label(), Label()
    until = runtime.jump_if_done(0, times, done)
    return [runtime.set_counter(0, 0), top, until, *body, runtime.increment(0), runtime.jump(top), done]


@pytest.mark.parametrize("times", [0, 1, 5])
def test_a_counted_loop(kernels, times):
    x = np.zeros(1, np.int64)
    run(counted(times, add(kernels, 0)), x)
    assert x[0] == times


def test_a_slice_moves_with_the_counter(kernels):
    x = np.zeros(8, np.int64)
    spare = np.zeros(1)
    step = runtime.kernel_step(kernels["add"], [at(1)], [0, 5])
    run(counted(3, runtime.slice_base(FIRST + 1, FIRST, 8, 16, 0), runtime.region(1, [step])), x, spare)
    np.testing.assert_array_equal(x, [0, 5, 0, 5, 0, 5, 0, 0])


def test_a_slice_backwards(kernels):
    x, spare = np.arange(4), np.zeros(1)
    step = runtime.kernel_step(kernels["add"], [at(1)], [0, 10])
    run(counted(2, runtime.slice_base(FIRST + 1, FIRST, 24, -8, 0), runtime.region(1, [step])), x, spare)
    np.testing.assert_array_equal(x, [0, 1, 12, 13])


def test_nested_loops(kernels):
    x = np.zeros(1, np.int64)
    top, done, inner, inner_done = Label(), Label(), Label(), Label()
    program = [
        *(runtime.set_counter(0, 0), top, runtime.jump_if_done(0, 3, done)),
        *(runtime.set_counter(1, 0), inner, runtime.jump_if_done(1, 4, inner_done)),
        *(add(kernels, 0), runtime.increment(1), runtime.jump(inner), inner_done),
        *(runtime.increment(0), runtime.jump(top), done),
    ]
    run(program, x)
    assert x[0] == 12


@pytest.mark.parametrize("times", [0, 1, 4, 7])
def test_swaps_exchange_two_buffers(kernels, times):
    x, y = np.zeros(1, np.int64), np.zeros(1, np.int64)
    run(counted(times, add(kernels, 0), runtime.swap(FIRST, FIRST + 1)), x, y)
    assert (x[0], y[0]) == ((times + 1) // 2, times // 2)


@pytest.mark.parametrize("threads_", [1, 2])
def test_a_loop_while_a_byte_is_set(kernels, threads_):
    x, limit, flag = np.zeros(1, np.int64), np.array([1000]), np.zeros(1, np.uint8)
    top, done = Label(), Label()
    condition = runtime.region(1, [runtime.kernel_step(kernels["less"], [at(0), at(1), at(2)])])
    program = [top, condition, runtime.jump_unless(at(2), done), add(kernels, 0), runtime.jump(top), done]
    run(program, x, limit, flag, threads_=threads_)
    assert x[0] == 1000


@pytest.mark.parametrize("index, taken", [(-5, 0), (0, 0), (1, 1), (2, 2), (9, 2)])
def test_a_jump_table_clamps_its_index(kernels, index, taken):
    x, choice = np.zeros(3, np.int64), np.array([0, index])
    branches, done = [Label() for _ in range(3)], Label()
    program = [runtime.jump_table(at(1, 8), branches)]
    for i, label in enumerate(branches):
        program += [label, add(kernels, 0, i), runtime.jump(done)]
    run([*program, done], x, choice)
    np.testing.assert_array_equal(x, np.arange(3) == taken)


@pytest.mark.parametrize("threads_", [1, 2])
def test_serial_parts_may_be_nested(kernels, threads_):
    x, y = np.arange(64.0), np.zeros(64)
    total = np.zeros(1, np.int64)
    outer, inner = Label(), Label()
    region = runtime.region(64, [runtime.kernel_step(kernels["twice"], [at(0), at(1)])], lanes=4)
    program = [
        *(region, runtime.serial(outer), add(kernels, 2), region),
        *(runtime.serial(inner), add(kernels, 2), region, inner, runtime.serial_end()),
        *(add(kernels, 2), region, outer, runtime.serial_end(), region),
    ]
    run(program, x, y, total, threads_=threads_)
    np.testing.assert_array_equal(y, 2 * x)
    assert total[0] == 3


def test_a_jump_to_nowhere_does_not_assemble():
    with pytest.raises(ValueError, match="2 jumps"):
        runtime.assemble([runtime.jump(Label()), runtime.serial(Label()), runtime.end()])


# Calls of Python


def words_at(address, count):
    return list((ctypes.c_int64 * count).from_address(address))


@pytest.mark.parametrize("threads_", [1, 2])
def test_host_calls_get_their_identifier_and_addresses(kernels, threads_):
    x, y = np.zeros(2, np.int64), np.zeros(3)
    caller, seen = threading.get_ident(), []

    def callback(identifier, addresses):
        assert threading.get_ident() == caller
        seen.append((identifier, words_at(addresses, 2), int(x[0])))

    program = [add(kernels, 0), runtime.host(7, [at(0, 8), at(1)]), add(kernels, 0), runtime.host(9, [at(1), at(1)])]
    run(program, x, y, threads_=threads_, callback=callback)
    ax, ay = x.ctypes.data, y.ctypes.data
    assert seen == [(7, [ax + 8, ay], 1), (9, [ay, ay], 2)]


def test_a_host_call_without_references():
    seen = []
    run([runtime.host(3, [])], callback=lambda identifier, addresses: seen.append(identifier))
    assert seen == [3]


@pytest.mark.parametrize("threads_", [1, 2])
def test_an_exception_of_a_host_call_ends_the_program(kernels, threads_):
    x, y = np.arange(8.0), np.zeros(8)

    def callback(identifier, addresses):
        raise LookupError(f"call {identifier}")

    region = runtime.region(8, [runtime.kernel_step(kernels["twice"], [at(0), at(1)])], lanes=2)
    for _ in range(3):
        y[:] = 0
        with pytest.raises(LookupError, match="call 5"):
            run([runtime.host(5, []), region], x, y, threads_=threads_, callback=callback)
        assert not y.any()
        run([region], x, y, threads_=threads_)  # the team is free again
        np.testing.assert_array_equal(y, 2 * x)


def test_an_exception_inside_a_serial_part_and_a_loop(kernels):
    x = np.zeros(1, np.int64)
    done = Label()

    def callback(identifier, addresses):
        if x[0] == 4:
            raise ZeroDivisionError

    body = [runtime.serial(done), add(kernels, 0), runtime.host(0, []), done, runtime.serial_end()]
    with pytest.raises(ZeroDivisionError):
        run(counted(10, *body), x, threads_=2, callback=callback)
    assert x[0] == 4


def test_a_host_call_may_run_a_program(kernels):
    x, y = np.zeros(1, np.int64), np.zeros(1, np.int64)

    def callback(identifier, addresses):
        run([add(kernels, 0)], y, threads_=2)

    run(counted(5, add(kernels, 0), runtime.host(0, [])), x, threads_=2, callback=callback)
    assert (x[0], y[0]) == (5, 5)


def test_many_host_calls_leak_no_references():

    def callback(identifier, addresses):
        return marker

    marker = object()
    before = sys.getrefcount(marker)
    run(counted(1000, runtime.host(123456, [])), callback=callback)
    assert sys.getrefcount(marker) == before


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("threads_", [1, 2])
def test_an_endless_loop_can_be_interrupted(kernels, threads_):
    x = np.zeros(1, np.int64)
    top = Label()
    timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run([top, add(kernels, 0), runtime.jump(top)], x, threads_=threads_)
    assert time.monotonic() - begun < 2
    timer.join()
    assert x[0] > 0


def test_a_running_program_leaves_the_gil_to_others(kernels):
    x, limit, flag = np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros(1, np.uint8)
    top, done = Label(), Label()
    condition = runtime.region(1, [runtime.kernel_step(kernels["less"], [at(0), at(1), at(2)])])
    thread = threading.Thread(
        target=run, args=([top, condition, runtime.jump_unless(at(2), done), runtime.jump(top), done], x, limit, flag)
    )
    thread.start()  # it runs until we, in Python, write into its memory
    time.sleep(0.05)
    assert thread.is_alive()
    x[0] = 1
    thread.join(5)
    assert not thread.is_alive()


def test_a_region_has_not_more_lanes_than_a_team_can_count():
    for lanes in (0, runtime.MAXIMUM_LANES + 1):
        with pytest.raises(ValueError, match=f"256 lanes, not {lanes}"):
            runtime.region(10, [], lanes=lanes)
