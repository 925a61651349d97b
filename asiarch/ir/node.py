"""Pure, hash-consed terms. Identity lives only in leaves: param, input, state, token position,
draw.

A node is (primitive, operands, attributes, type). Equal terms are one object, so sharing is free
and equality is `is`. Spans and names are side tables of the function.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asiarch.ir.types import Type

Attributes = tuple[tuple[str, Any], ...]

LEAVES = frozenset({"const", "size", "param", "input", "state", "position", "at"})


class Node:
    """One term. Construct with `make`; never mutate."""

    __slots__ = ("__weakref__", "args", "attrs", "digest", "op", "type")

    op: str
    args: tuple[Node, ...]
    attrs: Attributes
    type: Type
    digest: str | None  # of the term; see `ir/polynomial.py`

    def __init__(self, op: str, args: tuple[Node, ...], attrs: Attributes, type: Type) -> None:
        self.op, self.args, self.attrs, self.type = op, args, attrs, type
        self.digest = None

    def attr(self, name: str, default: Any = None) -> Any:
        for key, value in self.attrs:
            if key == name:
                return value
        return default

    @property
    def is_leaf(self) -> bool:
        return self.op in LEAVES

    def __repr__(self) -> str:
        attrs = "".join(f" {k}={v}" for k, v in self.attrs)
        return f"<{self.op}{attrs} : {self.type}>"


_TABLE: weakref.WeakValueDictionary[tuple[Any, ...], Node] = weakref.WeakValueDictionary()


def make(op: str, args: Iterable[Node], type: Type, **attrs: Any) -> Node:
    """The one node that is this term."""
    operands = tuple(args)
    items = tuple(sorted(attrs.items()))
    key = (op, tuple(map(id, operands)), items, type)
    found = _TABLE.get(key)
    if found is None or found.args != operands:
        found = Node(op, operands, items, type)
        _TABLE[key] = found
    return found


def topological(roots: Iterable[Node]) -> list[Node]:
    """Operands before users, each node once, without recursion."""
    done: dict[Node, None] = {}
    stack = list(roots)
    stack.reverse()
    while stack:
        node = stack[-1]
        if node not in done:
            waiting = [a for a in node.args if a not in done]
            if waiting:
                waiting.reverse()
                stack += waiting
                continue
            done[node] = None
        stack.pop()
    return list(done)


def rewrite(
    roots: Iterable[Node], rule: Callable[[Node, tuple[Node, ...]], Node]
) -> dict[Node, Node]:
    """Rebuild bottom-up: `rule(old, new_operands)` gives the new node. Returns old -> new."""
    new: dict[Node, Node] = {}
    for node in topological(roots):
        new[node] = rule(node, tuple(new[a] for a in node.args))
    return new


def rebuild(node: Node, args: tuple[Node, ...]) -> Node:
    """The same term over other operands."""
    if args == node.args:
        return node
    return make(node.op, args, node.type, **dict(node.attrs))


def leaves(roots: Iterable[Node]) -> Iterator[Node]:
    return (n for n in topological(roots) if n.is_leaf)
