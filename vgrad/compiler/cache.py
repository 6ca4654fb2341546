"""Bytes kept on disk from one process to the next, by key.

Relies on config: cache_dir, cache_size. A cache that cannot be used is no error: it gives one warning, and nothing.

One file a key, written under another name and then renamed, so that processes may share the directory and none sees
half a file. What is loaded will be executed; so it is believed only if the file belongs to the user, nobody else may
write it, and it holds its own digest (taken over the key too, so that no file passes for another).
"""

import contextlib
import hashlib
import os
import stat
import sys
import threading
import time
import warnings

from vgrad.config import config

DIGEST_SIZE = hashlib.sha256().digest_size
DAY = 24 * 3600
warned = set()  # directories that the user has been warned of


def directory():
    """config.cache_dir, or `vgrad` in the user's cache directory."""
    if config.cache_dir:
        return os.path.expanduser(config.cache_dir)
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
    elif sys.platform == "darwin":
        parent = os.path.expanduser("~/Library/Caches")
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(parent, "vgrad")


def load(key):
    """The bytes stored under `key`, a name of hexadecimal digits; None if there are none to be trusted. About 30 us."""
    path = os.path.join(directory(), key)
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn(error)
        return None
    data = content[DIGEST_SIZE:]
    if not belongs_to_user(status):
        warn(f"{path} belongs to someone else or may be written by others")
    elif content[:DIGEST_SIZE] != digest(key, data):
        warn(f"{path} is damaged")
    else:
        if time.time() - status.st_mtime > DAY:  # a day's precision tells well enough what was used last
            with contextlib.suppress(OSError):
                os.utime(path)
        return data
    return None


def store(key, data):
    """Keep `data` under `key`, if it can be kept."""
    folder = directory()
    if len(data) + DIGEST_SIZE > config.cache_size:
        return
    temporary = os.path.join(folder, f"{key}.{os.getpid()}.{threading.get_ident()}")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(digest(key, data) + data)
        os.replace(temporary, os.path.join(folder, key))
    except FileNotFoundError:
        pass  # another process has just made room, or emptied the directory
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        warn(error)
    # Looking through the whole directory takes a while: every 16th key on average does it.
    if key[:1] == "0":
        shrink(folder)


def shrink(folder):
    """Remove what was used longest ago, until four fifths of config.cache_size are left."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        files = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in entries)
        excess = sum(size for _, size, _ in files) - config.cache_size
        if excess > 0:
            excess += config.cache_size // 5
            for _, size, path in files:
                if excess <= 0:
                    break
                with contextlib.suppress(OSError):  # another process may have been quicker
                    os.remove(path)
                excess -= size


def digest(key, data):
    return hashlib.sha256(key.encode() + data).digest()


def belongs_to_user(status):
    if os.name == "nt":  # the user's own directory is private there; st_uid and st_mode say nothing
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def warn(reason):
    folder = directory()
    if folder not in warned:
        warned.add(folder)
        warnings.warn(
            f"vgrad compiles anew what its cache in {folder} cannot give: {reason}. "
            "VGRAD_CACHE_DIR can name another directory.",
            RuntimeWarning,
            stacklevel=2,
        )
