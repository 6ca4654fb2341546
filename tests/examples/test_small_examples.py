"""The small examples run to their last assertion."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.parametrize("name", ["numpy_only", "per_example_gradients"])
def test_runs(name, capsys):
    pytest.importorskip("sklearn", reason="the examples' extra is not installed")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out
