"""Every check of every primitive, driven by the sample table: a primitive needs one row there to get them all.

Relies on tests/primitives/samples. Each check uses one random direction, drawn from a seed made of the row's name.
"""

import functools
import importlib
import pkgutil
import zlib

import numpy as np
import pytest

import vgrad.primitives
from tests.primitives import samples
from vgrad.api import jit, jvp, make_jaxpr, vjp, vmap
from vgrad.config import config
from vgrad.core.primitive import REGISTRY, Refusal
from vgrad.core.typecheck import typecheck
from vgrad.core.types import FLOAT0, type_of
from vgrad.errors import NotDifferentiable

EXACT = {"float64": 1e-9, "float32": 2e-4}  # the same computation in another order
STEP = 1e-6  # of central differences: truncation error 1e-12, rounding error 1e-10
DIFFERENCES = 2e-6
EXAMPLES = 3


@pytest.fixture(autouse=True)
def quiet():
    """NaN and Inf are values."""
    with np.errstate(all="ignore"):
        yield


class Case:
    """A sample with its operands drawn in one float dtype. The operands are read-only: writing to one is an error."""

    def __init__(self, row, dtype):
        self.row, self.dtype = row, dtype
        self.tolerance = EXACT[dtype] * row.tolerance
        self.seed = zlib.crc32(row.id.encode())

    @functools.cached_property
    def operands(self):
        return self.draw(0)

    def rng(self, number):
        return np.random.default_rng([self.seed, number])

    def draw(self, number):
        rng = self.rng(number)
        return [frozen(draw(rng, self.dtype)) for draw in self.row.draws]

    def __call__(self, *operands):
        """The primitive's outputs as a tuple."""
        outputs = self.row.primitive(*operands, **self.row.params)
        return outputs if self.row.primitive.multiple_outputs else (outputs,)

    @property
    def moving(self):
        """Positions of the operands that are differentiated."""
        return [
            number
            for number, (draw, operand) in enumerate(zip(self.row.draws, self.operands))
            if draw.moves and operand.dtype.kind in "fc"
        ]

    def along(self, positions, operands=None):
        """The function of the operands at `positions` alone."""

        def function(*values):
            replaced = list(operands if operands is not None else self.operands)
            for position, value in zip(positions, values):
                replaced[position] = value
            return self(*replaced)

        return function

    def at(self, positions):
        return [self.operands[position] for position in positions]

    @property
    def has_derivative(self):
        return bool(self.moving) and not isinstance(self.row.primitive.jvp, Refusal)


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


@functools.cache
def case_of(number, dtype):
    return Case(samples.SAMPLES[number], dtype)


CASES, DOUBLE_CASES = [], []
for _number, _row in enumerate(samples.SAMPLES):
    for _dtype in _row.dtypes:
        _case = case_of(_number, _dtype)
        if _dtype != _row.dtypes[0] and [x.dtype for x in _case.operands] == [
            x.dtype for x in case_of(_number, _row.dtypes[0]).operands
        ]:
            continue  # no float operands: the same test again
        CASES.append(pytest.param(_case, id=f"{_row.id}-{_dtype}"))
    DOUBLE_CASES.append(pytest.param(case_of(_number, "float64"), id=_row.id))

every_case = pytest.mark.parametrize("case", CASES)
every_double_case = pytest.mark.parametrize("case", DOUBLE_CASES)


def direction(rng, like):
    """A random array with the shape and dtype of `like`; None where there is no derivative."""
    like = np.asarray(like)
    if like.dtype.kind == "c":
        return np.asarray(rng.normal(size=like.shape) + 1j * rng.normal(size=like.shape), like.dtype)
    return np.asarray(rng.normal(size=like.shape), like.dtype)


def assert_close(got, wanted, tolerance, what):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, should be {wanted.shape}"
    if wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, wanted, err_msg=what)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = max(1.0, finite.max(initial=0.0))
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def assert_typed(got, wanted, what):
    got, wanted = type_of(got), type_of(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype), f"{what}: {got}, should be {wanted}"


def assert_same(got, wanted, tolerance, what):
    """Equal types, close values, output by output."""
    assert len(got) == len(wanted), f"{what}: {len(got)} outputs, should be {len(wanted)}"
    for number, (one, other) in enumerate(zip(got, wanted)):
        assert_typed(one, other, f"{what}, output {number}")
        assert_close(one, other, tolerance, f"{what}, output {number}")


def difference(function, operands, directions):
    """Central differences of a function with several outputs; None for discrete outputs."""
    ahead = function(*[x + STEP * v for x, v in zip(operands, directions)])
    behind = function(*[x - STEP * v for x, v in zip(operands, directions)])
    return [
        (np.asarray(a) - np.asarray(b)) / (2 * STEP) if np.asarray(a).dtype.kind in "fc" else None
        for a, b in zip(ahead, behind)
    ]


def inner(us, vs):
    """Real part of the sum of products: the pairing of cotangents and tangents."""
    return sum(np.sum(np.asarray(u, complex) * np.asarray(v, complex)).real for u, v in zip(us, vs))


def magnitude(us, vs):
    return 1.0 + sum(np.sum(np.abs(np.asarray(u, complex) * np.asarray(v, complex))) for u, v in zip(us, vs))


def float_outputs(function, operands):
    """The function with only its float outputs, so that cotangents fit all of them."""
    kept = [i for i, out in enumerate(function(*operands)) if np.asarray(out).dtype.kind in "fc"]
    return lambda *values: tuple([out for i, out in enumerate(function(*values)) if i in kept])


@every_case
def test_output_type_is_type_of_evaluate(case):
    row = case.row
    types = row.primitive.output_type(*[type_of(operand) for operand in case.operands], **row.params)
    outputs = row.primitive.evaluate(*case.operands, **row.params)
    if not row.primitive.multiple_outputs:
        types, outputs = (types,), (outputs,)
    assert len(types) == len(outputs)
    for declared, output in zip(types, outputs):
        assert_typed(output, declared, f"{row.primitive.name}: evaluate against output_type")


@every_double_case
def test_jvp_is_finite_differences(case):
    if not case.moving:
        return
    positions = case.moving
    directions = [direction(case.rng(1), operand) for operand in case.at(positions)]
    if not case.has_derivative:
        with pytest.raises(NotDifferentiable):
            jvp(case.along(positions), case.at(positions), directions)
        return
    outputs, tangents = jvp(case.along(positions), case.at(positions), directions)
    assert_same(outputs, case(*case.operands), case.tolerance, "values under jvp")
    differences = difference(case.along(positions), case.at(positions), directions)
    for output, tangent, wanted in zip(outputs, tangents, differences):
        if wanted is None:
            assert tangent.dtype == FLOAT0, f"a discrete output has no tangent, got {tangent.dtype}"
            continue
        assert_typed(tangent, output, "tangent against its primal")
        assert_close(tangent, wanted, DIFFERENCES * case.row.tolerance, "jvp against finite differences")
    if len(positions) > 1:
        assert_adds_up(case, directions, tangents)


def assert_adds_up(case, directions, tangents):
    """The tangent is the sum of the tangents along each operand alone (the other tangents None in the rule)."""
    total = [0.0] * len(tangents)
    for position, v in zip(case.moving, directions):
        _, parts = jvp(case.along([position]), case.at([position]), [v])
        total = [t if p.dtype == FLOAT0 else t + p for t, p in zip(total, parts)]
    for tangent, wanted in zip(tangents, total):
        if tangent.dtype != FLOAT0:
            assert_close(tangent, wanted, case.tolerance, "jvp of all operands against the sum over operands")


@every_case
def test_float32_tangents_are_close_to_float64(case):
    if case.dtype != "float32" or not case.has_derivative:
        return
    positions = case.moving
    directions = [direction(case.rng(1), operand) for operand in case.at(positions)]
    wide = {"f": np.float64, "c": np.complex128}
    outputs, tangents = jvp(case.along(positions), case.at(positions), directions)
    widened = [x.astype(wide[x.dtype.kind]) if x.dtype.kind in "fc" else x for x in case.operands]
    _, exact = jvp(
        case.along(positions, widened),
        [widened[position] for position in positions],
        [v.astype(wide[v.dtype.kind]) for v in directions],
    )
    for output, tangent, wanted in zip(outputs, tangents, exact):
        if tangent.dtype != FLOAT0:
            assert_typed(tangent, output, "tangent against its primal")
            assert_close(tangent, wanted, case.tolerance, "float32 tangent against float64")


@every_case
def test_vjp_is_transpose_of_jvp(case):
    if not case.has_derivative:
        return
    positions = case.moving
    function = float_outputs(case.along(positions), case.at(positions))
    values = case.at(positions)
    directions = [direction(case.rng(1), value) for value in values]
    outputs, tangents = jvp(function, values, directions)
    if not outputs:
        return
    cotangents = tuple([direction(case.rng(2), output) for output in outputs])
    _, pull = vjp(function, *values)
    pulled = pull(cotangents)
    for value, cotangent in zip(values, pulled):
        assert_typed(cotangent, value, "cotangent against its operand")
    room = case.tolerance * max(magnitude(cotangents, tangents), magnitude(pulled, directions))
    left, right = inner(cotangents, tangents), inner(pulled, directions)
    assert abs(left - right) <= room, f"<u, J v> = {left} but <J^T u, v> = {right}"
    if len(positions) > 1:
        for number, position in enumerate(positions):
            alone = float_outputs(case.along([position]), case.at([position]))
            (single,) = vjp(alone, *case.at([position]))[1](cotangents)
            assert_close(single, pulled[number], case.tolerance, f"cotangent of operand {position} alone")


def mapped_versions(ranks):
    """in_axes to try: each operand alone along each axis, then all together at the front, the back and mixed."""
    for number, rank in enumerate(ranks):
        for axis in range(rank + 1):
            yield tuple([axis if i == number else None for i in range(len(ranks))])
    if len(ranks) > 1:
        yield (0,) * len(ranks)
        yield tuple(ranks)
        yield tuple([rank if number % 2 else 0 for number, rank in enumerate(ranks)])


def stacked(rows, axes):
    """Operands with a mapped axis where `axes` has one."""
    return [
        rows[0][number] if axis is None else np.stack([row[number] for row in rows], axis)
        for number, axis in enumerate(axes)
    ]


def examples(rows, axes):
    """What vmap makes of the stacked operands, one example after the other."""
    for row in rows:
        yield [rows[0][number] if axis is None else row[number] for number, axis in enumerate(axes)]


@every_case
def test_vmap_is_a_loop(case):
    if not case.operands or isinstance(case.row.primitive.batch, Refusal):
        return
    rows = [case.draw(number) for number in range(EXAMPLES)]
    for axes in mapped_versions([operand.ndim for operand in case.operands]):
        got = vmap(case, in_axes=axes)(*stacked(rows, axes))
        looped = [case(*example) for example in examples(rows, axes)]
        wanted = [np.stack(outputs) for outputs in zip(*looped)]
        assert_same(got, wanted, case.tolerance, f"vmap with in_axes={axes}")


@every_case
def test_vmap_over_one_and_over_no_example(case):
    if not case.operands or isinstance(case.row.primitive.batch, Refusal):
        return
    single = case(*case.operands)
    zeros = (0,) * len(case.operands)
    got = vmap(case, in_axes=zeros)(*[operand[None] for operand in case.operands])
    assert_same(got, [np.asarray(output)[None] for output in single], case.tolerance, "vmap over one example")
    got = vmap(case, in_axes=zeros)(*[operand[None][:0] for operand in case.operands])
    for one, other in zip(got, single, strict=True):
        assert_typed(one, np.asarray(other)[None][:0], "vmap over no example")


@every_case
def test_vmap_of_vjp_is_a_loop(case):
    if not case.has_derivative or isinstance(case.row.primitive.batch, Refusal):
        return
    function = float_outputs(case, case.operands)
    outputs = function(*case.operands)
    if not outputs:
        return
    positions = case.moving

    def pullback(cotangents, *operands):
        return vjp(float_outputs_along(case, operands, positions), *[operands[p] for p in positions])[1](cotangents)

    def float_outputs_along(case, operands, positions):
        kept = [i for i, out in enumerate(case(*case.operands)) if np.asarray(out).dtype.kind in "fc"]
        along = case.along(positions, operands)
        return lambda *values: tuple([out for i, out in enumerate(along(*values)) if i in kept])

    rows = [case.draw(number) for number in range(2)]
    cotangents = [tuple([direction(case.rng(10 + number), output) for output in outputs]) for number in range(2)]
    got = vmap(pullback)(tuple(map(np.stack, zip(*cotangents))), *map(np.stack, zip(*rows)))
    looped = [pullback(u, *row) for u, row in zip(cotangents, rows)]
    assert_same(got, [np.stack(results) for results in zip(*looped)], case.tolerance, "vmap of vjp")


@every_case
def test_jit_is_eager(case):
    assert_same(jit(case)(*case.operands), case(*case.operands), case.tolerance, "jit")
    jaxpr = typecheck(make_jaxpr(case)(*case.operands))
    for declared, output in zip(jaxpr.output_types, case(*case.operands), strict=True):
        assert_typed(output, declared, "program output type")
    if not case.has_derivative:
        return
    positions = case.moving
    values = case.at(positions)
    function = float_outputs(case.along(positions), values)
    outputs = function(*values)
    if not outputs:
        return
    directions = tuple([direction(case.rng(1), value) for value in values])
    cotangents = tuple([direction(case.rng(2), output) for output in outputs])

    def push(values, directions):
        outputs, tangents = jvp(function, values, directions)
        return (*outputs, *tangents)

    def pull(values, cotangents):
        return vjp(function, *values)[1](cotangents)

    typecheck(make_jaxpr(push)(values, directions))
    typecheck(make_jaxpr(pull)(values, cotangents))
    assert_same(jit(pull)(values, cotangents), pull(values, cotangents), case.tolerance, "jit of vjp")
    with config(jit=False):  # to compile these too would take a minute and repeat the kernels of the others
        assert_same(jit(push)(values, directions), push(values, directions), case.tolerance, "jit of jvp")
        _, pull_jit = vjp(jit(function), *values)
        assert_same(pull_jit(cotangents), pull(values, cotangents), case.tolerance, "vjp of jit")


@every_double_case
def test_second_order_is_finite_differences_of_first(case):
    if not case.has_derivative or not case.row.second_order:
        return
    positions = case.moving
    values = case.at(positions)
    function = float_outputs(case.along(positions), values)
    outputs = function(*values)
    if not outputs:
        return
    cotangents = tuple([direction(case.rng(2), output) for output in outputs])
    directions = [direction(case.rng(1), value) for value in values]

    def gradient(*values):
        return vjp(function, *values)[1](cotangents)

    _, tangents = jvp(gradient, values, directions)
    for tangent, wanted in zip(tangents, difference(gradient, values, directions)):
        assert_close(tangent, wanted, DIFFERENCES * case.row.tolerance, "jvp of vjp against finite differences of vjp")


def strided(array):
    """An equal array that is not contiguous."""
    return np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array


@every_case
def test_operands_are_not_written_and_may_be_strided(case):
    writable = [np.array(operand) for operand in case.operands]
    wanted = case(*writable)
    for operand, after in zip(case.operands, writable):
        np.testing.assert_array_equal(operand, after, err_msg="an operand was written to")
    assert_same(case(*map(strided, case.operands)), wanted, case.tolerance, "strided operands")
    fortran = [np.array(operand, order="F") for operand in case.operands]
    assert_same(case(*fortran), wanted, case.tolerance, "Fortran-ordered operands")


@every_case
def test_scalars_serve_as_operands_of_rank_0(case):
    row = case.row
    for number, operand in enumerate(case.operands):
        if operand.shape != ():
            continue
        for scalar in (operand[()], operand.item()):
            operands = [scalar if position == number else other for position, other in enumerate(case.operands)]
            types = row.primitive.output_type(*map(type_of, operands), **row.params)
            got = case(*operands)
            for output, declared, wanted in zip(
                got, types if row.primitive.multiple_outputs else (types,), case(*case.operands), strict=True
            ):
                what = f"{type(scalar).__name__} as operand {number}"
                assert_typed(output, declared, what)
                if type_of(output).dtype == type_of(wanted).dtype:  # a random number of another dtype is another number
                    assert_close(output, wanted, case.tolerance, what)


def test_every_primitive_has_a_sample():
    for module in pkgutil.iter_modules(vgrad.primitives.__path__):
        importlib.import_module(f"vgrad.primitives.{module.name}")
    sampled = {row.primitive.name for row in samples.SAMPLES}
    missing = [
        name
        for name, primitive in REGISTRY.items()
        if not primitive.holds_programs and primitive.collective is None and name not in sampled
    ]
    assert not missing, f"no row in tests/primitives/samples for {', '.join(missing)}"


def test_samples_mirror_the_primitives():
    rules = {module.name for module in pkgutil.iter_modules(vgrad.primitives.__path__)}
    tables = {module.name for module in pkgutil.iter_modules(samples.__path__)}
    assert tables == rules - {"collectives"}  # these need a vmap with an axis name: tests/lax/test_collectives.py
