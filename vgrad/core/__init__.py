"""The core: array types, Jaxprs, primitives and the current interpreter. Knows no operation."""
