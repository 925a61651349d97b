"""What flows where: parameters and names that reach no result."""

from __future__ import annotations

from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological


def reached(function: Function) -> set[Node]:
    """Nodes that a result or a loss depends on, through states."""
    updates = {s.leaf: (s.update, s.initial) for s in function.states}
    seen: set[Node] = set()
    stack = [*function.outputs, *function.losses]
    while stack:
        root = stack.pop()
        for node in topological([root]):
            if node in seen:
                continue
            seen.add(node)
            if node in updates:
                stack.extend(n for n in updates[node] if n not in seen)
    return seen


def unused_parameters(function: Function) -> list[str]:
    """Paths of parameters that no result depends on."""
    live = reached(function)
    return [p.path for p in function.params if p.leaf not in live]


def unused_names(function: Function) -> list[str]:
    """Equations whose value no result depends on."""
    live = reached(function)
    return [
        name
        for name, node in function.names.items()
        if node not in live and not node.is_leaf and not _carried(node)
    ]


def _carried(node: Node) -> bool:
    """A name that a loop or an arm hands on: written once, read again by the next iteration."""
    return node.op == "result" and node.args[0].op in ("loop", "branch")
