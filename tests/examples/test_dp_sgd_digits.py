"""The main job on few steps: it trains, its budget adds up, and a killed run resumes as if nothing had happened."""

import sys
from pathlib import Path

import numpy as np
import pytest

for library in ("dp_accounting", "sklearn", "tqdm", "matplotlib"):
    pytest.importorskip(library, reason="the examples' extra is not installed")

import dp_sgd_digits as job  # noqa: E402
import private_training  # noqa: E402

from vgrad import random  # noqa: E402


def run(monkeypatch, folder, *options):
    monkeypatch.setattr(sys, "argv", ["dp_sgd_digits.py", "--epochs", "3", "--output", str(folder), *options])
    job.main()


def saved(folder):
    with np.load(folder / "checkpoint.npz") as checkpoint:
        return {name: checkpoint[name] for name in checkpoint.files}


class Killed(Exception):
    pass


@pytest.mark.filterwarnings("ignore")  # other libraries' warnings are not ours
def test_a_killed_run_resumes_with_the_same_budget_parameters_and_history(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path / "whole")
    private_step, calls = job.private_step, []

    def killed_in_the_second_epoch(*args):
        calls.append(args)
        if len(calls) == 9:
            raise Killed
        return private_step(*args)

    monkeypatch.setattr(job, "private_step", killed_in_the_second_epoch)
    with pytest.raises(Killed):
        run(monkeypatch, tmp_path / "killed")
    monkeypatch.setattr(job, "private_step", private_step)
    run(monkeypatch, tmp_path / "killed", "--resume")

    whole, resumed = saved(tmp_path / "whole"), saved(tmp_path / "killed")
    assert str(whole["run"]) == str(resumed["run"])  # step, losses, accuracies, epsilons, settings
    for name in whole:
        np.testing.assert_array_equal(whole[name], resumed[name])
    assert (tmp_path / "killed" / "dp_sgd_digits.png").stat().st_size > 10_000
    assert "epsilon" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_of_other_settings_is_refused(monkeypatch, tmp_path):
    run(monkeypatch, tmp_path)
    with pytest.raises(SystemExit, match="noise_multiplier"):
        run(monkeypatch, tmp_path, "--resume", "--noise-multiplier", "7.5")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("before")

    def write(temporary):
        Path(temporary).write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        private_training.write_atomically(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_batches_and_noise_depend_on_seed_and_step_alone():
    data, _ = job.load_data()
    settings = {"noise_multiplier": 1.0, "clip": 0.5, "lr": 1.0}
    key = random.PRNGKey(3)
    start = job.initial_parameters(key)
    one, *_ = job.private_step(start, random.fold_in(key, 0), data, settings)
    again, *_ = job.private_step(start, random.fold_in(key, 0), data, settings)
    other, *_ = job.private_step(start, random.fold_in(key, 1), data, settings)
    np.testing.assert_array_equal(one["w1"], again["w1"])
    assert np.abs(one["w1"] - other["w1"]).max() > 1e-3


def test_without_noise_a_step_moves_by_the_clipped_sum():
    data, _ = job.load_data()
    settings = {"noise_multiplier": 0.0, "clip": 0.01, "lr": 1.0}
    start = job.initial_parameters(random.PRNGKey(0))
    moved, _, norms = job.private_step(start, random.PRNGKey(1), data, settings)
    length = np.sqrt(sum(np.sum((moved[name] - start[name]) ** 2) for name in start))
    assert norms.min() > settings["clip"]  # so that every example is clipped
    assert 0 < length <= settings["clip"] * len(norms) / job.BATCH * (1 + 1e-12)


def test_epsilon_grows_with_steps_and_falls_with_noise():
    assert private_training.epsilon_after(0, 0.1, 1.0) == 0
    assert private_training.epsilon_after(10, 0.1, 0.0) == float("inf")
    assert private_training.epsilon_after(10, 0.1, 1.0) < private_training.epsilon_after(20, 0.1, 1.0)
    assert private_training.epsilon_after(10, 0.1, 2.0) < private_training.epsilon_after(10, 0.1, 1.0)
