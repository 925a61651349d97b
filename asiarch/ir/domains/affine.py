"""The domain "affine in the states": each node of a recurrent group as a sum of terms linear in a
state.

A term is  scale * sum over C of (weight * S[t-1])  with C a set of axes, empty for a plain product.
A value that is no such sum (`tanh` of a state, a product of two states) is `None`: not affine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node

TERMS = 48


@dataclass(frozen=True, slots=True)
class Term:
    """`leaf` None: a constant (no state). `over` is C, sorted; `weight` stands under the sum."""

    leaf: Node | None
    over: tuple[str, ...]
    weight: P.Factors
    scale: P.Factors


Value: TypeAlias = dict[Term, Fraction | float]


@dataclass(slots=True)
class Affine:
    """One analysis of one group; `leaves` are the values before the token."""

    leaves: frozenset[Node]
    memo: dict[Node, P.Poly]

    def constant(self, node: Node) -> Value:
        poly = P.expand(node, self.memo)
        return {Term(None, (), (), m): c for m, c in poly.items()}

    def group(self, group: Group) -> dict[Node, Value | None]:
        """Values of the group's nodes, in order."""
        values: dict[Node, Value | None] = {
            leaf: {Term(leaf, (), (), ()): Fraction(1)} for leaf in self.leaves
        }
        for node in group.nodes:
            values[node] = self.node(node, values)
        return values

    def node(self, node: Node, values: dict[Node, Value | None]) -> Value | None:
        operands: list[Value] = []
        for arg in node.args:
            value = values[arg] if arg in values else self.constant(arg)
            if value is None:
                return None
            operands.append(value)
        out = self._apply(node, operands)
        return None if out is None or len(out) > TERMS else out

    def _apply(self, node: Node, operands: list[Value]) -> Value | None:
        match node.op:
            case "add":
                return _add(operands[0], operands[1])
            case "sub":
                return _add(operands[0], _scale(operands[1], Fraction(-1)))
            case "mul":
                return _mul(operands[0], operands[1])
            case "div":
                return self._div(node, operands)
            case "order" | "expand":
                return operands[0]
            case "contract":
                return _contract(operands[0], operands[1], node.attr("over"))
            case "sum":
                one: Value = {Term(None, (), (), ()): Fraction(1)}
                return _contract(operands[0], one, node.attr("over"))
            case _:
                return None

    def _div(self, node: Node, operands: list[Value]) -> Value | None:
        if any(t.leaf is not None for t in operands[1]):
            return None
        bottom = P.expand(node.args[1], self.memo)
        if len(bottom) == 1:
            ((monomial, coefficient),) = bottom.items()
            inverse = P.factors(tuple((n, -p) for n, p in monomial))
            return _mul(operands[0], {Term(None, (), (), inverse): 1 / coefficient})
        return _mul(operands[0], {Term(None, (), (), ((node.args[1], -1),)): Fraction(1)})


def _add(a: Value, b: Value) -> Value:
    out = dict(a)
    for term, value in b.items():
        total = out.get(term, Fraction(0)) + value
        if total == 0:
            out.pop(term, None)
        else:
            out[term] = total
    return out


def _scale(a: Value, number: Fraction | float) -> Value:
    return {t: c * number for t, c in a.items()}


def _free(value: Value) -> bool:
    return all(t.leaf is None for t in value)


def _mul(a: Value, b: Value) -> Value | None:
    if not _free(a) and not _free(b):
        return None
    if _free(a):
        a, b = b, a
    if len(a) * len(b) > TERMS:
        return None
    out: Value = {}
    for t1, c1 in a.items():
        for t2, c2 in b.items():
            term = Term(t1.leaf, t1.over, t1.weight, P.factors(t1.scale, t2.scale))
            out = _add(out, {term: c1 * c2})
    return out


def _contract(a: Value, b: Value, over: tuple[str, ...]) -> Value | None:
    if not _free(a) and not _free(b):
        return None
    product = _mul(a, b)
    if product is None:
        return None
    out: Value = {}
    for term, coefficient in product.items():
        if not set(over) <= _axes(term):
            return None
        summed = _free_sum(term, over)
        if _captured(summed, over):
            return None
        out = _add(out, {_state_sum(summed, over): coefficient})
    return out


def _axes(term: Term) -> set[str]:
    """Axes that a term really varies along; a sum over another one would be a multiple."""
    state = set[str]() if term.leaf is None else set(term.leaf.type.axes) - set(term.over)
    return state | P.axes_of(term.scale)


def _captured(term: Term, over: tuple[str, ...]) -> bool:
    """Would a factor move into the state's contraction that has an axis of the same name as one
    summed there before? `linear[D -> H](sum[H](S))` has two axes H.
    """
    if term.leaf is None:
        return False
    moved = set(over) & set(term.leaf.type.axes) - set(term.over)
    inside = (set(n.type.axes) for n, _ in term.scale if set(n.type.axes) & moved)
    return any(axes & set(term.over) for axes in inside)


def _free_sum(term: Term, over: tuple[str, ...]) -> Term:
    """The sum over those axes that the state has not, or had summed before: first, since a factor
    that has such an axis may have one of the state's too.
    """
    free = over
    if term.leaf is not None:
        free = tuple(a for a in over if a not in term.leaf.type.axes or a in term.over)
    return replace(term, scale=P.factors(*_dot(term.scale, free))) if free else term


def _state_sum(term: Term, over: tuple[str, ...]) -> Term:
    """The sum over those axes that the state has: into its contraction."""
    if term.leaf is None:
        return term
    axes = {a for a in over if a in term.leaf.type.axes and a not in term.over}
    inside = tuple(f for f in term.scale if set(f[0].type.axes) & axes)
    scale = tuple(f for f in term.scale if f not in inside)
    over = tuple(sorted({*term.over, *axes}))
    return Term(term.leaf, over, P.factors(term.weight, inside), scale)


def _dot(scale: P.Factors, over: tuple[str, ...]) -> tuple[P.Factors, P.Factors]:
    """A state-free product summed over axes: the factors that have them become one contraction."""
    inside = tuple(f for f in scale if set(f[0].type.axes) & set(over))
    outside = tuple(f for f in scale if f not in inside)
    if not inside:
        return outside, ()
    expanded: list[Node] = []
    for node, power in inside:
        base = node if power > 0 else rules.pointwise("div", rules.number(1), node)
        expanded += [base] * abs(power)
    left = expanded[0]
    for node in expanded[1:-1]:
        left = rules.pointwise("mul", left, node)
    right = expanded[-1] if len(expanded) > 1 else rules.number(1)
    present = tuple(a for a in over if a in left.type.axes or a in right.type.axes)
    if len(expanded) == 1:
        from asiarch.ir.primitives.sum import reduce

        return outside, ((reduce(left, present), 1),)
    return outside, ((rules.contract(left, right, present), 1),)
