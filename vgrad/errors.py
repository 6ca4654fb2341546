"""The errors vgrad raises. Names are JAX's where a JAX user would search for them.

Relies on source. Each message says what disagrees, where in the user's code, and what to write instead.
"""

from vgrad.source import user_line


class Located:
    """Mixin: adds the user's line to the message when the error is made."""

    def __init__(self, message, advice=""):
        place = user_line()
        lines = [message] + ([f"  at {place}"] if place else []) + ([f"  {advice}"] if advice else [])
        super().__init__("\n".join(lines))


class ShapeError(Located, TypeError, ValueError):
    """Shapes (or dtypes) of operands do not fit. A TypeError as in JAX and a ValueError as in NumPy."""


class ConcretizationTypeError(Located, TypeError):
    """A concrete value was needed (float(), int(), a shape) but the array is traced."""


class TracerArrayConversionError(ConcretizationTypeError):
    """np.asarray() or assignment into an ndarray was asked of a traced array."""


class TracerIntegerConversionError(ConcretizationTypeError):
    """A traced array was used as a Python integer: range(x), a list index, a shape."""


class TracerBoolConversionError(ConcretizationTypeError):
    """A traced array was used as a condition: if, while, and, or, not, assert."""


class NonConcreteBooleanIndexError(ConcretizationTypeError, IndexError):
    """A traced boolean mask was used as an index: the size of the result would depend on values."""


class UnexpectedTracerError(Located, TypeError):
    """A traced array was used outside the transformation that made it."""


class NotDifferentiable(Located, TypeError):
    """A derivative was asked of an operation that has none, or in a mode that it cannot have."""


class ReverseModeError(NotDifferentiable, ValueError):
    """Reverse mode was asked of a loop whose length is not known."""
