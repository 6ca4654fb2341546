"""The list of passes, and what runs it.

Relies on the passes. jit and control flow run `simplified(jaxpr)`.
"""

from collections import namedtuple

from vgrad.config import config
from vgrad.core.interpreter import EVALUATE, interpreting
from vgrad.core.typecheck import typecheck
from vgrad.passes.algebra import RULES
from vgrad.passes.inline import inline_calls
from vgrad.passes.prune import drop_unused
from vgrad.passes.rewrite import with_rules
from vgrad.passes.share import share_equal

Pass = namedtuple("Pass", ["name", "run"])

PIPELINE = (
    Pass("open calls", inline_calls),
    Pass("simplify by algebra", with_rules(RULES)),
    Pass("share equal equations", share_equal),
    Pass("drop unused", drop_unused),
)


def run_passes(jaxpr, passes=PIPELINE):
    """The program after the passes, in order; type-checked between any two when config.check is set."""
    with interpreting(EVALUATE):
        for each in passes:
            jaxpr = each.run(jaxpr)
            if config.check:
                typecheck(jaxpr)
    return jaxpr


def simplified(jaxpr):
    """The program after all passes; kept with the Jaxpr."""
    return jaxpr.derived("simplified", lambda: run_passes(jaxpr))
