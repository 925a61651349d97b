"""Edits of numbers alone: what a search over hyperparameters may do, and no graph."""

from __future__ import annotations

import random

from asiarch.fuzz import tree
from asiarch.language import ast
from asiarch.search.researcher.draft import Donors, Draft, operator
from asiarch.search.researcher.place import Place

FACTORS = (0.5, 2.0, 0.75, 1.5)


@operator("number", 0.5, structural=False)
def _number(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A number of an equation, of a width, of a window, of an initial value."""
    found = [
        (d, n)
        for d in place.root.definitions
        for n in tree.nodes(d)
        if isinstance(n, ast.Number) and n.value not in (0, 1)
    ]
    if not found:
        return None
    definition, number = rng.choice(found)
    factor = rng.choice(FACTORS)
    new = number.value * factor
    if isinstance(number.value, int):
        new = max(1, round(new))
        if new == number.value:
            new += 1
    text = f"{new:.6g}"
    piece = (number.span.start, number.span.end, text)
    return Draft(definition.name.id, f"{number.text} to {text}", (piece,))


@operator("initial", 0.5, structural=False)
def _initial(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """Where a parameter starts."""
    found = [
        (d, s) for d in place.root.definitions for s in d.body
        if isinstance(s, ast.Param) and isinstance(s.initialiser, ast.Call)
        and s.initialiser.name.id == "const"
    ]  # fmt: skip
    if not found:
        return None
    definition, param = rng.choice(found)
    new = rng.choice(["const(0)", "const(1)", "const(2)", "const(-2)", "normal(0.1)",
                      "uniform(-1, 1)"])  # fmt: skip
    span = param.initialiser.span
    what = f"{param.name.id} starts at {new}"
    return Draft(definition.name.id, what, ((span.start, span.end, new),))
