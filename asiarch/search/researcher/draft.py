"""An edit in the making: pieces of text put in, by place in the parent's text."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from asiarch.fuzz.edit import Change
from asiarch.search.researcher.place import Place, Value
from asiarch.search.researcher.records import EditRecord, Provenance


@dataclass(frozen=True, slots=True)
class Donor:
    """A program that an edit may take from: of the literature (`cognition`) or an elite."""

    id: str
    place: Place
    cognition: bool

    @property
    def provenance(self) -> Provenance:
        return Provenance(cognition=(self.id,)) if self.cognition else Provenance((), (self.id,))


class Donors(Protocol):
    """Where donors come from; asked only by operators that take something."""

    def __call__(self, rng: random.Random) -> Donor | None: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """`pieces`: (start, end, new) of the parent's text, none over another."""

    where: str
    what: str
    pieces: tuple[tuple[int, int, str], ...]
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def overlaps(self) -> bool:
        """Does a piece stand in another one? Then it cannot be made."""
        ordered = sorted(self.pieces)
        return any(after[0] < before[1] for before, after in pairwise(ordered))

    def record(self, text: str, operator: str, structural: bool) -> EditRecord:
        """Changes from the end of the text to its start, so that places stay true."""
        changes = [
            Change(operator, start, text[start:end], new)
            for start, end, new in sorted(self.pieces, reverse=True)
        ]
        return EditRecord(operator, self.where, self.what, tuple(changes), structural,
                          self.provenance)  # fmt: skip


Make = Callable[[Place, random.Random, Donors], "Draft | None"]


@dataclass(frozen=True, slots=True)
class Operator:
    """A way to edit. `weight` is its share where no bandit has an opinion."""

    name: str
    structural: bool
    weight: float
    make: Make


OPERATORS: dict[str, Operator] = {}


def operator(name: str, weight: float = 1.0, structural: bool = True) -> Callable[[Make], Make]:
    """Register an operator."""

    def register(make: Make) -> Make:
        OPERATORS[name] = Operator(name, structural, weight, make)
        return make

    return register


def swap(value: Value, new: str, what: str, lines: Sequence[str] = ()) -> Draft:
    """A value in place of another, with statements before the one that holds it."""
    span = value.expr.span
    pieces = [(span.start, span.end, new)]
    if lines:
        start = value.statement.span.start
        above = "\n".join(line.strip() for line in lines)
        pieces.append((start, start, above.replace("\n", "\n  ") + "\n  "))
    return Draft(value.definition.name.id, what, tuple(pieces))


def tight(place: Place, value: Value) -> str:
    """The text of a value where an operator stands beside it."""
    text = place.piece(value.expr)
    return text if value.term.atom else f"({text})"
