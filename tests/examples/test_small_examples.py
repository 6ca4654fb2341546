"""The small examples run to their last assertion."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.mark.parametrize("name", ["numpy_only", "per_example_gradients"])
def test_runs(name, capsys):
    pytest.importorskip("sklearn", reason="the examples' extra is not installed")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out


def test_parallel_runs_in_a_process_of_its_own():
    pytest.importorskip("joblib", reason="the examples' extra is not installed")
    command = [sys.executable, str(EXAMPLES / "parallel.py")]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "joblib" in done.stdout and "threads" in done.stdout
