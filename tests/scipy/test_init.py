"""vgrad.scipy itself: its parts are there without an import of their own, as in `import jax; jax.scipy.stats`."""

import subprocess
import sys

import pytest

from vgrad import scipy


@pytest.mark.parametrize("name", ["linalg.cho_solve", "special.gammaln", "stats.norm.logpdf"])
def test_parts_need_no_import_of_their_own(name):
    code = f"import vgrad; print(vgrad.scipy.{name}.__name__)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == name.rpartition(".")[2]


def test_names():
    assert {"linalg", "special", "stats"} <= set(dir(scipy))
    with pytest.raises(AttributeError, match=r"module 'vgrad.scipy' has no attribute 'signal'"):
        scipy.signal  # noqa: B018
