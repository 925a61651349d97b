"""Arms: which proposers are asked, and what of the search they may see. Nothing else differs.

The controls are arms like any other: `null` proposes copies of the bar, `random` edits the
literature without looking at a measurement, `hillclimb` and `evolution` are the two plain searches,
`hp-only` changes numbers alone, `no-analysis` and `no-cognition` hide a part of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asiarch.search.archive import ArchiveView, Elite
from asiarch.search.engineer import Design
from asiarch.search.job import digest
from asiarch.search.researcher import (
    OPERATORS,
    Proposal,
    Proposer,
    Proposers,
    Source,
    View,
    Workshop,
)

POPULATION, TOURNAMENT = 50, 5
"""Of `evolution`: the youngest so many, and how many of them are drawn for a parent."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """A view in which something is hidden, or the parent is chosen otherwise.

    `ordered`: everything that has an effect, in the order of its arrival.
    """

    view: ArchiveView
    ordered: tuple[Elite, ...]
    choose: Callable[[Seeing, Any], Source]
    library: Sequence[Source]

    @property
    def seen(self) -> Container[str]:
        return self.view.seen

    def parent(self, rng: Any) -> Source:
        return self.choose(self, rng)

    def elites(self) -> Sequence[Source]:
        return self.view.elites()


def thompson(seeing: Seeing, rng: Any) -> Source:
    """By posteriors, over all niches or within one."""
    return seeing.view.parent(rng)


def best(seeing: Seeing, rng: Any) -> Source:
    """The largest posterior mean."""
    return max(seeing.ordered, key=lambda e: (e.mean, e.id)).source


def tournament(seeing: Seeing, rng: Any) -> Source:
    """The best of a few of the youngest (regularised evolution: Real et al. 2019, section 3)."""
    young = seeing.ordered[-POPULATION:]
    drawn = [young[int(rng.integers(len(young)))] for _ in range(TOURNAMENT)]
    return max(drawn, key=lambda e: (e.mean, e.id)).source


def blind(seeing: Seeing, rng: Any) -> Source:
    """Anyone of those that were measured: what was measured is hidden."""
    return seeing.ordered[int(rng.integers(len(seeing.ordered)))].source


@dataclass(frozen=True, slots=True)
class Arm:
    """`proposers`: names. `screened`: what was seen is refused; copies are not."""

    name: str
    proposers: tuple[str, ...]
    choose: Callable[[Seeing, Any], Source] = thompson
    cognition: bool = True
    screened: bool = True

    def view(self, view: ArchiveView, ordered: Sequence[Elite]) -> View:
        library = view.library if self.cognition else ()
        return Seeing(view, tuple(ordered), self.choose, library)


@dataclass(frozen=True, slots=True)
class Copies:
    """A/A: the bar under another name, with other first weights and nothing else."""

    bar: Design
    name: str = "null"

    def propose(self, view: View, rng: Any) -> Proposal:
        op = f"{self.bar.op}_{int(rng.integers(2**62)):x}"
        made = self.bar.renamed(op, digest({"copy": op, "of": self.bar.id}), op)
        return Proposal(
            made.text, op, made.sizes, (self.bar.id,), (), self.name, digest=made.id
        )  # fmt: skip


GRAMMAR = (
    "grammar",
    *(f"grammar.{name}" for name, operator in OPERATORS.items() if operator.structural),
    "simplify",
    "hp-only",
)
ARMS: Mapping[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("full", (*GRAMMAR, "literature")),
        Arm("null", ("null",), screened=False),
        Arm("random", ("random",)),
        Arm("hillclimb", ("grammar",), best),
        Arm("evolution", ("grammar",), tournament),
        Arm("hp-only", ("hp-only",)),
        Arm("no-analysis", (*GRAMMAR, "literature"), blind),
        Arm("no-cognition", GRAMMAR, cognition=False),
    )
}


@dataclass(slots=True)
class Asked:
    """Proposers of an arm, by name."""

    arm: Arm
    bar: Design
    workshop: Workshop = field(default_factory=Workshop)

    def proposers(self) -> dict[str, Proposer]:
        known: dict[str, Proposer] = {**Proposers(self.workshop).all(), "null": Copies(self.bar)}
        return {name: known[name] for name in self.arm.proposers}
