"""Contractions: sums of products stay algebra until it is known whether forming an intermediate value pays.

Relies on rewrite's stage and the primitives. jit runs it last, on the program in which all calls are open.

A *form* is what a value is: a sum of terms, each a number times a product of arrays (its factors) whose letters are
those of einsum; letters that the value's axes do not have are summed. The gradient of a weight for every example,
`bti,bto->bio`, is a form; so are its square, its sum over examples weighted by clip factors, its product with a vector.
For every value that has a form and is larger than its factors, the pass decides whether it is formed, or lives on in
the forms of what is made of it: by what each choice costs all its consumers (`Component.decide`). Values that are no
larger than their factors are always formed, and cut the program in small components that are decided one by one.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from vgrad.core.interpreter import EVALUATE, installed
from vgrad.core.jaxpr import Literal
from vgrad.core.types import type_of
from vgrad.passes.rewrite import Rewriting
from vgrad.primitives.broadcasting import broadcast, convert, reshape
from vgrad.primitives.comparison import maximum
from vgrad.primitives.contraction import contract, join, letter, split
from vgrad.primitives.elementwise import add, div, mul
from vgrad.primitives.shape import strided_slice

MOST_TERMS, MOST_FACTORS = 12, 8  # a value whose form would be longer is formed
WORTHWHILE = 0.9  # of the seconds that a component takes as it was written
RATE, BANDWIDTH, START = 2e11, 2e10, 2e-7  # flop/s, bytes/s, seconds per product: only their ratios matter


class NoForm(Exception):
    """The operation has no form of these operands."""


class Atom(NamedTuple):
    """An array that forms are made of.

    name        "value": operand is a variable; "contract": operand holds two atoms or one, and param is the spec;
                "reshape", "slice", "convert", "reciprocal", "scaled": of the atom `operand`, by `param`
    """

    name: str
    operand: object
    param: object
    shape: tuple
    dtype: np.dtype

    @property
    def size(self):
        return math.prod(self.shape)


class Term(NamedTuple):
    """number * product of the factors: ((Atom, letters), ...), one letter for each axis."""

    number: float
    factors: tuple


class Form(NamedTuple):
    """The sum of the terms.

    axes        the letters of each axis, outer first: none where the length is 1
    squares     SQUARES: a sum of squares, never negative; SOME: squares are in it; 0
    """

    axes: tuple
    terms: tuple
    squares: int = 0


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

    def cut(self, forms, letter_, outer):
        """The forms with a letter cut in two, of which the outer one has the size `outer`."""
        pair = (self.new(outer), self.new(self.sizes[letter_] // outer))

        def cut_factor(atom, own):
            if letter_ not in own:
                return atom, own
            place = own.index(letter_)
            shape = (*atom.shape[:place], *[self.sizes[x] for x in pair], *atom.shape[place + 1 :])
            return reshaped(atom, shape), (*own[:place], *pair, *own[place + 1 :])

        made = []
        for form in forms:
            axes = [tuple([y for x in axis for y in (pair if x == letter_ else (x,))]) for axis in form.axes]
            terms = [Term(t.number, tuple([cut_factor(*factor) for factor in t.factors])) for t in form.terms]
            made.append(form._replace(axes=tuple(axes), terms=tuple(terms)))
        return made

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
                    (first,) = self.cut([first], x, other_size)
                elif size < other_size and other_size % size == 0:
                    (second,) = self.cut([second], y, size)
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
                (form,) = self.cut([form], x, wanted)
                letters[place : place + 1] = [count, count + 1]
            axes.append(tuple(axis))
        return form._replace(axes=tuple(axes))


def renamed(form, mapping):
    def new(letters):
        return tuple([mapping.get(x, x) for x in letters])

    terms = [Term(term.number, tuple([(atom, new(own)) for atom, own in term.factors])) for term in form.terms]
    return form._replace(axes=tuple([new(axis) for axis in form.axes]), terms=tuple(terms))


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
    return elementwise_product(letters, form, letters.renewed(form))._replace(squares=SQUARES)


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
    if number == 0 or (factors and factors[0][0].name not in ("value", "reshape")):
        raise NoForm
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
        if len(axis) != 1:
            raise NoForm
        form = sliced(letters, form, axis[0], start, step, count)
    return form


def sliced(letters, form, x, start, step, count):
    new = letters.new(count)

    def cut(atom, own):
        if x not in own:
            return atom, own
        place = own.index(x)
        shape = (*atom.shape[:place], count, *atom.shape[place + 1 :])
        atom = Atom("slice", atom, (place, start, step), shape, atom.dtype)
        return (
            (atom, own[:place] + (new,) + own[place + 1 :])
            if count > 1
            else (without_ones(atom), own[:place] + own[place + 1 :])
        )

    mine = (new,) if count > 1 else ()
    axes = tuple([mine if axis == (x,) else axis for axis in form.axes])
    terms = [Term(t.number, tuple([cut(*factor) for factor in t.factors])) for t in form.terms]
    return form._replace(axes=axes, terms=tuple(terms))


def lift_convert(letters, forms, params, output):
    """A wider type: factors are converted before they are multiplied."""
    (form,), dtype = forms, output.dtype
    if dtype.kind != "f":
        raise NoForm
    return converted(form, dtype)


def converted(form, dtype):
    def widened(atom, own):
        if atom.dtype.kind != "f" or atom.dtype.itemsize > dtype.itemsize:
            raise NoForm
        return (atom if atom.dtype == dtype else Atom("convert", atom, dtype, atom.shape, dtype)), own

    terms = [Term(term.number, tuple([widened(*factor) for factor in term.factors])) for term in form.terms]
    return form._replace(terms=tuple(terms))


def lift_alias(letters, forms, params, output):
    return forms[0]


LIFT = {
    "contract": lift_contract, "mul": lift_mul, "div": lift_div, "add": lift_add, "sub": lift_sub, "neg": lift_neg,
    "integer_pow": lift_power, "square": lift_square, "reduce_sum": lift_sum, "reshape": lift_reshape,
    "transpose": lift_transpose, "broadcast_in_dim": lift_broadcast, "slice": lift_slice,
    "convert_element_type": lift_convert, "stop_gradient": lift_alias,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------- the cost of a form


@functools.lru_cache(maxsize=4096)
def steps_of(factors, output, sizes):
    """How to contract: ((positions of the factors taken, letters of the result), ...), a result goes to the end.

    factors, output: letters as numbers from 0; sizes: of each.
    """
    remaining, steps = list(factors), []
    if len(remaining) == 1:
        return (((0,), output),)
    import opt_einsum  # here, not above: importing it takes longer than importing vgrad

    spec = join(["".join(map(letter, own)) for own in factors], "".join(map(letter, output)))
    shapes = [tuple([sizes[x] for x in own]) for own in factors]
    path, _ = opt_einsum.contract_path(spec, *shapes, shapes=True, optimize="auto")
    for positions in path:
        positions = tuple(sorted(positions))
        taken = [remaining[place] for place in positions]
        remaining = [own for place, own in enumerate(remaining) if place not in positions]
        rest = set(output).union(*remaining)
        made = output if not remaining else tuple(dict.fromkeys([x for own in taken for x in own if x in rest]))
        remaining.append(made)
        steps.append((positions, made))
    return tuple(steps)


def atom_of_term(letters, term, axes):
    """(the Atom that the product of a term's factors is, its letters): those of `axes` that the factors have."""
    present = {x for _, own in term.factors for x in own}
    output = tuple([x for axis in axes for x in axis if x in present])
    names = {}
    for _, own in term.factors:
        for x in own:
            names.setdefault(x, len(names))
    factors = [(atom, tuple([names[x] for x in own])) for atom, own in term.factors]
    if term.number != 1:  # a number goes to the smallest factor
        place = min(range(len(factors)), key=lambda place: factors[place][0].size)
        atom, own = factors[place]
        factors[place] = (Atom("scaled", atom, term.number, atom.shape, atom.dtype), own)
    sizes = tuple([letters.sizes[x] for x in names])
    wanted = tuple([names[x] for x in output])
    for positions, made in steps_of(tuple([own for _, own in factors]), wanted, sizes):
        taken = [factors[place] for place in positions]
        factors = [factor for place, factor in enumerate(factors) if place not in positions]
        if len(taken) == 1 and taken[0][1] == made:
            factors.append(taken[0])
            continue
        spelled = {}
        spec = join(
            ["".join([letter(spelled.setdefault(x, len(spelled))) for x in own]) for _, own in taken],
            "".join([letter(spelled[x]) for x in made]),
        )
        shape = tuple([sizes[x] for x in made])
        dtype = functools.reduce(np.promote_types, [atom.dtype for atom, _ in taken])
        factors.append((Atom("contract", tuple([atom for atom, _ in taken]), spec, shape, dtype), made))
    return factors[0][0], output


def is_product(inputs, output):
    """Whether BLAS computes it: letters are summed, and each operand has one that the other has not."""
    if len(inputs) != 2:
        return False
    left, right = map(set, inputs)
    return bool(left & right - set(output) and left - right and right - left)


def seconds_of(atom, seen):
    """What it costs to form an atom, without what has been seen before."""
    if atom.name == "value" or atom in seen:
        return 0.0
    seen.add(atom)
    if atom.name != "contract":
        own = 0.0 if atom.name in ("reshape", "slice") else 2 * atom.size * atom.dtype.itemsize / BANDWIDTH
        return own + seconds_of(atom.operand, seen)
    inputs, output = split(atom.param)
    sizes = {x: size for own, each in zip(inputs, atom.operand) for x, size in zip(own, each.shape)}
    work = 2 * math.prod(sizes.values())
    moved = (atom.size + sum([each.size for each in atom.operand])) * atom.dtype.itemsize
    rate = (RATE if is_product(inputs, output) else RATE / 8) * 4 / atom.dtype.itemsize
    own = max(work / rate, moved / BANDWIDTH) + START
    return own + sum([seconds_of(each, seen) for each in atom.operand])


# --------------------------------------------------------------------------------------------------------- the decision


class Lifted:
    """An equation whose output has a form.

    required    somebody needs the output formed: an output of the program, an operation that has no form
    settled     it is no larger than its factors, so that it is formed
    base        whether those who use it see it as an array, not by its form
    """

    __slots__ = ("equation", "var", "required", "settled", "base", "form", "component")

    def __init__(self, equation, settled):
        self.equation = equation
        (self.var,) = equation.outputs
        self.required = False
        self.settled = self.base = settled
        self.form = None
        self.component = None


class Contractions:
    """The forms of a program's values, and which of them are formed."""

    def __init__(self, jaxpr):
        self.jaxpr = jaxpr
        self.letters = Letters()
        self.lifted = {}
        self.find()
        self.components = self.split()
        for component in self.components:
            self.decide(component)

    # ----------------------------------------------------------------------------------------------- what has a form

    def find(self):
        for equation in self.jaxpr.equations:
            through = [self.lifted[o] for o in equation.operands if o in self.lifted and not self.lifted[o].settled]
            if not through and not expands(equation):
                continue
            try:
                form = self.lift(equation)
            except NoForm:
                for each in through:
                    each.required = True
                continue
            factors = [atom.size for term in form.terms for atom, _ in term.factors]
            output = equation.outputs[0]
            made = self.lifted[output] = Lifted(equation, output.type.size <= max(factors, default=0))
            made.form = form
        for output in self.jaxpr.outputs:
            if output in self.lifted:
                self.lifted[output].required = True

    def lift(self, equation):
        """The form of an equation's output, with operands that are not base by their forms."""
        rule = LIFT.get(equation.primitive.name)
        output = equation.outputs[0].type
        types = [operand.type for operand in equation.operands]
        if rule is None or any([type_.dtype.kind != "f" for type_ in (output, *types)]):
            raise NoForm
        form = rule(self.letters, [self.form_of(o) for o in equation.operands], equation.params, output)
        return form._replace(squares=SQUARES) if is_square(equation) else form

    def form_of(self, operand):
        lifted = self.lifted.get(operand)
        if lifted is None or lifted.base:
            return self.letters.of_value(operand)
        return self.letters.renewed(lifted.form)

    # ------------------------------------------------------------------------------------------------- what is formed

    def split(self):
        """Lists of Lifted that belong together: those made of one another without a settled value between."""
        parents = {}

        def top(var):
            while parents[var] is not var:
                parents[var] = parents[parents[var]]
                var = parents[var]
            return var

        for var, each in self.lifted.items():
            parents[var] = var
            for operand in each.equation.operands:
                if operand in self.lifted and not self.lifted[operand].settled:
                    parents[top(operand)] = top(var)
        components = {}
        for var, each in self.lifted.items():
            components.setdefault(top(var), []).append(each)
        return list(components.values())

    def decide(self, component):
        """Form, one after the other, what makes the component cheaper, or no dearer; all of it if little is gained."""
        free = [each for each in component if not each.settled]
        best = self.seconds(component)
        for each in free:
            each.base = True
            found = self.seconds(component)
            if found <= best:
                best = found
            else:
                each.base = False
        kept = [each for each in free if not each.base]
        for each in kept:
            each.base = True
        if best <= WORTHWHILE * self.seconds(component):
            for each in kept:
                each.base = False
            self.seconds(component)  # the forms, as it was decided

    def seconds(self, component):
        """What the component costs as it is decided now; sets the forms anew."""
        for each in component:
            try:
                each.form = self.lift(each.equation)
            except NoForm:
                return math.inf
        seen, total = set(), 0.0
        for each in self.formed(component):
            total += self.seconds_to_form(each, seen)
        return total

    def formed(self, component):
        """Those of the component that are formed."""
        known = {each.var for each in component}
        needed, found = {each.var for each in component if each.required or each.settled}, []
        for each in reversed(component):
            if each.var in needed:
                found.append(each)
                needed |= self.reads(each) & known
        return found

    def reads(self, each):
        """The variables whose values its form is made of."""
        return {below(atom) for term in each.form.terms for atom, _ in term.factors}

    def seconds_to_form(self, each, seen):
        form = precise(each)
        seconds = each.var.type.size * each.var.type.dtype.itemsize * (len(form.terms) - 1) / BANDWIDTH
        for term in form.terms:
            if term.factors:
                seconds += seconds_of(atom_of_term(self.letters, term, form.axes)[0], seen)
        return seconds

    def changes(self):
        """Whether any value is not formed."""
        return any([not each.base and not each.required for each in self.lifted.values()])


def below(atom):
    while atom.name != "value":
        atom = atom.operand
    return atom.operand


def is_square(equation):
    """Whether a value is multiplied by itself, element by element."""
    if len(equation.operands) != 2 or equation.operands[0] is not equation.operands[1]:
        return False
    name = equation.primitive.name
    return name == "mul" or (name == "contract" and len(set(split(equation.params["spec"])[0])) == 1)


def precise(lifted):
    """The form by which a value is computed: sums of squares that may cancel in float64.

    The square norm of a sum over steps is a sum of products of either sign, and so are distances to a mean; the
    product of two square norms may leave the range of float32 where the norm of the product does not. In float64, which
    holds products of float32 exactly, neither matters: contributions that cancel to 1e-5 of their size leave 6 digits
    of the square.
    """
    form = lifted.form
    if form.squares and (lifted.settled or len(form.terms) > 1) and lifted.var.type.dtype == np.float32:
        return converted(form, np.dtype(np.float64))
    return form


def expands(equation):
    """Whether an equation makes something larger than what it is made of: an outer product, for every example."""
    if equation.primitive.name not in ("contract", "mul") or len(equation.operands) < 2:
        return False
    return equation.outputs[0].type.size > max([operand.type.size for operand in equation.operands])


# --------------------------------------------------------------------------------------------------------- the program


class Writing(Rewriting):
    """Stages the program anew: what is formed, from the equations or from the forms."""

    __slots__ = ("plan", "values", "atoms")

    def __init__(self, plan):
        super().__init__(EVALUATE, {})
        self.plan = plan
        self.atoms = {}

    def run(self, jaxpr, inputs):
        plan = self.plan
        formed = {each.var for component in plan.components for each in plan.formed(component)}
        self.values = {**dict(jaxpr.constants), **dict(zip(jaxpr.inputs, inputs))}
        for equation in jaxpr.equations:
            self.current = equation.source
            lifted = plan.lifted.get(equation.outputs[0])
            if lifted is not None and lifted.var not in formed:
                continue
            if lifted is None or all([self.is_base(operand) for operand in equation.operands]):
                operands = [self.read(operand) for operand in equation.operands]
                output = self.process(equation.primitive, operands, equation.params)
                self.values.update(zip(equation.outputs, output if equation.primitive.multiple_outputs else (output,)))
            else:
                self.values[lifted.var] = self.value_of_form(lifted)
        return [self.read(output) for output in jaxpr.outputs]

    def is_base(self, operand):
        lifted = self.plan.lifted.get(operand)
        return lifted is None or lifted.base

    def read(self, atom):
        return atom.value if isinstance(atom, Literal) else self.values[atom]

    def value_of_form(self, lifted):
        letters, form, type_ = self.plan.letters, precise(lifted), lifted.var.type
        total = None
        for term in form.terms:
            value, own = term.number, ()
            if term.factors:
                atom, own = atom_of_term(letters, term, form.axes)
                value = self.value_of_atom(atom)
            whole = [x for axis in form.axes for x in axis]
            if len(own) < len(whole):
                shape = tuple([letters.sizes[x] for x in whole])
                value = broadcast(value, shape=shape, axes=tuple([whole.index(x) for x in own]))
            total = value if total is None else add(total, value)
        if form.squares == SQUARES:
            total = maximum(total, 0.0)
        if type_of(total).shape != type_.shape:
            total = reshape(total, shape=type_.shape)
        return total if type_of(total).dtype == type_.dtype else convert(total, dtype=type_.dtype)

    def value_of_atom(self, atom):
        if atom.name == "value":
            return self.values[atom.operand]
        if atom not in self.atoms:
            self.atoms[atom] = self.make(atom)
        return self.atoms[atom]

    def make(self, atom):
        if atom.name == "contract":
            return contract(*[self.value_of_atom(each) for each in atom.operand], spec=atom.param)
        value = self.value_of_atom(atom.operand)
        if atom.name == "reshape":
            return reshape(value, shape=atom.shape)
        if atom.name == "convert":
            return convert(value, dtype=atom.param)
        if atom.name == "reciprocal":
            return div(1.0, value)
        if atom.name == "scaled":
            return mul(atom.param, value)
        place, start, step = atom.param
        whole = type_of(value).shape
        starts, stops, steps = [0] * len(whole), list(whole), [1] * len(whole)
        starts[place], steps[place] = start, step
        stops[place] = start + (atom.shape[place] - 1) * step + 1
        return strided_slice(value, start=tuple(starts), stop=tuple(stops), step=tuple(steps))


def contracted(jaxpr):
    """The program with values kept as contractions where that is cheaper than to form them."""
    if not any([expands(equation) for equation in jaxpr.equations]):
        return jaxpr
    plan = Contractions(jaxpr)
    if not plan.changes():
        return jaxpr
    writing = Writing(plan)
    inputs = [writing.input(type_) for type_ in jaxpr.input_types]
    with installed(writing):
        outputs = writing.run(jaxpr, inputs)
        return writing.finish(inputs, outputs)[0]
