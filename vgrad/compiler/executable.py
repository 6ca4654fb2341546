"""What jit calls: a program compiled for given types, and its memory.

Relies on assemble and threads. api/staging keeps one Executable per combination of argument types.
"""

import ctypes
import sys
import threading

import numpy as np

from vgrad.compiler import assemble, threads
from vgrad.compiler.dump import dump
from vgrad.compiler.outputs import new_array
from vgrad.compiler.programs import opened
from vgrad.config import config

UNSUPPORTED = {np.dtype(name) for name in ("float16", "longdouble", "clongdouble")}
READY = 0x0101  # the flags of an array that a kernel can read: C-contiguous and aligned
arenas = threading.local()
word = ctypes.c_int64.from_address


def data_of_struct(array):
    """The address of an array's elements, read from where CPython's NumPy keeps it: a tenth of a call's cost."""
    return word(id(array) + 16).value


def data_of_interface(array):
    return array.__array_interface__["data"][0]


def reader():
    """data_of_struct where it is right (it is not on builds of Python whose objects have another head)."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return data_of_interface
    probes = [np.empty(length) for length in (1, 2, 3)]
    right = all([data_of_struct(each) == data_of_interface(each) for each in probes])
    return data_of_struct if right else data_of_interface


data_of = reader()


def take_arena(size):
    """(address, memory) of at least `size` bytes: kept by the thread from call to call."""
    try:
        free = arenas.free
    except AttributeError:
        free = arenas.free = []
    held = free.pop() if free else None  # none also while a call of this thread is under way
    if held is None or held[1].size < size + 64:
        memory = np.empty(size + 64, np.uint8)
        held = -(-data_of_interface(memory) // 64) * 64, memory
    return held


class Executable:
    """A compiled program: of `simple`, which is the Jaxpr opened.

    Called with one array per input (C-contiguous, of the types it was compiled for), it returns a list of new arrays,
    NumPy scalars for rank 0. Several threads may call it at once.
    """

    def __init__(self, jaxpr, simple):
        self.program = program = assemble.compile_program(simple, threads.num_threads())
        if config.dump:
            dump(config.dump, jaxpr, simple, program.context, program.block)
        del program.context, program.block  # of the plan nothing is needed any more, and it takes megabytes
        self.inputs = [(base, native(type_.dtype)) for base, type_ in zip(program.inputs, jaxpr.input_types)]
        self.outputs = [
            (base, type_.shape, native(type_.dtype), type_.size * type_.dtype.itemsize)
            for base, type_ in zip(program.outputs, jaxpr.output_types)
        ]
        self.bases = np.zeros(program.n_bases, np.int64)
        for base, array in program.constants:
            self.bases[base] = data_of(array)
        self.code = data_of(program.words)
        self.callback = self.call_host if program.hosts else None

    def __call__(self, leaves, inputs=None):
        """The results. `inputs`: what each leaf is for, if that is not the order of `self.inputs`."""
        program = self.program
        bases = self.bases.copy()
        kept = []
        for (base, dtype), leaf in zip(inputs or self.inputs, leaves):
            if type(leaf) is not np.ndarray or leaf.flags.num & READY != READY or leaf.dtype != dtype:
                leaf = np.array(leaf, dtype, order="C")
                kept.append(leaf)
            bases[base] = data_of(leaf)
        outputs = []
        for base, shape, dtype, size in self.outputs:
            output = new_array(shape, dtype, size)
            bases[base] = data_of(output)
            outputs.append(output)
        held = take_arena(program.arena)
        bases[assemble.ARENA] = held[0]
        try:
            threads.run(self.code, data_of(bases), program.n_bases, program.threads, self.callback)
        finally:
            arenas.free.append(held)
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


def native(dtype):
    """The dtype in the machine's byte order."""
    return dtype if dtype.isnative else dtype.newbyteorder("=")


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
    simple = opened(jaxpr)
    return Executable(jaxpr, simple) if is_supported(simple) else None


def is_supported(jaxpr):
    """Whether all dtypes of the program are ones that kernels know."""
    return not any(
        [
            var.type.dtype in UNSUPPORTED
            for equation in jaxpr.equations
            for var in (*equation.operands, *equation.outputs)
        ]
    ) and not any([type_.dtype in UNSUPPORTED for type_ in (*jaxpr.input_types, *jaxpr.output_types)])
