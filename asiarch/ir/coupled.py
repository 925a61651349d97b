"""Several states of one shape that feed each other, and several erase terms of one state at once:

    Z_t[p] = sum_i P_t[p, i] Z_{t-1}[i] + sum_n k_t[n, p] y_t[n]'
    y_t[n] = v_t[n] - w_t[n]' Z_{t-1}[s_n]

Terms that are written along the same keys of all states are one row, whatever they write. States
without an erase term that are read whole have no keys: every entry is a head of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir.domains.affine import Value
from asiarch.ir.forms import Form, form_of
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Coupled, Read, Recurrence, Row
from asiarch.ir.sides import Axes, Sides, atoms, split_axes
from asiarch.ir.uses import Use, uses

Lefts: TypeAlias = tuple[P.Poly, ...]

ROWS = 16
"""More rows per token than this run token by token."""


@dataclass(slots=True)
class _Row:
    """What is written along one set of keys: `reads` by the state that is read."""

    lefts: Lefts
    value: P.Poly = field(default_factory=dict[P.Factors, "Fraction | float"])
    reads: dict[int, P.Poly] = field(default_factory=dict[int, P.Poly])


def coupled(function: Function, group: Group, values: dict[Node, Value | None]) -> Recurrence:
    """The normal form of states with updates affine in all of them; a note if there is none."""
    forms = [form_of(u) for s in group.states if (u := values.get(s.update)) is not None]
    axes = group.states[0].leaf.type.axes
    found, problem = uses(function, group, values)
    cls = "momentum" if len(group.states) > 1 else "scalar+rankN"
    if any(set(s.leaf.type.axes) != set(axes) for s in group.states):
        problem = "states of different shapes feed each other"
    erased = {c for f in forms for c in f.contracted}
    contracted = erased or {u.over for u in found if u.over}
    if not problem and not erased and any(set(u.over) not in map(set, contracted) for u in found):
        whole = list({u.target: u.whole() for u in found}.values())
        return result(group, cls, forms, Sides(axes, (), ()), whole)
    if not problem and len(contracted) != 1:
        problem = "coupled states are contracted along different axes"
    if not problem and any(set(u.over) not in [set(c) for c in contracted] for u in found):
        problem = "coupled states are read along their keys alone"
    if problem:
        return Recurrence(group.states, cls, f"{problem}: token by token", group=group)
    keys = tuple(a for a in axes if a in next(iter(contracted)))
    split = split_axes(axes, keys, forms, found)
    return result(group, cls, forms, split, found)


def result(group: Group, cls: str, forms: list[Form], split: Sides, found: list[Use]) -> Recurrence:
    """The recurrence of the forms of all states, one each."""
    matrix, rows = _matrix(group.states, forms, split), _rows(group.states, forms, split)
    if matrix is None:
        note = "states that are coupled by more than a number per key run token by token"
        return Recurrence(group.states, cls, note, group=group)
    if rows is None:
        note = "a write or an erase term that is no outer product of keys and values"
        return Recurrence(group.states, cls, note, group=group)
    gates = tuple(n for line in matrix for n in line if n is not None)
    return Recurrence(
        group.states,
        cls,
        kernel=True,
        heads=split.heads,
        keys=split.keys,
        values=split.values,
        coupled=Coupled(matrix, rows),
        reads=tuple(Read(u.node, u.q, u.pre, "keys", u.state) for u in found),
        group=group,
        gates=gates,
    )


def _matrix(
    states: tuple[StateInfo, ...], forms: list[Form], split: Sides
) -> tuple[tuple[Node | None, ...], ...] | None:
    lines: list[tuple[Node | None, ...]] = []
    for form in forms:
        line: list[Node | None] = []
        for state in states:
            poly: P.Poly = form.carry.get(state.leaf, {})
            if P.axes_of(atoms(poly)) - set(split.heads) - set(split.keys):
                return None
            line.append(P.build(poly) if poly else None)
        lines.append(tuple(line))
    return tuple(lines)


def _rows(states: tuple[StateInfo, ...], forms: list[Form], split: Sides) -> tuple[Row, ...] | None:
    index = {s.leaf: n for n, s in enumerate(states)}
    written: dict[P.Factors, list[P.Poly]] = {}
    erased: dict[tuple[int, P.Factors], list[P.Poly]] = {}
    empty = [P.number(0) for _ in forms]
    for n, form in enumerate(forms):
        for monomial, number in form.write:
            right = _touching(monomial, split.values)
            if P.axes_of(right) & set(split.keys):
                return None
            lefts = written.setdefault(right, list(empty))
            lefts[n] = P.add(lefts[n], {_without(monomial, right): number})
        for term, number in form.erase:
            if (P.axes_of(term.scale) | P.axes_of(term.weight)) & set(split.values):
                return None
            assert term.leaf is not None
            right = _touching(term.weight, split.keys)
            lefts = erased.setdefault((index[term.leaf], right), list(empty))
            left = P.factors(term.scale, _without(term.weight, right))
            lefts[n] = P.add(lefts[n], {left: number})
    made: dict[object, _Row] = {}
    for right, lefts in written.items():
        row, number = _row(made, lefts)
        row.value = P.add(row.value, {right: number})
    for (source, right), lefts in erased.items():
        row, number = _row(made, lefts)
        row.reads[source] = P.add(row.reads.get(source, {}), {right: -number})
    out = [r for row in made.values() for r in _built(row)] or [
        Row((None,) * len(forms), None, None, 0)
    ]
    return tuple(out) if len(out) <= ROWS else None


def _row(made: dict[object, _Row], lefts: list[P.Poly]) -> tuple[_Row, Fraction | float]:
    """The row along these keys, and the number that they are scaled by in it."""
    first = next(p for p in lefts if p)
    lead = first[min(first, key=lambda m: (len(m), [(P.key(n), p) for n, p in m]))]
    scaled = tuple(P.scale(p, 1 / lead) for p in lefts)
    key = tuple(frozenset(p.items()) for p in scaled)
    return made.setdefault(key, _Row(scaled)), lead


def _built(row: _Row) -> list[Row]:
    """One row for each state that it reads; the first one writes the value."""
    keys = tuple(P.build(p) if p else None for p in row.lefts)
    value = P.build(row.value) if row.value else None
    reads = sorted((s, p) for s, p in row.reads.items() if p) if row.reads else []
    if not reads:
        return [Row(keys, value, None, 0)]
    out = [Row(keys, value, P.build(reads[0][1]), reads[0][0])]
    return out + [Row(keys, None, P.build(p), s) for s, p in reads[1:]]


def _touching(monomial: P.Factors, axes: Axes) -> P.Factors:
    return tuple(f for f in monomial if set(f[0].type.axes) & set(axes))


def _without(monomial: P.Factors, taken: P.Factors) -> P.Factors:
    return tuple(f for f in monomial if f not in taken)
