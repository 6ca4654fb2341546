"""Numba as a front end alone: Python text becomes LLVM IR of functions with plain C signatures.

Relies on numba and llvmlite.ir, and on the intrinsics and mathlib beside it for the names a text may use. `build` imports it when
something must be compiled and never otherwise, for numba takes longer to import than all of vgrad.

Numba's usual way to machine code takes 50 to 100 ms a kernel. We take its bytecode reader, type inference and lowering, and leave out
wrappers, reference counts, exceptions and its LLVM pipeline; and our contexts know numbers, ranges and pointers but not NumPy, whose
registries alone take 0.25 s to load. Nothing here calls LLVM, so that LLVM can work in another thread at the same time.
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
from numba.core import bytecode, callconv, cpu, funcdesc, lowering, typed_passes, untyped_passes
from numba.core.compiler import Flags, StateDict, _CompileStatus
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu_options import FastMathOptions
from numba.core.extending import _Intrinsic
from numba.core.fastmathpass import rewrite_module
from numba.core.imputils import builtin_registry as implementations
from numba.core.targetconfig import ConfigStack
from numba.core.typing.context import BaseContext
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature

from vgrad.compiler import intrinsics

try:
    from vgrad.compiler import mathlib
except ImportError:
    import numba.core.types as mathlib

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
FAST_MATH = FastMathOptions({"contract", "reassoc"})  # NaN, Inf and the sign of zero are values
# The passes before lowering, in order.
PASSES = (
    untyped_passes.ExtractByteCode,
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
)


class Typing(BaseContext):
    """What Numba knows of types: numbers, ranges, pointers and our intrinsics; no arrays, strings, lists."""

    def __init__(self):
        super().__init__()
        self.functions_of_intrinsics = {}
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

    fastmath = FAST_MATH

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
        rewrite_module(module, FAST_MATH)


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


@global_compiler_lock
def lower(function, operand_types, result_type, module, noalias):
    """Add `function` to the llvmlite.ir `module` under its own name; returns it there."""
    flags = Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = flags.enable_ssa = True
    flags.noalias = noalias
    flags.error_model = "numpy"
    flags.fastmath = FAST_MATH
    state = StateDict()
    state.update(
        typingctx=typing_context,
        targetctx=lowering_context,
        args=operand_types,
        return_type=result_type,
        flags=flags,
        locals={},
        metadata={},
        func_id=bytecode.FunctionIdentity.from_function(function),
        lifted=(),
        status=_CompileStatus(can_fallback=False),
    )
    library = Library(module)
    with ConfigStack().enter(flags):
        for stage in PASSES:
            stage().run_pass(state)
        description = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            state.func_ir,
            state.typemap,
            state.return_type,
            state.calltypes,
            mangler=lowering_context.mangler,
            inline=False,
            noalias=noalias,
            abi_tags=(),
        )
        with lowering_context.push_code_library(library):
            lowering.Lower(lowering_context, library, description, state.func_ir, metadata=state.metadata).lower()
    return module.get_global(function.__name__)


def meaning(name):
    """What `name` stands for in a text: a cast, nan, inf, a function of mathlib, an intrinsic, or Python's own. KeyError: nothing."""
    if name in NAMES:
        return NAMES[name]
    if name in MATHLIB:
        return types.ExternalFunction(name, mathlib_signature(name))
    if isinstance(getattr(intrinsics, name, None), _Intrinsic):
        return getattr(intrinsics, name)
    return vars(builtins)[name]


def is_mathlib_function(name, value):
    return inspect.isfunction(value) and value.__module__.startswith(mathlib.__name__) and name.rpartition("_")[2] in SCALARS


MATHLIB = {name for name, value in vars(mathlib).items() if is_mathlib_function(name, value)}


def mathlib_signature(name):
    """exp_f32 takes and gives f32, by its name; annotations tell what differs: def ldexp_f32(x, exponent: "i32")."""
    function = getattr(mathlib, name)
    usual = name.rpartition("_")[2]
    kinds = [function.__annotations__.get(operand, usual) for operand in inspect.signature(function).parameters]
    return signature(KINDS[function.__annotations__.get("return", usual)], *(KINDS[kind] for kind in kinds))


def with_globals(function, look_up, symbol):
    """`function` as `symbol`, its global names replaced by what `look_up` gives; unknown ones are left to Numba's message."""
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
    function = getattr(mathlib, name)

    def meaning_there(other):
        return meaning(other) if other in MATHLIB else function.__globals__.get(other) or meaning(other)

    lowered = lower(with_globals(function, meaning_there, name), sig.args, sig.return_type, module, noalias=False)
    lowered.linkage = "linkonce_odr"
    lowered.attributes.add("alwaysinline")
    return module


def kernel_ir(text, kinds, entry):
    """LLVM IR of `void entry(int64_t *words)`, which calls the `kernel` of the text with the words as arguments."""
    defined = {}
    exec(text, defined)
    function = with_globals(defined["kernel"], meaning, "kernel")
    module = llvmlite.ir.Module(entry)
    kernel = lower(function, [KINDS[kind] for kind in kinds], types.none, module, noalias=True)
    # A call of its own keeps what `noalias` says of the arguments; inlined it would turn into metadata, of which LLVM loses some.
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
    return module


def module_ir(text, entries, suffix):
    """LLVM IR of the functions named by `entries`, each as the symbol <name><suffix>, and of those of the text that they call.

    entries: ((name, kinds of the parameters, kind of the result), ...). Functions that are not entries take and return i64. The text
    may also import and define constants and intrinsics. No function may call itself.
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
    return module
