"""Which axes of a state are heads, keys and values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from asiarch.ir import polynomial as P
from asiarch.ir.forms import Form
from asiarch.ir.node import Node
from asiarch.ir.uses import Use

Axes: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    heads: Axes
    keys: Axes
    values: Axes


def atoms(monomials: Iterable[P.Factors]) -> list[tuple[Node, int]]:
    return [f for monomial in monomials for f in monomial]


def decay_axes(forms: Iterable[Form]) -> set[str]:
    return {a for f in forms for a in P.axes_of(atoms(f.decay))}


def split_axes(
    axes: Axes, keys: Axes, forms: list[Form], uses: list[Use], transposed: bool = False
) -> Sides:
    """Head axes (shared by key-side factors) and value axes (of the written values only).

    Queries are key-side factors too, unless `transposed`: then reads are along the values.
    """
    used: set[str] = set()
    rates: set[str] = set()
    for use in uses:
        if set(use.over) == set(keys) and not transposed:
            used |= set(use.q.type.axes)
    for form in forms:
        for term, _ in form.erase:
            used |= P.axes_of(term.weight)
            used |= P.axes_of(f for f in term.scale if set(f[0].type.axes) & set(keys))
            rates |= P.axes_of(term.scale)
    value_side: set[str] = set()
    for node, _ in atoms(m for f in forms for m, _ in f.write):
        if set(node.type.axes) & set(keys):
            used |= set(node.type.axes)
        else:
            value_side |= set(node.type.axes)
    decay = decay_axes(forms)
    if value_side - rates - used:
        used |= rates  # other axes carry the value, so those of a rate of erasing are heads
    if value_side - decay - used:
        used |= decay  # other axes carry the value, so a decay's axes are heads
    else:
        used |= decay - value_side
    rest = tuple(a for a in axes if a not in keys)
    values = tuple(a for a in rest if a not in used and a in value_side)
    return Sides(tuple(a for a in rest if a not in values), keys, values)
