"""Reads of a state at earlier tokens from outside of its cycle.

`S[j]` with j < t is the value after token j, so there it is read from the state's equation. On the
cycle only the loop over tokens knows it, and the read stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from asiarch.ir.function import Function
from asiarch.ir.node import Node, make, rebuild, rewrite


def reads_states(node: Node) -> bool:
    """Is it an `attend` that reads a state after an earlier token?"""
    return node.op == "attend" and any(leaf.attr("state") for leaf in node.attr("body").inputs)


def settled(function: Function, cycles: set[Node]) -> Function:
    """The same flat function; `cycles` are the nodes on the cycles of its states."""
    updates = {s.leaf: s.update for s in function.states}
    late = [n for n in function.nodes() if reads_states(n) and n not in cycles]
    if not late:
        return function
    outside = set(late)

    def rule(node: Node, args: tuple[Node, ...]) -> Node:
        return _read(node, args, updates) if node in outside else rebuild(node, args)

    roots = [*function.inputs, *function.roots(), *(p.initial for p in function.params)]
    # an update that is read here may itself hold such a read: repeat until nothing is left
    new = rewrite([*roots, *updates.values()], rule)
    return settled(function.over(new), {new.get(n, n) for n in cycles})


def _read(node: Node, args: tuple[Node, ...], updates: dict[Node, Node]) -> Node:
    """The attend with the state's update in place of the state before the token."""
    body: Function = node.attr("body")
    leaves: dict[Node, Node] = {}
    for leaf in body.inputs:
        attrs = {**dict(leaf.attrs), "state": False} if leaf.attr("state") else dict(leaf.attrs)
        leaves[leaf] = make(leaf.op, (), leaf.type, **attrs)
    new = rewrite(
        [*body.inputs, *body.outputs],
        lambda n, inner: leaves[n] if n in leaves else rebuild(n, inner),
    )
    after = replace(
        body,
        inputs=tuple(leaves[n] for n in body.inputs),
        outputs=tuple(new[n] for n in body.outputs),
        spans={new.get(n, n): s for n, s in body.spans.items()},
    )
    operands = tuple(
        updates.get(arg, arg) if leaf.attr("state") else arg
        for leaf, arg in zip(body.inputs, args, strict=True)
    )
    return make(node.op, operands, node.type, **{**dict(node.attrs), "body": after})
