"""Memory of results: reused when they are gone, never before."""

import gc

import numpy as np

from vgrad.compiler import outputs


def test_memory_is_reused_when_the_array_is_gone():
    size = outputs.LARGE + 64
    first = outputs.new_array((size,), np.dtype(np.uint8), size)
    place = first.ctypes.data
    del first
    gc.collect()
    again = outputs.new_array((size // 4,), np.dtype(np.float32), size)
    assert again.ctypes.data == place and again.dtype == np.float32


def test_a_larger_block_serves_a_smaller_array():
    size = 640 * outputs.LARGE  # no block of another test is as large
    first = outputs.new_array((size,), np.dtype(np.uint8), size)
    place = first.ctypes.data
    del first
    gc.collect()
    smaller = outputs.new_array((3, size // 4), np.dtype(np.uint8), 3 * (size // 4))
    assert smaller.ctypes.data == place and smaller.shape == (3, size // 4)
    tiny = outputs.new_array((size // 4,), np.dtype(np.uint8), size // 4)
    del smaller
    gc.collect()
    other = outputs.new_array((size // 3,), np.dtype(np.uint8), size // 3)
    assert place not in (tiny.ctypes.data, other.ctypes.data)  # less than half of it would be used


def test_memory_is_not_reused_while_a_view_lives():
    size = outputs.LARGE + 128
    first = outputs.new_array((size // 8,), np.dtype(np.float64), size)
    first[:] = 3.0
    view = first.reshape(2, -1)[1, ::2]
    del first
    gc.collect()
    other = outputs.new_array((size // 8,), np.dtype(np.float64), size)
    other[:] = 4.0
    assert (view == 3.0).all()


def test_what_lies_unused_is_bounded():
    block = outputs.KEPT // 4
    arrays = [outputs.new_array((block + i,), np.dtype(np.uint8), block + i) for i in range(6)]
    del arrays
    gc.collect()
    assert outputs.unused <= outputs.KEPT
