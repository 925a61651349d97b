"""Rounds of a fixed size: decided from what was known when the round began.

Every slot of a round has a seed of its own and sees the same snapshot, so proposals do not depend
on how many workers fill the slots, nor in which order. Twins within a round are dropped by slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asiarch.search.archive.bandit import Bandit
from asiarch.search.researcher.proposers import Proposer, View
from asiarch.search.researcher.records import Proposal
from asiarch.search.researcher.workshop import NoProposal
from asiarch.search.seeds import seed

Map = Callable[[Callable[[int], "Slot"], Iterable[int]], Iterable["Slot"]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a round: its arm, and a proposal or why there is none."""

    number: int
    arm: str
    proposal: Proposal | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """`filled`: slots in order; `twins`: slots that propose what an earlier one does."""

    number: int
    filled: tuple[Slot, ...]
    twins: tuple[int, ...]

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """What is to be measured, each identity once."""
        return tuple(
            s.proposal for s in self.filled if s.proposal is not None and s.number not in self.twins
        )


@dataclass(frozen=True, slots=True)
class Draw:
    """A round to be filled, as a function of the slot: pure, so that processes can share it."""

    master: int
    run: str
    number: int
    view: View
    bandit: Bandit
    proposers: Mapping[str, Proposer]

    def __call__(self, slot: int) -> Slot:
        place = f"round {self.number}, slot {slot}"
        rng = np.random.default_rng(seed(self.master, self.run, place, "select", 0))
        arm = self.bandit.draw(rng)
        try:
            return Slot(slot, arm, self.proposers[arm].propose(self.view, rng))
        except NoProposal as none:
            return Slot(slot, arm, None, str(none))


def fill(draw: Draw, size: int, mapped: Map = map) -> Round:
    """The round's proposals. `mapped`: `map`, or an executor's `map`."""
    return settled(draw.number, list(mapped(draw, range(size))))


def settled(number: int, slots: Sequence[Slot]) -> Round:
    """Slots in order, twins marked."""
    ordered = sorted(slots, key=lambda s: s.number)
    known: set[str] = set()
    twins: list[int] = []
    for slot in ordered:
        if slot.proposal is None:
            continue
        if slot.proposal.digest in known:
            twins.append(slot.number)
        known.add(slot.proposal.digest)
    return Round(number, tuple(ordered), tuple(twins))
