"""Native code from text: Numba makes LLVM IR, LLVM makes object code, which lies in the disk cache for the next process.

Relies on cache, on llvmlite.binding, and on frontend when something must be compiled.
"""

import functools
import hashlib
import queue
import re
import sys
import threading
from typing import NamedTuple

import llvmlite.binding as llvm

DECLARED = re.compile(r"^declare .*? @\"?([\w.]+)\"?\(", re.MULTILINE)


class KernelSource(NamedTuple):
    """A kernel: Python text that defines one function `kernel`, and the kinds of its parameters.

    A kind is "i64", or the element type of a pointer with a star: "*f32" "*f64" "*i8" ... "*u64" "*c64" "*c128" "*b1" (a bool, stored and
    read as a byte). No two pointers may point to overlapping memory, unless both are only read.
    """

    text: str
    arguments: tuple


class ModuleSource(NamedTuple):
    """Text of several functions, and for each (name, kinds of its parameters, kind of its result or None)."""

    text: str
    entries: tuple


def compile_kernels(sources):
    """The addresses, as ints, of native functions `void entry(int64_t *words)`, where words[k] is the k-th argument."""
    sources = [KernelSource(text, tuple(arguments)) for text, arguments in sources]
    return [addresses[0] for addresses in addresses_of(sources)]


def compile_module(text, entries):
    """{name: address} of the functions of a text, callable from C: pointers, integers and floats are passed as C passes them.

    entries: {name: (kinds of the parameters, kind of the result or None)}, for every function, in the text's order, for a later
    one may call earlier ones. Pointers may point anywhere.
    """
    source = ModuleSource(text, tuple((name, tuple(kinds), result) for name, (kinds, result) in entries.items()))
    [addresses] = addresses_of([source])
    return dict(zip(entries, addresses))


loaded = {}  # key -> addresses
compilations = 0  # kernels and modules compiled, not loaded, by this process
lock = threading.RLock()


def addresses_of(sources):
    global compilations
    keys = [key_of(source) for source in sources]
    with lock:
        missing = {key: source for key, source in zip(keys, sources) if key not in loaded}
        objects = compiled(missing)
        compilations += len(missing)
        for key, source in missing.items():
            engine().add_object_file(llvm.ObjectFileRef.from_data(objects[key]))
        if missing:
            engine().finalize_object()
        for key, source in missing.items():
            loaded[key] = [engine().get_function_address(symbol) for symbol in symbols(source, key)]
        return [loaded[key] for key in keys]


def key_of(source):
    return hashlib.sha256(repr(source).encode()).hexdigest()[:40]


def symbols(source, key):
    if isinstance(source, KernelSource):
        return ["kernel_" + key]
    return [f"{name}_{key}" for name, _, _ in source.entries]


def compiled(sources):
    """{key: object code}. LLVM works in a thread beside Numba: it needs no GIL, Numba does."""
    results = {}
    work = queue.SimpleQueue()

    def optimise():
        while (item := work.get()) is not None:
            key, parts = item
            try:
                results[key] = emit(optimised(parts))
            except BaseException as error:
                results[key] = error

    worker = threading.Thread(target=optimise, daemon=True)
    worker.start()
    # After each call of LLVM the worker must wait for the GIL: 5 ms by default, and it makes a dozen short calls a kernel.
    patience = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    try:
        for key, source in sources.items():
            work.put((key, ir_of(source, key)))
    finally:
        work.put(None)
        worker.join()
        sys.setswitchinterval(patience)
    for result in results.values():
        if isinstance(result, BaseException):
            raise result
    return results


def ir_of(source, key):
    """The LLVM IR of a source, and of all functions of mathlib that it needs."""
    from vgrad.compiler import frontend  # imports Numba

    if isinstance(source, KernelSource):
        [entry] = symbols(source, key)
        module = frontend.kernel_ir(source.text, source.arguments, entry)
    else:
        module = frontend.module_ir(source.text, source.entries, "_" + key)
    parts = {"": for_this_machine(module)}
    unread = [parts[""]]
    while unread:
        for name in DECLARED.findall(unread.pop()):
            if name in frontend.MATHLIB and name not in parts:
                parts[name] = mathlib_ir(name)
                unread.append(parts[name])
    return list(parts.values())


@functools.cache
def mathlib_ir(name):
    from vgrad.compiler import frontend  # imports Numba

    return for_this_machine(frontend.mathlib_ir(name))


def for_this_machine(module):
    module.triple = llvm.get_process_triple()
    module.data_layout = data_layout()
    return str(module)


def optimised(parts):
    """The LLVM module of the first text, the others linked in, optimised."""
    module, *others = [llvm.parse_assembly(part) for part in parts]
    for other in others:
        module.link_in(other)
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    passes = llvm.create_pass_builder(machine(), tuning)
    passes.getModulePassManager().run(module, passes)
    return module


def optimised_ir(source):
    """The LLVM IR that a KernelSource becomes, as text, to see what LLVM made of it."""
    with lock:
        return str(optimised(ir_of(source, key_of(source))))


def emit(module):
    return machine().emit_object(module)


def new_machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM cannot tell on some systems; the CPU's name says most
        features = ""
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=features,
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


@functools.cache
def machine():
    return new_machine()


@functools.cache
def data_layout():
    return str(machine().target_data)


@functools.cache
def engine():
    """Holds all loaded code, for ever."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), new_machine())
