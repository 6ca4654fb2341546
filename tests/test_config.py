"""The switches. Relies on vgrad.config."""

import os
import subprocess
import sys

import numpy as np
import pytest

from vgrad.config import DEFAULTS, Config, config


def test_every_setting_starts_with_its_default(monkeypatch):
    for name in list(os.environ):
        if name.startswith("VGRAD_"):
            monkeypatch.delenv(name)
    fresh = Config()
    assert {name: getattr(fresh, name) for name in DEFAULTS} == DEFAULTS


def test_settings_hold_inside_the_with_block_only():
    with config(default_float="float32", debug_nans=True):
        assert (config.default_float, config.debug_nans) == ("float32", True)
        with config(debug_nans=False):
            assert (config.default_float, config.debug_nans) == ("float32", False)
    assert (config.default_float, config.debug_nans) == ("float64", False)


def test_settings_are_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), config(default_float="float32"):
        raise ZeroDivisionError
    assert config.default_float == "float64"


def test_a_dtype_serves_as_its_name():
    with config(default_float=np.float32):
        assert config.default_float == "float32"


def test_update_sets_one_by_name():
    with config(debug_nans=False):
        config.update("debug_nans", True)
        assert config.debug_nans is True
    assert config.debug_nans is False


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(AttributeError, match="no setting 'debug_nan'. Did you mean 'debug_nans'?"):
        config.debug_nan = True
    with pytest.raises(AttributeError, match="no setting 'colour'. Settings: default_float"):
        config.update("colour", True)


def test_a_wrong_value_lists_the_choices():
    with pytest.raises(ValueError, match=r"default_float must be one of \('float64', 'float32'\), got 'float16'"):
        config.default_float = "float16"
    assert config.default_float == "float64"


def test_numbers_and_paths(tmp_path):
    before = config.num_threads, config.cache_dir  # of the environment, perhaps
    with config(num_threads=3, cache_dir=tmp_path, cache_size="1000"):
        assert (config.num_threads, config.cache_dir, config.cache_size) == (3, str(tmp_path), 1000)
    assert (config.num_threads, config.cache_dir) == before
    for value in (-1, "many", None):
        with pytest.raises(ValueError, match="config.num_threads must be an integer >= 0, got"):
            config.num_threads = value


@pytest.mark.parametrize("variable, value, seen", [("DEFAULT_FLOAT", "float32", "float32"), ("DEBUG_NANS", "1", True)])
def test_the_environment_sets_them_too(monkeypatch, variable, value, seen):
    monkeypatch.setenv(f"VGRAD_{variable}", value)
    assert getattr(Config(), variable.lower()) == seen


def test_a_misspelt_variable_is_an_error():
    result = subprocess.run(
        [sys.executable, "-c", "import vgrad.config"],
        env={**os.environ, "VGRAD_DEFAULT_FLAOT": "float32"},
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0 and "Did you mean 'default_float'?" in result.stderr
