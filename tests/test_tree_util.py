"""The names of jax.tree_util. Relies on vgrad.tree_util."""

import numpy as np

from vgrad import grad, jit, tree, tree_util


def test_the_long_names_are_those_of_tree():
    for name in ("flatten", "unflatten", "leaves", "structure", "map", "reduce", "all", "transpose"):
        assert getattr(tree_util, f"tree_{name}") is getattr(tree, name)
    leaves, structure = tree_util.tree_flatten({"a": 1, "b": (2, 3)})
    assert leaves == [1, 2, 3] and isinstance(structure, tree_util.PyTreeDef)


def test_partial_holds_arrays_as_leaves():
    f = tree_util.Partial(lambda a, x, scale: a * x * scale, 2.0, scale=np.float64(3.0))
    assert tree_util.tree_leaves(f) == [2.0, 3.0]
    assert jit(lambda f, x: f(x))(f, 5.0) == 30.0
    gradient = grad(lambda f: f(5.0))(f)
    assert tree_util.tree_leaves(gradient) == [15.0, 10.0] and isinstance(gradient, tree_util.Partial)


def test_static_classes_are_part_of_the_structure():
    @tree_util.register_static
    class Name(str):
        pass

    assert tree_util.tree_leaves({"a": Name("x"), "b": 1}) == [1]
    assert tree_util.tree_structure(Name("x")) != tree_util.tree_structure(Name("y"))


def test_classes_with_keys():
    class Pair:
        def __init__(self, left, right):
            self.left, self.right = left, right

    tree_util.register_pytree_with_keys(
        Pair, lambda p: ((("left", p.left), ("right", p.right)), None), lambda _, children: Pair(*children)
    )
    paths = [tree_util.keystr(path) for path, _ in tree_util.tree_leaves_with_path(Pair(1, (2,)))]
    assert paths == ["['left']", "['right'][0]"]


def test_leaves_and_prefixes():
    assert tree_util.all_leaves([1, 2.0]) and not tree_util.all_leaves([1, (2,)]) and not tree_util.all_leaves([None])
    assert tree_util.treedef_is_leaf(tree_util.tree_structure(1)) and not tree_util.treedef_is_leaf(
        tree_util.tree_structure((1,))
    )
    assert tree_util.tree_broadcast((1, 2), ({"a": 0, "b": 0}, 0)) == ({"a": 1, "b": 1}, 2)
