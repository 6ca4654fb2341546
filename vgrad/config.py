"""The few settings, two tables. Set by attribute, by `with config(...)`, or by VGRAD_<NAME> in the environment.

Relies on nothing.
"""

import contextlib
import difflib
import os

CHOICES = {
    "default_float": ("float64", "float32"),  # dtype of Python floats and of new arrays
    "debug_nans": (False, True),  # raise FloatingPointError at the operation that first makes a NaN
    "disable_jit": (False, True),  # jit, scan, cond, while_loop run as plain Python
    "jit": (True, False),  # False: jit runs what it has staged op by op through NumPy, and compiles nothing
    "check": (False, True),  # type-check every Jaxpr after each pass
}
NUMBERS_AND_PATHS = {
    "num_threads": 0,  # threads of a compiled program; 0: one for each processor that the process may use
    "flops_per_byte": 0,  # of the machine, by which compiled programs are planned; 0: measured once and kept
    "dump": "",  # a folder into which every stage of a program that is compiled is written
    "cache_dir": "",  # where compiled code is kept between processes; empty: in the user's cache directory
    "cache_size": 2**30,  # bytes that it may hold; what was used longest ago goes first
}
DEFAULTS = {name: choices[0] for name, choices in CHOICES.items()} | NUMBERS_AND_PATHS


class Config:
    """`config.default_float = "float32"`; `with config(debug_nans=True): ...`.

    Errors: AttributeError for an unknown name (with the nearest), ValueError for a value that it cannot have.
    """

    def __init__(self):
        self.__dict__.update(DEFAULTS)
        for variable, text in os.environ.items():
            if variable.startswith("VGRAD_"):
                name = variable[len("VGRAD_") :].lower()
                setattr(self, name, {"0": False, "1": True}.get(text, text))

    def __setattr__(self, name, value):
        if name not in DEFAULTS:
            nearest = difflib.get_close_matches(name, DEFAULTS, 1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise AttributeError(f"vgrad has no setting {name!r}.{hint} Settings: {', '.join(DEFAULTS)}.")
        if name in NUMBERS_AND_PATHS:
            self.__dict__[name] = number_or_path(name, value)
            return
        value = getattr(value, "__name__", value)  # np.float32 as well as "float32"
        if value not in CHOICES[name]:
            raise ValueError(f"config.{name} must be one of {CHOICES[name]}, got {value!r}.")
        self.__dict__[name] = value

    def update(self, name, value):
        """Set one setting by name, as `jax.config.update` does."""
        setattr(self, name, value)

    @contextlib.contextmanager
    def __call__(self, **settings):
        saved = {name: getattr(self, name, None) for name in settings}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield self
        finally:
            self.__dict__.update({name: value for name, value in saved.items() if name in DEFAULTS})


def number_or_path(name, value):
    """`value` as config.{name} holds it: from the environment numbers come as text."""
    if isinstance(DEFAULTS[name], str):
        return os.fspath(value)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ValueError(f"config.{name} must be an integer >= 0, got {value!r}.")
    return number


config = Config()
