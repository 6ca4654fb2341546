"""The few switches, one table. Set by attribute, by `with config(...)`, or by VGRAD_<NAME> in the environment.

Relies on nothing.
"""

import contextlib
import difflib
import os

CHOICES = {
    "default_float": ("float64", "float32"),  # dtype of Python floats and of new arrays
    "debug_nans": (False, True),  # raise FloatingPointError at the operation that first makes a NaN
    "disable_jit": (False, True),  # jit, scan, cond, while_loop run as plain Python
    "check": (False, True),  # type-check every Jaxpr after each pass
}


class Config:
    """`config.default_float = "float32"`; `with config(debug_nans=True): ...`.

    Errors: AttributeError for an unknown name (with the nearest), ValueError for a value not in the table.
    """

    def __init__(self):
        self.__dict__.update({name: choices[0] for name, choices in CHOICES.items()})
        for variable, text in os.environ.items():
            if variable.startswith("VGRAD_"):
                name = variable[len("VGRAD_") :].lower()
                setattr(self, name, {"0": False, "1": True}.get(text, text))

    def __setattr__(self, name, value):
        if name not in CHOICES:
            nearest = difflib.get_close_matches(name, CHOICES, 1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise AttributeError(f"vgrad has no setting {name!r}.{hint} Settings: {', '.join(CHOICES)}.")
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
            self.__dict__.update({name: value for name, value in saved.items() if name in CHOICES})


config = Config()
