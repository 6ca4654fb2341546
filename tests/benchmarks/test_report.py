"""report.py on made-up histories: what is shown of several runs, and what the ratios are of."""

import json

import pytest
import report


def row(run, implementation, median=None, mode="dp_step", **fields):
    if median is not None:
        fields |= {"median": median, "medians": [median, median]}
    return {"run": run, "workload": "mlp", "mode": mode, "batch": 64, "impl": implementation, "quick": False, **fields}


def measured(tmp_path, *rows):
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return report.read(path, quick=False)


STEP = "mlp", "dp_step", 64


def test_the_latest_row_of_each_implementation_is_shown_and_ratios_are_of_one_run(tmp_path):
    chosen = measured(
        tmp_path,
        row("1", "vgrad", 4.0, ratio=0.5),
        row("1", "jax", 8.0, ratio=1.0),
        row("1", "torch", 9.0),
        row("2", "vgrad", 1.0),
        row("2", "torch", 3.0),
    )
    shown = chosen[STEP].rows
    assert [shown[name]["run"] for name in ("vgrad", "jax", "torch")] == ["2", "1", "2"]
    assert report.ratio(chosen[STEP], "median") == 0.5


def test_the_best_way_is_the_fastest_of_a_run_that_tried_all(tmp_path):
    chosen = measured(
        tmp_path,
        row("1", "vgrad", 1.0),
        row("1", "jax", 10.0),
        row("1", "jax_two_pass", 4.0, microbatch=1),
        row("1", "jax_privacy", 5.0, microbatch=None),
        row("1", "torch", 8.0),
        row("1", "opacus", 2.0),
        row("1", "opacus_ghost", failure="NotImplementedError: Parameter tying is not supported with Ghost Clipping"),
        row("2", "vgrad", 1.0),
        row("2", "jax_two_pass", 0.5, microbatch=2),
    )
    assert report.best_way(chosen[STEP], "jax") == ("jax_two_pass", 0.25)
    assert report.best_way(chosen[STEP], "torch") == ("opacus", 0.5)
    [line] = report.step_times(chosen)[2:]
    assert line == (
        "| mlp | 64 | 1 s | 10 s | 500 ms (2) | 5 s (all) | 8 s | 2 s | not supported | "
        "0.25 (jax_two_pass) | 0.50 (opacus) |  |"
    )


def test_the_step_against_the_plain_one_and_the_geometric_mean_are_bold_where_missed(tmp_path):
    chosen = measured(
        tmp_path,
        row("1", "vgrad", 1.5),
        row("1", "vgrad", 1.0, mode="plain"),
        row("2", "vgrad", 9.0),
    )
    assert report.to_plain(chosen, STEP) == pytest.approx(1.5)
    [line] = report.targets_met("DP step", report.step_ratios(chosen))[2:]
    assert line == "| time / that of the plain step | 1.4 | 0 of 1 | 1.50 | mlp 64 (1.50) | 1.25 | **1.50** |"


def test_a_failure_is_named_for_what_it_is():
    assert report.what_failed("NotImplementedError: tied weights") == "not supported"
    assert report.what_failed("per-example results of 6.4 GB: refused") == "refused"
    assert report.what_failed("took more than 60 s") == "failed"
