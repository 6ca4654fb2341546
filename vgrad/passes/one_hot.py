"""One-hot factors: rows taken from a table, and what is added to rows of zeros, as contractions that nobody forms.

Relies on forms and the primitives of indexing. The gradient of a lookup adds updates to rows: it is a contraction of
the updates with an array that is 1 where a place is the index, and 0 elsewhere. Two such arrays contract to a
comparison of the indices, one with another array to rows taken from it; one that is left in a result is a scatter, the
last step. Where both are of one index, as in a norm, the updates can be added up in as many rows as there are updates
instead: those with the same place in the row of the first of them (`compacted`).
"""

import numpy as np

from vgrad.core.types import INT32, INT64, ArrayType, type_of, zeros
from vgrad.passes.forms import Atom, Form, NoForm, Term, without_ones
from vgrad.primitives.broadcasting import convert, permute, reshape
from vgrad.primitives.comparison import eq, ge, logical_and, lt, select
from vgrad.primitives.elementwise import add
from vgrad.primitives.indexing import counted_axis, gather, scatter
from vgrad.primitives.sorting import first_equal


def lift_scatter(letters, updates, indices, constants, params, output, filled):
    """The form of zeros to which updates are added at places of which one is computed and the others are counted.

    updates     the form of the updates; indices the variables of the index arrays; constants {variable: array}
    filled      whether what was read out of bounds is NaN, of which updates may be made: they are dropped, not times 0
    """
    axes = params["axes"]
    common = len(updates.axes) - (len(output.shape) - len(axes))
    own_axes, computed = {}, None
    for axis, index in zip(axes, indices):
        array = constants.get(index)
        counted = None if array is None else counted_axis(array)
        if counted is not None:
            place = common - array.ndim + counted
            if updates.axes[place] in own_axes.values():  # a diagonal: letters stand for one axis
                raise NoForm
            if letters.length(updates.axes[place]) == output.shape[axis] == array.shape[counted]:
                own_axes[axis] = updates.axes[place]
                continue
        if computed is not None:
            raise NoForm
        computed = axis, index
    if computed is None or output.shape[computed[0]] == 1:
        raise NoForm
    axis, index = computed
    v = letters.new(output.shape[axis])
    own = []
    for place, length in enumerate(index.type.shape, start=common - index.type.ndim):
        if length != 1:
            if len(updates.axes[place]) != 1:
                raise NoForm
            own.append(updates.axes[place][0])
    below = without_ones(Atom("value", index, None, index.type.shape, index.type.dtype))
    factor = Atom("one_hot", below, output.shape[axis], (*below.shape, output.shape[axis]), output.dtype), (*own, v)
    rest = iter(updates.axes[common:])
    terms = [inside(term.factors, *factor) if filled else term.factors for term in updates.terms]
    terms = [Term(term.number, (*factors, factor)) for term, factors in zip(updates.terms, terms)]
    whole = Form((*updates.axes, (v,)), tuple(terms))
    result = [
        (v,) if place == axis else own_axes[place] if place in own_axes else next(rest)
        for place in range(len(output.shape))
    ]
    kept = [place for place, entry in enumerate(whole.axes) if entry and entry in result]
    return letters.summed(whole, kept)._replace(axes=tuple(result))


def inside(factors, index, letters):
    """The factors of an update, 0 where an index is out of bounds: those that have all the letters of the index."""
    *places, _ = letters

    def cut(atom, own):
        if is_one_hot(atom) or not set(places) <= set(own):
            return atom, own
        return Atom("inside", (atom, index), tuple([own.index(x) for x in places]), atom.shape, atom.dtype), own

    return tuple([cut(*factor) for factor in factors])


def is_one_hot(atom):
    return atom.name == "one_hot"


def resolved(factors, output, compact=None):
    """(factors without one-hot arrays, letters of their contraction, what it is scattered by or None).

    What it is scattered by: (one-hot atom, letters of its index, which come first in the contraction, its last letter).
    compact     adds updates of one index up in few rows: a function of (one-hot atom, letters of the index, those of
                the other one, the other factors, the letters of the output) that gives factors, or None
    """
    factors = list(factors)
    last = None
    while True:
        hot = next((factor for factor in factors if is_one_hot(factor[0])), None)
        if hot is None:
            break
        atom, own = hot
        *places, v = own
        factors.remove(hot)
        if compact is not None and v not in output:
            found = two_of_one_index(atom, places, v, factors)
            rows = None if found is None else compact(atom, tuple(places), *found, output)
            if rows is not None:
                factors = rows
                continue
        if any([is_one_hot(other) and v in letters[:-1] for other, letters in factors]):
            raise NoForm  # an index at an index
        found = []
        for other, letters in factors:
            if v not in letters:
                found.append((other, letters))
            elif is_one_hot(other):
                found.append(matched(atom, places, other, letters[:-1]))
            else:
                found.append(taken(other, letters, atom, places, v))
        touched = found != factors
        factors = found
        if v in output:
            if last is not None:
                raise NoForm
            last = atom, tuple(places), v
        elif not touched:
            factors.append(within(atom, places))
    if last is None:
        return factors, output, None
    atom, places, v = last
    known = {x for _, letters in factors for x in letters}
    if not factors or not known.issuperset(places):  # an update for several places
        factors.append(within(atom, places))
    return factors, (*places, *[x for x in output if x != v and x not in places]), last


def two_of_one_index(atom, places, v, factors):
    """(letters of the index of the other one-hot array of the same index, the factors without it); None if none is."""
    having = [factor for factor in factors if v in factor[1]]
    if len(having) != 1 or having[0][0] != atom or having[0][1][-1] != v:
        return None
    return tuple(having[0][1][:-1]), [factor for factor in factors if factor is not having[0]]


def compacted(atom, places, others, factors, output, letters, contraction):
    """The factors of a sum over pairs of updates with one place: updates added up in rows of their own, twice.

    places, others  letters of the two indices: the same, in the same order, but for one: rows are counted for each
                    sequence of indices. None if updates do not fall in two sets
    contraction     a function of (letters, factors, output): the Atom of a product
    """
    different = [pair for pair in zip(places, others) if pair[0] != pair[1]]
    if len(different) != 1:
        return None
    ((first, second),) = different
    if first in (*others, *output) or second in (*places, *output):
        return None
    if atom.shape[places.index(first)] < FEW:
        return None
    groups = [[factor for factor in factors if x in factor[1]] for x in (first, second)]
    both = groups[0] + groups[1]
    if any([factor in groups[1] for factor in groups[0]]) or any([is_one_hot(each) for each, _ in both]):
        return None
    axis = places.index(first)
    rows, row = atom.shape[axis], letters.new(atom.shape[axis])
    slots = Atom("slots", atom, axis, atom.shape[:-1], INT32)
    hot = Atom("one_hot", slots, rows, (*atom.shape[:-1], rows), atom.dtype)
    made = []
    for group, names, x in zip(groups, (places, others), (first, second)):
        elsewhere = {y for factor in factors if factor not in group for y in factor[1]}.union(output)
        known = list(dict.fromkeys([y for factor in group for y in factor[1]]))
        kept = [y for y in known if y in elsewhere and y not in names]
        updates = group if set(known).issuperset(names) else [*group, within(atom, names)]
        updates = contraction(letters, updates, (*names, *kept))
        whole = (*[y for y in names if y != x], row, *kept)
        made.append((scattered(updates, (hot, names, row), whole, dict(enumerate(letters.sizes))), whole))
    return [factor for factor in factors if factor not in both] + made


def within(atom, places):
    """1 where an index is in bounds."""
    return Atom("within", atom, None, atom.shape[:-1], atom.dtype), tuple(places)


def matched(atom, places, other, letters):
    """1 where two indices are the same place."""
    union = list(dict.fromkeys([*places, *letters]))
    sizes = dict(zip([*places, *letters], [*atom.shape[:-1], *other.shape[:-1]]))
    numbers = [tuple([union.index(x) for x in own]) for own in (places, letters)]
    shape = tuple([sizes[x] for x in union])
    return Atom("match", (atom, other), (*numbers, len(union)), shape, atom.dtype), tuple(union)


def taken(array, letters, atom, places, v):
    """The elements of an array at the index, in place of its letter v."""
    union = [x for x in letters if x != v]
    union += [x for x in places if x not in union]
    sizes = dict(zip([*letters, *places], [*array.shape, *atom.shape[:-1]]))
    table = tuple([None if x == v else union.index(x) for x in letters])
    shape = tuple([sizes[x] for x in union])
    param = (table, tuple([union.index(x) for x in places]), len(union))
    return Atom("take", (array, atom), param, shape, array.dtype), tuple(union)


def scattered(atom, last, output, sizes):
    """The Atom of the whole: the contraction `atom`, added to zeros at the index."""
    index, places, v = last
    axes = tuple([output.index(x) for x in (*places, v) if x in output])
    kept = tuple([place for place, x in enumerate(places) if x in output])
    return Atom("scatter", (atom, index), (axes, kept), tuple([sizes[x] for x in output]), atom.dtype)


FEW = 16  # updates whose indices are compared with each other

# ------------------------------------------------------------------------------------------------------------- writing


def place_of(index, length):
    """Index values with those from the end counted from the start."""
    dtype = type_of(index).dtype
    if dtype.kind == "u" or dtype.itemsize < 4:
        index = convert(index, dtype=INT64)
    return select(lt(index, 0), add(index, length), index)


def in_bounds(index, value_of):
    place = place_of(value_of(index.operand), index.param)
    return logical_and(ge(place, 0), lt(place, index.param))


def spread(value, places, rank):
    """The value with its axes at these places of `rank` axes, the others of length 1."""
    shape = [1] * rank
    for place, length in zip(places, type_of(value).shape):
        shape[place] = length
    if list(places) != sorted(places):
        value = permute(value, permutation=tuple(sorted(range(len(places)), key=places.__getitem__)))
    return reshape(value, shape=tuple(shape))


def write(atom, value_of):
    """The value of an Atom that this file makes. `value_of` gives that of an Atom."""
    if atom.name == "within":
        return convert(in_bounds(atom.operand, value_of), dtype=atom.dtype)
    if atom.name == "inside":
        array, index = atom.operand
        return select(spread(in_bounds(index, value_of), atom.param, len(atom.shape)), value_of(array), 0.0)
    if atom.name == "slots":
        index, axis = atom.operand, atom.param
        inside = in_bounds(index, value_of)
        return select(inside, first_equal(place_of(value_of(index.operand), index.param), axis=axis), atom.shape[axis])
    if atom.name == "match":
        first, second, rank = atom.param
        one, two = [place_of(value_of(each.operand), each.param) for each in atom.operand]
        inside = logical_and(ge(one, 0), lt(one, atom.operand[0].param))
        one = select(inside, one, -1)
        two = select(ge(two, 0), two, -2)
        return convert(eq(spread(one, first, rank), spread(two, second, rank)), dtype=atom.dtype)
    if atom.name == "take":
        array, index = atom.operand
        table, places, rank = atom.param
        computed = spread(value_of(index.operand), places, rank)
        shape = type_of(value_of(array)).shape
        indices = [computed if place is None else counted(shape[axis], place, rank) for axis, place in enumerate(table)]
        return gather(value_of(array), *indices, axes=tuple(range(len(shape))), outside="zero")
    updates, index = value_of(atom.operand[0]), value_of(atom.operand[1].operand)
    axes, kept = atom.param
    shape = type_of(index).shape
    indices = [counted(shape[place], place, len(shape)) for place in kept] + [index]
    return scatter(zeros(ArrayType(atom.shape, atom.dtype)), updates, *indices, axes=axes, kind="add")


def counted(length, place, rank):
    return np.arange(length).reshape([length if axis == place else 1 for axis in range(rank)])
