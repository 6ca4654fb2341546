"""Native code from text: Numba makes LLVM IR, LLVM makes object code, and the disk cache keeps it for the next process.

Relies on cache, on llvmlite.binding, and on frontend when something must be compiled.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import queue
import re
import sys
import threading
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm

from vgrad.compiler import cache

OWN_FILES = ("build.py", "frontend.py", "intrinsics.py")  # beside mathlib, what turns a source into object code
DECLARED = re.compile(r"^declare .*? @\"?([\w.]+)\"?\(", re.MULTILINE)


class KernelSource(NamedTuple):
    """A kernel: Python text that defines one function `kernel`, and the kinds of its parameters.

    A kind is "i64", or for a pointer its elements' type after a star: "*f32" "*f64" "*i8" ... "*u64" "*c64" "*c128"
    "*b1" (a bool: stored as a byte, read as uint8). Memory that pointers share may only be read.
    The text may use range, arithmetic and comparisons as Numba types them, and/or/not, `a if c else b`, x[i], casts
    like float32(x), nan, inf, and the functions of intrinsics and mathlib by name. Floats have no // and %, and complex
    numbers only complex(x, y), .real and .imag.
    """

    text: str
    arguments: tuple


class ModuleSource(NamedTuple):
    """A module's text, and for each function wanted (name, kinds of its parameters, kind of its result or None)."""

    text: str
    entries: tuple


def compile_kernels(sources):
    """The addresses, as ints, of native functions `void entry(int64_t *words)`, where words[k] is the k-th argument."""
    sources = [KernelSource(text, tuple(arguments)) for text, arguments in sources]
    return [addresses[0] for addresses in addresses_of(sources)]


def compile_module(text, entries):
    """{name: address} of functions of a text. C can call them: integers, floats, pointers are passed as C passes them.

    text: a Python module; it may import, and define constants and intrinsics of its own
    entries: {name: (kinds of the parameters, kind of the result or None)} of the functions wanted. Those that they call
    take and return i64. None may call itself. Pointers may point anywhere.
    """
    source = ModuleSource(text, tuple((name, tuple(kinds), result) for name, (kinds, result) in entries.items()))
    [addresses] = addresses_of([source])
    return dict(zip(entries, addresses))


loaded = {}  # key -> addresses
compilations = 0  # kernels that this process has compiled, not loaded from the disk cache
lock = threading.RLock()
# A child process finds no compilation half done, and the lock free.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def addresses_of(sources):
    """For every source the addresses of its symbols: known, from the disk cache, or compiled now."""
    keys = [key_of(source) for source in sources]
    if not all(key in loaded for key in keys):
        with lock:
            missing = {key: source for key, source in zip(keys, sources) if key not in loaded}
            for key, code in object_codes(missing).items():
                loaded[key] = load(code, symbols(missing[key], key))
    return [loaded[key] for key in keys]


def load(code, names):
    """Make object code executable; the addresses of the functions of these names."""
    engine().add_object_file(llvm.ObjectFileRef.from_data(code))
    engine().finalize_object()
    return [engine().get_function_address(name) for name in names]


def object_codes(sources):
    """{key: object code} of {key: source}."""
    global compilations
    codes = {key: cache.load(key) for key in sources}
    missing = {key: source for key, source in sources.items() if codes[key] is None}
    if missing:
        codes |= compiled(missing)
        compilations += sum([isinstance(source, KernelSource) for source in missing.values()])
        for key in missing:
            cache.store(key, codes[key])
    return codes


def key_of(source):
    """The name of a source's object code: a digest of the source and of all that compilation depends on."""
    return hashlib.sha256((surroundings() + repr(source)).encode()).hexdigest()[:40]


@functools.cache
def surroundings():
    """What object code depends on beside its source, as a text.

    Numba is not imported for it: that takes longer than all else.
    """
    numba = os.path.dirname(importlib.util.find_spec("numba").origin)
    here = os.path.dirname(__file__)
    files = [os.path.join(numba, "_version.py"), *(os.path.join(here, name) for name in OWN_FILES)]
    folder = os.path.join(here, "mathlib")
    files += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    contents = hashlib.sha256()
    for name in files:
        with open(name, "rb") as file:
            contents.update(file.read())
    processor = llvm.get_process_triple(), llvm.get_host_cpu_name(), host_features()
    return repr((contents.hexdigest(), processor, llvmlite.__version__, llvm.llvm_version_info, sys.version_info[:2]))


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
    with eager_switching():
        worker.start()
        try:
            for key, source in sources.items():
                work.put((key, ir_of(source, key)))
        finally:
            work.put(None)
            worker.join()
    for result in results.values():
        if isinstance(result, BaseException):
            raise result
    return results


@contextlib.contextmanager
def eager_switching():
    """Threads wait 50 us for the GIL, not 5 ms: the one with LLVM asks for it after each of a dozen calls a kernel."""
    patience = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(patience)


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
    """LLVM IR of a function of mathlib, as text."""
    from vgrad.compiler import frontend  # imports Numba

    key = key_of(("mathlib", name))
    text = cache.load(key)
    if text is None:
        text = for_this_machine(frontend.mathlib_ir(name)).encode()
        cache.store(key, text)
    return text.decode()


def for_this_machine(module):
    module.triple, module.data_layout = triple_and_data_layout()
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


def host_features():
    try:
        return llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM cannot tell on some systems; the processor's name says most
        return ""


def new_machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=host_features(), opt=3, codemodel="jitdefault", jit=True
    )


@functools.cache
def machine():
    return new_machine()


@functools.cache
def triple_and_data_layout():
    """Asked once: LLVM answers one question at a time, and would let Numba's thread wait for the optimiser."""
    return llvm.get_process_triple(), str(machine().target_data)


@functools.cache
def engine():
    """Holds all loaded code, for ever."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), new_machine())
