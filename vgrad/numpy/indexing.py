"""x[index], .at and the functions that take, put and find elements.

Relies on subscripts and array.
"""

from vgrad.numpy.array import at
from vgrad.numpy.subscripts import getitem

__all__ = ["at", "getitem"]
