"""The errors a user meets: class and text, with values that tell one operand from another.

Each case is a function that raises; @case says the class and what the message must contain, in order. "HERE" stands
for the user's line, marked with the comment `# here`.
"""

import inspect

import numpy as np
import pytest

from vgrad import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    custom_vmap,
    errors,
    eval_shape,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    lax,
    linear_transpose,
    linearize,
    nn,
    random,
    value_and_grad,
    vjp,
    vmap,
)
from vgrad import numpy as vnp
from vgrad.primitives.linalg import MatrixShapeError

CASES = []


def case(error, *texts):
    def add(function):
        CASES.append(pytest.param(function, error, texts, id=function.__name__))
        return function

    return add


@pytest.mark.parametrize("function, error, texts", CASES)
def test_the_error_says_what_and_where(function, error, texts):
    with pytest.raises(error) as caught:
        function()
    assert type(caught.value) is error
    message, place = str(caught.value), 0
    for text in texts:
        if text == "HERE":
            text = f"at {__file__.rpartition('/')[2]}:{line_of(function)}   "
        assert text in message[place:], f"{text!r} is not in {message!r} after character {place}"
        place = message.index(text, place) + len(text)


def line_of(function):
    lines, start = inspect.getsourcelines(function)
    (offset,) = [number for number, line in enumerate(lines) if "# here" in line]
    return start + offset


def double(x):
    return 2.0 * x


def twice(x, y):
    return x + x


# ---------------------------------------------------------------------------------------------------------- gradients


@case(TypeError, "Gradient only defined for scalar-output functions. Output had shape: (5,).", "vmap(grad(double))")
def gradient_of_a_vector():
    grad(double)(np.ones(5))


@case(TypeError, "Gradient only defined for scalar-output functions. Output was", "has_aux=True")
def gradient_of_a_pair():
    grad(lambda x: (x, x))(1.0)


@case(TypeError, "grad requires real- or complex-valued inputs", "but got int64", "allow_int")
def gradient_by_an_integer():
    grad(double)(3)


@case(TypeError, "grad requires real- or complex-valued inputs", "but got bool")
def gradient_by_a_boolean_of_two():
    value_and_grad(twice, argnums=(0, 1))(3.0, np.bool_(True))


@case(TypeError, "grad requires real-valued outputs", "but got complex128", "holomorphic=True")
def gradient_of_a_complex_output():
    grad(lambda x: x * 2j)(3.0)


@case(TypeError, "grad requires real-valued outputs", "but got int64", "vgrad.vjp")
def gradient_of_an_integer_output():
    grad(lambda x: np.sum(x > 0))(np.ones(3))


@case(TypeError, "holomorphic=True requires inputs with complex dtype, but got float64")
def holomorphic_gradient_by_a_real_input():
    grad(double, holomorphic=True)(3.0)


@case(TypeError, "argnums=4 requires at least 5 positional arguments", "but got only 2 positional arguments")
def argnums_out_of_range():
    grad(twice, argnums=4)(1.0, 2.0)


@case(TypeError, "argnums=(0, 2) requires at least 3 positional arguments", "but got only 2 positional arguments")
def one_of_argnums_out_of_range():
    grad(twice, argnums=(0, 2))(1.0, 2.0)


@case(TypeError, "argnums must be an int or a tuple of ints, but got 'x'")
def argnums_that_is_a_name():
    grad(double, argnums="x")(1.0)


@case(TypeError, "argnums=-3 requires at least 3 positional arguments", "but got only 2 positional arguments")
def negative_argnums_out_of_range():
    grad(twice, argnums=-3)(1.0, 2.0)


@case(TypeError, "double must return a pair (output, aux) when has_aux=True")
def has_aux_without_a_pair():
    grad(double, has_aux=True)(1.0)


@case(TypeError, "jacfwd requires real-valued inputs", "but got int64")
def jacfwd_by_an_integer():
    jacfwd(double)(3)


@case(TypeError, "jacrev requires real-valued outputs", "but got complex128", "holomorphic=True")
def jacrev_of_a_complex_output():
    jacrev(lambda x: x * 2j)(3.0)


@case(TypeError, "requires real-valued inputs", "but got int32")
def hessian_by_an_integer():
    hessian(double)(np.int32(3))


@case(TypeError, "must be tuples or lists; found primals of type float")
def jvp_without_tuples():
    jvp(double, 1.0, 1.0)


@case(ValueError, "f64[3]", "double", "f64[2]")
def jvp_of_another_shape():
    jvp(double, (np.ones(2),), (np.ones(3),))


@case(TypeError, "tangents must have the structure of the primals of double", "got")
def jvp_of_another_structure():
    jvp(double, (1.0,), (1.0, 2.0))


@case(TypeError, "c128[2]", "f32[2]", "x.astype('float32')")
def jvp_of_another_dtype():
    jvp(double, (np.ones(2, np.float32),), (np.ones(2, complex),))


@case(ValueError, "f64[3]", "double", "f64[2]")
def vjp_of_another_shape():
    vjp(double, np.ones(2))[1](np.ones(3))


@case(TypeError, "the cotangent must have the structure of the outputs of pair", "got")
def vjp_of_another_structure():
    def pair(x):
        return x, x

    vjp(pair, np.ones(2))[1](np.ones(2))


@case(ValueError, "linearize: tangents", "f64[7]", "f64[2]")
def linearize_of_another_shape():
    linearize(double, np.ones(2))[1](np.ones(7))


@case(errors.NotDifferentiable, "sin is not linear")
def linear_transpose_of_what_is_not_linear():
    linear_transpose(np.sin, 1.0)(1.0)


# --------------------------------------------------------------------------------------------------------------- vmap


@case(
    ValueError,
    "vmap got inconsistent sizes for array axes to be mapped:",
    "one axis had size 3: axis 0 of argument x of type f64[3,2]",
    "one axis had size 4: axis 1 of argument y of type f64[5,4]",
)
def vmap_of_inconsistent_sizes():
    vmap(twice, (0, 1))(np.ones((3, 2)), np.ones((5, 4)))


@case(
    ValueError, "(3 of them) had size 3", "argument x['a']", "argument x['b']", "one axis had size 7", "argument y[1]"
)
def vmap_of_inconsistent_sizes_in_trees():
    vmap(lambda x, y: x)({"a": np.ones(3), "b": np.ones(3)}, (np.float64(2.0) * np.ones(3), np.ones(7)))


@case(ValueError, "one axis had size 3", "axis_size is 6")
def vmap_of_another_axis_size():
    vmap(double, axis_size=6)(np.ones(3))


@case(ValueError, "vmap in_axes must be an int, None, or a tuple", "got len(in_axes)=1, len(args)=2")
def vmap_in_axes_of_wrong_length():
    vmap(twice, (0,))(np.ones(3), np.ones(3))


@case(ValueError, "vmap in_axes specification must be a tree prefix of the corresponding value", "'b'", "'a'")
def vmap_in_axes_of_wrong_structure():
    vmap(double, ({"b": 0},))({"a": np.ones(3)})


@case(TypeError, "vmap in_axes must be an int, None, or a tuple", "'first'")
def vmap_in_axes_of_wrong_type():
    vmap(double, "first")(np.ones(3))


@case(TypeError, "vmap in_axes must hold ints and None, got 0.5")
def vmap_in_axes_that_is_no_integer():
    vmap(double, (0.5,))(np.ones(3))


@case(ValueError, "along axis 0", "rank should be at least 1, but is only 0 (its shape is ())", "The argument is y")
def vmap_of_rank_0():
    vmap(twice)(np.ones(3), 2.0)


@case(ValueError, "along axis 2", "rank should be at least 3, but is only 2 (its shape is (4, 3))")
def vmap_of_too_small_rank():
    vmap(double, 2)(np.ones((4, 3)))


@case(ValueError, "vmap must have at least one non-None value in in_axes")
def vmap_of_nothing():
    vmap(double, None)(np.ones(3))


@case(ValueError, "vmap out_axes, got axis spec None but output was batched on axis 0", "double")
def vmap_out_axes_none_of_a_mapped_result():
    vmap(double, out_axes=None)(np.ones(3))


@case(ValueError, "vmap out_axes specification must be a tree prefix of the output")
def vmap_out_axes_of_wrong_structure():
    vmap(lambda x: (x, x), out_axes=(0, 0, 0))(np.ones(3))


@case(ValueError, "out_axes=3 is out of range for an output of rank 2")
def vmap_out_axes_out_of_range():
    vmap(double, out_axes=3)(np.ones((3, 2)))


@case(NameError, "unbound axis name: rows", "axis_name='rows'")
def collective_over_an_unbound_axis():
    vmap(lambda x: lax.psum(x, "rows"), axis_name="columns")(np.ones(3))


@case(NameError, "unbound axis name: rows")
def collective_over_an_unbound_axis_in_jit():
    jit(lambda x: lax.axis_index("rows") + x)(1.0)


# ---------------------------------------------------------------------------------------------------- conversion


@case(
    errors.TracerBoolConversionError,
    "Attempted boolean conversion of traced array with shape bool[], which depends on the arguments of jit",
    "HERE",
    "np.where",
    "lax.cond",
    "static_argnums",
)
def truth_under_jit():
    def f(x):
        if x > 0:  # here
            return x
        return -x

    jit(f)(1.0)


@case(errors.TracerBoolConversionError, "bool[]", "differs from example to example under vmap", "HERE", "np.where")
def truth_under_vmap():
    vmap(lambda x: x if x > 0 else -x)(np.ones(3))  # here


@case(errors.TracerBoolConversionError, "bool[]", "differs from example to example under vmap", "HERE")
def truth_under_vmap_of_grad():
    vmap(grad(lambda x: x if x > 0 else -x))(np.ones(3))  # here


@case(errors.TracerBoolConversionError, "bool[]", "depends on the arguments of jit", "HERE")
def assertion_under_jit():
    def f(x):
        assert np.all(x > 0)  # here
        return x

    jit(f)(np.ones(3))


@case(errors.TracerBoolConversionError, "f32[]", "HERE", "& | ~")
def negation_under_jit():
    jit(lambda x: not x)(np.float32(1.0))  # here


@case(errors.ConcretizationTypeError, "f64[]", "depends on the arguments of jit, in int()", "HERE", "x.astype(int)")
def int_under_jit():
    jit(lambda x: int(x))(1.0)  # here


@case(errors.TracerIntegerConversionError, "__index__()", "i64[]", "HERE", "lax.fori_loop", "static_argnums")
def range_under_jit():
    jit(lambda n: [i for i in range(n)])(3)  # here


@case(errors.TracerIntegerConversionError, "__index__()", "i64[]", "under vmap", "HERE", "np.take")
def list_index_under_vmap():
    vmap(lambda i: [1.0, 2.0][i])(np.arange(2))  # here


@case(TypeError, "only integer arrays can be used as an index", "f64[]")
def index_by_a_float_under_jit():
    jit(lambda x: [1.0, 2.0][x])(1.0)


@case(
    errors.ConcretizationTypeError,
    "f32[]",
    "in float()",
    "depends on the arguments of jit",
    "HERE",
    "Leave out float()",
)
def float_under_jit():
    jit(lambda x: float(x))(np.float32(1.0))  # here


@case(
    errors.ConcretizationTypeError, "f64[]", "in float()", "cannot carry a derivative", "HERE", "lax.stop_gradient(x)"
)
def float_under_grad():
    grad(lambda x: float(x) ** 2)(3.0)  # here


@case(errors.ConcretizationTypeError, "f64[]", "in float()", "differs from example to example", "HERE")
def float_under_vmap():
    vmap(lambda x: float(x))(np.ones(3))  # here


@case(errors.ConcretizationTypeError, "f64[]", "in complex()", "HERE")
def complex_under_jit():
    jit(lambda x: complex(x))(1.0)  # here


@case(errors.ConcretizationTypeError, "f64[]", "in item()", "HERE", "at(a)[i].set(x); to leave the value out")
def item_under_grad():
    grad(lambda x: x.item() * 2)(3.0)  # here


@case(errors.TracerArrayConversionError, "__array__()", "f64[3]", "HERE", "np.stack([x, y])", "custom_jvp")
def array_under_jit():
    jit(lambda x: np.asarray(x))(np.ones(3))  # here


@case(errors.TracerArrayConversionError, "__array__()", "f64[2]", "HERE", "np.stack([x, y])")
def array_of_tracers_under_grad():
    grad(lambda x: np.sum(np.array([x, x], dtype=float)))(np.ones(2))  # here


@case(errors.TracerArrayConversionError, "__array__()", "HERE", "vgrad.numpy.at(a)[i].set(x)")
def assignment_of_a_tracer_into_an_array():
    def f(x):
        table = np.zeros((2, 3))
        table[0] = x  # here
        return np.sum(table)

    grad(f)(np.ones(3))


@case(errors.ConcretizationTypeError, "f64[]", "HERE", "vgrad.numpy.at(a)[i].set(x)")
def assignment_of_a_scalar_tracer_into_an_array():
    def f(x):
        table = np.zeros(3)
        table[0] = x  # here
        return np.sum(table)

    grad(f)(1.0)


@case(TypeError, "object does not support item assignment", "immutable", "x = x.at[idx].set(y)")
def assignment_into_a_traced_array():
    def f(x):
        x[0] = 1.0
        return x

    jit(f)(np.ones(3))


@case(TypeError, "np.sin(..., out=) writes into an array", "np.sin(...)")
def out_of_a_ufunc():
    grad(lambda x: np.sin(x, out=np.zeros(())))(1.0)


@case(errors.NonConcreteBooleanIndexError, "bool[3]", "HERE", "np.where")
def index_by_a_traced_mask():
    jit(lambda x: x[x > 0])(np.ones(3))  # here


@case(errors.UnexpectedTracerError, "unexpected tracer", "f64[]", "made by grad", "HERE", "Return the value")
def leaked_tracer():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x * x

    grad(f)(3.0)
    kept[0] + 1.0  # here


@case(errors.UnexpectedTracerError, "unexpected tracer", "f64[2]", "made by vmap")
def leaked_tracer_as_a_result():
    kept = []
    vmap(lambda x: kept.append(x) or x)(np.ones((3, 2)))
    jit(lambda: kept[0])()


# ------------------------------------------------------------------------------------------------------------- shapes


@case(errors.ShapeError, "add got incompatible shapes for broadcasting: (2, 3), (4,)", "HERE")
def shapes_of_an_elementwise_operation():
    jit(lambda x, y: x + y)(np.ones((2, 3)), np.ones(4))  # here


@case(errors.ShapeError, "max got incompatible shapes for broadcasting: (3,), (5,)", "HERE")
def shapes_of_an_elementwise_operation_under_vmap():
    vmap(lambda x, y: np.maximum(x, y))(np.ones((2, 3)), np.ones((2, 5)))  # here


@case(errors.ShapeError, "add got incompatible shapes for broadcasting: (2,), (3,)", "HERE")
def shapes_without_a_transformation():
    vnp.add(np.ones(2), np.ones(3))  # here


@case(errors.ShapeError, "select got incompatible shapes for broadcasting: (3,), (4,)", "HERE")
def shapes_of_a_choice():
    grad(lambda x: np.sum(np.where(np.ones(3, bool), x, 0.0)))(np.ones(4))  # here


@case(errors.ShapeError, "reshape", "(2, 3)", "(4,)", "HERE")
def shapes_of_a_reshape():
    grad(lambda x: np.sum(x.reshape(4)))(np.ones((2, 3)))  # here


@case(errors.ShapeError, "broadcast", "(2, 3)", "(2, 4)", "HERE")
def shapes_of_a_broadcast():
    jit(lambda x: np.broadcast_to(x, (2, 4)))(np.ones((2, 3)))  # here


@case(errors.ShapeError, "concatenate along axis 0", "(2, 3)", "(2, 4)", "HERE")
def shapes_of_a_concatenation():
    jit(lambda x, y: np.concatenate([x, y]))(np.ones((2, 3)), np.ones((2, 4)))  # here


@case(
    errors.ShapeError, "matmul: shapes (2, 3) and (4, 5)", "of the first has size 3", "of the second has size 4", "HERE"
)
def shapes_of_a_product():
    grad(lambda x: np.sum(x @ np.ones((4, 5))))(np.ones((2, 3)))  # here


@case(errors.ShapeError, "dot: shapes (3,) and (4,)", "HERE")
def shapes_of_a_dot():
    jit(lambda x, y: np.dot(x, y))(np.ones(3), np.ones(4))  # here


@case(errors.ShapeError, "einsum 'ij,jk->ik'", "'j'", "3", "f64[2,3]", "4", "f64[4,5]", "HERE")
def shapes_of_an_einsum():
    jit(lambda x, y: np.einsum("ij,jk->ik", x, y))(np.ones((2, 3)), np.ones((4, 5)))  # here


@case(MatrixShapeError, "solve", "(2, 3)", "HERE")
def shapes_of_a_linear_system():
    jit(lambda a: np.linalg.solve(a, np.ones(2)))(np.ones((2, 3)))  # here


@case(MatrixShapeError, "inv", "(2, 3)", "HERE")
def shapes_of_an_inverse():
    jit(lambda a: np.linalg.inv(a))(np.ones((2, 3)))  # here


@case(np.exceptions.AxisError, "axis 2", "dimension 2")
def axis_of_a_reduction():
    jit(lambda x: np.sum(x, axis=2))(np.ones((2, 3)))


@case(IndexError, "too many indices", "2", "3")
def too_many_indices():
    jit(lambda x: x[0, 0, 0])(np.ones((2, 4)))


@case(IndexError, "index 5", "axis 0", "size 2")
def index_out_of_bounds():
    jit(lambda x: x[5])(np.ones((2, 4)))


# ------------------------------------------------------------------------------------------------------ control flow


@case(
    TypeError,
    "scan body function carry input and carry output must have equal types, but they differ",
    "c['b']",
    "float64[]",
    "float64[2]",
    "shapes do not match",
)
def scan_carry_of_another_shape():
    lax.scan(lambda c, x: ({"a": c["a"], "b": np.ones(2)}, x), {"a": 1.0, "b": np.float64(1.0)}, np.ones(3))


@case(TypeError, "scan body function carry", "float32[2]", "float64[2]", "dtypes do not match")
def scan_carry_of_another_dtype():
    lax.scan(lambda carry, x: (carry * x, x), np.ones(2, np.float32), np.ones(3))


@case(TypeError, "scan body function carry input and carry output must have the same pytree structure")
def scan_carry_of_another_structure():
    lax.scan(lambda carry, x: ((carry, carry), x), 1.0, np.ones(3))


@case(TypeError, "scan body output must be a pair")
def scan_body_without_a_pair():
    lax.scan(lambda carry, x: (carry, carry, x), 1.0, np.ones(3))


@case(ValueError, "scan got values with different leading axis sizes: 3, 4")
def scan_of_inconsistent_lengths():
    lax.scan(lambda carry, x: (carry, x), 1.0, (np.ones(3), np.ones(4)))


@case(
    TypeError,
    "cond branches must have equal output types but they differ",
    "true_fun is keep",
    "false_fun is widen",
    "true_fun",
    "float64[]",
    "false_fun",
    "float64[2]",
)
def cond_branches_of_other_types():
    def keep(x):
        return x

    def widen(x):
        return np.ones(2) * x

    lax.cond(True, keep, widen, np.float64(1.0))


@case(TypeError, "cond branch outputs must have the same pytree structure, but they differ", "true_fun", "false_fun")
def cond_branches_of_other_structures():
    lax.cond(True, lambda x: (x, x), lambda x: x, 1.0)


@case(TypeError, "Pred must be a scalar, got", "of shape (2,)")
def cond_on_an_array():
    lax.cond(np.array([True, False]), double, double, 1.0)


@case(
    errors.ReverseModeError,
    "Reverse-mode differentiation does not work for lax.while_loop or lax.fori_loop with dynamic start/stop values",
    "lax.scan",
)
def reverse_mode_of_while_loop():
    grad(lambda x: lax.while_loop(lambda x: x < 10, double, x))(1.0)


@case(TypeError, "while_loop body function carry", "x[1]", "float64[]", "float64[2]")
def while_loop_carry_of_another_shape():
    lax.while_loop(lambda x: x[0] < 10, lambda x: (x[0] * 2, np.ones(2)), (1.0, np.float64(2.0)))


@case(TypeError, "cond_fun must return a boolean scalar, but got", "float64[]")
def while_loop_condition_that_is_no_boolean():
    lax.while_loop(lambda x: x, double, 1.0)


# ------------------------------------------------------------------------------------------------------- arguments


@case(ValueError, "Non-hashable static arguments are not supported", "1", "<class 'list'>", "unhashable type: 'list'")
def static_argument_that_has_no_hash():
    jit(twice, static_argnums=1)(1.0, [2])


@case(ValueError, "static_argnums=3", "twice has only 2 positional arguments")
def static_argument_that_does_not_exist():
    jit(twice, static_argnums=3)(1.0, 2.0)


@case(ValueError, "static_argnames=['z']", "twice has no parameters for")
def static_name_that_does_not_exist():
    jit(twice, static_argnames="z")(1.0, 2.0)


@case(TypeError, "grad: argument x of double", "'text'", "<class 'str'>", "not a valid vgrad array type")
def text_under_grad():
    grad(double)("text")


@case(TypeError, "jit: argument x['b'][1] of double", "'text'", "static_argnums")
def text_under_jit():
    jit(double)({"a": 1.0, "b": (2.0, "text")})


@case(TypeError, "vmap: argument y of twice", "<class 'object'>")
def object_under_vmap():
    vmap(twice, (0, None))(np.ones(3), object())


@case(TypeError, "output of words", "'text'")
def text_as_a_result():
    def words(x):
        return {"value": x, "name": "text"}

    jit(words)(1.0)


@case(TypeError, "argument x of double", "not a valid vgrad array type")
def object_array():
    eval_shape(double, np.array([None, None]))


@case(TypeError, "not a valid vgrad array type")
def text_to_a_function_of_the_surface():
    vnp.sin("text")


@case(errors.ShapeError, "normal accepts a single key, but was given a key array of shape (3, 2)", "vmap")
def batched_key():
    random.normal(random.split(random.PRNGKey(0), 3))


@case(AttributeError, "No JVP defined for custom_jvp function double using defjvp")
def custom_jvp_without_its_rule():
    custom_jvp(double)(1.0)


@case(AttributeError, "No VJP defined for custom_vjp function double using defvjp")
def custom_vjp_without_its_rules():
    custom_vjp(double)(1.0)


@case(AttributeError, "No batching rule defined for custom_vmap function double using def_vmap")
def custom_vmap_without_its_rule():
    custom_vmap(double)(1.0)


@case(errors.NotDifferentiable, "can't apply forward-mode differentiation (jvp) to a custom_vjp function")
def forward_mode_of_a_custom_vjp():
    f = custom_vjp(double)
    f.defvjp(lambda x: (2.0 * x, None), lambda _, cotangent: (2.0 * cotangent,))
    jvp(f, (1.0,), (1.0,))


@case(TypeError, "the JVP rule of double must return a pair (output, output tangent)")
def custom_jvp_rule_without_a_pair():
    f = custom_jvp(double)
    f.defjvp(lambda primals, tangents: 2.0)
    grad(f)(1.0)


@case(TypeError, "the JVP rule of double", "f64[]", "f64[3]")
def custom_jvp_rule_with_a_tangent_of_another_shape():
    f = custom_jvp(double)
    f.defjvp(lambda primals, tangents: (2.0 * primals[0], np.ones(3)))
    jvp(f, (1.0,), (1.0,))


@case(TypeError, "double must produce a tuple with one cotangent per differentiated argument (1), but got")
def custom_vjp_rule_with_too_many_cotangents():
    f = custom_vjp(double)
    f.defvjp(lambda x: (2.0 * x, None), lambda _, cotangent: (cotangent, cotangent))
    grad(f)(1.0)


@case(errors.TracerBoolConversionError, "bool[]", "HERE")
def truth_in_checkpoint():
    grad(checkpoint(lambda x: x if x > 0 else -x))(1.0)  # here


@case(errors.ShapeError, "(3,)", "(4,)", "HERE")
def shapes_in_an_activation():
    jit(lambda x: nn.relu(x) + np.ones(4))(np.ones(3))  # here
