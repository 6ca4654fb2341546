"""Checks of derivatives against finite differences: check_grads, check_jvp, check_vjp, as in `jax.test_util`.

Relies on api. `vgrad.test_util` is the same module by JAX's name.
"""

import functools

import numpy as np

from vgrad import tree
from vgrad.api import jvp, vjp
from vgrad.core.functions import leaf_names, name_of
from vgrad.core.types import FLOAT0, is_differentiable, type_of

__all__ = ["check_grads", "check_jvp", "check_vjp"]

# By size of a real number: the step of central differences, near the cube root of the precision, where truncation and
# rounding errors balance; and the relative error that they then may have.
STEPS = {2: 6e-2, 4: 5e-3, 8: 5e-6}
TOLERANCES = {2: 2e-1, 4: 1e-2, 8: 1e-5}
ELEMENTS = 256  # an array with more is not searched element by element for the wrong derivative


def check_grads(f, args, order, modes=("fwd", "rev"), atol=None, rtol=None, eps=None):
    """Check derivatives of `f` at `args`, up to `order`, against finite differences in random directions.

    args        a tuple of pytrees; integer and boolean arrays are held fixed
    order       1 for first derivatives, 2 for derivatives of those too, ...
    modes       "fwd" checks jvp, "rev" checks vjp; both compose at higher orders
    atol, rtol  tolerances, eps the step of the central differences; the defaults depend on the floats' precision
    Errors:     AssertionError names the argument and the element whose derivative is wrong, and both numbers.
    Cost:       about 3 runs of `f` and its derivatives, times 2 ** order with both modes.
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = set(modes) - {"fwd", "rev"}
    if unknown or not modes:
        raise ValueError(f"check_grads: modes must be 'fwd', 'rev' or both, got {modes!r}.")
    check_orders(f, tuple(args), order, modes, {"atol": atol, "rtol": rtol, "eps": eps}, "")


def check_orders(f, args, order, modes, settings, of):
    if "fwd" in modes:
        check_jvp(f, functools.partial(jvp, f), args, **settings, err_msg=f"jvp{of}")
        if order > 1:
            directions = random_like(args, seed=order)

            @functools.wraps(f)
            def tangents_of(*args):
                return moving(jvp(f, args, fixed_zeros(args, directions))[1])

            check_orders(tangents_of, args, order - 1, modes, settings, f" of jvp{of}")
    if "rev" in modes:
        check_vjp(f, functools.partial(vjp, f), args, **settings, err_msg=f"vjp{of}")
        if order > 1:

            @functools.wraps(f)
            def gradients_of(*args):
                output, pull = vjp(f, *args)
                return moving(pull(fixed_zeros(output, random_like(output, seed=order))))

            check_orders(gradients_of, args, order - 1, modes, settings, f" of vjp{of}")


def check_jvp(f, f_jvp, args, atol=None, rtol=None, eps=None, err_msg=""):
    """Check `f_jvp(args, tangents) -> (outputs, output tangents)` against `f` and its finite differences.

    Errors: AssertionError; see check_grads.
    """
    check = Check(f, args, atol, rtol, eps, err_msg or "jvp")
    tangents = check.directions()
    outputs, output_tangents = f_jvp(check.args, check.as_args(tangents))
    check.values(outputs)
    check.structures(output_tangents, outputs, "tangents", "outputs")
    wanted = check.differences(tangents)
    if check.close(tree.leaves(output_tangents), wanted):
        return

    def along(directions):
        _, output_tangents = f_jvp(check.args, check.as_args(directions))
        return tree.leaves(output_tangents), check.differences(directions)

    check.fail(tangents, along, tree.leaves(output_tangents), wanted)


def check_vjp(f, f_vjp, args, atol=None, rtol=None, eps=None, err_msg=""):
    """Check `f_vjp(*args) -> (outputs, pullback)` and its pullback(cotangent) -> a tuple like args.

    The product of cotangents and tangents of the outputs, these by finite differences, must be that of the arguments'.
    Errors: AssertionError; see check_grads.
    """
    check = Check(f, args, atol, rtol, eps, err_msg or "vjp")
    outputs, pull = f_vjp(*check.args)
    check.values(outputs)
    cotangents = random_like(outputs, seed=1)
    pulled = pull(fixed_zeros(outputs, cotangents))
    check.structures(pulled, check.args, "cotangents", "arguments")
    cotangents, pulled = tree.leaves(cotangents), tree.leaves(pulled)

    def along(directions):
        return [products(pulled, directions)], [products(cotangents, check.differences(directions))]

    tangents = check.directions()
    got, wanted = along(tangents)
    if check.close(got, wanted, room=magnitude(pulled, tangents)):
        return
    check.fail(tangents, along, got, wanted)


def random_like(values, seed):
    """Normal numbers in the place of float and complex leaves, float0 in the place of others."""
    rng = np.random.default_rng(seed)

    def draw(leaf):
        type_ = type_of(leaf)
        if not is_differentiable(type_.dtype):
            return np.zeros(type_.shape, FLOAT0)
        numbers = rng.normal(size=type_.shape)
        if type_.dtype.kind == "c":
            numbers = numbers + 1j * rng.normal(size=type_.shape)
        return np.asarray(numbers).astype(type_.dtype)

    return tree.map(draw, values)


def fixed_zeros(values, directions):
    """Directions in the container that `values` has (args may be a list, tangents must be like it)."""
    return tree.unflatten(tree.structure(values), tree.leaves(directions))


def moves(value):
    return getattr(value, "dtype", None) != FLOAT0


def moving(values):
    """The leaves that are not float0."""
    return [leaf for leaf in tree.leaves(values) if moves(leaf)]


def products(us, vs):
    """Sum of products of corresponding leaves, real part: the pairing of cotangents and tangents."""
    return sum([np.sum(np.asarray(u) * np.asarray(v)).real for u, v in zip(us, vs) if moves(u) and moves(v)], 0.0)


def magnitude(us, vs):
    return sum([np.sum(np.abs(np.asarray(u) * np.asarray(v))) for u, v in zip(us, vs) if moves(u) and moves(v)], 0.0)


class Check:
    """One comparison: the function, its arguments as arrays, tolerances, and how to tell where it failed."""

    def __init__(self, f, args, atol, rtol, eps, name):
        leaves, self.structure = tree.flatten(tuple(args))
        self.leaves = [np.asarray(leaf).astype(type_of(leaf).dtype) for leaf in leaves]
        self.args = self.as_args(self.leaves)
        self.f, self.name = f, name
        sizes = [
            leaf.dtype.itemsize // (1 + (leaf.dtype.kind == "c"))
            for leaf in self.leaves
            if is_differentiable(leaf.dtype)
        ]
        precision = min(max(min(sizes, default=8), 2), 8)
        self.eps = STEPS[precision] if eps is None else eps
        self.atol = TOLERANCES[precision] if atol is None else atol
        self.rtol = TOLERANCES[precision] if rtol is None else rtol
        self.outputs = f(*self.args)

    def as_args(self, leaves):
        return self.structure.unflatten(leaves)

    def directions(self):
        return tree.leaves(random_like(self.args, seed=0))

    def differences(self, directions):
        """Central differences of the outputs' leaves; 0 for discrete outputs."""
        results = []
        for sign in (1, -1):
            moved = [
                (leaf + sign * self.eps * v).astype(leaf.dtype) if moves(v) else leaf
                for leaf, v in zip(self.leaves, directions)
            ]
            results.append(tree.leaves(self.f(*self.as_args(moved))))
        return [
            (np.asarray(ahead) - np.asarray(behind)) / (2 * self.eps)
            if is_differentiable(np.asarray(ahead).dtype)
            else np.zeros(np.shape(ahead), FLOAT0)
            for ahead, behind in zip(*results)
        ]

    def close(self, got, wanted, room=0.0):
        """Whether all leaves agree, relative to the largest number of the leaf."""
        return all([self.error(g, w, room) <= 1.0 for g, w in zip(got, wanted, strict=True)])

    def error(self, got, wanted, room=0.0):
        """The largest error of a leaf, in units of what is allowed."""
        if not moves(got) or not moves(wanted):
            return 0.0
        got, wanted = np.asarray(got), np.asarray(wanted)
        if got.shape != wanted.shape:
            return np.inf
        if not got.size:
            return 0.0
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        finite = np.abs(wanted[np.isfinite(wanted)])
        allowed = self.atol + self.rtol * max(finite.max(initial=0.0), room)
        with np.errstate(invalid="ignore"):
            errors = np.where(same, 0.0, np.abs(got - wanted) / allowed)
        return np.where(np.isnan(errors), np.inf, errors).max()

    def values(self, outputs):
        """The derivative's function must also return the function's values."""
        self.structures(outputs, self.outputs, "values", "outputs")
        wanted = tree.leaves_with_path(self.outputs)
        for value, (path, other) in zip(tree.leaves(outputs), wanted):
            if not np.allclose(value, other, atol=self.atol, rtol=self.rtol, equal_nan=True):
                raise AssertionError(
                    f"{self.name} of {name_of(self.f)} returns another value than the function: output"
                    f"{tree.keystr(path)} is {value}, the function's is {other}."
                )

    def structures(self, got, wanted, what, of):
        if tree.structure(got) != tree.structure(wanted):
            raise AssertionError(
                f"{self.name} of {name_of(self.f)}: the {what} have structure {tree.structure(got)}, but the {of} "
                f"have {tree.structure(wanted)}."
            )
        for (path, leaf), other in zip(tree.leaves_with_path(got), tree.leaves(wanted)):
            expected = type_of(other)
            if moves(leaf) and is_differentiable(expected.dtype):
                own = type_of(leaf)
                if (own.shape, own.dtype) != (expected.shape, expected.dtype):
                    raise AssertionError(
                        f"{self.name} of {name_of(self.f)}: the {what} have {own} at {tree.keystr(path) or 'the top'}, "
                        f"but the {of} have {expected} there."
                    )
            elif moves(leaf) != is_differentiable(expected.dtype):
                raise AssertionError(
                    f"{self.name} of {name_of(self.f)}: the {what} at {tree.keystr(path) or 'the top'} must be float0 "
                    f"exactly where the {of} are not floats, but the {of} have {expected} there."
                )

    def fail(self, tangents, along, got, wanted):
        """Search the argument, then its element, along which the derivatives disagree; raise AssertionError."""
        where = ""
        names = leaf_names(self.f, self.args)
        for number, leaf in enumerate(self.leaves):
            if not moves(tangents[number]):
                continue
            pair = along(self.only(number, tangents[number]))
            if self.close(*pair):
                continue
            where, (got, wanted) = f" with respect to {names[number]}", pair
            for index in np.ndindex(leaf.shape) if leaf.shape and leaf.size <= ELEMENTS else ():
                unit = np.zeros_like(leaf)
                unit[index] = 1
                pair = along(self.only(number, unit))
                if not self.close(*pair):
                    where, (got, wanted) = f"{where}[{', '.join(map(str, index))}]", pair
                    break
            break
        output, one, other = self.worst(got, wanted)
        mode = self.name.split()[0]
        raise AssertionError(
            f"{self.name} of {name_of(self.f)} is wrong{where}: {output}{mode} gives {one}, finite differences give "
            f"{other} (allowed: {self.atol:g} + {self.rtol:g} * size, step {self.eps:g})."
        )

    def worst(self, got, wanted):
        """(name of the output's element that is most wrong, both its numbers)."""
        errors = [self.error(one, other) for one, other in zip(got, wanted)]
        leaf = errors.index(max(errors))
        one, other = np.asarray(got[leaf]), np.asarray(wanted[leaf])
        path = tree.keystr(tree.leaves_with_path(self.outputs)[leaf][0]) if len(got) > 1 else ""
        if one.shape == other.shape and one.shape:
            elements = [self.error(*pair) for pair in zip(one.ravel(), other.ravel())]
            index = np.unravel_index(elements.index(max(elements)), one.shape)
            path += f"[{', '.join(map(str, index))}]"
            one, other = one[index], other[index]
        return f"output{path}: " if path else "", one, other

    def only(self, number, direction):
        """Directions that move one leaf alone."""
        return [
            direction
            if place == number
            else np.zeros(leaf.shape, leaf.dtype if is_differentiable(leaf.dtype) else FLOAT0)
            for place, leaf in enumerate(self.leaves)
        ]
