"""Reverse mode: grad, value_and_grad, vjp.

Relies on boundary and transforms.
"""

import functools

import numpy as np

from vgrad import tree
from vgrad.api.boundary import filled, match_structure, selected
from vgrad.core.functions import Flat, finish, flatten_args, name_of, own, quiet
from vgrad.core.types import is_differentiable, type_of
from vgrad.transforms import linearize as linearizing
from vgrad.transforms import transpose as transposing


def value_and_grad(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """A function that returns the value of `fun` and its gradient.

    argnums         the positional argument(s) to differentiate; an int, or a tuple for a tuple of gradients
    has_aux         `fun` returns (value, auxiliary); the result is ((value, auxiliary), gradient)
    holomorphic     `fun` is complex-differentiable; inputs and output are complex
    allow_int       integer inputs are allowed; their gradients have the empty dtype float0
    The gradient has the structure, shapes and dtypes of the argument.
    Errors: TypeError unless the output is a real scalar (complex with holomorphic) and the inputs are floats.
    Cost:   one run of `fun`, and about two more for the gradient, whatever the number of inputs.
    """

    @functools.wraps(fun)
    @quiet
    def value_and_grad_f(*args, **kwargs):
        leaves, structure, partial, names = selected(fun, argnums, args, kwargs, "grad")
        for number, leaf in enumerate(leaves):
            check_grad_input(leaf, holomorphic, allow_int, number, names)
        flat = Flat(partial, structure, has_aux=has_aux)
        active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
        outputs, linear = linearizing.linearize(flat, leaves, active)
        value = check_grad_output(fun, flat, outputs, holomorphic)
        value_type = type_of(value)
        seed = 1.0 if value_type.weak else value_type.dtype.type(1)
        cotangents = transposing.backward(linear, [seed] + [None] * (len(outputs) - 1))
        gradients = [filled(cotangent, leaf) for leaf, cotangent in zip(leaves, cotangents)]
        finished = finish(outputs + gradients, tree.leaves((args, kwargs)))
        value, aux, gradients = finished[0], finished[1 : len(outputs)], finished[len(outputs) :]
        gradient = structure.unflatten(gradients)
        gradient = gradient[0] if isinstance(argnums, (int, np.integer)) else gradient
        if has_aux:
            return (value, flat.aux_structure.unflatten(aux)), gradient
        return value, gradient

    return value_and_grad_f


def grad(fun, argnums=0, has_aux=False, holomorphic=False, allow_int=False):
    """A function that returns the gradient of `fun`; with has_aux, (gradient, auxiliary). See value_and_grad."""
    both = value_and_grad(fun, argnums, has_aux, holomorphic, allow_int)

    @functools.wraps(fun)
    def grad_f(*args, **kwargs):
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return grad_f


def check_grad_input(leaf, holomorphic, allow_int, number, names):
    dtype = type_of(leaf).dtype
    if holomorphic and dtype.kind != "c":
        raise TypeError(
            f"grad with holomorphic=True requires inputs with complex dtype, but got {dtype.name} for "
            f"{names()[number]}. Leave holomorphic=True out for real inputs."
        )
    if not is_differentiable(dtype) and not allow_int:
        raise TypeError(
            "grad requires real- or complex-valued inputs (input dtype that is a sub-dtype of np.inexact), but got "
            f"{dtype.name} for {names()[number]}. Write the input as a float (3.0, x.astype(float)). If you want to "
            "use Boolean- or integer-valued inputs, use vjp or set allow_int to True."
        )


def check_grad_output(fun, flat, outputs, holomorphic):
    if flat.count != 1 or flat.output_structure.num_nodes != 1:
        raise TypeError(
            f"Gradient only defined for scalar-output functions. Output was a {flat.output_structure}. "
            "Return one scalar, with has_aux=True for further outputs; use jacrev or vjp for several outputs."
        )
    type_ = type_of(outputs[0])
    if type_.shape != ():
        raise TypeError(
            f"Gradient only defined for scalar-output functions. Output had shape: {type_.shape}. "
            f"For one gradient per example write vmap(grad({name_of(fun)})); to differentiate a total write "
            "grad(lambda x: np.sum(f(x))); for all derivatives of all outputs write jacrev or jacfwd."
        )
    if holomorphic:
        if type_.dtype.kind != "c":
            raise TypeError(
                f"grad with holomorphic=True requires outputs with complex dtype, but got {type_.dtype.name}."
            )
    elif type_.dtype.kind == "c":
        raise TypeError(
            "grad requires real-valued outputs (output dtype that is a sub-dtype of np.floating), but got "
            f"{type_.dtype.name}. For holomorphic differentiation, pass holomorphic=True. For differentiation of "
            "non-holomorphic functions involving complex outputs, use vgrad.vjp directly."
        )
    elif type_.dtype.kind != "f":
        raise TypeError(
            "grad requires real-valued outputs (output dtype that is a sub-dtype of np.floating), but got "
            f"{type_.dtype.name}. If you want to use Boolean- or integer-valued outputs, use vgrad.vjp."
        )
    return outputs[0]


@quiet
def vjp(fun, *primals, has_aux=False):
    """(outputs, vjp_fun), with has_aux (outputs, vjp_fun, aux). vjp_fun takes a cotangent like the outputs and returns
    a tuple of cotangents, one per primal.

    Cost: the values that the derivatives need are kept until vjp_fun is dropped; it may be called many times.
    """
    leaves, structure = flatten_args(fun, primals, purpose="vjp")
    leaves = own(leaves)
    flat = Flat(fun, structure, has_aux=has_aux)
    active = [is_differentiable(type_of(leaf).dtype) for leaf in leaves]
    outputs, linear = linearizing.linearize(flat, leaves, active)
    residuals = linear.residuals()
    count, output_structure = flat.count, flat.output_structure
    output_types = [type_of(output) for output in outputs[:count]]
    linear.outputs = linear.outputs[:count]

    @quiet
    def vjp_fun(*cotangent):
        if len(cotangent) == 1:
            (cotangent,) = cotangent
        values = match_structure(cotangent, output_structure, output_types, "vjp: the cotangent", "outputs", fun)
        cotangents = transposing.backward(linear, values)
        results = [filled(value, leaf) for leaf, value in zip(leaves, cotangents)]
        return structure.unflatten(finish(results, values + residuals))

    finished = finish(outputs, leaves + residuals)
    result = output_structure.unflatten(finished[:count])
    if has_aux:
        return result, vjp_fun, flat.aux_structure.unflatten(finished[count:])
    return result, vjp_fun
