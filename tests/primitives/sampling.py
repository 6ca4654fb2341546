"""Samples: a primitive, draws of its operands, and its params. Every check of every primitive is driven by them."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Draw:
    """How one operand is drawn: draw(rng, float_dtype) -> array. `moves`: its derivatives are checked."""

    make: object
    moves: bool
    text: str

    def __call__(self, rng, dtype):
        return self.make(rng, np.dtype(dtype))


def real(*shape):
    """Normal floats."""
    return Draw(lambda rng, dtype: np.asarray(rng.normal(size=shape), dtype), True, f"real{shape}")


def between(low, high, *shape):
    """Floats in [low, high], away from the ends."""
    width = high - low
    return Draw(
        lambda rng, dtype: np.asarray(rng.uniform(low + 0.05 * width, high - 0.05 * width, size=shape), dtype),
        True,
        f"between({low}, {high}){shape}",
    )


def positive(*shape):
    return between(0.1, 3.0, *shape)


def distinct(*shape):
    """Floats that differ by at least 0.1 from each other and from 0: no ties for max, sort, abs, ..."""

    def make(rng, dtype):
        size = int(np.prod(shape))
        values = (rng.permutation(size) - size // 2 + 0.5) * 0.2
        return np.asarray(values.reshape(shape), dtype)

    return Draw(make, True, f"distinct{shape}")


def complex_(*shape):
    """Complex numbers of the precision of the float dtype."""

    def make(rng, dtype):
        return np.asarray(
            rng.normal(size=shape) + 1j * rng.normal(size=shape), np.complex128 if dtype == np.float64 else np.complex64
        )

    return Draw(make, True, f"complex{shape}")


def integers(low, high, *shape, dtype=np.int64):
    """Integers in [low, high)."""
    return Draw(lambda rng, _: np.asarray(rng.integers(low, high, size=shape), dtype), False, f"integers{shape}")


def booleans(*shape):
    return Draw(lambda rng, _: np.asarray(rng.random(size=shape) < 0.5), False, f"booleans{shape}")


def given(make, text, moves=True):
    """make(rng, dtype) -> array, for anything else (well-conditioned matrices, exact values, ...)."""
    return Draw(make, moves, text)


def fixed(draw):
    """The same draw, but derivatives with respect to it are not checked."""
    return replace(draw, moves=False)


@dataclass(frozen=True)
class Sample:
    primitive: object
    draws: tuple
    params: dict = field(hash=False)
    tolerance: float = 1.0  # multiplies the tolerances of all checks
    second_order: bool = True
    dtypes: tuple = ("float64", "float32")

    @property
    def id(self):
        params = ",".join(f"{key}={value}" for key, value in self.params.items())
        return f"{self.primitive.name}[{params}]({', '.join(draw.text for draw in self.draws)})"[:120]

    def but(self, **changes):
        """The sample with other settings: sample(...).but(tolerance=10, second_order=False, dtypes=("float64",))."""
        return replace(self, **changes)


def sample(primitive, *draws, **params):
    return Sample(primitive, draws, params)
