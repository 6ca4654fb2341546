"""Pytrees under the names of `jax.tree_util`.

Relies on tree.
"""

import functools

import optree

from vgrad import tree

tree_flatten = tree.flatten
tree_unflatten = tree.unflatten
tree_leaves = tree.leaves
tree_structure = tree.structure
tree_map = tree.map
tree_reduce = tree.reduce
tree_all = tree.all
tree_transpose = tree.transpose
tree_flatten_with_path = tree.flatten_with_path
tree_leaves_with_path = tree.leaves_with_path
tree_map_with_path = tree.map_with_path
keystr = tree.keystr
register_pytree_node = tree.register_node
register_pytree_node_class = tree.register_node_class
register_dataclass = tree.register_dataclass
PyTreeDef = optree.PyTreeSpec


def register_pytree_with_keys(cls, flatten_with_keys, unflatten_func, flatten_func=None):
    """Make a class a pytree: flatten_with_keys(node) -> ((key, child) pairs, auxiliary)."""

    def flatten(node):
        pairs, auxiliary = flatten_with_keys(node)
        return tuple([child for _, child in pairs]), auxiliary, tuple([key for key, _ in pairs])

    optree.register_pytree_node(cls, flatten, unflatten_func, namespace=tree.NAMESPACE)
    return cls


def register_static(cls):
    """Make a class a pytree without leaves: its instances are part of the structure and must be hashable."""
    return tree.register_node(cls, lambda node: ((), node), lambda auxiliary, children: auxiliary)


def all_leaves(iterable, is_leaf=None):
    """True when no element of the iterable is a container."""
    return all([treedef_is_leaf(tree.structure(item, is_leaf)) for item in iterable])


def treedef_is_leaf(structure):
    return structure.num_nodes == 1 and structure.num_leaves == 1


def tree_broadcast(prefix, full, is_leaf=None):
    """`prefix` with each leaf repeated for the leaves below its place in `full`."""
    structure = tree.structure(full, is_leaf)
    return structure.unflatten(tree.broadcast_prefix(prefix, structure))


class Partial(functools.partial):
    """functools.partial that is a pytree: the arguments are leaves, the function is static."""


tree.register_node(
    Partial,
    lambda node: ((node.args, node.keywords), node.func),
    lambda func, children: Partial(func, *children[0], **children[1]),
)
