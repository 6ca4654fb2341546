"""Pytrees. Relies on vgrad.tree."""

import collections
import dataclasses
import operator

import numpy as np
import pytest

from vgrad import grad, jit, tree, vmap

Point = collections.namedtuple("Point", "x y")
CONTAINERS = [
    1.0,
    (),
    [],
    {},
    None,
    (1.0, [2.0, {"b": 3.0, "a": (4.0,)}], None),
    Point(1.0, (2.0, 3.0)),
    collections.OrderedDict(b=1.0, a=2.0),
    collections.defaultdict(list, {"a": 1.0}),
    collections.deque([1.0, 2.0]),
]


@pytest.mark.parametrize("value", CONTAINERS, ids=repr)
def test_flatten_and_unflatten_are_inverse(value):
    leaves, structure = tree.flatten(value)
    again = tree.unflatten(structure, leaves)
    assert again == value and type(again) is type(value)
    assert tree.leaves(value) == leaves and tree.structure(value) == structure == tree.structure(again)


def test_leaves_come_in_the_order_of_keys():
    assert tree.leaves({"b": 1, "a": 2, "c": (3, 4)}) == [2, 1, 3, 4]
    assert tree.leaves(collections.OrderedDict(b=1, a=2)) == [1, 2]


def test_none_is_a_tree_without_leaves():
    assert tree.leaves((None, 1, [None])) == [1]
    assert tree.map(lambda x: x + 1, (None, 1)) == (None, 2)


def test_map_takes_several_trees():
    assert tree.map(operator.add, {"a": (1, 2)}, {"a": (10, 20)}) == {"a": (11, 22)}
    with pytest.raises(ValueError):
        tree.map(operator.add, {"a": 1}, {"b": 1})


def test_is_leaf_stops_the_descent():
    value = {"a": (1, 2), "b": (3,)}
    assert tree.leaves(value, is_leaf=lambda node: isinstance(node, tuple)) == [(1, 2), (3,)]
    assert tree.map(len, value, is_leaf=lambda node: isinstance(node, tuple)) == {"a": 2, "b": 1}


def test_reduce_and_all():
    assert tree.reduce(operator.add, [1, (2, 3)]) == 6
    assert tree.reduce(operator.add, [1, (2, 3)], 10) == 16
    assert tree.all([True, (1, 2)]) and not tree.all([True, (1, 0)]) and tree.all([])


def test_transpose_turns_trees_inside_out():
    value = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    inner = tree.structure({"a": 0, "b": 0})
    assert tree.transpose(tree.structure([0, 0]), inner, value) == {"a": [1, 3], "b": [2, 4]}
    assert tree.transpose(tree.structure([0, 0]), None, value) == {"a": [1, 3], "b": [2, 4]}


def test_paths_print_as_python():
    paths = [tree.keystr(path) for path, _ in tree.leaves_with_path({"w": [1, (2, 3)]})]
    assert paths == ["['w'][0]", "['w'][1][0]", "['w'][1][1]"]
    assert tree.map_with_path(lambda path, x: (path, x), [5]) == [((0,), 5)]


def test_a_prefix_spreads_over_the_leaves_below():
    structure = tree.structure((1, {"a": 2, "b": (3, 4)}))
    assert tree.broadcast_prefix(7, structure) == [7] * 4
    assert tree.broadcast_prefix((None, {"a": 0, "b": 1}), structure) == [None, 0, 1, 1]
    with pytest.raises(ValueError):
        tree.broadcast_prefix((1, 2, 3), structure)


@tree.register_node_class
class Layer:
    def __init__(self, weight, name):
        self.weight, self.name = weight, name

    def tree_flatten(self):
        return (self.weight,), self.name

    @classmethod
    def tree_unflatten(cls, name, children):
        return cls(*children, name)


class Pair:
    def __init__(self, first, second):
        self.first, self.second = first, second


tree.register_node(Pair, lambda pair: ((pair.first, pair.second), None), lambda _, children: Pair(*children))


@tree.register_dataclass
@dataclasses.dataclass
class Params:
    weight: object
    bias: object
    depth: int = dataclasses.field(default=1, metadata={"static": True})


def energy(w, b):
    return w * w * b


@pytest.mark.parametrize(
    "make, parts",
    [
        (lambda w, b: Pair(w, b), lambda p: (p.first, p.second)),
        (lambda w, b: Params(w, b, depth=3), lambda p: (p.weight, p.bias)),
        (lambda w, b: (Layer(w, "one"), Layer(b, "two")), lambda p: (p[0].weight, p[1].weight)),
        (lambda w, b: Point(w, b), tuple),
    ],
)
def test_registered_classes_pass_through_every_transformation(make, parts):
    loss = lambda params: energy(*parts(params))
    params = make(np.float64(3.0), np.float64(5.0))
    for transformed in (grad(loss), jit(grad(loss)), grad(jit(loss))):
        gradient = transformed(params)
        assert type(gradient) is type(params) and parts(gradient) == (30.0, 9.0)
    batch = make(np.array([3.0, 1.0]), np.array([5.0, 2.0]))
    np.testing.assert_array_equal(vmap(loss)(batch), [45.0, 2.0])
    np.testing.assert_array_equal(parts(vmap(grad(loss))(batch))[0], [30.0, 4.0])


def test_static_fields_stay_as_they_are():
    gradient = grad(lambda params: params.weight * params.depth)(Params(2.0, 1.0, depth=3))
    assert gradient.depth == 3 and gradient.weight == 3.0


def test_a_class_that_is_no_dataclass_must_name_its_fields():
    class Bare:
        def __init__(self, x, y):
            self.x, self.y = x, y

    with pytest.raises(TypeError, match="Bare is not a dataclass; give data_fields and meta_fields"):
        tree.register_dataclass(Bare)
    tree.register_dataclass(Bare, data_fields=["x"], meta_fields=["y"])
    assert tree.leaves(Bare(1, 2)) == [1]


@pytest.mark.parametrize(
    "prefix, whole, text",
    [
        ({"b": 0}, {"a": 1.0}, r"missing key\(s\): \['b'\].*\{'a': \*\}"),
        ((0, 0, 0), (1.0, 2.0), r"expected: 3, got: 2; tuple: \(\*, \*\)"),
        ([0], {"a": (1.0,)}, r"list, got \{'a': \(\*,\)\}"),
    ],
)
def test_a_prefix_that_does_not_fit_is_told_by_structure(prefix, whole, text):
    with pytest.raises(ValueError, match=text):
        tree.broadcast_prefix(prefix, tree.structure(whole))
