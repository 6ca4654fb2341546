"""The core: array types, Jaxprs, primitives and the current interpreter. Knows no operation."""

from vgrad.core import printer as printer  # Jaxprs print themselves with it
