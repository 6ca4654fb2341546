"""Operations that kernels and mathlib call by name; each becomes one or two machine instructions, in vector loops too.

Relies on Numba and llvmlite: imported only where something is compiled.

The names are `<operation>_<type>`, where a type is f32 f64 i8 i16 i32 i64 u8 u16 u32 u64: `fma_f32`, `add_i32`.
Operands and result have exactly that type (Numba alone would compute int32 + int32 as int64), unless the list says
otherwise:

    fma(x, y, z)                  x * y + z, rounded once
    floor ceil trunc round_even   of floats, to an integral float (round_even: halves to the even one)
    sqrt abs copysign             abs of integers wraps for the least one
    square                        of complex numbers (c64, c128) too
    multiply                      integers (wraps) and complex numbers
    maximum minimum               NumPy's: a NaN on either side is the result
    largest least                 of floats, the same for reductions: their loops vectorise, and of 0.0 and -0.0 either
                                  may be the result
    accumulate                    of floats and complex numbers, for sums of many: a sum that may be taken in another
                                  order, and in one rounding with a product that is added
    bits, float_of_bits           a float's bits as int32 / int64, and back
    bitcast_<from>_<to>           the same bytes read as another type of equal size
    add subtract                  integers; wraps
    shift_left shift_right        integers; the shift must be less than the width; fills with the sign if signed
    bit_and bit_or bit_xor        integers
    popcount clz                  integers, the result too; clz(0) is the width
    select(c, a, b)               a if the boolean c else b, without a branch; a and b of one type, any type

`polynomial` and `rescued_by_libm` make further ones.
"""

from llvmlite import ir
from numba import types
from numba.core.extending import _Intrinsic, intrinsic

FLOATS = {"f32": types.float32, "f64": types.float64}
SIGNED = {"i8": types.int8, "i16": types.int16, "i32": types.int32, "i64": types.int64}
UNSIGNED = {"u8": types.uint8, "u16": types.uint16, "u32": types.uint32, "u64": types.uint64}
COMPLEX = {"c64": types.complex64, "c128": types.complex128}
INTEGERS = SIGNED | UNSIGNED
ALL = FLOATS | INTEGERS
VECTOR_WIDTHS = (2, 4, 8, 16, 32)
SAME_SIZE = (("f32", "i32", "u32"), ("f64", "i64", "u64"), ("i8", "u8"), ("i16", "u16"))


def operation(result, operands, emit):
    """An intrinsic of the given Numba types; emit(builder, *LLVM values) -> LLVM value."""

    def generate(context, builder, signature, values):
        return emit(builder, *values)

    typed = result(*operands), generate
    by_arity = {  # Numba counts the parameters of the function that it is given
        1: lambda context, x: typed,
        2: lambda context, x, y: typed,
        3: lambda context, x, y, z: typed,
    }
    # Numba's decorator would also enter it into Numba's registries, which frontend does not use and which takes 20 ms.
    return _Intrinsic("operation", by_arity[len(operands)])


def llvm_function(name, *trailing, result=None):
    """Emitter of a call of LLVM's intrinsic `name`, overloaded on its operands' type, with constant flags."""

    def emit(builder, *operands):
        type_ = operands[0].type
        constants = [ir.Constant(ir.IntType(1), value) for value in trailing]
        signature = ir.FunctionType(result or type_, [type_] * len(operands) + [ir.IntType(1)] * len(trailing))
        full_name = f"{name}.{overload_suffix(type_)}"
        function = builder.module.globals.get(full_name) or ir.Function(builder.module, signature, full_name)
        return builder.call(function, [*operands, *constants])

    return emit


def overload_suffix(type_):
    if isinstance(type_, ir.VectorType):
        return f"v{type_.count}{overload_suffix(type_.element)}"
    return type_.intrinsic_name


def bitcast(target):
    return lambda builder, x: builder.bitcast(x, ir_type(target))


def ir_type(type_):
    if type_ in FLOATS.values():
        return ir.FloatType() if type_ is types.float32 else ir.DoubleType()
    return ir.IntType(type_.bitwidth)


def float_extremum(order):
    """NumPy's maximum (order '>') or minimum ('<'): the second operand if it is NaN or beyond the first, else that.

    Processors have an instruction for the inner choice, which is right but for a second operand that is NaN.
    """

    def emit(builder, x, y):
        beyond = builder.select(builder.fcmp_ordered(order, y, x), y, x)
        return builder.select(builder.fcmp_unordered("uno", y, y), y, beyond)

    return emit


def reduced_extremum(name):
    """Emitter of what LLVM knows as associative, so that it vectorises reductions with it."""

    def emit(builder, x, y):
        result = llvm_function(name)(builder, x, y)
        set.add(result.fastmath, "nsz")
        return result

    return emit


def integer_extremum(order, signed):
    def emit(builder, x, y):
        compare = builder.icmp_signed if signed else builder.icmp_unsigned
        return builder.select(compare(order, x, y), x, y)

    return emit


def negative_made_positive(builder, x):
    zero = ir.Constant(x.type, 0)
    return builder.select(builder.icmp_signed("<", x, zero), builder.sub(zero, x), x)


def complex_product(builder, z, w):
    (a, b), (c, d) = [[builder.extract_value(value, part) for part in (0, 1)] for value in (z, w)]
    real = builder.fsub(builder.fmul(a, c), builder.fmul(b, d))
    imag = builder.fadd(builder.fmul(a, d), builder.fmul(b, c))
    return builder.insert_value(builder.insert_value(ir.Constant(z.type, ir.Undefined), real, 0), imag, 1)


def accumulated(builder, total, x):
    return builder.fadd(total, x, flags=("contract", "reassoc"))


def accumulated_complex(builder, total, x):
    for part in (0, 1):
        own = accumulated(builder, builder.extract_value(total, part), builder.extract_value(x, part))
        total = builder.insert_value(total, own, part)
    return total


def squared(product):
    """Emitter of the product of a value with itself."""
    return lambda builder, x: product(builder, x, x)


def of_builder(method):
    """Emitter of an instruction that llvmlite's builder has a method for."""
    return lambda builder, *operands: getattr(builder, method)(*operands)


def table():
    """{name: intrinsic} of everything the opening of this file lists, except select."""
    made = {}

    def define(name, suffix, arity, emit, result=None):
        type_ = ALL[suffix]
        made[f"{name}_{suffix}"] = operation(result or type_, (type_,) * arity, emit)

    for suffix in FLOATS:
        define("fma", suffix, 3, llvm_function("llvm.fma"))
        for name in ("floor", "ceil", "trunc", "sqrt"):
            define(name, suffix, 1, llvm_function(f"llvm.{name}"))
        define("round_even", suffix, 1, llvm_function("llvm.roundeven"))
        define("abs", suffix, 1, llvm_function("llvm.fabs"))
        define("square", suffix, 1, squared(of_builder("fmul")))
        define("copysign", suffix, 2, llvm_function("llvm.copysign"))
        define("maximum", suffix, 2, float_extremum(">"))
        define("minimum", suffix, 2, float_extremum("<"))
        define("accumulate", suffix, 2, accumulated)
        define("largest", suffix, 2, reduced_extremum("llvm.maximum"))
        define("least", suffix, 2, reduced_extremum("llvm.minimum"))
        integer = SIGNED["i" + suffix[1:]]
        define("bits", suffix, 1, bitcast(integer), integer)
        made[f"float_of_bits_{suffix}"] = operation(FLOATS[suffix], (integer,), bitcast(FLOATS[suffix]))
    for suffix in INTEGERS:
        signed = suffix in SIGNED
        define("add", suffix, 2, of_builder("add"))
        define("subtract", suffix, 2, of_builder("sub"))
        define("multiply", suffix, 2, of_builder("mul"))
        define("square", suffix, 1, squared(of_builder("mul")))
        define("bit_and", suffix, 2, of_builder("and_"))
        define("bit_or", suffix, 2, of_builder("or_"))
        define("bit_xor", suffix, 2, of_builder("xor"))
        define("shift_left", suffix, 2, of_builder("shl"))
        define("shift_right", suffix, 2, of_builder("ashr" if signed else "lshr"))
        define("popcount", suffix, 1, llvm_function("llvm.ctpop"))
        define("clz", suffix, 1, llvm_function("llvm.ctlz", 0))
        define("abs", suffix, 1, negative_made_positive if signed else lambda builder, x: x)
        define("maximum", suffix, 2, integer_extremum(">=", signed))
        define("minimum", suffix, 2, integer_extremum("<=", signed))
    for suffix, type_ in COMPLEX.items():
        made[f"multiply_{suffix}"] = operation(type_, (type_, type_), complex_product)
        made[f"square_{suffix}"] = operation(type_, (type_,), squared(complex_product))
        made[f"accumulate_{suffix}"] = operation(type_, (type_, type_), accumulated_complex)
    for group in SAME_SIZE:
        for source in group:
            for target in group:
                if source != target:
                    made[f"bitcast_{source}_{target}"] = operation(ALL[target], (ALL[source],), bitcast(ALL[target]))
    return made


@intrinsic
def select(context, condition, a, b):
    if not isinstance(condition, types.Boolean):
        return None
    common = a if a == b else context.unify_types(a, b)

    def generate(context, builder, signature, values):
        return builder.select(*values)

    return common(types.boolean, common, common), generate


def polynomial(suffix, coefficients):
    """Intrinsic x -> coefficients[0] + coefficients[1] * x + ..., of type `suffix`, by Horner's rule with fma.

    Each step of a long polynomial waits for the one before. So the terms after the first three, whose rounding errors
    hardly count, are dealt out to two or four chains in powers of x^2 or x^4, which run side by side.
    """
    type_ = FLOATS[suffix]
    fma = llvm_function("llvm.fma")

    def horner(builder, constants, x):
        *lower, value = constants
        for constant in reversed(lower):
            value = fma(builder, value, x, constant)
        return value

    def emit(builder, x):
        constants = [ir.Constant(x.type, coefficient) for coefficient in coefficients]
        head, tail = constants[:3], constants[3:]
        if len(tail) < 6:
            return horner(builder, constants, x)
        square = builder.fmul(x, x)
        if len(tail) < 12:
            chains = [horner(builder, tail[start::2], square) for start in range(2)]
        else:
            fourth = builder.fmul(square, square)
            parts = [horner(builder, tail[start::4], fourth) for start in range(4)]
            chains = [fma(builder, parts[start + 2], square, parts[start]) for start in range(2)]
        return horner(builder, [*head, fma(builder, chains[1], x, chains[0])], x)

    return operation(type_, (type_,), emit)


globals().update(table())


def rescued_by_libm(name, suffix, limit):
    """Intrinsic (x, y) -> y where |x| <= limit or x is NaN, else libm's `name` of x.

    "fmod" has two operands: (x, divisor, y) -> y unless |x| > limit * |divisor|.

    For functions whose fast way fails for rare operands. The loop around it vectorises: the scalar function made here
    names vector ones as its variants, and they branch once for all lanes. Only lanes beyond the limit pay for libm.
    """
    type_, scalar = FLOATS[suffix], ir_type(FLOATS[suffix])
    root = f"vgrad_rescued_{name}_{suffix}"
    two_operands = name == "fmod"
    libm = of_builder("frem") if two_operands else llvm_function(f"llvm.{name}")
    arity = 3 if two_operands else 2

    def define(module, width):
        """The function of `width` lanes (None: of scalars): a cheap test, and a slow block that is rarely entered."""
        vector = scalar if width is None else ir.VectorType(scalar, width)
        function = ir.Function(module, ir.FunctionType(vector, [vector] * arity), root + (f"_{width}" if width else ""))
        function.linkage = "internal"
        for attribute in ("noinline", "nounwind", "willreturn", "memory(none)"):
            set.add(function.attributes, attribute)  # llvmlite's own `add` does not know memory(none)
        *operands, y = function.args
        slow = function.append_basic_block("entry")
        builder = ir.IRBuilder(slow)
        bound = ir.Constant(scalar, limit)
        if width:
            bound = ir.Constant(vector, [bound] * width)
        size, *sizes = [llvm_function("llvm.fabs")(builder, x) for x in operands]
        for other in sizes:
            bound = builder.fmul(bound, other)
        beyond = builder.fcmp_ordered(">", size, bound)
        some = beyond
        if width:
            some = llvm_function("llvm.vector.reduce.or", result=ir.IntType(1))(builder, beyond)
        with builder.if_then(some, likely=False):
            builder.ret(builder.select(beyond, libm(builder, *operands), y))
        builder.ret(y)
        return function

    def scalar_function(module):
        if root in module.globals:
            return module.globals[root]
        function = define(module, None)
        variants = [define(module, width) for width in VECTOR_WIDTHS]
        mapping = ",".join(f"_ZGV_LLVM_N{width}{'v' * arity}_{root}({root}_{width})" for width in VECTOR_WIDTHS)
        set.add(function.attributes, f'"vector-function-abi-variant"="{mapping}"')
        keep(module, variants)
        return function

    def emit(builder, *values):
        return builder.call(scalar_function(builder.module), values)

    return operation(type_, (type_,) * arity, emit)


def keep(module, functions):
    """Keep unused functions until the loop vectoriser has looked for them."""
    pointer = ir.IntType(8).as_pointer()
    name = "llvm.compiler.used"
    if name in module.globals:
        functions = [*module.globals[name].functions, *functions]
        del module.globals[name]
    array = ir.ArrayType(pointer, len(functions))
    used = ir.GlobalVariable(module, array, name)
    used.functions = functions
    used.linkage, used.section = "appending", "llvm.metadata"
    used.initializer = ir.Constant(array, [function.bitcast(pointer) for function in functions])
