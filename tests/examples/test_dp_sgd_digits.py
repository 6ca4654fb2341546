"""The main job on few steps: it trains, its budget adds up, and a killed run resumes as if nothing had happened."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "dp_sgd_digits.py"

for library in ("dp_accounting", "sklearn", "tqdm", "matplotlib"):
    pytest.importorskip(library, reason="the examples' extra is not installed")


@pytest.fixture(scope="module")
def job():
    specification = importlib.util.spec_from_file_location("dp_sgd_digits", EXAMPLE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(job, monkeypatch, folder, *options):
    monkeypatch.setattr(sys, "argv", ["dp_sgd_digits.py", "--epochs", "3", "--output", str(folder), *options])
    job.main()


def saved(folder):
    with np.load(folder / "checkpoint.npz") as checkpoint:
        return {name: checkpoint[name] for name in checkpoint.files}


class Killed(Exception):
    pass


@pytest.mark.filterwarnings("ignore")  # other libraries' warnings are not ours
def test_a_killed_run_resumes_with_the_same_budget_parameters_and_history(job, monkeypatch, tmp_path, capsys):
    run(job, monkeypatch, tmp_path / "whole")
    private_step, calls = job.private_step, []

    def killed_in_the_second_epoch(*args):
        calls.append(args)
        if len(calls) == 9:
            raise Killed
        return private_step(*args)

    monkeypatch.setattr(job, "private_step", killed_in_the_second_epoch)
    with pytest.raises(Killed):
        run(job, monkeypatch, tmp_path / "killed")
    monkeypatch.setattr(job, "private_step", private_step)
    run(job, monkeypatch, tmp_path / "killed", "--resume")

    whole, resumed = saved(tmp_path / "whole"), saved(tmp_path / "killed")
    assert str(whole["state"]) == str(resumed["state"])  # step, losses, accuracies, epsilons, settings
    for name in whole:
        np.testing.assert_array_equal(whole[name], resumed[name])
    assert (tmp_path / "killed" / "dp_sgd_digits.png").stat().st_size > 10_000
    assert "epsilon" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_of_other_settings_is_refused(job, monkeypatch, tmp_path):
    run(job, monkeypatch, tmp_path)
    with pytest.raises(SystemExit, match="noise_multiplier"):
        run(job, monkeypatch, tmp_path, "--resume", "--noise-multiplier", "7.5")


def test_a_write_that_fails_leaves_the_file_as_it_was(job, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("before")

    def write(temporary):
        Path(temporary).write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        job.write_atomically(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_batches_and_noise_depend_on_seed_and_step_alone(job):
    images, labels, _, _ = job.load_data()
    settings = {"noise_multiplier": 1.0, "clip": 0.5, "lr": 1.0}
    key = job.random.PRNGKey(3)
    start = job.initial_parameters(key)
    one, *_ = job.private_step(start, job.random.fold_in(key, 0), images, labels, settings)
    again, *_ = job.private_step(start, job.random.fold_in(key, 0), images, labels, settings)
    other, *_ = job.private_step(start, job.random.fold_in(key, 1), images, labels, settings)
    np.testing.assert_array_equal(one["w1"], again["w1"])
    assert np.abs(one["w1"] - other["w1"]).max() > 1e-3


def test_without_noise_a_step_moves_by_the_clipped_sum(job):
    images, labels, _, _ = job.load_data()
    settings = {"noise_multiplier": 0.0, "clip": 0.01, "lr": 1.0}
    start = job.initial_parameters(job.random.PRNGKey(0))
    moved, _, norms = job.private_step(start, job.random.PRNGKey(1), images, labels, settings)
    length = np.sqrt(sum(np.sum((moved[name] - start[name]) ** 2) for name in start))
    assert norms.min() > settings["clip"]  # so that every example is clipped
    assert 0 < length <= settings["clip"] * len(norms) / job.BATCH * (1 + 1e-12)


def test_epsilon_grows_with_steps_and_falls_with_noise(job):
    assert job.epsilon_after(0, 0.1, 1.0) == 0
    assert job.epsilon_after(10, 0.1, 0.0) == float("inf")
    assert job.epsilon_after(10, 0.1, 1.0) < job.epsilon_after(20, 0.1, 1.0)
    assert job.epsilon_after(10, 0.1, 2.0) < job.epsilon_after(10, 0.1, 1.0)
