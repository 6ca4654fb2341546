"""Numba as a front end alone: Python text becomes LLVM IR of functions with plain C signatures.

Relies on numba and llvmlite.ir, and on the intrinsics and mathlib beside it for the names a text may use. `build`
imports it when something must be compiled and never otherwise: numba takes longer to import than all of vgrad.

Numba's usual way to machine code takes 50 to 100 ms a kernel. We take its bytecode reader, type inference and lowering,
and leave out wrappers, reference counts, exceptions and its LLVM pipeline; and our contexts know numbers, ranges and
pointers but not NumPy, whose registries alone take 0.25 s to load. That leaves 5 ms a kernel. Nothing here calls LLVM
itself, so that LLVM can work in another thread at the same time.
"""

import builtins
import contextlib
import inspect
import types as python_types

import llvmlite.ir
import numba.cpython.builtins  # for what these three put into Numba's registries
import numba.cpython.numbers
import numba.cpython.rangeobj  # noqa: F401
from numba import types
from numba.core import bytecode, callconv, cpu, funcdesc, interpreter, lowering, ssa, transforms, typed_passes
from numba.core.compiler import Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.extending import _Intrinsic
from numba.core.imputils import builtin_registry as implementations
from numba.core.ir_utils import build_definitions
from numba.core.targetconfig import ConfigStack
from numba.core.typing.context import BaseContext
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature

from vgrad.compiler import intrinsics
from vgrad.compiler.mathlib import FUNCTIONS as MATHLIB

SCALARS = {
    "b1": types.uint8,  # a stored bool is a byte
    "i8": types.int8,
    "i16": types.int16,
    "i32": types.int32,
    "i64": types.int64,
    "u8": types.uint8,
    "u16": types.uint16,
    "u32": types.uint32,
    "u64": types.uint64,
    "f32": types.float32,
    "f64": types.float64,
    "c64": types.complex64,
    "c128": types.complex128,
}
KINDS = SCALARS | {"*" + kind: types.CPointer(type_) for kind, type_ in SCALARS.items()} | {None: types.none}
NAMES = {str(type_): type_ for type_ in SCALARS.values()} | {"nan": float("nan"), "inf": float("inf")}
LONG = 40  # instructions of a loop, before it is optimised
# What LLVM may do: a product may join what `accumulate` adds it to. Nothing else: what is computed twice, in two passes
# over a row or in two kernels, must have the same bits both times, or no element equals the maximum. Products keep
# their order: (0 * 1e30) * 1e30 is 0, 0 * (1e30 * 1e30) is NaN. NaN, Inf and the sign of zero are values.
FLAGS = {"fmul": ("contract",)}


class Typing(BaseContext):
    """What Numba knows of types: numbers, ranges, pointers and our intrinsics; no arrays, strings, lists."""

    def __init__(self):
        super().__init__()
        self.functions_of_intrinsics = {}
        self.resolved = {}
        for template in builtin_registry.functions:
            if is_basic(template):
                self.insert_function(template(self))
        for template in builtin_registry.attributes:
            if is_basic(template):
                self.insert_attributes(template(self))
        merged = {}
        for value, type_ in builtin_registry.globals:
            if isinstance(type_, types.Function) and not all(is_basic(template) for template in type_.templates):
                continue
            merged[value] = merged[value].augment(type_) if value in merged else type_
        for value, type_ in merged.items():
            self.insert_global(value, type_)

    def refresh(self):
        """Nothing can be new: Numba asks for this at many places."""

    def resolve_function_type(self, func, args, kws):
        """The same calls come again and again; Numba would search through dozens of signatures each time."""
        if kws:
            return super().resolve_function_type(func, args, kws)
        if (func, args) not in self.resolved:
            self.resolved[func, args] = super().resolve_function_type(func, args, kws)
        return self.resolved[func, args]

    def resolve_value_type(self, value):
        if not isinstance(value, _Intrinsic):
            return super().resolve_value_type(value)
        if value not in self.functions_of_intrinsics:
            # Numba's own template for intrinsics would load the registries of its CPU target.
            template = type(value.__name__, (Intrinsic,), {"key": value, "define": staticmethod(value.__wrapped__)})
            self.functions_of_intrinsics[value] = types.Function(template)
        return self.functions_of_intrinsics[value]


def is_basic(template):
    return any(parent.__module__ == "numba.core.typing.builtins" for parent in template.__mro__)


class Intrinsic(AbstractTemplate):
    def generic(self, operands, keywords):
        defined = self.define(self.context, *operands)
        if defined is not None:
            sig, implementation = defined
            lowering_context.insert_func_defn([(implementation, (self.key, sig.args), sig.args)])
            return sig

    def get_impl_key(self, sig):
        return self.key, sig.args


class PlainCalls(callconv.BaseCallConv):
    """Functions take and return what C functions would. What Numba would raise ends the function with zero."""

    def _make_call_helper(self, builder):
        return None

    def get_function_type(self, restype, argtypes):
        if restype == types.none:
            result = llvmlite.ir.VoidType()
        else:
            result = self.context.data_model_manager[restype].get_return_type()
        return llvmlite.ir.FunctionType(result, list(self._get_arg_packer(argtypes).argument_types))

    def decorate_function(self, fn, args, fe_argtypes, noalias=False):
        self._get_arg_packer(fe_argtypes).assign_names(fn.args, args)
        for argument in fn.args:
            if noalias and isinstance(argument.type, llvmlite.ir.PointerType):
                argument.add_attribute("noalias")

    def get_arguments(self, function):
        return function.args

    def return_value(self, builder, value):
        if isinstance(builder.function.function_type.return_type, llvmlite.ir.VoidType):
            builder.ret_void()
        else:
            builder.ret(value)

    def return_user_exc(self, builder, exc, exc_args=None, loc=None, func_name=None):
        result = builder.function.function_type.return_type
        self.return_value(builder, None if isinstance(result, llvmlite.ir.VoidType) else result(None))


class Lowering(cpu.CPUContext):
    """Numba's typed IR to LLVM IR."""

    def init(self):
        self.is32bit = False
        self._internal_codegen = None
        self.error_model = callconv.create_error_model("numpy", self)  # division by zero raises nothing
        self.install_registry(implementations)

    def refresh(self):
        """As in Typing."""

    @property
    def call_conv(self):
        return PlainCalls(self)

    def mangler(self, name, types, *, abi_tags=(), uid=None):
        return name.rpartition(".")[2]

    def declare_env_global(self, module, envname):
        """No Python objects, no environment."""

    def declare_external_function(self, module, fndesc):
        """Also one that this very module defines."""
        known = module.globals.get(fndesc.mangled_name)
        return known or super().declare_external_function(module, fndesc)

    def get_abi_sizeof(self, type_):
        return 0  # asked for debug information alone, and a question to LLVM

    def post_lowering(self, module, library):
        """Numba would add fast-math flags here; mathlib must have none, so those who make kernels add them."""


class Library:
    """Keeps what lowering makes."""

    def __init__(self, module):
        self.module = module

    def create_ir_module(self, name):
        return self.module

    def add_ir_module(self, module):
        pass


typing_context = Typing()
lowering_context = Lowering(typing_context)


def allow_fusion(module):
    """Set FLAGS on the module's arithmetic."""
    for function in module.functions:
        for block in function.blocks:
            for instruction in block.instructions:
                if not getattr(instruction, "flags", True):
                    instruction.flags.extend(FLAGS.get(instruction.opname, ()))


@global_compiler_lock
def lower(function, operand_types, result_type, module, noalias):
    """Add `function` to the llvmlite.ir `module` under its own name; returns it there."""
    flags = Flags()
    flags.noalias = noalias
    flags.error_model = "numpy"
    identity = bytecode.FunctionIdentity.from_function(function)
    with ConfigStack().enter(flags):
        # Of Numba's passes those that make typed IR. Without reference counts the lifetimes of variables do not matter.
        body = interpreter.Interpreter(identity).interpret(bytecode.ByteCode(identity))
        body.blocks = transforms.canonicalize_cfg(body.blocks)
        body.generator_info = None
        body = ssa.reconstruct_ssa(body)
        body._definitions = build_definitions(body.blocks)
        typed = typed_passes.type_inference_stage(
            typing_context, lowering_context, body, operand_types, result_type, {}
        )
        body = typed_passes.PreLowerStripPhis()._strip_phi_nodes(body)
        description = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            body, typed.typemap, typed.return_type, typed.calltypes, lowering_context.mangler, False, noalias, ()
        )
        library = Library(module)
        with lowering_context.push_code_library(library):
            lowering.Lower(lowering_context, library, description, body, metadata={}).lower()
    return module.get_global(function.__name__)


def meaning(name):
    """What `name` stands for in a text: a cast, nan, inf, a function of mathlib, an intrinsic, or Python's own.

    KeyError: nothing.
    """
    if name in NAMES:
        return NAMES[name]
    if name in MATHLIB:
        return types.ExternalFunction(name, mathlib_signature(name))
    if isinstance(getattr(intrinsics, name, None), _Intrinsic):
        return getattr(intrinsics, name)
    return vars(builtins)[name]


def mathlib_signature(name):
    _, operands, result = MATHLIB[name]
    return signature(KINDS[result], *(KINDS[kind] for kind in operands))


def with_globals(function, look_up, symbol):
    """`function` as `symbol`, its global names meaning what `look_up` gives. Numba complains of unknown ones."""
    found = {}
    for name in function.__code__.co_names:
        with contextlib.suppress(KeyError):
            found[name] = look_up(name)
    seen = python_types.FunctionType(function.__code__, found, symbol)
    seen.__qualname__ = symbol
    return seen


def mathlib_ir(name):
    """LLVM IR of one function of mathlib: to be linked into the modules that use it, and inlined."""
    module = llvmlite.ir.Module(name)
    sig = mathlib_signature(name)
    function = MATHLIB[name][0]

    def meaning_there(other):
        return meaning(other) if other in MATHLIB or other not in function.__globals__ else function.__globals__[other]

    lowered = lower(with_globals(function, meaning_there, name), sig.args, sig.return_type, module, noalias=False)
    lowered.linkage = "linkonce_odr"
    lowered.attributes.add("alwaysinline")
    return module


def two_vectors_at_a_time(module, kernel):
    """Ask LLVM for it in long loops that call functions of mathlib.

    The instructions of such a function wait for each other, so that another vector beside costs little. LLVM knows
    that, but takes one vector alone where it thinks that the registers do not suffice for two.
    """
    for block in kernel.blocks:
        calls = [each for each in block.instructions if isinstance(each, llvmlite.ir.CallInstr)]
        end = block.terminator
        repeats = end.opname == "br" and len(end.operands) == 1
        if repeats and len(block.instructions) > LONG and any([call.callee.name in MATHLIB for call in calls]):
            wish = module.add_metadata(["llvm.loop.interleave.count", llvmlite.ir.IntType(32)(2)])
            loop = llvmlite.ir.MDValue(module, (), name=str(len(module.metadata)))
            loop.operands = (loop, wish)  # a loop's node begins with itself
            end.set_metadata("llvm.loop", loop)


def kernel_ir(text, kinds, entry):
    """LLVM IR of `void entry(int64_t *words)`, which calls the `kernel` of the text with the words as arguments."""
    defined = {}
    exec(text, defined)
    function = with_globals(defined["kernel"], meaning, "kernel")
    module = llvmlite.ir.Module(entry)
    kernel = lower(function, [KINDS[kind] for kind in kinds], types.none, module, noalias=True)
    # A call of its own keeps what `noalias` says of arguments; inlining makes it metadata, of which LLVM loses some.
    kernel.linkage = "internal"
    kernel.attributes.add("noinline")
    word = llvmlite.ir.IntType(64)
    words = llvmlite.ir.FunctionType(llvmlite.ir.VoidType(), [word.as_pointer()])
    caller = llvmlite.ir.Function(module, words, entry)
    builder = llvmlite.ir.IRBuilder(caller.append_basic_block())
    arguments = []
    for number, argument in enumerate(kernel.args):
        value = builder.load(builder.gep(caller.args[0], [word(number)]))
        pointer = isinstance(argument.type, llvmlite.ir.PointerType)
        arguments.append(builder.inttoptr(value, argument.type) if pointer else value)
    builder.call(kernel, arguments)
    builder.ret_void()
    allow_fusion(module)
    two_vectors_at_a_time(module, kernel)
    return module


def module_ir(text, entries, suffix):
    """LLVM IR of the functions that `entries` names, as the symbols <name><suffix>, and of those that they call.

    entries: ((name, kinds of the parameters, kind of the result), ...). Other functions take and return i64. The text
    may import, and define constants and intrinsics. No function may call itself.
    """
    defined = {}
    exec(text, defined)
    signatures = {name: signature(KINDS[result], *(KINDS[kind] for kind in kinds)) for name, kinds, result in entries}
    module = llvmlite.ir.Module(suffix)
    externals = {}

    def meaning_here(name):
        if name in externals:
            return externals[name]
        value = defined[name] if name in defined else meaning(name)
        if inspect.isfunction(value):
            parameters = value.__code__.co_argcount
            sig = signatures.get(name) or signature(types.int64, *[types.int64] * parameters)
            lowered = lower(with_globals(value, meaning_here, name + suffix), sig.args, sig.return_type, module, False)
            lowered.linkage = "external" if name in signatures else "internal"
            externals[name] = value = types.ExternalFunction(name + suffix, sig)
        return value

    for name in signatures:
        meaning_here(name)
    allow_fusion(module)
    return module
