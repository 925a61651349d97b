"""Reads of a state in normal form: `sum[K](q * S)`, `q @ (2 * S) / 2` and `q @ S` are one node.

Whatever is affine in the state before or after the token, and contracts it, becomes a sum of
`contract(q, S)` and of what is free of it, so that classes and plans do not depend on how a read
was written. A read that is a plain contraction stays as it is; one that is not affine, or takes the
whole state, stays too, and the classification says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.domains.affine import Affine, Term, Value
from asiarch.ir.forms import cuts
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Group, schedule
from asiarch.ir.node import Node, rebuild, topological
from asiarch.ir.primitives.expand import expand

Writes: TypeAlias = Mapping[Node, Value | None]
"""Of a state before and after the token: its update, in terms of the state before."""


def closed(groups: Iterable[Group]) -> dict[Node, P.Poly]:
    """A memo of `polynomial` for which what is computed on a cycle is an atom: it is the business
    of that cycle alone how.
    """
    return {node: P.atom(node) for group in groups for node in group.nodes}


def normal_reads(function: Function) -> Function:
    """The same function with every affine read as a sum of plain ones."""
    groups = [s for s in schedule(function) if isinstance(s, Group)]
    if not groups:
        return function
    memo = closed(groups)
    cyclic = {n for g in groups for n in g.nodes}
    order = topological(function.roots())
    new: dict[Node, Node] = {}
    for group in groups:
        new |= _of_group(group, [n for n in order if n not in cyclic], memo)
    return _replaced(function, new) if new else function


def _of_group(group: Group, order: list[Node], memo: dict[Node, P.Poly]) -> dict[Node, Node]:
    """Reads of states that are no plain contraction, and what they are."""
    leaves = frozenset(s.leaf for s in group.states)
    analysis = Affine(leaves, memo)
    values = analysis.group(group)
    if any(values.get(s.update) is None for s in group.states) and not _composed(group):
        return {}
    writes: dict[Node, Value | None] = {}
    for state in group.states:
        writes[state.leaf] = writes[state.update] = values.get(state.update)
        values[state.update] = {Term(state.update, (), (), ()): Fraction(1)}
    ends = {*leaves, *(s.update for s in group.states)}
    inner = _terms_of_update(group, ends, values, writes)
    new: dict[Node, Node] = {}
    for node in order:
        given = rebuild(node, tuple(inner.get(a, a) for a in node.args))
        if given is not node:
            new[node] = given
        if node in leaves or not any(a in values for a in given.args):
            continue
        if not _plain(given, ends):
            value = analysis.node(given, values)
            form = _contraction(given, value, writes) if value is not None else None
            if form is None:
                values[node] = value  # not yet contracted: whoever uses it may be
                continue
            if form is not node:
                new[node] = form
    return new


def _terms_of_update(
    group: Group, ends: set[Node], values: dict[Node, Value | None], writes: Writes
) -> dict[Node, Node]:
    """What stands on the cycle and contracts the state, as a sum of plain reads, for whoever else
    uses it: multiplied on, the query of a read would get the axes of what is made of the read.

    They are taken out of `values`: what is made of them is no read.
    """
    inner: dict[Node, Node] = {}
    for node in group.nodes:
        value = values.get(node)
        form = None if value is None or node in ends else _contraction(node, value, writes)
        if form is not None:
            del values[node]
            inner[node] = form
    return inner


def _composed(group: Group) -> bool:
    """Is the update one of several factors, too long to be multiplied out?"""
    return len(group.states) == 1 and len(cuts(group.states[0], group)) > 1


def _plain(node: Node, ends: set[Node]) -> bool:
    """A contraction of the state itself with a query that is in normal form, or a scaled one."""
    if node.op != "contract" or node.args[0] in ends or node.args[1] not in ends:
        return False
    query = node.args[0]
    form = P.expand(query, {})
    if len(form) != 1:
        return True
    ((monomial, coefficient),) = form.items()
    if coefficient == 1 and len(monomial) == 1:
        return monomial[0] == (query, 1)
    return coefficient != -1


def _contraction(node: Node, value: Value, writes: Writes) -> Node | None:
    """The node of a sum of contracted states and free terms; None if a state is in it as it is."""
    states = [(t, c) for t, c in value.items() if t.leaf is not None]
    if not states or any(not t.over for t, _ in states):
        return None
    merged: dict[tuple[Node, tuple[str, ...], P.Factors], P.Poly] = {}
    for term, coefficient in states:
        assert term.leaf is not None
        plain = set(term.over) <= P.axes_of(term.weight)
        if not plain and not _outer(writes.get(term.leaf), term.leaf.type.axes, term.over):
            return None
        place = (term.leaf, term.over, term.scale)
        merged[place] = P.add(merged.get(place, {}), {term.weight: coefficient})
    parts: list[tuple[bool, Node]] = []
    for (leaf, over, scale), weight in merged.items():
        negative = all(c < 0 for c in weight.values())
        query = P.build(P.scale(weight, -1) if negative else weight)
        missing = tuple(a for a in over if a not in query.type.axes)
        read = rules.contract(expand(query, missing) if missing else query, leaf, over)
        parts.append((negative, _times(read, scale)))
    free = {t.scale: c for t, c in value.items() if t.leaf is None}
    if free:
        parts.append((False, P.build(free)))
    return _sum(sorted(parts, key=lambda p: p[0]), node.type.axes)


def _outer(writes: Value | None, axes: Sequence[str], over: Sequence[str]) -> bool:
    """Is what is written a product of something along `over` and of something along another axis?
    Then a sum along `over` is read with a query of ones; else the state is no larger than its read.
    """
    rest = set(axes) - set(over)
    written = [t.scale for t in writes or {} if t.leaf is None]
    return bool(written) and all(
        any(all(r not in n.type.axes or not set(over) & set(n.type.axes) for n, _ in m)
            for r in rest)
        for m in written
    )  # fmt: skip


def _times(read: Node, scale: P.Factors) -> Node:
    if not scale:
        return read
    return rules.pointwise("mul", P.build({scale: Fraction(1)}), read)


def _sum(parts: list[tuple[bool, Node]], axes: tuple[str, ...]) -> Node:
    """Signed terms added up, each with all axes and in the order of the node that they replace."""
    out: Node | None = None
    for negative, term in parts:
        missing = tuple(a for a in axes if a not in term.type.axes)
        term = rules.order(expand(term, missing) if missing else term, axes)
        if out is None:
            out = rules.pointwise("sub", rules.number(0), term) if negative else term
        else:
            out = rules.pointwise("sub" if negative else "add", out, term)
    assert out is not None
    return out


def _replaced(function: Function, new: Mapping[Node, Node]) -> Function:
    """The function over the new nodes, which may hold old ones that are replaced themselves."""
    done: dict[Node, Node] = {}
    stack = list(reversed([*function.roots(), *(s.leaf for s in function.states)]))
    while stack:
        node = stack[-1]
        needs = (new[node],) if node in new else node.args
        waiting = [a for a in needs if a not in done]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        done[node] = (
            done[new[node]] if node in new else rebuild(node, tuple(done[a] for a in needs))
        )
    return function.over(done)
