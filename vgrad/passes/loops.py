"""Takes out of scans what need not be done step by step.

Relies on core, pipeline, contractions and prune. Four kinds of work leave a loop:

    invariants      what depends on no step is done once, before
    products        of slices with what is the same in all steps (inputs with weights) are one large product, before
    accumulations   a carry that only adds up contractions (the gradient of a weight) becomes one contraction of the
                    stacked factors, after: a large product, and a form that contractions may keep
    outer products  that are stacked (the gradients of the layers that a scan goes over) are made of stacked factors

The order of the additions changes, nothing else (but -0.0 to which nothing is added becomes 0.0).
"""

from vgrad.core.jaxpr import Equation, Jaxpr, Literal, Var
from vgrad.core.types import ArrayType
from vgrad.passes.contractions import expands, is_zero
from vgrad.passes.pipeline import simplified
from vgrad.passes.prune import drop_unused
from vgrad.primitives.broadcasting import reduce_sum
from vgrad.primitives.contraction import contract, join, split, unused_letters
from vgrad.primitives.elementwise import add

VIEWS = {"broadcast_in_dim", "reshape", "transpose", "slice", "rev", "windows", "stop_gradient", "convert_element_type"}
WIDER = 8  # what is so many times larger than the slices, or the carry, stays in the loop: stacked it fills memory


def lift_from_loops(jaxpr):
    """The program with scans that do step by step only what they must."""
    if not any([equation.primitive.name == "scan" for equation in jaxpr.equations]):
        return jaxpr
    equations, constants, definitions = [], list(jaxpr.constants), {}
    for equation in jaxpr.equations:
        if equation.primitive.name != "scan":
            equations.append(equation)
            definitions.update(dict.fromkeys(equation.outputs, equation))
            continue
        loop = Loop(equation, definitions)
        loop.take_out_invariants()
        loop.take_out_products()
        loop.take_out_accumulations()
        loop.take_out_outer_products()
        equations += loop.equations()
        constants += loop.constants
    return drop_unused(Jaxpr(jaxpr.inputs, equations, jaxpr.outputs, constants))


class Loop:
    """A scan in pieces. Each list holds pairs: what is outside, and what it is in the body.

    consts, carries, slices     (operand, variable of the body)
    results                     (variable outside, atom of the body) of each carry
    stacks                      (variable outside, atom of the body)
    before, after               equations outside
    """

    __slots__ = ("equation", "definitions", "length", "consts", "carries", "slices", "results", "stacks", "body",
                 "constants", "before", "after", "changed")  # fmt: skip

    def __init__(self, equation, definitions):
        self.equation = equation
        self.definitions = definitions  # of variables outside
        params = equation.params
        self.length = params["length"]
        body = simplified(params["jaxpr"])
        first, second = params["num_consts"], params["num_consts"] + params["num_carry"]
        pairs = list(zip(equation.operands, body.inputs))
        self.consts, self.carries, self.slices = pairs[:first], pairs[first:second], pairs[second:]
        results = list(zip(equation.outputs, body.outputs))
        self.results, self.stacks = results[: params["num_carry"]], results[params["num_carry"] :]
        self.body = list(body.equations)
        self.constants = [(Var(var.type), value) for var, value in body.constants]
        self.consts += [(outside, var) for (outside, _), (var, _) in zip(self.constants, body.constants)]
        self.before, self.after = [], []
        self.changed = False

    # ------------------------------------------------------------------------------------------------------- before

    def take_out_invariants(self):
        """Equations of consts alone."""
        outside = {inside: operand for operand, inside in self.consts}
        found, known = [], set(outside)
        for equation in self.body:
            if all([isinstance(each, Literal) or each in known for each in equation.operands]):
                found.append(equation)
                known.update(equation.outputs)
        taken, needed = set(), set()
        for equation in reversed(found):  # work, and the views that it needs
            if needed.intersection(equation.outputs) or self.is_work(equation):
                taken.add(equation)
                needed.update(equation.operands)
        for equation in found:
            if equation not in taken:
                continue
            made = [Var(var.type) for var in equation.outputs]
            operands = [outside.get(each, each) for each in equation.operands]
            self.before.append(Equation(equation.primitive, operands, equation.params, made, equation.source))
            outside.update(zip(equation.outputs, made))
            self.consts += zip(made, equation.outputs)
        self.take_from_body(taken)

    def is_work(self, equation):
        return equation.primitive.name not in VIEWS and any([not isinstance(o, Literal) for o in equation.operands])

    def take_from_body(self, taken):
        self.body = [equation for equation in self.body if equation not in taken]
        self.changed = self.changed or bool(taken)

    def take_out_products(self):
        """Contractions of slices and consts; for a map, which saves memory, only what is no larger than the slices."""
        wider = WIDER if self.carries else 1
        stacked = {inside: operand for operand, inside in self.slices}
        fixed = {inside: operand for operand, inside in self.consts}
        taken = set()
        for equation in self.body:
            if equation.primitive is not contract or not any([each in fixed for each in equation.operands]):
                continue
            slices = [each.type.size for each in equation.operands if each in stacked]
            if not slices or equation.outputs[0].type.size > wider * sum(slices):
                continue
            found = self.over_steps(equation, stacked, fixed)
            if found is not None:
                taken.add(equation)
                self.before.append(found)
                self.slices.append((found.outputs[0], equation.outputs[0]))
                stacked[equation.outputs[0]] = found.outputs[0]
        self.take_from_body(taken)

    def over_steps(self, equation, stacked, fixed, summed=False):
        """The contraction for all steps: stacked along a new axis 0, or summed over it; None if it cannot be."""
        spec = equation.params["spec"]
        inputs, output = split(spec)
        step = next(unused_letters(spec))
        operands, letters = [], []
        for each, own in zip(equation.operands, inputs):
            if each in stacked:
                operands.append(stacked[each])
                letters.append(step + own)
            elif isinstance(each, Literal) or each in fixed:
                operands.append(each if isinstance(each, Literal) else fixed[each])
                letters.append(own)
            else:
                return None
        if not any([own.startswith(step) for own in letters]):
            return None
        type_ = equation.outputs[0].type
        shape = type_.shape if summed else (self.length, *type_.shape)
        params = {"spec": join(letters, output if summed else step + output)}
        return Equation(contract, operands, params, [Var(ArrayType(shape, type_.dtype))], equation.source)

    # -------------------------------------------------------------------------------------------------------- after

    def take_out_accumulations(self):
        """Carries to which every step adds a contraction or a sum, and that are used for nothing else."""
        made = {var: equation for equation in self.body for var in equation.outputs}
        uses = {}
        for equation in self.body:
            for each in equation.operands:
                uses[each] = uses.get(each, 0) + 1
        for _, inside in (*self.results, *self.stacks):
            uses[inside] = uses.get(inside, 0) + 1
        found = []
        for (start, carry), (outside, result) in zip(self.carries, self.results):
            last = made.get(result)
            if last is None or last.primitive is not add or uses[result] > 1 or uses.get(carry) != 1:
                continue
            term = next((each for each, other in zip(last.operands, last.operands[::-1]) if other is carry), None)
            if term is None or term is carry or isinstance(term, Literal) or uses[term] > 1:
                continue
            source = made.get(term)
            if source is None or source.primitive not in (contract, reduce_sum):
                continue
            if any([each in made and expands(made[each]) for each in source.operands]):
                continue  # gradients of the examples of one step: better summed step by step
            if sum([each.type.size for each in source.operands if each in made]) > WIDER * carry.type.size:
                continue
            if not (term.type.dtype == carry.type.dtype and term.type.shape == carry.type.shape):
                continue
            found.append((start, carry, outside, result, last, source))
        for start, carry, outside, result, last, source in found:
            stacked, fixed = self.with_stacks_of(source)
            if source.primitive is contract:
                total = self.over_steps(source, stacked, fixed, summed=True)
            else:
                (operand,) = source.operands
                axes = (0, *[axis + 1 for axis in source.params["axes"]])
                total = None
                if operand in stacked:
                    output = Var(ArrayType(carry.type.shape, carry.type.dtype))
                    total = Equation(reduce_sum, [stacked[operand]], {"axes": axes}, [output], source.source)
            if total is None:
                continue
            if is_zero(start, self.definitions):
                total.outputs = (outside,)
                self.after.append(total)
            else:
                self.after += [total, Equation(add, [start, total.outputs[0]], {}, [outside], last.source)]
            self.carries.remove((start, carry))
            self.results.remove((outside, result))
            self.take_from_body({last, source})

    def take_out_outer_products(self):
        """Stacks of outer products, as a scan over layers makes of their gradients: the factors are stacked."""
        made = {var: equation for equation in self.body for var in equation.outputs}
        used = [each for equation in self.body for each in equation.operands]
        used += [inside for _, inside in (*self.results, *self.stacks)]
        for outside, inside in tuple(self.stacks):
            source = made.get(inside)
            if source is None or source.primitive is not contract or used.count(inside) > 1 or not expands(source):
                continue
            total = self.over_steps(source, *self.with_stacks_of(source))
            if total is None:
                continue
            total.outputs = (outside,)
            self.after.append(total)
            self.stacks.remove((outside, inside))
            self.take_from_body({source})

    def with_stacks_of(self, equation):
        """(stacked, fixed): what is outside for each variable of the body that an equation reads; stacks are added."""
        stacked = {inside: operand for operand, inside in self.slices}
        stacked |= {inside: var for var, inside in self.stacks}
        fixed = {inside: operand for operand, inside in self.consts}
        for each in equation.operands:
            if not isinstance(each, Literal) and each not in stacked and each not in fixed:
                stacked[each] = Var(ArrayType((self.length, *each.type.shape), each.type.dtype))
                self.stacks.append((stacked[each], each))
        return stacked, fixed

    # ------------------------------------------------------------------------------------------------------- the loop

    def equations(self):
        """The equations that take the scan's place."""
        if not self.changed:
            self.constants = []
            return [self.equation]
        params = self.equation.params
        needed = {each for equation in self.body for each in equation.operands}
        needed.update([atom for _, atom in (*self.results, *self.stacks)])
        self.consts = [pair for pair in self.consts if pair[1] in needed]
        self.slices = [pair for pair in self.slices if pair[1] in needed]
        inside = [var for _, var in (*self.consts, *self.carries, *self.slices)]
        body = Jaxpr(inside, self.body, [atom for _, atom in (*self.results, *self.stacks)])
        operands = [operand for operand, _ in (*self.consts, *self.carries, *self.slices)]
        outputs = [var for var, _ in (*self.results, *self.stacks)]
        own = params | {"jaxpr": body, "num_consts": len(self.consts), "num_carry": len(self.carries)}
        loop = Equation(self.equation.primitive, operands, own, outputs, self.equation.source)
        return [*self.before, loop, *self.after]
