"""The order of the layers, read from the import statements of vgrad/, and what `import vgrad` may load."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import vgrad

PACKAGE = Path(vgrad.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# A room may import from its own row's room and from the rows above.
LAYERS = [
    ("source", "config", "tree"),
    ("errors",),
    ("core",),
    ("primitives",),
    ("transforms",),
    ("passes",),
    ("control",),
    ("compiler",),
    ("numpy",),
    ("lax",),
    ("scipy",),
    ("random",),
    ("nn",),
    ("api",),
    ("optim", "perexample"),
    ("privacy",),
    ("debug", "testing", "tree_util", "flatten_util", "typing"),
    ("test_util",),
    ("vgrad",),
]
LEVELS = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# Within primitives/ too, an operation is made of those above it.
PRIMITIVES = ("broadcasting", "elementwise", "comparison", "shape", "indexing", "reduction", "contraction")

THIRD_PARTIES = {
    "numpy": "",
    "optree": "tree",
    "opt_einsum": "",
    "scipy": "",
    "numba": "compiler",
    "llvmlite": "compiler",
}
LAZY = {"scipy", "opt_einsum", "numba", "llvmlite"}  # imported inside functions: they take longer than vgrad itself
# The compiler is imported at the first compiled call; of it these, with Numba, only if something must be compiled then.
COMPILING = tuple(f"vgrad.compiler.{name}" for name in ("frontend", "intrinsics", "mathlib", "native"))


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "vgrad"


@functools.cache
def imports_of(path):
    """(module, inside a function) for every import statement; `from vgrad import tree` counts as vgrad.tree."""
    found = []

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                submodules = [
                    f"{child.module}.{alias.name}"
                    for alias in child.names
                    if (PACKAGE.parent / child.module.replace(".", "/") / f"{alias.name}.py").exists()
                    or (PACKAGE.parent / child.module.replace(".", "/") / alias.name / "__init__.py").exists()
                ]
                found.extend((module, inside) for module in submodules or [child.module])
            visit(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(path.read_text()), False)
    return found


def in_vgrad(module):
    return module == "vgrad" or module.startswith("vgrad.")


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


@every_file
def test_imports_go_down_the_layers(path):
    own = room_of(module_of(path))
    assert own in LEVELS, f"{own} has no place in the layers"
    for module, _ in imports_of(path):
        if in_vgrad(module):
            other = room_of(module)
            assert other == own or LEVELS[other] < LEVELS[own], f"{own} must not import {module}"


def test_primitives_are_in_order():
    for path in FILES:
        if path.parent.name == "primitives" and path.stem in PRIMITIVES:
            for module, _ in imports_of(path):
                name = module.rpartition(".")[2]
                if module.startswith("vgrad.primitives.") and name in PRIMITIVES:
                    assert PRIMITIVES.index(name) < PRIMITIVES.index(path.stem), f"{path.stem} must not import {name}"


def test_no_module_imports_itself_in_a_circle():
    graph = {}
    for path in FILES:
        own = module_of(path)
        graph[own] = {module for module, _ in imports_of(path) if in_vgrad(module) and module != own}
    assert list(graphlib.TopologicalSorter(graph).static_order())


@every_file
def test_imports_stand_at_the_top(path):
    for module, inside in imports_of(path):
        if inside:
            lazy = module.split(".")[0] in LAZY or module.startswith("vgrad.compiler")
            assert lazy, f"{module} is imported inside a function"


@every_file
def test_the_compiler_is_imported_at_its_first_use(path):
    own = module_of(path)
    for module, inside in imports_of(path):
        if not inside and not own.startswith(COMPILING):
            assert not module.startswith(COMPILING), f"{module} must be imported where something is compiled"
            assert room_of(own) == "compiler" or not module.startswith("vgrad.compiler"), f"{module}: at its first use"


@every_file
def test_third_parties_are_fenced(path):
    place = str(path.relative_to(PACKAGE))
    for module, inside in imports_of(path):
        name = module.split(".")[0]
        if in_vgrad(module) or name in sys.stdlib_module_names:
            continue
        assert name in THIRD_PARTIES, f"{module} is not a dependency"
        assert place.startswith(THIRD_PARTIES[name]), f"{name} belongs into {THIRD_PARTIES[name]} alone"
        own = module_of(path)
        early = name == "llvmlite" and room_of(own) == "compiler" or own.startswith(COMPILING)
        assert inside or name not in LAZY or early, f"{name} must be imported at its first use"


def loaded_modules(statement):
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def loaded(statement):
    return {module.split(".")[0] for module in loaded_modules(statement)}


def test_import_vgrad_loads_nothing_slow():
    slow = {"numba", "llvmlite", "scipy", "opt_einsum", "sklearn", "matplotlib", "jax", "torch", "autograd"}
    assert not loaded("import vgrad") & slow
    assert not loaded_modules("import vgrad, vgrad.numpy, vgrad.lax") & {"vgrad.compiler"}


def test_an_eager_gradient_needs_no_numba():
    assert not loaded("import numpy as np, vgrad; vgrad.grad(lambda x: np.sum(np.tanh(x)))(np.ones(3))") & {
        "numba",
        "llvmlite",
        "scipy",
    }


@every_file
def test_every_file_opens_with_a_docstring(path):
    assert ast.get_docstring(ast.parse(path.read_text())), "the file says what it is"
