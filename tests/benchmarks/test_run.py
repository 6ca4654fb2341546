"""run.py and report.py in one tiny setting with vgrad alone: rows, checks, failures, history, table."""

import json

import numpy as np
import pytest
import report
import run


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmarks") / "history.jsonl"
    run.main(f"--quick --workload logistic --mode plain,dp_step --batch 8 --impl vgrad --history {path}".split())
    return path


def test_each_row_has_times_starts_new_size_memory_and_error(history):
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    assert [(row["workload"], row["mode"], row["batch"], row["impl"]) for row in rows] == [
        ("logistic", "plain", 8, "vgrad"),
        ("logistic", "dp_step", 8, "vgrad"),
    ]
    for row in rows:
        assert "failure" not in row and 0 < row["min"] <= row["median"] and row["rounds"] == 3
        assert row["start_empty"] > row["median"] and row["start_warm"] > 0 and row["new_batch"] > 0
        assert 0 <= row["peak"] < row["process"]
        assert row["error"] < 1e-5 and row["bytes"] > 8 * 105 * 4 and row["machine"]["sgemm"]["vgrad"] > 0


def test_the_report_is_written_from_the_history(history, tmp_path):
    pytest.importorskip("matplotlib")
    report.main(["--history", str(history), "--output", str(tmp_path), "--quick"])
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| logistic | dp_step | 8 |" in text and "python benchmarks/run.py --quick" in text
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_an_implementation_that_does_not_start_is_a_failure_and_no_more(tmp_path, capsys):
    options = run.parse(["--impl", "jax", "--python", f"jax={tmp_path / 'missing'}", "--starts", "1"])
    row = run.Row("jax")
    row.attempt(lambda: run.Child(options, "jax"))
    row.attempt(lambda: pytest.fail("a row that failed is not tried again"))
    assert "No such file" in row.fields["failure"]


def test_a_child_that_dies_says_its_last_line():
    options = run.parse(["--impl", "vgrad"])
    with pytest.raises(run.Failure, match="ModuleNotFoundError.*no_such_workload"):
        run.Child(options, "vgrad", workload="no_such_workload", mode="plain", batch=3)


def test_relative_error_is_of_the_whole_leaf():
    assert run.relative_error(np.array([1.0, 1e-9]), np.array([1.0, 2e-9])) < 1e-8
    assert run.relative_error(np.array([1.0, np.nan]), np.array([1.0, 2.0])) != 0
    assert run.relative_error(np.ones(2), np.ones(3)) == float("inf")


def test_new_batch_sizes_differ_from_each_other_and_from_the_old():
    for batch in (16, 64, 256, 4096):
        sizes = run.new_batches(batch, 3)
        assert len({batch, *sizes}) == 4 and min(sizes) > 0


def test_too_large_results_are_refused():
    options = run.parse("--workload wide_mlp --mode per_example --batch 16,64".split())
    assert [(batch, note is None) for _, _, batch, _, note in run.plan(options)] == [(16, True), (64, False)]


def test_all_is_measured_at_one_batch_size_and_brief_implementations_at_no_other():
    options = run.parse("--workload mlp --mode plain --impl vgrad,torch_compile,autograd --brief torch_compile".split())
    assert [(batch, detailed) for _, _, batch, detailed, _ in run.plan(options)] == [
        (16, False),
        (64, True),
        (256, False),
    ]
    assert run.implementations(options, "plain", True) == ["vgrad", "torch_compile", "autograd"]
    assert run.implementations(options, "dp_step", False) == ["vgrad"]


def test_the_history_holds_no_paths():
    assert run.command(["--python", "jax=/somewhere/python", "--history", "/tmp/x", "--batch", "16"]) == (
        "python benchmarks/run.py --python jax=PATH --history PATH --batch 16"
    )
    assert str(run.Failure("No such file: '/home/me/bin/python3', 1 / 2")) == "No such file: 'python3', 1 / 2"


def test_a_way_to_a_dp_step_runs_no_other_mode_and_uses_its_librarys_interpreter():
    options = run.parse("--workload mlp --impl vgrad,jax_privacy,opacus --python jax=other".split())
    assert run.implementations(options, "dp_step", False) == ["vgrad", "jax_privacy", "opacus"]
    assert run.implementations(options, "per_example", True) == ["vgrad"]
    assert options.pythons["jax_privacy"] == "other" != options.pythons["opacus"]


def test_microbatch_sizes_divide_the_batch_and_their_gradients_fit():
    options = run.parse([])
    assert run.microbatches(options, "jax_privacy", "softmax", 16) == [1, 2, 4, 8, None]
    assert run.microbatches(options, "jax_privacy", "softmax", 12) == [1, 2, 4, None]
    assert run.microbatches(options, "jax_privacy", "wide_mlp", 64) == [1, 2, 4, 8, 16, 32]


def test_the_fastest_microbatch_size_stays_and_failing_ones_are_noted(monkeypatch, tmp_path):
    left = []

    class Child:
        def __init__(self, options, implementation, cache, timeout, microbatch, **settings):
            self.size = microbatch
            if microbatch == 4:
                raise run.Failure("out of memory")
            assert timeout == {1: None, 2: 6.0, 8: 8.0, None: 8.0}[microbatch]

        def seconds_to_first_result(self):
            return 4.0

        def ask(self, **order):
            return {"times": {1: [3.0], 2: [2.0, 2.5], 8: [4.0], None: [5.0]}[self.size]}

        def close(self):
            left.append(self.size)

    monkeypatch.setattr(run, "Child", Child)
    options, row = run.parse([]), run.Row("jax_privacy")
    options.folder = tmp_path
    run.open_with_best_microbatch(options, row, {"workload": "softmax", "batch": 16})
    assert row.child.size == row.fields["microbatch"] == 2 and left == [1, 8, None]
    assert row.fields["tried"] == {"1": 3.0, "2": 2.0, "4": "out of memory", "8": 4.0, "None": 5.0}


def test_a_short_run_leaves_the_figures_that_it_has_not():
    measured = report.Measured()
    for run_, impl, more in (("1", "vgrad", {"start_empty": 3.0}), ("1", "jax", {"start_empty": 2.0}), ("2", "jax", {}),
                             ("2", "vgrad", {}), ("3", "vgrad", {})):  # fmt: skip
        measured.add({"run": run_, "impl": impl, "median": float(run_), "ratio": float(run_), **more})
    assert measured.rows["vgrad"]["median"] == 3.0 and measured.rows["vgrad"]["start_empty"] == 3.0
    assert report.ratio(measured, "median") == 2.0 and report.ratio(measured, "start_empty") == 1.5
    measured.add({"run": "4", "impl": "vgrad", "failure": "no"})
    assert "start_empty" not in measured.rows["vgrad"]
