"""What flows where: blocks of a definition, parameters and names that reach no result."""

from __future__ import annotations

from collections.abc import Iterator

from asiarch.ir.function import Function
from asiarch.ir.node import Node

BLOCKS = ("loop", "branch")


def blocks(function: Function) -> Iterator[Function]:
    """A definition, and the bodies of its `for` and `if`, each once."""
    seen: set[int] = set()
    stack = [function]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        stack += reversed([f for node, f in current.children() if node.op in BLOCKS])


def reached(function: Function) -> set[Node]:
    """Nodes that a result or a loss depends on, through states."""
    updates = {s.leaf: (s.update, s.initial) for s in function.states}
    seen: set[Node] = set()
    stack = [*function.outputs, *function.losses]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.args
            stack += updates.get(node, ())
    return seen


def unused_parameters(function: Function) -> list[str]:
    """Paths of parameters that no result of the block that owns them depends on."""
    out: list[str] = []
    for block in blocks(function):
        live = reached(block)
        out += [p.path for p in block.params if p.leaf not in live]
    return out


def unused_names(function: Function) -> list[str]:
    """Equations whose value no result depends on."""
    live = reached(function)
    return [
        name
        for name, node in function.names.items()
        if node not in live and not node.is_leaf and not _carried(node)
    ]


def forgotten(function: Function) -> list[tuple[str, Node]]:
    """States, with their update, whose value before the token no result depends on, though one
    depends on that after it.
    """
    live = reached(function)
    return [(s.name, s.update) for s in function.states if s.leaf not in live and s.update in live]


def _carried(node: Node) -> bool:
    """A name that a loop or an arm hands on: written once, read again by the next iteration."""
    return node.op == "result" and node.args[0].op in BLOCKS
