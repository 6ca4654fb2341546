"""The Jaxpr: a program as a list of equations, typed, each variable bound once.

Relies on types. stage makes them, evaluate runs them, passes rewrite them, printer prints them.
"""

from vgrad.core.types import ArrayType, type_of


class Var:
    """A variable: an input, a constant or the output of one equation. Compared by identity."""

    __slots__ = ("type",)

    def __init__(self, type_):
        self.type = type_

    def __repr__(self):
        return f"Var({self.type})"


class Literal:
    """A scalar that stands in an equation itself. `value` is a Python or NumPy scalar."""

    __slots__ = ("value", "type")

    def __init__(self, value, type_=None):
        self.value = value
        self.type = type_ or type_of(value)

    def __repr__(self):
        return f"Literal({self.value!r})"


class Equation:
    """outputs = primitive[params] operands."""

    __slots__ = ("primitive", "operands", "params", "outputs", "source")

    def __init__(self, primitive, operands, params, outputs, source=None):
        self.primitive = primitive
        self.operands = tuple(operands)
        self.params = params
        self.outputs = tuple(outputs)
        self.source = source


class Jaxpr:
    """A program: inputs (Var), equations in order, outputs (Var or Literal), and constants (a list of (Var, array)).

    Never changed after it is made: a pass makes a new one. `memo` caches what is derived from it.
    """

    __slots__ = ("inputs", "equations", "outputs", "constants", "memo", "__weakref__")

    def __init__(self, inputs, equations, outputs, constants=()):
        self.inputs = tuple(inputs)
        self.equations = tuple(equations)
        self.outputs = tuple(outputs)
        self.constants = tuple(constants)
        self.memo = {}

    @property
    def input_types(self):
        return tuple([var.type for var in self.inputs])

    @property
    def output_types(self):
        return tuple([atom.type for atom in self.outputs])

    def derived(self, key, make):
        """What `make()` gives, kept with the Jaxpr under `key`."""
        try:
            return self.memo[key]
        except KeyError:
            self.memo[key] = make()
            return self.memo[key]

    def __repr__(self):
        inputs = " ".join(map(str, self.input_types))
        outputs = " ".join(map(str, self.output_types))
        return f"<Jaxpr {len(self.equations)} equations, {inputs} -> {outputs}>"

    def __str__(self):
        return self.memo.setdefault("text", PRINT(self))


PRINT = repr  # core.printer sets it when it is imported


def subprograms(equation):
    """(param name, Jaxpr) for every program that an equation holds."""
    for name, value in equation.params.items():
        if isinstance(value, Jaxpr):
            yield name, value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Jaxpr):
                    yield name, item


def fresh(types):
    """New variables of these types."""
    return tuple([Var(type_ if isinstance(type_, ArrayType) else type_of(type_)) for type_ in types])
