"""Edits that take from another program: an expression, a whole memory, a mixer beside the mixer."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

from asiarch.fuzz import tree
from asiarch.fuzz.term import Term
from asiarch.language import ast
from asiarch.search.researcher.draft import Donor, Donors, Draft, operator, swap, tight
from asiarch.search.researcher.place import Place, Value

WORD = re.compile(r"\b[A-Za-z_]\w*\b")
MOST = 8
"""Statements of a donor that come along with a value."""


@operator("splice", 2.0)
def _splice(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """A value of a donor, with the statements that it needs, added to a value or in its place."""
    donor = donors(rng)
    v = place.one(rng, lambda v: v.term.seq and bool(v.axes) and not v.term.open
                  and v.definition is place.main)  # fmt: skip
    if donor is None or v is None:
        return None
    theirs = donor.place
    here = {t.text: t for t in place.names(v.definition, v.statement)}
    wanted = [
        w for w in theirs.values
        if w.definition is theirs.main and set(w.axes) == set(v.axes) and w.term.seq
        and not w.term.open and not isinstance(w.expr, ast.Name)
    ]  # fmt: skip
    if not wanted:
        return None
    w = rng.choice(wanted)
    needed = _needed(theirs, w)
    if needed is None or not _fits(theirs, place, w, needed):
        return None
    table = _table(theirs, needed, place, here)
    text = _renamed(tight(theirs, w), table)
    lines = [_renamed(theirs.piece(s), table) for s in needed]
    new = text if rng.random() < 0.4 else f"({tight(place, v)} + {text})"
    made = swap(v, new, f"a value of {donor.id}", lines)
    return Draft(made.where, made.what, made.pieces, donor.provenance)


def _needed(place: Place, w: Value) -> list[ast.Statement] | None:
    """Statements of the definition that a value depends on, in order; None where they are many."""
    names = _mentioned(place.piece(w.expr))
    body = list(w.definition.body)
    at = next(i for i, s in enumerate(body) if s is w.statement)
    formals = {f.name.id for f in w.definition.formals}
    taken: dict[int, ast.Statement] = {}
    grown = True
    while grown:
        grown = False
        for i, s in enumerate(body):
            if i in taken or not _bound(s) & names - formals:
                continue
            if i >= at and not _updates(s, taken.values()):
                continue
            if isinstance(s, ast.For | ast.If | ast.Share):
                return None
            taken[i] = s
            names |= _mentioned(place.piece(s))
            grown = True
    return [taken[i] for i in sorted(taken)] if len(taken) <= MOST else None


def _updates(s: ast.Statement, taken: Iterable[ast.Statement]) -> bool:
    """Does it give a state that comes along its value?"""
    states = {t.name.id for t in taken if isinstance(t, ast.State)}
    return bool(_bound(s) & states)


def _bound(s: ast.Statement) -> set[str]:
    match s:
        case ast.Equation():
            return {t.id for t in s.targets}
        case ast.Param() | ast.State() | ast.Share():
            return {s.name.id}
        case ast.For() | ast.If():
            return {n.id for n in tree.nodes(s) if isinstance(n, ast.Name)}
        case _:
            return set()


def _mentioned(text: str) -> set[str]:
    return set(WORD.findall(text))


def _fits(theirs: Place, mine: Place, w: Value, needed: list[ast.Statement]) -> bool:
    """Are its axes and the operators that it calls known here?"""
    words: set[str] = set()
    for piece in (theirs.piece(w.expr), *(theirs.piece(s) for s in needed)):
        words |= _mentioned(piece)
    header = {h.name.id for h in theirs.main.header}
    if words & header - {h.name.id for h in mine.main.header}:
        return False
    own = {d.name.id for d in theirs.root.definitions} | {u.path[-1].id for u in theirs.root.uses}
    have = {u.path[-1].id for u in mine.root.uses}
    return not words & own - have


def _table(
    theirs: Place, needed: list[ast.Statement], mine: Place, here: Mapping[str, Term]
) -> dict[str, str]:
    """New names for what comes along; the donor's `x` is this program's."""
    table = {theirs.main.formals[0].name.id: mine.main.formals[0].name.id}
    taken = set(mine.words)
    for s in needed:
        for name in sorted(_bound(s)):
            stem, number = name.rstrip("0123456789_") or name, 1
            while f"{stem}_{number}" in taken:
                number += 1
            if name not in table:
                table[name] = f"{stem}_{number}"
                taken.add(table[name])
    return table


def _renamed(text: str, table: Mapping[str, str]) -> str:
    """The text with other names; a name before a call or a field is none of a value."""

    def new(match: re.Match[str]) -> str:
        after = text[match.end() : match.end() + 1]
        if after in ("(", ":") or _operator_brackets(text, match.end()):
            return match[0]
        return table.get(match[0], match[0])

    return WORD.sub(new, text)


def _operator_brackets(text: str, at: int) -> bool:
    """Does `[...](` follow?"""
    if text[at : at + 1] != "[":
        return False
    depth = 0
    for i in range(at, len(text)):
        depth += {"[": 1, "]": -1}.get(text[i], 0)
        if not depth:
            return text[i + 1 : i + 2] == "("
    return False


# -- a mixer beside the mixer ----------------------------------------------------------------------


@operator("cross", 1.5)
def _cross(place: Place, rng: random.Random, donors: Donors) -> Draft | None:
    """The donor's mixer becomes an operator of this program, beside its result or after it."""
    donor = donors(rng)
    if donor is None:
        return None
    helpers, name = _imported(place, donor)
    x = place.main.formals[0].name.id
    returned = next((s for s in place.main.body if isinstance(s, ast.Return)), None)
    header = [h for h in donor.place.main.header if h.default is None]
    missing = [h.name.id for h in header if h.name.id not in place.axes(place.main)]
    if returned is None or missing or len(returned.values) != 1:
        return None
    value = returned.values[0]
    own = place.piece(value)
    mix = place.fresh("mix")
    form = rng.choice(["sum", "gate", "gate", "after"])
    if form == "after":
        new, lines = f"{name}({own})", ""
    elif form == "gate":
        lines = f"{mix} = sigmoid(linear[D]({x}))\n  "
        new = f"{mix} * ({own}) + (1 - {mix}) * {name}({x})"
    else:
        new, lines = f"({own}) + {name}({x})", ""
    start = place.main.span.start
    uses = _missing_uses(place, donor.place)
    pieces = [
        (0, 0, uses),
        (start, start, helpers),
        (value.span.start, value.span.end, new),
        (returned.span.start, returned.span.start, lines),
    ]
    return Draft(place.op, f"{form} of {donor.id}", tuple(p for p in pieces if p[2]),
                 donor.provenance)  # fmt: skip


def _imported(place: Place, donor: Donor) -> tuple[str, str]:
    """The donor's definitions under names that are free here, and the mixer's."""
    theirs = donor.place
    table: dict[str, str] = {}
    for definition in theirs.root.definitions:
        name, number = definition.name.id, 1
        while f"{name}_{number}" in place.words:
            number += 1
        table[name] = f"{name}_{number}"
    parts = [
        WORD.sub(lambda m: table.get(m[0], m[0]), theirs.piece(d)) + "\n\n"
        for d in theirs.root.definitions
    ]
    return "".join(parts), table[theirs.op]


def _missing_uses(mine: Place, theirs: Place) -> str:
    have = {mine.piece(u) for u in mine.root.uses}
    return "".join(f"{theirs.piece(u)}\n" for u in theirs.root.uses if theirs.piece(u) not in have)
