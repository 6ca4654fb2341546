"""Where in the user's code we are: the first frame on the stack that is neither vgrad's nor NumPy's.

Relies on nothing. Errors quote the user's line; staged equations remember it.
"""

import contextlib
import functools
import linecache
import os
import sys

import numpy as np

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
INNER_FOLDERS = (PACKAGE, os.path.dirname(np.__file__) + os.sep)
INNER_FILES = (contextlib.__file__, functools.__file__, "<__array_function__ internals>")


@functools.cache
def is_inner(filename):
    return filename.startswith(INNER_FOLDERS) or filename in INNER_FILES


def user_frame():
    """(file name, line number) of the innermost frame of user code, or None."""
    frame = sys._getframe(1)
    while frame is not None:
        if not is_inner(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def describe(place):
    """`train.py:31   h = x @ w` for a (file name, line number) pair; '' for None."""
    if place is None:
        return ""
    filename, line = place
    text = linecache.getline(filename, line).strip()
    return f"{os.path.basename(filename)}:{line}" + (f"   {text}" if text else "")


def user_line():
    """The user's line being executed, as text; '' when no user code is on the stack."""
    return describe(user_frame())
