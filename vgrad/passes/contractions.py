"""Contractions: sums of products stay algebra until it is known whether forming an intermediate value pays.

Relies on rewrite's stage and the primitives. jit runs it last, on the program in which all calls are open.

A *form* is what a value is: a sum of terms, each a number times a product of arrays (its factors) whose letters are
those of einsum; letters that the value's axes do not have are summed. The gradient of a weight for every example,
`bti,bto->bio`, is a form; so are its square, its sum over examples weighted by clip factors, its product with a vector.
For every value that has a form and is larger than its factors, the pass decides whether it is formed, or lives on in
the forms of what is made of it: by what each choice costs all its consumers (`Contractions.decide`). Values that are no
larger than their factors are always formed, and cut the program in small components that are decided one by one.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from vgrad.core.interpreter import EVALUATE
from vgrad.core.jaxpr import Literal
from vgrad.core.types import type_of
from vgrad.passes import one_hot
from vgrad.passes.forms import LIFT, OF_MAGNITUDES, SQUARES, Atom, Letters, NoForm, converted
from vgrad.passes.prune import drop_unused
from vgrad.passes.rewrite import Rewriting
from vgrad.passes.share import share_equal
from vgrad.primitives.broadcasting import broadcast, convert, reshape
from vgrad.primitives.comparison import absolute, maximum
from vgrad.primitives.contraction import contract, join, letter, split
from vgrad.primitives.elementwise import add, div, mul
from vgrad.primitives.shape import strided_slice

WORTHWHILE = 0.9  # of the seconds that a component takes as it was written
HARDLY = 1.05  # times the lowest seconds: fewer and simpler equations are worth that much
RATE, START = 2e11, 2e-7  # flop/s of a product, seconds to begin one: only ratios matter


# ------------------------------------------------------------------------------------------------- the cost of a form


@functools.lru_cache(maxsize=4096)
def steps_of(factors, output, sizes, ordered=False):
    """How to contract: ((positions of the factors taken, letters of the result), ...), a result goes to the end.

    factors, output: letters as numbers from 0; sizes: of each. ordered: intermediate results have the output's order,
    for it is read row by row; else an order of their own, which other contractions of the same factors share.
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
        made = tuple(dict.fromkeys([x for own in taken for x in own if x in rest])) if remaining else output
        if ordered:
            made = tuple(sorted(made, key=lambda x: output.index(x) if x in output else math.inf))
        remaining.append(made)
        steps.append((positions, made))
    return tuple(steps)


def atom_of_term(letters, term, axes, bandwidth):
    """(the Atom that the product of a term's factors is, its letters): those of `axes` that the factors have."""
    present = {x for _, own in term.factors for x in own}
    output = tuple([x for axis in axes for x in axis if x in present])
    compact = functools.partial(one_hot.compacted, letters=letters, contraction=contraction)
    found = [atom_of_product(letters, term, output, None)]
    if len([atom for atom, _ in term.factors if one_hot.is_one_hot(atom)]) > 1:
        found.append(atom_of_product(letters, term, output, compact))
    return min(found, key=lambda atom: seconds_of(atom, bandwidth, set())), output


def atom_of_product(letters, term, output, compact):
    factors, kept, last = one_hot.resolved(term.factors, output, compact)
    if term.number != 1:  # a number goes to the smallest factor
        place = min(range(len(factors)), key=lambda place: factors[place][0].size)
        atom, own = factors[place]
        factors[place] = (Atom("scaled", atom, term.number, atom.shape, atom.dtype), own)
    atom = contraction(letters, factors, kept, ordered=last is not None)
    if last is not None:
        atom = one_hot.scattered(atom, last, output, dict(enumerate(letters.sizes)))
    return atom


def contraction(letters, factors, output, ordered=False):
    """The Atom of a product of arrays, summed over the letters that are not in the output."""
    names = {}
    for _, own in factors:
        for x in own:
            names.setdefault(x, len(names))
    factors = [(atom, tuple([names[x] for x in own])) for atom, own in factors]
    sizes = tuple([letters.sizes[x] for x in names])
    wanted = tuple([names[x] for x in output])
    for positions, made in steps_of(tuple([own for _, own in factors]), wanted, sizes, ordered):
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
    return factors[0][0]


def is_product(inputs, output):
    """Whether BLAS computes it: letters are summed, and each operand has one that the other has not."""
    if len(inputs) != 2:
        return False
    left, right = map(set, inputs)
    return bool(left & right - set(output) and left - right and right - left)


def seconds_of(atom, bandwidth, seen):
    """What it costs to form an atom, without what has been seen before. `bandwidth`: bytes per second."""
    if atom.name == "value" or atom in seen:
        return 0.0
    seen.add(atom)
    if atom.name != "contract":
        parts = (
            atom.operand if isinstance(atom.operand, tuple) and not isinstance(atom.operand, Atom) else (atom.operand,)
        )
        moved = 0 if atom.name in ("reshape", "slice", "one_hot") else atom.size + sum([each.size for each in parts])
        return moved * atom.dtype.itemsize / bandwidth + sum([seconds_of(each, bandwidth, seen) for each in parts])
    inputs, output = split(atom.param)
    sizes = {x: size for own, each in zip(inputs, atom.operand) for x, size in zip(own, each.shape)}
    work = 2 * math.prod(sizes.values())
    moved = (atom.size + sum([each.size for each in atom.operand])) * atom.dtype.itemsize
    rate = (RATE if is_product(inputs, output) else RATE / 8) * 4 / atom.dtype.itemsize
    own = max(work / rate, moved / bandwidth) + START
    return own + sum([seconds_of(each, bandwidth, seen) for each in atom.operand])


# --------------------------------------------------------------------------------------------------------- the decision


class Lifted:
    """An equation whose output has a form.

    required    somebody needs the output formed: an output of the program, an operation that has no form
    settled     it is no larger than its factors, so that it is formed
    base        whether those who use it see it as an array, not by its form
    """

    __slots__ = ("equation", "var", "required", "settled", "base", "form")

    def __init__(self, equation, settled):
        self.equation = equation
        (self.var,) = equation.outputs
        self.required = False
        self.settled = self.base = settled
        self.form = None


class Choice(NamedTuple):
    """What was decided of an outer product, for people to read.

    equation    that makes it
    formed      why it is formed: "needed", "cheaper" or "as cheap"; "" if it stays a contraction
    seconds     what its component takes, by estimate, with contractions and with all values formed
    """

    equation: object
    formed: str
    seconds: tuple


class Contractions:
    """The forms of a program's values, and which of them are formed. `choices` tells about the outer products."""

    def __init__(self, jaxpr, flops_per_byte):
        self.jaxpr = jaxpr
        self.bandwidth = RATE / flops_per_byte
        self.letters = Letters()
        self.lifted = {}
        self.constants = dict(jaxpr.constants)
        self.definitions = {}
        self.filled = set()  # indices of which those out of bounds read NaN
        self.choices = []
        self.find()
        self.components = self.split()
        for component in self.components:
            self.decide(component)

    # ----------------------------------------------------------------------------------------------- what has a form

    def find(self):
        for equation in self.jaxpr.equations:
            self.definitions.update(dict.fromkeys(equation.outputs, equation))
            if equation.primitive.name == "gather" and equation.params.get("outside") == "fill":
                self.filled.update([self.shape_changed(index) for index in equation.operands[1:]])
            through = [self.lifted[o] for o in equation.operands if o in self.lifted and not self.lifted[o].settled]
            if not through and not expands(equation, self.size_below):
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
        if 0 in [type_.size for type_ in (output, *types)]:  # no letters for axes of length 0
            raise NoForm
        if equation.primitive.name == "scatter" and equation.params["kind"] == "add" and output.dtype.kind == "f":
            operand, updates, *indices = equation.operands
            if not is_zero(operand, self.definitions) or any([isinstance(index, Literal) for index in indices]):
                raise NoForm
            form = self.form_of(updates)
            if form.magnitude:
                raise NoForm
            filled = any([self.shape_changed(index) in self.filled for index in indices])
            return one_hot.lift_scatter(self.letters, form, indices, self.constants, equation.params, output, filled)
        if rule is None or any([type_.dtype.kind != "f" for type_ in (output, *types)]):
            raise NoForm
        forms = [self.form_of(operand) for operand in equation.operands]
        if equation.primitive.name == "convert_element_type" and rounds(forms[0], types[0].dtype, output.dtype):
            raise NoForm
        square = is_square(equation)
        if any([form.magnitude for form in forms]) and equation.primitive.name not in OF_MAGNITUDES and not square:
            raise NoForm
        form = rule(self.letters, forms, equation.params, output)
        return form._replace(squares=SQUARES, magnitude=False) if square else form

    def form_of(self, operand):
        lifted = self.lifted.get(operand)
        if lifted is not None and not lifted.base:
            return self.letters.renewed(lifted.form)
        spread = self.broadcast_of(operand)
        if lifted is None and spread is not None:
            return LIFT["broadcast_in_dim"](
                self.letters, [self.form_of(spread.operands[0])], spread.params, operand.type
            )
        return self.letters.of_value(operand)

    def shape_changed(self, index):
        """The index that an index is a reshape of."""
        while index in self.definitions and self.definitions[index].primitive is reshape:
            (index,) = self.definitions[index].operands
        return index

    def broadcast_of(self, operand):
        """The broadcast that makes a value, or None."""
        made = self.definitions.get(operand)
        return made if made is not None and made.primitive.name == "broadcast_in_dim" else None

    def size_below(self, operand):
        """The elements of a value, or of what it is broadcast from: forms need no broadcasts."""
        spread = self.broadcast_of(operand)
        return (spread.operands[0] if spread is not None else operand).type.size

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
        """Form, one after the other, what makes the component cheaper, or hardly dearer; all if little is gained."""
        free = [each for each in component if not each.settled]
        best = contracted = lowest = self.seconds(component)
        for each in free:
            each.base = True
            found = self.seconds(component)
            if found <= HARDLY * lowest:
                best, lowest = found, min(found, lowest)
            else:
                each.base = False
        kept = [each for each in free if not each.base]
        for each in kept:
            each.base = True
        formed = self.seconds(component)
        if best <= WORTHWHILE * formed:
            for each in kept:
                each.base = False
            self.seconds(component)  # the forms, as it was decided
        for each in free:
            if expands(each.equation) and contracted != formed:
                why = "needed" if each.required else "" if not each.base else "as cheap" if best < formed else "cheaper"
                self.choices.append(Choice(each.equation, why, (contracted if why == "cheaper" else best, formed)))

    def seconds(self, component):
        """What the component costs as it is decided now; sets the forms anew."""
        seen, total = set(), 0.0
        try:
            for each in component:
                each.form = self.lift(each.equation)
            for each in self.formed(component):
                total += self.seconds_to_form(each, seen)
        except NoForm:
            return math.inf
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
        seconds = each.var.type.size * each.var.type.dtype.itemsize * (len(form.terms) - 1) / self.bandwidth
        for term in form.terms:
            if term.factors:
                atom, _ = atom_of_term(self.letters, term, form.axes, self.bandwidth)
                seconds += seconds_of(atom, self.bandwidth, seen)
        return seconds

    def changes(self):
        """Whether any value is not formed."""
        return any([not each.base and not each.required for each in self.lifted.values()])


def below(atom):
    while atom.name != "value":
        atom = atom.operand[0] if atom.name == "inside" else atom.operand
    return atom.operand


def is_square(equation):
    """Whether a value is multiplied by itself, element by element."""
    if len(equation.operands) != 2 or equation.operands[0] is not equation.operands[1]:
        return False
    name = equation.primitive.name
    return name == "mul" or (name == "contract" and len(set(split(equation.params["spec"])[0])) == 1)


def precise(lifted):
    """The form by which a value is computed: factors of one type, sums of squares that may cancel in float64.

    The square norm of a sum over steps is a sum of products of either sign, and so are distances to a mean; the
    product of two square norms may leave the range of float32 where the norm of the product does not. In float64, which
    holds products of float32 exactly, neither matters: contributions that cancel to 1e-5 of their size leave 6 digits
    of the square.
    """
    form, dtypes = lifted.form, {lifted.var.type.dtype}
    dtypes.update([atom.dtype for term in form.terms for atom, _ in term.factors])
    if form.squares and (lifted.settled or len(form.terms) > 1) and lifted.var.type.dtype == np.float32:
        dtypes.add(np.dtype(np.float64))
    return converted(form, functools.reduce(np.promote_types, dtypes)) if len(dtypes) > 1 else form


def rounds(form, given, wanted):
    """Whether a value of the dtype `given` is rounded, as its factors are not, and goes back to a wider type."""
    factors = [atom for term in form.terms for atom, _ in term.factors]
    wider = np.promote_types(given, wanted) != given
    return wider and any([np.promote_types(atom.dtype, given) != given for atom in factors])


def is_zero(operand, definitions):
    """Whether an operand is zeros. `definitions`: {variable: the equation that makes it}."""
    made = definitions.get(operand)
    if made is not None and made.primitive.name == "broadcast_in_dim":
        operand = made.operands[0]
    return isinstance(operand, Literal) and operand.value == 0


def expands(equation, size=lambda operand: operand.type.size):
    """Whether an equation makes something larger than what it is made of: an outer product, for every example.

    size    the elements of an operand
    """
    name = equation.primitive.name
    if name == "scatter":
        return equation.outputs[0].type.size > size(equation.operands[1])
    if name not in ("contract", "mul") or len(equation.operands) < 2:
        return False
    return equation.outputs[0].type.size > max([size(operand) for operand in equation.operands])


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
                output = self.anew(equation, [self.read(operand) for operand in equation.operands])
                self.values.update(zip(equation.outputs, output if equation.primitive.multiple_outputs else (output,)))
            else:
                self.values[lifted.var] = self.value_of_form(lifted)
        return [self.read(output) for output in jaxpr.outputs]

    def is_base(self, operand):
        lifted = self.plan.lifted.get(operand)
        return self.plan.broadcast_of(operand) is None if lifted is None else lifted.base

    def read(self, atom):
        return atom.value if isinstance(atom, Literal) else self.values[atom]

    def value_of_form(self, lifted):
        letters, form, type_ = self.plan.letters, precise(lifted), lifted.var.type
        total = None
        for term in form.terms:
            value, own = term.number, ()
            if term.factors:
                atom, own = atom_of_term(letters, term, form.axes, self.plan.bandwidth)
                value = self.value_of_atom(atom)
            whole = [x for axis in form.axes for x in axis]
            if len(own) < len(whole):
                shape = tuple([letters.sizes[x] for x in whole])
                value = broadcast(value, shape=shape, axes=tuple([whole.index(x) for x in own]))
            total = value if total is None else add(total, value)
        if form.magnitude:
            total = absolute(total)
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
        if atom.name in ("match", "take", "within", "scatter", "inside", "slots"):
            return one_hot.write(atom, self.value_of_atom)
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


def contracted(jaxpr, flops_per_byte):
    """The program with values kept as contractions where that is cheaper than to form them.

    flops_per_byte  operations of a product in the time that a byte takes to or from memory
    Its memo holds the Choices, under "contractions".
    """
    if not any([expands(equation) for equation in jaxpr.equations]):
        return jaxpr
    plan = Contractions(jaxpr, flops_per_byte)
    if plan.changes():
        jaxpr = drop_unused(share_equal(Writing(plan).program(jaxpr)))
    jaxpr.memo["contractions"] = plan.choices
    return jaxpr
