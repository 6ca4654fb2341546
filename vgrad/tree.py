"""Pytrees: nested containers of arrays. dict, list, tuple, namedtuple, dataclass, None, and registered classes.

Relies on optree. The names are those of `jax.tree`; `vgrad.tree_util` has the longer ones.
"""

import dataclasses
import functools

import optree

NAMESPACE = "vgrad"


def flatten(tree, is_leaf=None):
    """(leaves, structure)."""
    leaves, structure = optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)
    return leaves, structure


def unflatten(structure, leaves):
    """The tree of this structure with these leaves (an iterable)."""
    return structure.unflatten(leaves)


def leaves(tree, is_leaf=None):
    return optree.tree_leaves(tree, is_leaf, namespace=NAMESPACE)


def structure(tree, is_leaf=None):
    return optree.tree_structure(tree, is_leaf, namespace=NAMESPACE)


def map(function, tree, *rest, is_leaf=None):  # the name of jax.tree.map
    """The tree of `function(leaf, *leaves of rest)`. ValueError where the structures differ."""
    return optree.tree_map(function, tree, *rest, is_leaf=is_leaf, namespace=NAMESPACE)


def reduce(function, tree, *initializer, is_leaf=None):
    """functools.reduce over the leaves."""
    return functools.reduce(function, leaves(tree, is_leaf), *initializer)


def all(tree, *, is_leaf=None):  # the name of jax.tree.all
    """True when every leaf is true."""
    return not [leaf for leaf in leaves(tree, is_leaf) if not leaf]


def transpose(outer_structure, inner_structure, tree):
    """A tree of trees inside out: from outer(inner) to inner(outer)."""
    if inner_structure is None:
        inner_structure = structure(outer_structure.flatten_up_to(tree)[0])
    return optree.tree_transpose(outer_structure, inner_structure, tree)


def flatten_with_path(tree, is_leaf=None):
    """(list of (path, leaf), structure). A path is a tuple of keys and indices; `keystr` prints it."""
    paths, values, structure_ = optree.tree_flatten_with_path(tree, is_leaf, namespace=NAMESPACE)
    return list(zip(paths, values)), structure_


def leaves_with_path(tree, is_leaf=None):
    return flatten_with_path(tree, is_leaf)[0]


def map_with_path(function, tree, *rest, is_leaf=None):
    """The tree of `function(path, leaf, *leaves of rest)`."""
    return optree.tree_map_with_path(function, tree, *rest, is_leaf=is_leaf, namespace=NAMESPACE)


def keystr(path):
    """A path as Python would write it: ['w'][0]."""
    return "".join([f"[{key!r}]" for key in path])


class Placeholder:
    """A leaf of no value, shown in messages as structures show theirs."""

    def __repr__(self):
        return "*"


def broadcast_prefix(prefix, structure_, is_leaf=None):
    """Leaves of `prefix`, each repeated for the leaves below its place in a tree of this structure.

    None counts as a leaf of the prefix. ValueError when prefix is not a tree prefix of the structure.
    """
    dummy = structure_.unflatten([Placeholder()] * structure_.num_leaves)
    result = []

    def add(leaf, subtree):
        count = optree.tree_structure(subtree, namespace=NAMESPACE).num_leaves
        result.extend([leaf] * count)

    def leaf_of_prefix(node):
        return node is None or (is_leaf is not None and is_leaf(node))

    optree.tree_map_(add, prefix, dummy, is_leaf=leaf_of_prefix, namespace=NAMESPACE)
    return result


def register_node(cls, flatten_function, unflatten_function, flatten_with_keys=None):
    """Make a class a pytree: flatten(node) -> (children, auxiliary), unflatten(auxiliary, children) -> node."""
    optree.register_pytree_node(
        cls, lambda node: tuple(flatten_function(node)), unflatten_function, namespace=NAMESPACE
    )
    return cls


def register_node_class(cls):
    """Class decorator: the class has tree_flatten() and the classmethod tree_unflatten(auxiliary, children)."""
    register_node(
        cls, lambda node: node.tree_flatten(), lambda auxiliary, children: cls.tree_unflatten(auxiliary, children)
    )
    return cls


def register_dataclass(cls, data_fields=None, meta_fields=None, drop_fields=()):
    """Make a dataclass a pytree: data_fields are children, meta_fields are static and hashable."""
    names = [field.name for field in dataclasses.fields(cls) if field.init] if dataclasses.is_dataclass(cls) else None
    if data_fields is None:
        if names is None:
            raise TypeError(f"register_dataclass: {cls.__name__} is not a dataclass; give data_fields and meta_fields.")
        static = {field.name for field in dataclasses.fields(cls) if field.metadata.get("static", False)}
        meta_fields = [name for name in names if name in static] if meta_fields is None else list(meta_fields)
        data_fields = [name for name in names if name not in meta_fields and name not in drop_fields]
    meta_fields = list(meta_fields or ())

    def flatten_dataclass(node):
        children = tuple([getattr(node, name) for name in data_fields])
        return children, tuple([getattr(node, name) for name in meta_fields]), tuple(data_fields)

    def unflatten_dataclass(auxiliary, children):
        return cls(**dict(zip(data_fields, children)), **dict(zip(meta_fields, auxiliary)))

    optree.register_pytree_node(cls, flatten_dataclass, unflatten_dataclass, namespace=NAMESPACE)
    return cls
