"""Where proposals are made: programs read once, edits drawn until one checks.

An edit is drawn for a place of the parent and its type, so most fit at once; the checker has the
last word, and what it refuses is drawn anew. Nothing here depends on what was asked before: caches
hold what texts alone decide.
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

from asiarch.search.checked import Checked, Checker, placed
from asiarch.search.identity import Identifier
from asiarch.search.library import is_mixer
from asiarch.search.researcher import memory, numbers, splice, values
from asiarch.search.researcher.draft import OPERATORS, Donors, Operator
from asiarch.search.researcher.place import Place
from asiarch.search.researcher.prune import pruned
from asiarch.search.researcher.records import EditRecord, Proposal
from asiarch.search.screen import Bounds, gate

MODULES = (memory, numbers, splice, values)
"""Files whose operators are registered."""
TRIES = 200
LONGEST = 6_000
PLACES = 256


class NoProposal(RuntimeError):
    """No edit of the wanted kinds fits the parent."""


@dataclass(frozen=True, slots=True)
class Source:
    """A program to start from: `id` is a candidate's, or a name of the literature."""

    id: str
    text: str
    op: str
    sizes: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Workshop:
    """`bounds`: what every child must keep."""

    bounds: Bounds = field(default_factory=Bounds)
    checker: Checker = field(default_factory=Checker)
    identifier: Identifier = field(default_factory=Identifier)
    refused: Counter[str] = field(default_factory=Counter[str])
    _places: OrderedDict[tuple[str, str], Place] = field(
        default_factory=OrderedDict[tuple[str, str], Place]
    )

    def place(self, text: str, op: str) -> Place:
        """A checked program as edits see it. Raises ValueError where it does not check."""
        key = text, op
        if key not in self._places:
            checked = self.checker.check(text)
            if checked.errors:
                raise ValueError(f"the program does not check: {checked.errors[0].message}")
            self._places[key] = Place(text, placed(text), op)
            if len(self._places) > PLACES:
                self._places.popitem(last=False)
        return self._places[key]

    def digest(self, text: str, op: str, sizes: Sequence[tuple[str, int]]) -> str:
        function = self.checker.check(text).functions[op]
        header = {n: v for n, v in sizes if n in function.header}
        return self.identifier.of(function, header).digest

    def accepts(self, text: str, op: str) -> bool:
        """Does it check, as a causal mixer within bounds?"""
        if len(text) > LONGEST:
            return self._refuse("long")
        checked = self.checker.check(text)
        if checked.errors:
            return self._refuse(checked.errors[0].code)
        return self._within(checked, op)

    def _within(self, checked: Checked, op: str) -> bool:
        function = checked.functions.get(op)
        if function is None or not is_mixer(function):
            return self._refuse("interface")
        refused = gate(checked.facts[op], self.bounds, {})
        return refused is None or self._refuse(refused[0])

    def _refuse(self, why: str) -> bool:
        self.refused[why] += 1
        return False

    # -- edits -------------------------------------------------------------------------------------

    def edited(
        self, text: str, op: str, operator: Operator, rng: random.Random, donors: Donors
    ) -> tuple[str, EditRecord] | None:
        """One draw: a child that checks, with its edit; None where this draw fits nowhere."""
        place = self.place(text, op)
        draft = operator.make(place, rng, donors)
        if draft is None:
            self._refuse("no place")
            return None
        if draft.overlaps:  # a mistake of the operator: a long search goes on without this draw
            self._refuse("overlap")
            return None
        record = draft.record(text, operator.name, operator.structural)
        child = record.apply(text)
        if child == text or not self.accepts(child, op):
            return None
        return child, record

    def _pruned(self, text: str, op: str, record: EditRecord) -> tuple[str, EditRecord]:
        """A child without what reaches no result any more: a part of its last edit."""
        changes = pruned(text, op)
        short = text
        for change in changes:
            short = change.apply(short)
        if not changes or not self.accepts(short, op):
            return text, record
        return short, replace(record, changes=(*record.changes, *changes))

    def child(
        self,
        parent: Source,
        rng: random.Random,
        donors: Donors,
        *,
        arm: str,
        operators: Sequence[str] | None = None,
        edits: int = 1,
        seen: Container[str] = (),
    ) -> Proposal:
        """A child of `edits` edits, whose identity is neither the parent's nor seen. Raises
        NoProposal.
        """
        names = list(operators or OPERATORS)
        weights = [OPERATORS[n].weight for n in names]
        before = self.digest(parent.text, parent.op, parent.sizes)
        text, records = parent.text, list[EditRecord]()
        for tries in range(1, TRIES + 1):
            chosen = OPERATORS[rng.choices(names, weights)[0]]
            made = self.edited(text, parent.op, chosen, rng, donors)
            if made is None:
                continue
            after, record = made
            if len(records) + 1 < edits:
                text, records = after, [*records, record]
                continue
            after, record = self._pruned(after, parent.op, record)
            digest = self.digest(after, parent.op, parent.sizes)
            if digest == before or digest in seen:
                self._refuse("seen")
                continue
            records.append(record)
            others = {i for r in records for i in r.provenance.experience}
            return Proposal(after, parent.op, parent.sizes, (parent.id, *sorted(others)),
                            tuple(records), arm, digest, tries)  # fmt: skip
        raise NoProposal(f"none of {TRIES} edits ({', '.join(names)}) of {parent.id} fits")
