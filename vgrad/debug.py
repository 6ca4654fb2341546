"""Looks into the compiler: what a function is compiled to, and how many kernels were compiled.

Relies on api and, when called, on compiler.
"""

import contextlib

from vgrad.api import make_jaxpr


class Explained(str):
    """The text of a compiled program; it shows as it prints."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


def explain(fun, static_argnums=()):
    """A function that returns, for arguments like `fun`'s, the program that `jit(fun)` runs, as text; compiles nothing.

    One section per region, scan, while and cond, call of Python; in a region its kernels, with the primitives that were
    fused into each and the user's lines they come from, and its products; then buffers, flops, bytes, peak memory.
    Errors: TypeError for dtypes that no kernel knows (float16, longdouble), whose programs jit runs op by op.
    """
    stage = make_jaxpr(fun, static_argnums)

    def explain_f(*args, **kwargs):
        from vgrad.compiler import (
            assemble,
            executable,
            explain,
            programs,
            threads,
        )  # at their first use: they load LLVM

        jaxpr = programs.opened(stage(*args, **kwargs))
        if not executable.is_supported(jaxpr):
            raise TypeError("explain: kernels know no float16 and no longdouble; jit runs this program op by op.")
        context, block, _, _ = assemble.plan_program(jaxpr, threads.num_threads())
        return Explained(explain.explain(jaxpr, context, block))

    return explain_f


class Count:
    """How many kernels were compiled since it was made, until it stops: count.value or count()."""

    def __init__(self, total):
        self.total = total
        self.start = total()
        self.end = None

    @property
    def value(self):
        return (self.total() if self.end is None else self.end) - self.start

    def __call__(self):
        return self.value

    def __repr__(self):
        return f"<{self.value} compilations>"


@contextlib.contextmanager
def count_compilations():
    """`with count_compilations() as count:` counts kernels that are compiled inside, by any thread of this process.

    Kernels that were loaded from the disk cache, or are known from before, do not count. It stops with the block.
    """
    from vgrad.compiler import build  # at its first use: it loads LLVM

    count = Count(lambda: build.compilations)
    try:
        yield count
    finally:
        count.end = build.compilations
