"""Forms: values as sums of products of arrays with letters, and what operations make of them.

Relies on core and contraction's specs. contractions decides which values are formed, and writes them.
"""

import math
from typing import NamedTuple

import numpy as np

from vgrad.core.jaxpr import Literal
from vgrad.primitives.contraction import split

MOST_TERMS, MOST_FACTORS = 12, 8  # a value whose form would be longer is formed


class NoForm(Exception):
    """The operation has no form of these operands."""


class Atom(NamedTuple):
    """An array that forms are made of.

    name        "value": operand is a variable; "contract": operand holds two atoms or one, and param is the spec;
                "reshape", "slice", "convert", "reciprocal", "scaled": of the atom `operand`, by `param`; for "one_hot",
                "match", "take", "within", "inside", "slots", "scatter" see one_hot
    """

    name: str
    operand: object
    param: object
    shape: tuple
    dtype: np.dtype

    @property
    def size(self):
        """Elements in memory: a one-hot array has only its index there."""
        return math.prod(self.operand.shape if self.name == "one_hot" else self.shape)


class Term(NamedTuple):
    """number * product of the factors: ((Atom, letters), ...), one letter for each axis."""

    number: float
    factors: tuple


class Form(NamedTuple):
    """The sum of the terms.

    axes        the letters of each axis, outer first: none where the length is 1
    squares     SQUARES: a sum of squares, never negative; SOME: squares are in it; 0
    magnitude   whether the value is the magnitude of the sum: it can be rearranged and squared, no more
    """

    axes: tuple
    terms: tuple
    squares: int = 0
    magnitude: bool = False


ONE = (Term(1, ()),)
SOME, SQUARES = 1, 2


class Letters:
    """Numbers for letters, and their sizes."""

    def __init__(self):
        self.sizes = []

    def new(self, size):
        self.sizes.append(size)
        return len(self.sizes) - 1

    def length(self, axis):
        return math.prod([self.sizes[x] for x in axis])

    # ------------------------------------------------------------------------------------------------- making forms

    def of_value(self, value):
        """The form of a value that is formed: itself, or a number."""
        if isinstance(value, Literal):
            return Form((), (Term(float(value.value), ()),))
        shape = value.type.shape
        axes = tuple([() if length == 1 else (self.new(length),) for length in shape])
        atom = Atom("value", value, None, shape, value.type.dtype)
        return Form(axes, (Term(1, ((without_ones(atom), tuple([x for axis in axes for x in axis])),)),))

    def renewed(self, form):
        """The form with all letters new."""
        names = {}

        def new(letters):
            for x in letters:
                if x not in names:
                    names[x] = self.new(self.sizes[x])
            return tuple([names[x] for x in letters])

        axes = tuple([new(axis) for axis in form.axes])
        terms = tuple([Term(t.number, tuple([(a, new(own)) for a, own in t.factors])) for t in form.terms])
        return form._replace(axes=axes, terms=terms)

    def cut(self, form, letter_, outer):
        """The form with a letter cut in two, of which the outer one has the size `outer`."""
        pair = (self.new(outer), self.new(self.sizes[letter_] // outer))

        def cut_factor(atom, own):
            if letter_ not in own:
                return atom, own
            place = own.index(letter_)
            shape = (*atom.shape[:place], *[self.sizes[x] for x in pair], *atom.shape[place + 1 :])
            return of_index(atom, place, shape, reshaped), (*own[:place], *pair, *own[place + 1 :])

        axes = [tuple([y for x in axis for y in (pair if x == letter_ else (x,))]) for axis in form.axes]
        terms = [Term(t.number, tuple([cut_factor(*factor) for factor in t.factors])) for t in form.terms]
        return form._replace(axes=tuple(axes), terms=tuple(terms))

    def product(self, first, names, second, other_names):
        """(form, names of its axes) of an elementwise product: axes of one name are one; length 1 broadcasts."""
        if len(set(other_names)) < len(other_names):
            raise NoForm
        pairs = [(name, names.index(name), place) for place, name in enumerate(other_names) if name in names]
        mapping = {}
        for _, mine, other in pairs:
            place = 0
            while first.axes[mine] and second.axes[other]:
                if place == len(first.axes[mine]) or place == len(second.axes[other]):
                    if len(first.axes[mine]) != len(second.axes[other]):
                        raise NoForm
                    break
                x, y = first.axes[mine][place], second.axes[other][place]
                size, other_size = self.sizes[x], self.sizes[y]
                if size > other_size and size % other_size == 0:
                    first = self.cut(first, x, other_size)
                elif size < other_size and other_size % size == 0:
                    second = self.cut(second, y, size)
                elif size != other_size:
                    raise NoForm
                else:
                    if mapping.setdefault(y, x) != x:
                        raise NoForm
                    place += 1
        if len(set(mapping.values())) < len(mapping):
            raise NoForm
        second = renamed(second, mapping)
        axes = list(first.axes)
        for _, mine, other in pairs:
            axes[mine] = first.axes[mine] or second.axes[other]
        new = [place for place, name in enumerate(other_names) if name not in names]
        axes += [second.axes[place] for place in new]
        terms = [
            Term(one.number * two.number, one.factors + two.factors) for one in first.terms for two in second.terms
        ]
        if len(terms) > MOST_TERMS or any([len(term.factors) > MOST_FACTORS for term in terms]):
            raise NoForm
        squares = SOME if first.squares or second.squares else 0
        return Form(tuple(axes), tuple(terms), squares), [*names, *[other_names[place] for place in new]]

    def summed(self, form, kept):
        """The form summed over all axes but those at the places `kept`, in that order."""
        axes = tuple([form.axes[place] for place in kept])
        gone = [x for place, axis in enumerate(form.axes) if place not in kept for x in axis]
        terms = []
        for term in form.terms:
            present = {x for _, own in term.factors for x in own}
            times = math.prod([self.sizes[x] for x in gone if x not in present])
            terms.append(Term(term.number * times, term.factors))
        return form._replace(axes=axes, terms=tuple(terms))

    def sum_of(self, first, second, sign):
        """The elementwise sum, with broadcasting."""
        places = range(max(len(first.axes), len(second.axes)))
        squares = min(first.squares, second.squares) if sign > 0 else 0
        squares = squares or (SOME if first.squares or second.squares else 0)
        first, second = [f._replace(axes=((),) * (len(places) - len(f.axes)) + f.axes) for f in (first, second)]
        # A product with ones gives either side the axes, and the cuts in them, of the other.
        mine, _ = self.product(first, list(places), Form(second.axes, ONE), list(places))
        other, _ = self.product(Form(mine.axes, ONE), list(places), second, list(places))
        if other.axes != mine.axes:
            raise NoForm
        terms = mine.terms + tuple([Term(sign * term.number, term.factors) for term in other.terms])
        terms = tuple([term for term in terms if term.number or term.factors]) or terms[:1]
        if len(terms) > MOST_TERMS:
            raise NoForm
        return Form(mine.axes, terms, squares)

    def reshaped(self, form, shape):
        """Axes merged and split: the letters stay in order."""
        letters = [x for axis in form.axes for x in axis]
        axes, place = [], 0
        for length in shape:
            axis, reached = [], 1
            while reached < length:
                if place == len(letters):
                    raise NoForm
                x = letters[place]
                size = self.sizes[x]
                if length % (reached * size) == 0:
                    axis.append(x)
                    reached *= size
                    place += 1
                    continue
                wanted = length // reached
                if size % wanted:
                    raise NoForm
                count = len(self.sizes)
                form = self.cut(form, x, wanted)
                letters[place : place + 1] = [count, count + 1]
            axes.append(tuple(axis))
        return form._replace(axes=tuple(axes))


def renamed(form, mapping):
    def new(letters):
        return tuple([mapping.get(x, x) for x in letters])

    terms = [Term(term.number, tuple([(atom, new(own)) for atom, own in term.factors])) for term in form.terms]
    return form._replace(axes=tuple([new(axis) for axis in form.axes]), terms=tuple(terms))


def of_index(atom, place, shape, change):
    """`change(atom, shape)`, which concerns the axis at `place`; of a one-hot array the index is changed."""
    if atom.name != "one_hot":
        return change(atom, shape)
    if place == len(atom.shape) - 1:
        raise NoForm
    return atom._replace(operand=change(atom.operand, shape[:-1]), shape=shape)


def reshaped(atom, shape):
    if atom.name == "reshape":
        atom = atom.operand
    return atom if atom.shape == shape else Atom("reshape", atom, shape, shape, atom.dtype)


def without_ones(atom):
    return reshaped(atom, tuple([length for length in atom.shape if length != 1]))


# --------------------------------------------------------------------------------------- what operations make of forms


def lift_contract(letters, forms, params, output):
    inputs, kept = split(params["spec"])
    form, names = forms[0], list(inputs[0])
    if len(set(names)) < len(names):
        raise NoForm
    for other, own in zip(forms[1:], inputs[1:]):
        form, names = letters.product(form, names, other, list(own))
    return letters.summed(form, [names.index(x) for x in kept])


def lift_mul(letters, forms, params, output):
    return elementwise_product(letters, *forms)


def elementwise_product(letters, first, second):
    rank = max(len(first.axes), len(second.axes))
    first, second = [f._replace(axes=((),) * (rank - len(f.axes)) + f.axes) for f in (first, second)]
    return letters.product(first, list(range(rank)), second, list(range(rank)))[0]


def lift_power(letters, forms, params, output):
    if params["y"] != 2:
        raise NoForm
    return lift_square(letters, forms, params, output)


def lift_square(letters, forms, params, output):
    (form,) = forms
    return elementwise_product(letters, form, letters.renewed(form))._replace(squares=SQUARES, magnitude=False)


def lift_neg(letters, forms, params, output):
    (form,) = forms
    terms = tuple([Term(-term.number, term.factors) for term in form.terms])
    return form._replace(terms=terms, squares=SOME if form.squares else 0)


def lift_add(letters, forms, params, output):
    return letters.sum_of(*forms, 1)


def lift_sub(letters, forms, params, output):
    return letters.sum_of(*forms, -1)


def lift_div(letters, forms, params, output):
    first, second = forms
    if len(second.terms) != 1 or len(second.terms[0].factors) > 1:
        raise NoForm
    number, factors = second.terms[0]
    letters_of_axes = {x for axis in second.axes for x in axis}
    for atom, own in factors:
        if atom.name not in ("value", "reshape") or not letters_of_axes.issuperset(own):  # a sum, not a factor
            raise NoForm
    if number == 0:
        raise NoForm
    factors = converted(second, output.dtype).terms[0].factors  # a reciprocal is rounded: to the dtype of the quotient
    inverse = tuple([(Atom("reciprocal", atom, None, atom.shape, atom.dtype), own) for atom, own in factors])
    return elementwise_product(letters, first, Form(second.axes, (Term(1 / number, inverse),)))


def lift_transpose(letters, forms, params, output):
    (form,) = forms
    return form._replace(axes=tuple([form.axes[place] for place in params["permutation"]]))


def lift_reshape(letters, forms, params, output):
    return letters.reshaped(forms[0], params["shape"])


def lift_broadcast(letters, forms, params, output):
    (form,) = forms
    axes = [() if length == 1 else None for length in params["shape"]]
    for place, axis in zip(params["axes"], form.axes):
        if axis:
            axes[place] = axis
    axes = [(letters.new(length),) if axis is None else axis for axis, length in zip(axes, params["shape"])]
    return form._replace(axes=tuple(axes))


def lift_sum(letters, forms, params, output):
    kept = [place for place in range(len(forms[0].axes)) if place not in params["axes"]]
    return letters.summed(forms[0], kept)


def lift_slice(letters, forms, params, output):
    (form,) = forms
    for place, (start, step, count) in enumerate(zip(params["start"], params["step"], output.shape)):
        axis = form.axes[place]
        if count == letters.length(axis):
            continue
        if len(axis) == 2 and start == 0 and letters.sizes[axis[0]] == letters.sizes[axis[1]] == count == step - 1:
            form = diagonal(form, axis)
        elif len(axis) == 1:
            form = sliced(letters, form, axis[0], start, step, count)
        else:
            raise NoForm
    return form


def diagonal(form, axis):
    """The form where both letters of an axis are the same number: every (n + 1)th element of n x n."""
    if any([set(axis) <= set(own) for term in form.terms for _, own in term.factors]):
        raise NoForm  # letters of a factor differ
    first, second = axis
    form = form._replace(axes=tuple([(first,) if each == axis else each for each in form.axes]))
    return renamed(form, {second: first})


def sliced(letters, form, x, start, step, count):
    new = letters.new(count)

    def cut(atom, own):
        if x not in own:
            return atom, own
        place = own.index(x)
        shape = (*atom.shape[:place], count, *atom.shape[place + 1 :])

        def part(atom, shape):
            return without_ones(Atom("slice", atom, (place, start, step), shape, atom.dtype))

        if atom.name == "one_hot" and count == 1:
            raise NoForm
        return of_index(atom, place, shape, part), own[:place] + ((new,) if count > 1 else ()) + own[place + 1 :]

    mine = (new,) if count > 1 else ()
    axes = tuple([mine if axis == (x,) else axis for axis in form.axes])
    terms = [Term(t.number, tuple([cut(*factor) for factor in t.factors])) for t in form.terms]
    return form._replace(axes=axes, terms=tuple(terms))


def lift_convert(letters, forms, params, output):
    """A wider type: factors are converted before they are multiplied. A narrower one: they keep theirs."""
    return converted(forms[0], output.dtype)


def converted(form, dtype):
    """The form with factors of `dtype` or a wider one."""

    def widened(atom, own):
        if np.promote_types(atom.dtype, dtype) == atom.dtype:
            return atom, own
        if atom.name == "one_hot":
            return atom._replace(dtype=dtype), own
        return Atom("convert", atom, dtype, atom.shape, dtype), own

    terms = [Term(term.number, tuple([widened(*factor) for factor in term.factors])) for term in form.terms]
    return form._replace(terms=tuple(terms))


def lift_abs(letters, forms, params, output):
    return forms[0]._replace(magnitude=True)


def lift_alias(letters, forms, params, output):
    return forms[0]


LIFT = {
    "contract": lift_contract, "mul": lift_mul, "div": lift_div, "add": lift_add, "sub": lift_sub, "neg": lift_neg,
    "integer_pow": lift_power, "square": lift_square, "reduce_sum": lift_sum, "reshape": lift_reshape,
    "transpose": lift_transpose, "broadcast_in_dim": lift_broadcast, "slice": lift_slice,
    "convert_element_type": lift_convert, "stop_gradient": lift_alias, "abs": lift_abs,
}  # fmt: skip
OF_MAGNITUDES = {"reshape", "transpose", "broadcast_in_dim", "slice", "integer_pow", "square", "abs", "stop_gradient"}
