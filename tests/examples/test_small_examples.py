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


QUICK = ("influence", "ntk", "optimizers", "dp_sgd_cnn", "dp_char_lm", "dp_char_lm --model lstm")


@pytest.mark.filterwarnings("ignore")  # other libraries' warnings are not ours
@pytest.mark.parametrize("command", QUICK)
def test_runs_quickly_and_draws(command, tmp_path, monkeypatch):
    for library in ("dp_accounting", "sklearn", "tqdm", "matplotlib"):
        pytest.importorskip(library, reason="the examples' extra is not installed")
    name, *options = command.split()
    monkeypatch.setattr(sys, "argv", [name, *options, "--quick", "--output", str(tmp_path)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_parallel_runs_in_a_process_of_its_own():
    pytest.importorskip("joblib", reason="the examples' extra is not installed")
    command = [sys.executable, str(EXAMPLES / "parallel.py")]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "joblib" in done.stdout and "threads" in done.stdout
