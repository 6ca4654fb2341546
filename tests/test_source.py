"""Finding the user's line. Relies on vgrad.source."""

import numpy as np

from vgrad import grad
from vgrad.source import PACKAGE, describe, is_inner, user_frame, user_line


def test_the_innermost_line_of_the_user_is_found():
    filename, line = user_frame()
    text = user_line()
    assert filename == __file__ and text == f"test_source.py:{line + 1}   text = user_line()"


def test_frames_of_vgrad_are_passed_over():
    lines = []

    def f(x):
        lines.append(user_line())  # called by grad
        return x

    grad(f)(2.0)
    assert lines[0].endswith("lines.append(user_line())  # called by grad")


def test_files_of_vgrad_and_numpy_are_not_the_users():
    assert is_inner(PACKAGE + "api.py") and is_inner(np.__file__)
    assert not is_inner(__file__) and not is_inner("<stdin>") and not is_inner("/home/user/numpy_only.py")


def test_a_place_prints_as_file_line_and_text():
    assert describe(None) == ""
    assert describe(("/somewhere/missing.py", 12)) == "missing.py:12"
    filename, line = user_frame()  # found here
    assert describe((filename, line)) == f"test_source.py:{line}   filename, line = user_frame()  # found here"
