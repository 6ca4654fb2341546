"""Forward mode and linear functions: jvp, linearize, linear_transpose.

Relies on boundary, staging and transforms.
"""

from vgrad import tree
from vgrad.api.boundary import filled, match_structure
from vgrad.api.staging import eval_shape
from vgrad.core.functions import Flat, finish, flatten_args, own, quiet
from vgrad.core.types import is_differentiable, type_of
from vgrad.transforms import jvp as forward
from vgrad.transforms import linearize as linearizing
from vgrad.transforms import transpose as transposing


@quiet
def jvp(fun, primals, tangents, has_aux=False):
    """(outputs, output tangents) of `fun` at `primals` in the direction `tangents`; with has_aux also aux.

    Errors: TypeError unless primals and tangents are tuples or lists of the same structure, shapes and dtypes.
    Cost:   about two runs of `fun`; nothing is kept.
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise TypeError(
                f"primal and tangent arguments to vgrad.jvp must be tuples or lists; found {name} of type "
                f"{type(value).__name__}. Write jvp(f, (x,), (v,))."
            )
    primals, tangents = tuple(primals), tuple(tangents)
    leaves, structure = flatten_args(fun, primals, purpose="jvp")
    values = match_structure(tangents, structure, [type_of(leaf) for leaf in leaves], "jvp: tangents", "primals", fun)
    flat = Flat(fun, structure, has_aux=has_aux)
    outputs, output_tangents = forward.jvp(flat, leaves, values)
    derivatives = [filled(tangent, output) for output, tangent in zip(outputs[: flat.count], output_tangents)]
    finished = finish(outputs + derivatives, leaves + values)
    result = flat.output_structure.unflatten(finished[: flat.count])
    tangent = flat.output_structure.unflatten(finished[len(outputs) :])
    if has_aux:
        return result, tangent, flat.aux_structure.unflatten(finished[flat.count : len(outputs)])
    return result, tangent


@quiet
def linearize(fun, *primals, has_aux=False):
    """(outputs, f_jvp): f_jvp maps tangents of the primals to tangents of the outputs without running `fun` again."""
    leaves, structure = flatten_args(fun, primals, purpose="linearize")
    leaves = own(leaves)
    flat = Flat(fun, structure, has_aux=has_aux)
    active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
    outputs, linear = linearizing.linearize(flat, leaves, active)
    residuals = linear.residuals()
    count, output_structure = flat.count, flat.output_structure
    types = [type_of(leaf) for leaf in leaves]

    @quiet
    def f_jvp(*tangents):
        values = match_structure(tangents, structure, types, "linearize: tangents", "primals", fun)
        results = linear(values)[:count]
        derivatives = [filled(tangent, output) for output, tangent in zip(outputs, results)]
        return output_structure.unflatten(finish(derivatives, values + residuals))

    finished = finish(outputs, leaves + residuals)
    result = output_structure.unflatten(finished[:count])
    if has_aux:
        return result, f_jvp, flat.aux_structure.unflatten(finished[count:])
    return result, f_jvp


def linear_transpose(fun, *primals):
    """The transpose of a linear `fun`: a function from a cotangent of the output to a tuple of cotangents.

    primals     arrays or ShapeDtypeStructs; only their types matter
    Errors:     TypeError when `fun` applies an operation that is not linear.
    """
    leaves, structure = tree.flatten(primals)
    types = [type_of(leaf).strong() for leaf in leaves]
    flat = Flat(fun, structure)
    abstract = eval_shape(fun, *primals)
    output_types, output_structure = tree.flatten(abstract)

    @quiet
    def transposed(cotangent):
        values = match_structure(
            cotangent,
            output_structure,
            [type_of(t) for t in output_types],
            "linear_transpose: the cotangent",
            "output",
            fun,
        )
        results = transposing.transpose(flat, types, [True] * len(types), values)
        derivatives = [filled(value, type_) for type_, value in zip(types, results)]
        return structure.unflatten(finish(derivatives, values))

    return transposed
