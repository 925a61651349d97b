"""Proposers behind one protocol: the grammar, a simplifier, the literature, and the controls.

A proposer sees a `View` and a generator of random numbers, and nothing else; equal views and equal
generators give equal proposals.
"""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from asiarch.search.library import entries
from asiarch.search.researcher.draft import OPERATORS, Donor
from asiarch.search.researcher.records import EditRecord, Proposal, Provenance
from asiarch.search.researcher.workshop import NoProposal, Source, Workshop

EDITS = (1, 1, 1, 1, 1, 1, 2, 2, 3)
"""How many edits a child of the grammar has, drawn evenly."""
PARENTS = 20
SHORT = 2_500
"""Characters of a donor: what is longer does not become a part of others."""


class View(Protocol):
    """What of a search a proposer may see. An arm that hides something is another view."""

    @property
    def seen(self) -> Container[str]:
        """Identities of everything proposed before."""
        ...

    @property
    def library(self) -> Sequence[Source]:
        """The literature."""
        ...

    def parent(self, rng: Any) -> Source:
        """A parent, by Thompson sampling from posteriors; of the literature at the start."""
        ...

    def elites(self) -> Sequence[Source]: ...


class Proposer(Protocol):
    """`name` is the bandit's arm. Raises NoProposal where it has nothing to say."""

    @property
    def name(self) -> str: ...

    def propose(self, view: View, rng: Any) -> Proposal: ...


@dataclass(frozen=True, slots=True)
class Grammar:
    """Typed edits of an elite. `operators`: those that it may use; all of them by default."""

    workshop: Workshop
    name: str = "grammar"
    operators: tuple[str, ...] = ()
    edits: tuple[int, ...] = EDITS

    def propose(self, view: View, rng: Any) -> Proposal:
        choice = choices(rng)
        for _ in range(PARENTS):
            parent = view.parent(rng)
            try:
                return self.workshop.child(
                    parent, choice, DonorsOf(self.workshop, view, parent), arm=self.name,
                    operators=self.operators or None, edits=choice.choice(self.edits),
                    seen=view.seen,
                )  # fmt: skip
            except NoProposal:
                continue
        raise NoProposal(f"`{self.name}` found no child of {PARENTS} parents")


@dataclass(frozen=True, slots=True)
class Random:
    """A control: a parent of the literature by an even draw, edits by an even draw, no archive."""

    workshop: Workshop
    name: str = "random"
    edits: int = 4

    def propose(self, view: View, rng: Any) -> Proposal:
        choice = choices(rng)
        for _ in range(PARENTS):
            parent = choice.choice(list(view.library))
            donors = DonorsOf(self.workshop, view, parent, literature=True)
            try:
                return self.workshop.child(
                    parent, choice, donors, arm=self.name,
                    edits=choice.randint(1, self.edits), seen=view.seen,
                )  # fmt: skip
            except NoProposal:
                continue
        raise NoProposal(f"`{self.name}` found no child of {PARENTS} parents")


@dataclass(frozen=True, slots=True)
class Literature:
    """What is published, as it is: the next one that was not seen."""

    workshop: Workshop
    name: str = "literature"

    def propose(self, view: View, rng: Any) -> Proposal:
        library = list(view.library)
        choices(rng).shuffle(library)
        for source in library:
            if not self.workshop.accepts(source.text, source.op):
                continue
            digest = self.workshop.digest(source.text, source.op, source.sizes)
            if digest not in view.seen:
                made = EditRecord("literature", source.op, source.id, (), True,
                                  Provenance(cognition=(source.id,)))  # fmt: skip
                return Proposal(source.text, source.op, source.sizes, (), (made,), self.name,
                                digest)  # fmt: skip
        raise NoProposal("everything of the literature was seen")


@dataclass(frozen=True, slots=True)
class DonorsOf:
    """Donors of a view: elites and the literature, half and half."""

    workshop: Workshop
    view: View
    parent: Source
    literature: bool = False

    def __call__(self, rng: random.Random) -> Donor | None:
        elites = [] if self.literature else list(self.view.elites())
        pool = self.view.library if not elites or rng.random() < 0.5 else elites
        fitting = [s for s in pool if s.id != self.parent.id and len(s.text) <= SHORT]
        if not fitting:
            return None
        source = rng.choice(fitting)
        if not self.workshop.accepts(source.text, source.op):
            return None
        published = any(source.id == s.id for s in self.view.library)
        return Donor(source.id, self.workshop.place(source.text, source.op), published)


def choices(rng: Any) -> random.Random:
    """The generator that edits draw from, seeded by one of numpy's."""
    return random.Random(int(rng.integers(2**62)))


def literature() -> tuple[Source, ...]:
    """The mixers of the library and the gallery as sources."""
    return tuple(
        Source(e.name, e.text, e.op) for e in entries() if not e.name.startswith("channel.")
    )


@dataclass(frozen=True, slots=True)
class Proposers:
    """Every proposer by name, over one workshop."""

    workshop: Workshop = field(default_factory=Workshop)

    def all(self) -> dict[str, Proposer]:
        shop = self.workshop
        numbers = tuple(n for n, o in OPERATORS.items() if not o.structural and n != "activation")
        made: list[Proposer] = [
            Grammar(shop),
            *(
                Grammar(shop, f"grammar.{n}", (n,), (1,))
                for n, o in OPERATORS.items()
                if o.structural
            ),
            Grammar(shop, "simplify", ("delete",), (1, 1, 2)),
            Grammar(shop, "hp-only", numbers, (1, 2)),
            Random(shop),
            Literature(shop),
        ]
        return {p.name: p for p in made}
