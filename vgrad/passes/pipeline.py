"""The list of passes, and what runs it.

Relies on the passes.
"""


def simplified(jaxpr):
    """The program after all passes; kept with the Jaxpr."""
    return jaxpr
