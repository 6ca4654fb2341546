"""The disk cache. Relies on vgrad.compiler.cache."""

import os
import stat
import subprocess
import sys
import time
import warnings

import pytest

from vgrad.compiler import cache
from vgrad.config import config

KEY, OTHER = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "warned", set())
    with config(cache_dir=tmp_path / "cache"):
        yield tmp_path / "cache"


def test_what_is_stored_is_loaded():
    assert cache.load(KEY) is None
    cache.store(KEY, b"code")
    cache.store(OTHER, b"")
    assert cache.load(KEY) == b"code"
    assert cache.load(OTHER) == b""


def test_only_the_user_may_read_or_write(directory):
    cache.store(KEY, b"code")
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert [stat.S_IMODE(os.stat(directory / name).st_mode) for name in os.listdir(directory)] == [0o600]


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"", lambda content: content[:-1] + b"?"]
)
def test_a_damaged_file_is_ignored_with_one_warning(directory, damage):
    cache.store(KEY, b"code")
    path = directory / KEY
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(RuntimeWarning, match=f"cache in {directory} .* damaged.* VGRAD_CACHE_DIR"):
        assert cache.load(KEY) is None
    assert cache.load(KEY) is None


def test_a_file_under_the_key_of_another_is_damaged(directory):
    cache.store(KEY, b"code")
    os.rename(directory / KEY, directory / OTHER)
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert cache.load(OTHER) is None


def test_a_file_that_others_may_write_is_ignored(directory):
    cache.store(KEY, b"code")
    os.chmod(directory / KEY, 0o620)
    with pytest.warns(RuntimeWarning, match="may be written by others"):
        assert cache.load(KEY) is None


def test_a_file_of_another_user_is_ignored(monkeypatch):
    cache.store(KEY, b"code")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.warns(RuntimeWarning, match="belongs to someone else"):
        assert cache.load(KEY) is None


def test_a_directory_that_cannot_be_made_gives_one_warning(tmp_path):
    (tmp_path / "file").write_text("")
    with config(cache_dir=tmp_path / "file" / "cache"):
        with pytest.warns(RuntimeWarning, match="compiles anew .* Not a directory") as caught:
            cache.store(KEY, b"code")
            cache.store(OTHER, b"code")
            assert cache.load(KEY) is None
    assert len(caught) == 1


def test_a_failed_write_leaves_nothing_behind(directory, monkeypatch):
    def fail(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cache.store(KEY, b"code")
    assert os.listdir(directory) == []


def test_what_was_used_longest_ago_goes_first(directory):
    keys = [f"{number:040x}" for number in range(20)]  # all begin with 0, after which the size is looked at
    for age, key in enumerate(reversed(keys)):
        cache.store(key, bytes(1000))
        os.utime(directory / key, (0, time.time() - (20 - age) * 2 * cache.DAY))
    assert cache.load(keys[19]) is not None  # the oldest, used now
    with config(cache_size=10 * 1032):
        cache.store("0" * 39 + "f", bytes(1000))
    left = sorted(os.listdir(directory))
    assert 7 <= len(left) <= 9
    assert keys[0] in left and keys[19] in left and keys[18] not in left


def test_nothing_larger_than_the_bound_is_stored(directory):
    with config(cache_size=0):
        cache.store(KEY, b"code")
    assert cache.load(KEY) is None


def test_two_processes_may_share_it(directory):
    code = (
        "from vgrad.compiler import cache\n"
        "for turn in range(300):\n"
        "    key = f'{turn % 7:040x}'\n"
        "    cache.store(key, key.encode() * 100)\n"
        "    assert cache.load(key) in (None, key.encode() * 100)\n"
    )
    environment = {**os.environ, "VGRAD_CACHE_DIR": str(directory), "VGRAD_CACHE_SIZE": "20000"}
    command = [sys.executable, "-W", "error", "-c", code]
    processes = [subprocess.Popen(command, env=environment) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux keeps caches")
def test_the_default_is_in_the_users_cache_directory(monkeypatch):
    with config(cache_dir=""):
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert cache.directory() == "/somewhere/vgrad"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", "/home/me")
        assert cache.directory() == "/home/me/.cache/vgrad"


def test_no_warnings_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store(KEY, b"code")
        assert cache.load(KEY) == b"code"
