"""Writes every stage of a compiled program into a folder, to be read: config.dump, or VGRAD_DUMP in the environment.

Relies on explain and build.
"""

import hashlib
import itertools
import os

from vgrad.compiler.build import optimised_ir
from vgrad.compiler.explain import explain, kernel_names

counter = itertools.count()


def dump(folder, staged, opened, context, block):
    """Write one program into a folder of its own in `folder`.

    1-staged.txt, 2-simplified.txt      the Jaxpr as it was staged, and as it is compiled
    3-explained.txt                     what vgrad.debug.explain shows
    kernels/k0.py, kernels/k0.ll, ...   each kernel as Python, and as LLVM optimised it
    Errors: OSError if the folder cannot be written. Optimises every kernel once more, also those that were cached.
    """
    text = str(staged)
    # The number orders the programs of a process; the digest keeps those of two processes apart.
    own = os.path.join(folder, f"{next(counter):04d}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    write(own, "1-staged.txt", text)
    write(own, "2-simplified.txt", str(opened))
    write(own, "3-explained.txt", explain(opened, context, block))
    for source, name in kernel_names(context).items():
        kinds = f"# {name}({', '.join(source.arguments)})\n"
        write(own, os.path.join("kernels", f"{name}.py"), kinds + source.text)
        write(own, os.path.join("kernels", f"{name}.ll"), optimised_ir(source))


def write(folder, name, text):
    """Write a file under another name and rename it, so that nobody reads half of it."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    os.replace(temporary, path)
