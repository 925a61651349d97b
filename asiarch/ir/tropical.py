"""Recurrences that are linear in the max-plus algebra: S_t = max(S_{t-1} + a_t, b_t).

A branch of the maximum is affine in the state with coefficient 1; all others are free of it. A sum
behind the maximum is not taken in front of it: that is no law of the ring.
"""

from __future__ import annotations

from fractions import Fraction

from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.domains.affine import Term, Value
from asiarch.ir.function import StateInfo
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node
from asiarch.ir.primitives.expand import expand
from asiarch.ir.recurrence import Recurrence, Tropical


def tropical(state: StateInfo, group: Group, values: dict[Node, Value | None]) -> Recurrence | None:
    """The recurrence of one state, or None where it is not of this form."""
    sides = _sides(state.update, group)
    carried = [n for n in sides if n in values]
    free = [n for n in sides if n not in values]
    if len(carried) != 1 or not free:
        return None
    value = values[carried[0]]
    added = _added(value, state.leaf) if value is not None else None
    if added is None:
        return None
    other = free[0]
    for node in free[1:]:
        other = rules.pointwise("maximum", other, node)
    axes = state.leaf.type.axes
    form = Tropical(_along(P.build(added), axes), _along(other, axes))
    return Recurrence((state,), "max-plus", kernel=True, values=axes, tropical=form, group=group)


def _sides(node: Node, group: Group) -> list[Node]:
    """What a maximum of maxima is taken of."""
    if node not in group.nodes or node.op not in ("maximum", "order"):
        return [node]
    return [side for arg in node.args for side in _sides(arg, group)]


def _added(value: Value, leaf: Node) -> P.Poly | None:
    """What is added to the state, if the value is the state and that."""
    rest = {t: c for t, c in value.items() if t != Term(leaf, (), (), ())}
    if value.get(Term(leaf, (), (), ())) != Fraction(1) or any(t.leaf is not None for t in rest):
        return None
    return {t.scale: c for t, c in rest.items()}


def _along(node: Node, axes: tuple[str, ...]) -> Node:
    missing = tuple(a for a in axes if a not in node.type.axes)
    return expand(node, missing) if missing else node
