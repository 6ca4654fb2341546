"""The table of mathlib: which functions there are, and the kinds of their operands and results."""

import inspect

FUNCTIONS = {}  # name: (function, kinds of the operands, kind of the result), for example ("f32",), "f32"


def mathlib_function(function):
    """Enter a function into the table. Operands and result are of the kind its name ends in, or an annotation names."""
    usual = function.__name__.rpartition("_")[2]
    kinds = [function.__annotations__.get(operand, usual) for operand in inspect.signature(function).parameters]
    FUNCTIONS[function.__name__] = function, tuple(kinds), function.__annotations__.get("return", usual)
    return function
