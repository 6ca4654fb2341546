"""Solutions of equations, differentiated by the implicit function theorem: custom_root, custom_linear_solve.

Relies on programs and custom. How a solution was found does not matter for its derivatives, so the solver may loop.
"""

from vgrad import tree
from vgrad.control.call import present, spread
from vgrad.control.custom import is_float0, zero_tangent
from vgrad.control.custom_jvp import custom_jvp_call
from vgrad.control.programs import (
    arrays_of,
    batch_jaxpr,
    check_types,
    closed,
    jvp_jaxpr,
    rearranged,
    same_type,
    transpose_jaxpr,
    with_outer_inputs,
)
from vgrad.core.functions import Flat, flatten_args, name_of
from vgrad.core.primitive import STRUCTURAL, Primitive
from vgrad.core.types import is_differentiable, type_of, zeros
from vgrad.errors import ReverseModeError
from vgrad.passes.pipeline import simplified
from vgrad.primitives.elementwise import neg, sub
from vgrad.transforms.batch import materialize
from vgrad.transforms.evaluate import evaluate
from vgrad.transforms.linearize import linearize
from vgrad.transforms.stage import stage


def check_like(what, structure, types, wanted_structure, wanted):
    """Raise TypeError unless a user's function gave the structure and types wanted."""
    if structure != wanted_structure:
        raise TypeError(f"{what} must have the structure {wanted_structure}, but has the structure {structure}.")
    for type_, other in zip(types, wanted):
        if not same_type(type_, other):
            raise TypeError(f"{what} must have the types {list(map(str, wanted))}, but has {list(map(str, types))}.")


def staged(function, structure, types, has_aux=False):
    """(jaxpr, outer values, Flat) of a function of one pytree."""
    flat = Flat(function, structure, has_aux=has_aux)
    return *stage(flat, types), flat


# --------------------------------------------------------------------------------------------------------------- root


def custom_root(f, initial_guess, solve, tangent_solve, has_aux=False):
    """A root of f, found by solve(f, initial_guess); its derivatives follow from f(root) = 0 alone.

    f               pytree -> pytree of the same structure and types; may close over what is differentiated
    solve           (f, initial_guess) -> root; with has_aux -> (root, aux), aux without derivatives
    tangent_solve   (g, y) -> x with g(x) = y, for g linear; must itself be differentiable, in y linear
    Reverse mode transposes tangent_solve.
    """
    leaves, structure = flatten_args(solve, (initial_guess,), purpose="lax.custom_root")
    own = tree.structure(initial_guess)
    types = [type_of(leaf).strong() for leaf in leaves]
    residual, f_values, f_flat = staged(f, structure, types)
    check_like("the output of f in custom_root", f_flat.output_structure, residual.output_types, own, types)
    solver, solve_values, solve_flat = staged(lambda guess: solve(f, guess), structure, types, has_aux)
    count = len(types)
    check_like(
        "the root that solve gives in custom_root",
        solve_flat.output_structure,
        solver.output_types[:count],
        own,
        types,
    )
    active = [is_differentiable(type_.dtype) for type_ in types]

    def rule(primals, tangents):
        outputs = bind(primals)
        root, values = outputs[:count], primals[: len(f_values)]
        moving = [None if is_float0(tangent) else tangent for tangent in tangents[: len(f_values)]]
        output_tangents = [zero_tangent(type_of(output)) for output in outputs]
        both, _ = jvp_jaxpr(residual, [t is not None for t in moving] + [False] * count, [True] * count)
        pushed = evaluate(both, *values, *root, *present(moving))[count:]
        _, linear = linearize(lambda *x: evaluate(residual, *values, *x), root, active)

        def g(x):
            results = linear(tree.leaves(x))
            return own.unflatten([zeros(t) if result is None else result for t, result in zip(types, results)])

        output_tangents[:count] = [neg(t) for t in tree.leaves(tangent_solve(g, own.unflatten(pushed)))]
        return outputs, output_tangents

    def bind(operands):
        name = f"custom_root({name_of(f)})"
        return custom_jvp_call(*operands, function=program, rule=rule, name=name)

    program = with_outer_inputs(solver, [], f_values)
    outputs = bind([*f_values, *solve_values, *leaves])
    root = own.unflatten(outputs[:count])
    return (root, solve_flat.aux_structure.unflatten(outputs[count:])) if has_aux else root


# ------------------------------------------------------------------------------------------------------- linear solve


def custom_linear_solve(matvec, b, solve, transpose_solve=None, symmetric=False, has_aux=False):
    """x with matvec(x) = b, found by solve(matvec, b); its derivatives are solutions of the same system.

    matvec              linear, pytree like b -> pytree like b; may close over what is differentiated
    solve               (matvec, b) -> x; with has_aux -> (x, aux), aux without derivatives
    transpose_solve     (vecmat, b) -> x for the transposed system, needed in reverse mode
    symmetric           matvec is its own transpose: `solve` serves when there is no transpose_solve
    """
    leaves, structure = flatten_args(solve, (b,), purpose="lax.custom_linear_solve")
    own = tree.structure(b)
    types = [type_of(leaf).strong() for leaf in leaves]
    count = len(types)
    product, product_values, flat = staged(matvec, structure, types)
    check_like("the output of matvec in custom_linear_solve", flat.output_structure, product.output_types, own, types)
    solver, solve_values, solve_flat = staged(lambda b: solve(matvec, b), structure, types, has_aux)
    check_solution("solve", solve_flat, solver, own, types)
    transpose_solver, transpose_values = None, []
    if transpose_solve is None and symmetric:
        transpose_solve = solve
    if transpose_solve is not None:
        vecmat = matvec if symmetric else transposed_function(product, product_values, own)
        transpose_solver, transpose_values, transpose_flat = staged(
            lambda b: transpose_solve(vecmat, b), structure, types, has_aux
        )
        check_solution("transpose_solve", transpose_flat, transpose_solver, own, types)
        transpose_solver = rearranged(transpose_solver, transpose_solver.inputs, transpose_solver.outputs[:count])
    outputs = linear_solve(
        *product_values,
        *solve_values,
        *transpose_values,
        *leaves,
        matvec=product,
        solve=solver,
        transpose_solve=transpose_solver,
        consts=(len(product_values), len(solve_values), len(transpose_values)),
    )
    x = own.unflatten(outputs[:count])
    return (x, solve_flat.aux_structure.unflatten(outputs[count:])) if has_aux else x


def check_solution(name, flat, jaxpr, structure, types):
    what = f"the solution that {name} gives in custom_linear_solve"
    check_like(what, flat.output_structure, jaxpr.output_types[: len(types)], structure, types)


def transposed_program(matvec, consts):
    """The program of the transpose: consts, then a cotangent -> a cotangent."""

    def make():
        types = matvec.input_types[consts:]
        linear = [False] * consts + [True] * len(types)
        program, nonzero = transpose_jaxpr(matvec, linear, [True] * len(matvec.outputs))

        def filled(*values):
            results = spread(evaluate(program, *values), nonzero[consts:])
            return [zeros(type_) if result is None else result for type_, result in zip(types, results)]

        return closed(filled, program.input_types)

    return matvec.derived(("transposed", consts), make)


def transposed_function(matvec, values, structure):
    """The transpose as a function of a pytree."""
    program = transposed_program(matvec, len(values))
    return lambda x: structure.unflatten(evaluate(program, *values, *tree.leaves(x)))


def parts(operands, consts):
    """(consts of matvec, of solve, of transpose_solve, b)."""
    first, second, third = consts[0], sum(consts[:2]), sum(consts)
    return operands[:first], operands[first:second], operands[second:third], operands[third:]


def linear_solve_type(*types, matvec, solve, transpose_solve, consts):
    of_matvec, of_solve, _, b = parts(types, consts)
    check_types("custom_linear_solve", "operands of matvec", of_matvec + b, matvec.input_types)
    check_types("custom_linear_solve", "operands of solve", of_solve + b, solve.input_types)
    return tuple([type_.strong() for type_ in solve.output_types])


def linear_solve_evaluate(*operands, matvec, solve, transpose_solve, consts):
    _, of_solve, _, b = parts(operands, consts)
    outputs = evaluate(simplified(solve), *arrays_of((*of_solve, *b), solve.input_types))
    return tuple(arrays_of(outputs, solve.output_types))


def linear_solve_jvp(operands, tangents, **params):
    """From A x = b: A dx = db - dA x. Tangents of what the solver alone uses do not count."""
    matvec, consts = params["matvec"], params["consts"]
    of_matvec, of_solve, of_transpose, b = parts(operands, consts)
    moving, _, _, b_tangents = parts(tangents, consts)
    outputs = linear_solve(*operands, **params)
    x = outputs[: len(b)]
    active = [tangent is not None for tangent in moving]
    both, moved = jvp_jaxpr(matvec, active + [False] * len(b), [False] * len(b))
    pushed = (
        spread(evaluate(both, *of_matvec, *x, *present(moving))[len(b) :], moved) if any(active) else [None] * len(b)
    )
    right = [difference(*pair) for pair in zip(b_tangents, pushed)]
    if not present(right):
        return outputs, [None] * len(outputs)
    right = [zeros(type_of(value)) if tangent is None else tangent for tangent, value in zip(right, b)]
    solution = linear_solve(*of_matvec, *of_solve, *of_transpose, *right, **params)
    return outputs, [*solution[: len(b)], *[None] * (len(outputs) - len(b))]


def difference(tangent, pushed):
    if pushed is None:
        return tangent
    return neg(pushed) if tangent is None else sub(tangent, pushed)


def linear_solve_transpose(cotangents, operands, linear, *, matvec, solve, transpose_solve, consts):
    if transpose_solve is None:
        raise ReverseModeError(
            "transpose_solve required for backwards mode automatic differentiation of custom_linear_solve.",
            "Give transpose_solve=, or symmetric=True for a matvec that is its own transpose.",
        )
    of_matvec, of_solve, of_transpose, b = parts(operands, consts)
    filled = [zeros(type_) if c is None else c for c, type_ in zip(cotangents, map(type_of, b))]
    results = linear_solve(
        *of_matvec,
        *of_transpose,
        *of_solve,
        *filled,
        matvec=transposed_program(matvec, consts[0]),
        solve=transpose_solve,
        transpose_solve=rearranged(solve, solve.inputs, solve.outputs[: len(b)]),
        consts=(consts[0], consts[2], consts[1]),
    )
    flags = linear[sum(consts) :]
    return [None] * sum(consts) + [result if flag else None for result, flag in zip(results, flags)]


def linear_solve_batch(axis, operands, mapped_axes, *, matvec, solve, transpose_solve, consts):
    """Every part of b and of the solution gets the mapped axis."""
    count = len(operands) - sum(consts)
    mapped = [place is not None for place in mapped_axes[: sum(consts)]] + [True] * count
    moved = [
        materialize(operand, place, 0, axis.size) if flag else operand
        for operand, place, flag in zip(operands, mapped_axes, mapped)
    ]

    def batched(jaxpr, flags):
        return batch_jaxpr(jaxpr, axis, [*flags, *[True] * count], [True] * len(jaxpr.outputs))[0]

    for_matvec, for_solve, for_transpose, _ = parts(mapped, consts)
    outputs = linear_solve(
        *moved,
        matvec=batched(matvec, for_matvec),
        solve=batched(solve, for_solve),
        transpose_solve=None if transpose_solve is None else batched(transpose_solve, for_transpose),
        consts=consts,
    )
    return outputs, (0,) * len(outputs)


linear_solve = Primitive(
    "custom_linear_solve",
    output_type=linear_solve_type,
    evaluate=linear_solve_evaluate,
    jvp=linear_solve_jvp,
    linearize=linear_solve_jvp,
    transpose=linear_solve_transpose,
    batch=linear_solve_batch,
    lower=STRUCTURAL,
    multiple_outputs=True,
    holds_programs=True,
)
