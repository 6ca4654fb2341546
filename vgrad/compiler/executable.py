"""What jit calls: a program compiled for given types, and its memory.

Relies on assemble and threads. api/staging keeps one Executable per combination of argument types.
"""

import ctypes
import threading

import numpy as np

from vgrad.compiler import assemble, threads
from vgrad.compiler.dump import dump
from vgrad.compiler.programs import opened
from vgrad.config import config

UNSUPPORTED = {np.dtype(name) for name in ("float16", "longdouble", "clongdouble")}
arenas = threading.local()


def take_arena(size):
    """(address, memory) of at least `size` bytes: kept by the thread from call to call."""
    free = arenas.__dict__.setdefault("free", [])
    memory = free.pop() if free else None  # None also while a call of this thread is under way
    if memory is None or memory.size < size + 64:
        memory = np.empty(size + 64, np.uint8)
    return -(-memory.ctypes.data // 64) * 64, memory


def give_back(memory):
    arenas.free.append(memory)


class Executable:
    """A compiled program.

    Called with one array per input (C-contiguous, of the types it was compiled for), it returns a list of new arrays,
    NumPy scalars for rank 0. Several threads may call it at once.
    """

    def __init__(self, jaxpr):
        self.program = program = assemble.compile_program(opened(jaxpr), threads.num_threads())
        if config.dump:
            dump(config.dump, jaxpr, opened(jaxpr), program.context, program.block)
        self.input_types = [(type_.shape, type_.dtype) for type_ in jaxpr.input_types]
        self.output_types = [(type_.shape, type_.dtype) for type_ in jaxpr.output_types]
        self.bases = np.zeros(program.n_bases, np.int64)
        for base, array in program.constants:
            self.bases[base] = array.ctypes.data
        self.code = program.words.ctypes.data
        self.callback = self.call_host if program.hosts else None

    def __call__(self, leaves):
        program = self.program
        bases = self.bases.copy()
        kept = []
        for base, leaf, (shape, dtype) in zip(program.inputs, leaves, self.input_types):
            if type(leaf) is not np.ndarray or leaf.dtype != dtype or not leaf.flags.c_contiguous or not leaf.flags.aligned:
                leaf = np.array(leaf, dtype, order="C")
                kept.append(leaf)
            bases[base] = leaf.__array_interface__["data"][0]
        outputs = [np.empty(shape, dtype) for shape, dtype in self.output_types]
        for base, output in zip(program.outputs, outputs):
            bases[base] = output.__array_interface__["data"][0]
        address, memory = take_arena(program.arena)
        bases[assemble.ARENA] = address
        try:
            threads.run(self.code, bases.__array_interface__["data"][0], len(bases), program.threads, self.callback)
        finally:
            give_back(memory)
        return [output if output.ndim else output[()] for output in outputs]

    def call_host(self, identifier, addresses):
        """Run a primitive's evaluate on arrays that lie in the program's memory."""
        primitive, params, operands, targets = self.program.hosts[identifier]
        count = sum([isinstance(each, tuple) for each in operands]) + len(targets)
        places = iter((ctypes.c_int64 * count).from_address(addresses))
        values = [array_at(next(places), *each) if isinstance(each, tuple) else each for each in operands]
        with np.errstate(all="ignore"):
            results = primitive.evaluate(*values, **params)
        for target, result in zip(targets, results if primitive.multiple_outputs else (results,)):
            array_at(next(places), *target)[...] = result


def array_at(address, dtype, shape, strides):
    """The array that lies at an address."""
    reach = sum([stride * (length - 1) for stride, length in zip(strides, shape)]) + dtype.itemsize
    low = sum([min(stride * (length - 1), 0) for stride, length in zip(strides, shape)])
    if 0 in shape:
        return np.empty(shape, dtype)
    memory = (ctypes.c_char * (reach - 2 * low if low else reach)).from_address(address + low)
    return np.ndarray(shape, dtype, memory, -low, strides)


def compiled(jaxpr):
    """The Executable of a program, or None if it holds what kernels do not know."""
    return Executable(jaxpr) if is_supported(opened(jaxpr)) else None


def is_supported(jaxpr):
    """Whether all dtypes of the program are ones that kernels know."""
    return not any(
        [
            var.type.dtype in UNSUPPORTED
            for equation in jaxpr.equations
            for var in (*equation.operands, *equation.outputs)
        ]
    ) and not any([type_.dtype in UNSUPPORTED for type_ in (*jaxpr.input_types, *jaxpr.output_types)])
