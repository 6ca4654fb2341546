"""The Python blocks of README and docs run, each page from top to bottom in one namespace; docstrings' examples too."""

import re
import textwrap
from pathlib import Path

import pytest

from vgrad import optim, perexample
from vgrad.core.primitive import REGISTRY

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    before = set(REGISTRY)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, f"{page.name} has no code"
    names = {}
    try:
        for block in blocks:
            exec(compile(block, str(page), "exec"), names)
    finally:
        for name in set(REGISTRY) - before:  # the pages' own primitives are not the library's
            del REGISTRY[name]


@pytest.mark.parametrize("module", [optim, perexample], ids=lambda module: module.__name__)
def test_examples_in_docstrings_run(module):
    _, _, example = module.__doc__.partition("\n\n    ")
    assert example, f"{module.__name__} has no example"
    exec(compile(textwrap.dedent("    " + example), module.__file__, "exec"), {})


def printed_programs(text):
    """(expression, what the page says it prints) of every `print(make_jaxpr(...))` followed by a comment."""
    for match in re.finditer(r"^print\((make_jaxpr.*)\)\n((?:# .*\n)+)", text, re.MULTILINE):
        yield match[1], re.sub(r"^# ", "", match[2], flags=re.MULTILINE)


def test_programs_print_as_the_readme_says():
    from vgrad import grad, make_jaxpr

    pairs = list(printed_programs((ROOT / "README.md").read_text()))
    assert pairs
    for expression, text in pairs:
        printed = str(eval(expression, {"grad": grad, "make_jaxpr": make_jaxpr}))
        assert printed.split() == text.split()
