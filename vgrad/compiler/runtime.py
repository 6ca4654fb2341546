"""The instructions of a compiled program, the functions that assemble them, and the native code that executes them.

Relies on compiler/build.py; compiler/native.py holds the interpreter; compiler/threads.py runs programs.

A program is one array of int64 words. All threads run the same list of instructions, each with its own copy of `bases`
(addresses of buffers) and of the counters; a barrier ends every instruction that touches memory. Word 0 of an
instruction is its opcode, word 1 its length in words. Lanes, not threads, divide the work: results do not depend on
the number of threads.

bases[0] is reserved (0), bases[1] is the scratch of the lane; the caller's buffers follow.
"""

import ctypes
import functools
import os
import platform
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vgrad.compiler import blas, build

SCRATCH = 1  # the entry of `bases` that a region points at its lane's scratch

# fmt: off
# Instructions                                    words after opcode and length
PROGRAM      = 0   # the header                   counters argument_words
END          = 1   #
REGION       = 2   #                              extent tile lanes scratch(3) prologue_words body_words steps..
HOST         = 3   #                              identifier n_references references..
SET_COUNTER  = 4   #                              counter value
INCREMENT    = 5   #                              counter
JUMP         = 6   #                              target
JUMP_IF_DONE = 7   #                              counter limit target
JUMP_UNLESS  = 8   #                              reference target
JUMP_TABLE   = 9   #                              reference n targets..
SLICE        = 10  #                              slot base offset stride counter
SWAP         = 11  #                              slot slot
SERIAL       = 12  #                              end
SERIAL_END   = 13  #
# Steps of a region
KERNEL       = 16  #                              address unit n_references n_integers references.. integers..
GEMM         = 17  #                              see `gemm_step`
FILL         = 18  #                              reference bytes0 bytes1
COPY         = 19  #                              reference reference bytes0 bytes1
WINDOWS      = 20  #                              see `windows_step`
# fmt: on

# Words of a team's block of memory: what threads write often lies on cache lines of its own.
BUSY, THREADS, POSITION, FRAME, WORDS = range(
    5
)  # a program runs; how many threads; the region, its bases, argument_words
TICKET, SLEEPERS = 8, 9  # region number * TICKET_UNIT + lanes, or STOP; workers that sleep until it changes
DONE, DONE_SLEEPERS = 16, 17  # lanes done since the team began; whether the leader sleeps until it changes
CLAIMS = 24  # one line per lane: the number of the last region in which a thread began it
MAXIMUM_LANES = 256
TICKET_UNIT = 2 * MAXIMUM_LANES
TEAM_WORDS = CLAIMS + 8 * MAXIMUM_LANES
STOP = -1

# Words of the array of services: addresses of functions, and constants, for the native code.
SAVE_THREAD, RESTORE_THREAD, CHECK_SIGNALS, VECTORCALL, INTEGER, DECREASE_REFERENCES = range(6)  # of Python
CLOCK, CLOCK_NAME, SYSTEM_CALL, SYSTEM_CALL_FUTEX, NAP, NAP_LENGTH = range(6, 12)  # of the operating system
SPINS = 12  # how often a thread looks before it sleeps
FORKING = 13  # no product may begin
ZERO, ONES = 14, 16  # factors for gemm, two words each: a zero, and a one of each of GEMM_KINDS
PRODUCTS, PRODUCT_COUNTS = 24, 32  # how many products run, counted on several cache lines
SERVICE_WORDS = PRODUCTS + 8 * PRODUCT_COUNTS

GEMM_KINDS = {"float32": 0, "float64": 1, "complex64": 2, "complex128": 3}


class Reference(NamedTuple):
    """An address: bases[base] + offset + start * step, in bytes; start is where the tile starts (0 outside regions)."""

    base: int
    offset: int = 0
    step: int = 0


class Label:
    """A place in a program: put it into the list of instructions, and name it as the target of jumps."""

    __slots__ = ()


def affine(size):
    """A size as its two words: an int, or (constant, factor) = constant + factor * (stop - start)."""
    return size if isinstance(size, tuple) else (size, 0)


def instruction(opcode, *words):
    return [opcode, 2 + len(words), *words]


# Steps: what a region does for its prologue and for each tile


def kernel_step(address, references, integers=(), unit=1):
    """Call the kernel at `address` with the words start * unit, stop * unit, the addresses, the integers."""
    flat = [word for reference in references for word in reference]
    return instruction(KERNEL, address, unit, len(references), len(integers), *flat, *integers)


def gemm_step(
    address, kind, m, n, k, a, b, c, lda, ldb, ldc, transpose_a=False, transpose_b=False, accumulate=False, batch=()
):
    """C = A B, or C += A B: row-major matrices (m, k), (k, n), (m, n), stored as (k, m) or (n, k) where transposed.

    address: `blas.gemm(kind)`. kind: a key of GEMM_KINDS. m, n, k: ints or (constant, factor), see `affine`.
    a, b, c: References. lda, ldb, ldc: distances of rows, in elements (free where there is one row only).
    batch: at most two loops (count, stride of a, stride of b, stride of c), strides in bytes, count like m; outer
        loop first.
    Edges: k = 0 gives zeros (or leaves C when accumulating); other empty sizes do nothing.
    """
    loops = (*batch, *[(1, 0, 0, 0)] * (2 - len(batch)))
    return instruction(
        GEMM,
        *(address, GEMM_KINDS[kind], int(transpose_a), int(transpose_b)),
        *(*affine(m), *affine(n), *affine(k), lda, ldb, ldc, int(accumulate)),
        *(*a, *b, *c),
        *(word for count, *strides in loops for word in (*affine(count), *strides)),
        blas.gemv(kind),  # takes the products with one row or one column
    )


def windows_step(
    kind, on_left, columns, summed, count, length, others, block, transpose_other, distance, ldc, accumulate,
    other_step, c_step, source, other, c, gathered, batch, lines, along,
):  # fmt: skip
    """C = W B or A W, or added to C, where W are windows: `block` of its lines at a time are gathered and multiplied.

    on_left         whether W is the left operand
    lines, along    at most four axes (count, stride in bytes) each, the last fastest: the places of the windows, and
                    what one window sees. There are `count` lines (an int or (constant, factor)) of `length` elements.
    columns         gather lines as columns: their elements lie closer from line to line than within one
    summed          whether the lines are summed over; else they make rows (on the left) or columns of C
    others          rows or columns of the other operand that make columns or rows of C: an int or (constant, factor)
    transpose_other, distance   of the other operand, as in `gemm_step`; other_step, c_step: bytes from line to line
    gathered        Reference to scratch for block * length elements
    batch           at most two loops (count, stride of W, of the other, of C), strides in bytes
    """

    def four(axes):
        return [word for axis in (*[(1, 0)] * (4 - len(axes)), *axes) for word in axis]

    loops = (*batch, *[(1, 0, 0, 0)] * (2 - len(batch)))
    return instruction(
        WINDOWS,
        *(native_windows(), blas.gemm(kind), GEMM_KINDS[kind], int(on_left), int(columns), int(summed)),
        *(*affine(count), length, *affine(others), block, int(transpose_other)),
        *(distance, ldc, int(accumulate), other_step, c_step),
        *(*source, *other, *c, *gathered),
        *(word for count_, *strides in loops for word in (*affine(count_), *strides)),
        *four(lines),
        *four(along),
    )


def fill_step(to, size):
    """Write zeros over `size` bytes (an int or (constant, factor)) at `to`."""
    return instruction(FILL, *to, *affine(size))


def copy_step(to, source, size):
    """Copy `size` bytes (an int or (constant, factor)) from `source` to `to`; the two do not overlap."""
    return instruction(COPY, *to, *source, *affine(size))


# Instructions


def region(extent, body, *, prologue=(), tile=None, lanes=1, scratch=(0, 0), scratch_stride=0):
    """Steps over 0 .. extent, in parallel lanes.

    Lane l covers [extent * l // lanes, extent * (l + 1) // lanes), and bases[SCRATCH] is the place `scratch` = (base,
    offset), plus l * scratch_stride. It runs the steps of `prologue` once (start, stop = the lane's range, even if
    empty), then those of `body` for each tile of at most `tile` (default: the whole lane) elements.
    """
    prologue = [word for step in prologue for word in step]
    body = [word for step in body for word in step]
    if not 1 <= lanes <= MAXIMUM_LANES:
        raise ValueError(f"A region has 1 to {MAXIMUM_LANES} lanes, not {lanes}.")
    # Every tile makes progress, also in a region of extent 0.
    tile = max(1, extent if tile is None else tile)
    return instruction(
        REGION, extent, tile, lanes, *scratch[:2], scratch_stride, len(prologue), len(body), *prologue, *body
    )


def host(identifier, references):
    """Call callback(identifier, address of an array of the references' addresses) in Python, on the calling thread."""
    return instruction(HOST, identifier, len(references), *(word for reference in references for word in reference))


def set_counter(counter, value):
    return instruction(SET_COUNTER, counter, value)


def increment(counter):
    return instruction(INCREMENT, counter)


def jump(target):
    """Go on at `target`. A loop ends in a backward jump: there Ctrl-C is noticed."""
    return instruction(JUMP, target)


def jump_if_done(counter, limit, target):
    """Go on at `target` if the counter is at least `limit`."""
    return instruction(JUMP_IF_DONE, counter, limit, target)


def jump_unless(reference, target):
    """Go on at `target` if the byte at `reference` is 0. Its buffer is free afterwards."""
    return instruction(JUMP_UNLESS, *reference, target)


def jump_table(reference, targets):
    """Go on at targets[i], i the int64 at `reference`, clamped. Its buffer is free afterwards."""
    return instruction(JUMP_TABLE, *reference, len(targets), *targets)


def slice_base(slot, base, offset, stride, counter):
    """bases[slot] = bases[base] + offset + counter * stride."""
    return instruction(SLICE, slot, base, offset, stride, counter)


def swap(slot, other):
    """Exchange two entries of `bases`."""
    return instruction(SWAP, slot, other)


def serial(end):
    """Thread 0 goes on alone until the `serial_end` at the label `end`: for work too small to share. May be nested."""
    return instruction(SERIAL, end)


def serial_end():
    return instruction(SERIAL_END)


def end():
    return instruction(END)


def assemble(instructions):
    """The program as an int64 array: its header, then the instructions, a list of lists of words and of Labels.

    A Label in the list stands for the position of the instruction after it; so does a Label as a word.
    Errors: ValueError for a Label that is named but is not in the list.
    """
    words, positions = instruction(PROGRAM, 0, 0), {}
    for part in instructions:
        if isinstance(part, Label):
            positions[part] = len(words)
        else:
            words.extend(part)
    missing = sum(isinstance(word, Label) and word not in positions for word in words)
    if missing:
        raise ValueError(f"{missing} jumps name labels that are not in the program.")
    words[2:4] = sizes(instructions)
    return np.array([positions[word] if isinstance(word, Label) else word for word in words], np.int64)


def sizes(instructions):
    """How many counters the program has, and how many words its longest list of arguments."""
    counters, arguments = 0, 0
    for part in instructions:
        if isinstance(part, Label):
            continue
        if part[0] in (SET_COUNTER, INCREMENT):
            counters = max(counters, part[2] + 1)
        elif part[0] in (JUMP_IF_DONE, SLICE):
            counters = max(counters, part[2 if part[0] == JUMP_IF_DONE else 6] + 1)
        elif part[0] == HOST:
            arguments = max(arguments, part[3])
        elif part[0] == REGION:
            position = 10
            while position < len(part):
                if part[position] == KERNEL:
                    arguments = max(arguments, 2 + part[position + 4] + part[position + 5])
                position += part[position + 1]
    return counters, arguments


# Native code

SYSTEM_CALLS = {"x86_64": 202, "aarch64": 98}  # the number of futex, by machine
FUNCTIONS = {"execute": 6, "work": 3, "stop_team": 2, "hold_products": 1}  # of native.py, and how many words they take


def address_of(function):
    return ctypes.cast(function, ctypes.c_void_p).value


@functools.cache
def services():
    """The array of services, see SAVE_THREAD and following."""
    words = (ctypes.c_int64 * SERVICE_WORDS)()
    python = ctypes.pythonapi
    words[SAVE_THREAD] = address_of(python.PyEval_SaveThread)
    words[RESTORE_THREAD] = address_of(python.PyEval_RestoreThread)
    words[CHECK_SIGNALS] = address_of(python.PyErr_CheckSignals)
    words[VECTORCALL] = address_of(python.PyObject_Vectorcall)
    words[INTEGER] = address_of(python.PyLong_FromLongLong)
    words[DECREASE_REFERENCES] = address_of(python.Py_DecRef)
    if os.name == "nt":
        words[NAP], words[NAP_LENGTH] = address_of(ctypes.windll.kernel32.Sleep), 1  # milliseconds
    else:
        system = ctypes.CDLL(None)
        words[CLOCK], words[CLOCK_NAME] = address_of(system.clock_gettime), time.CLOCK_MONOTONIC
        words[NAP], words[NAP_LENGTH] = address_of(system.usleep), 50  # microseconds
        if sys.platform == "linux" and platform.machine() in SYSTEM_CALLS:
            words[SYSTEM_CALL] = address_of(system.syscall)
            words[SYSTEM_CALL_FUTEX] = SYSTEM_CALLS[platform.machine()]
    words[SPINS] = 3000  # some 50 us, about what it takes to wake a thread that sleeps
    for dtype, kind in GEMM_KINDS.items():
        np.frombuffer(words, dtype, 1, 8 * (ONES + 2 * kind))[0] = 1
    return words


@functools.cache
def native():
    """Addresses of the native functions, by name."""
    return compiled_texts(("native.py",), FUNCTIONS)


@functools.cache
def native_windows():
    """The address of the function that runs a `windows_step`."""
    return compiled_texts(("native.py", "native_windows.py"), {"run_windows": 6})["run_windows"]


def compiled_texts(names, functions):
    """{name: address} of functions in files beside this one; with how many words they take."""
    numbers = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}
    texts = [Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names]
    # The numbers go into the text, for the text is what the cache of object code goes by.
    lines = [f"{name} = {value}\n" for name, value in sorted(numbers.items())]
    return build.compile_module("".join(texts + lines), {name: (["i64"] * n, "i64") for name, n in functions.items()})
