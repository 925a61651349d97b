"""From a round's slots to designs that may be trained: T0a, T0b, and what is written of both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from asiarch.search.archive import Niche, Slot, niche
from asiarch.search.archive.rounds import Round
from asiarch.search.engineer import Design, Engineer
from asiarch.search.job import Json, Outcome
from asiarch.search.loop.history import History
from asiarch.search.loop.record import ACCEPTED, DUPLICATE, Noted, Record, facts_of
from asiarch.search.loop.watch import Watch
from asiarch.search.researcher import Proposal, Source, Workshop
from asiarch.search.screen import Screen, Verdict


@dataclass(frozen=True, slots=True)
class Fresh:
    """A proposal that passed T0: `number` of the run; `operator` is the bandit's arm."""

    number: int
    operator: str
    design: Design
    niche: Niche
    parents: tuple[str, ...]
    flops_per_token: float = 0.0
    state_floats: float = 0.0


@dataclass(frozen=True, slots=True)
class Sifted:
    """`refused`: the arms of the slots that brought nothing."""

    fresh: tuple[Fresh, ...]
    refused: tuple[str, ...]


@dataclass(slots=True)
class Screening:
    """`screened`: is what was seen refused? `most`: FLOPs per token that a candidate may have;
    `most_effort`: what it may take (`engineer.effort`), 0 for anything.

    `library`: the literature by name, whose entries become candidates when they become parents.
    """

    record: Record
    watch: Watch
    engineer: Engineer
    screen: Screen
    workshop: Workshop
    screened: bool
    task: str
    most: float
    most_effort: float
    library: Mapping[str, Source]
    _ids: dict[str, str] = field(default_factory=dict[str, str])

    def sift(self, made: Round, history: History, first: int, room: int | None = None) -> Sifted:
        """The slots that may be trained; the others are noted with their reason.

        first: the number of the round's first slot. room: candidates that may still be measured;
        slots after them are left for whoever goes on with a larger number.
        """
        passed: list[tuple[Slot, Noted, Verdict]] = []
        refused: list[str] = []
        with self.record.together():
            for slot in made.filled:
                if room is not None and len(passed) >= room:
                    break
                if slot.proposal is None:
                    history.rejected["T0a", "no proposal"] += 1
                    refused.append(slot.arm)
                    continue
                history.proposed += 1
                noted = self._noted(first + slot.number, slot, slot.proposal)
                verdict = self._judged(slot.proposal, noted, slot.number in made.twins)
                if verdict.status == "new":
                    passed.append((slot, noted, verdict))
                    self._begin(noted, verdict, history)
                else:
                    self._refuse("T0a", _judgement(noted, verdict), history)
                    refused.append(slot.arm)
        fresh = self._checked(passed, history, refused)
        return Sifted(tuple(fresh), tuple(refused))

    # ---- T0a -----------------------------------------------------------------------------------

    def _noted(self, number: int, slot: Slot, p: Proposal) -> Noted:
        parents = tuple(dict.fromkeys(map(self._id, p.parents)))
        return Noted(number, slot.arm, p.text, p.op, ACCEPTED, None, parents, p.edits)

    def _judged(self, p: Proposal, noted: Noted, twin: bool) -> Verdict:
        if not self.screened:
            return Verdict("new", p.digest)
        if twin:
            return Verdict("seen", p.digest, known="another slot of this round")
        return self.screen.judge(p.text, p.op, dict(p.sizes), name=f"#{noted.number}")

    def _begin(self, noted: Noted, verdict: Verdict, history: History) -> None:
        """The candidate is known, and paid for, before anything of it is run."""
        design = self._design(noted, verdict)
        self.record.candidate(design, facts_of(self._niche(design), {}))
        self.record.charge(noted.number)
        history.candidates += 1

    def _id(self, parent: str) -> str:
        """The candidate's id of a parent, which may be a name of the literature."""
        if parent in self._ids or parent not in self.library:
            return self._ids.get(parent, parent)
        source = self.library[parent]
        id = self.workshop.digest(source.text, source.op, source.sizes)
        design = Design(id, source.id, source.text, source.op, source.sizes)
        self.record.candidate(design, facts_of(self._niche(design), {}))
        self._ids[parent] = id
        return id

    def _design(self, noted: Noted, verdict: Verdict) -> Design:
        sizes = self._sizes(noted)
        return Design(verdict.digest, f"#{noted.number}", noted.text, noted.op, sizes)

    def _sizes(self, noted: Noted) -> tuple[tuple[str, int], ...]:
        header = self.workshop.checker.check(noted.text).functions[noted.op].header
        return tuple((n, v) for n, v in self.screen.sizes.items() if n in header)

    def _niche(self, design: Design) -> Niche:
        return niche(self.workshop.checker.check(design.text).facts[design.op])

    # ---- T0b -----------------------------------------------------------------------------------

    def _checked(
        self, passed: list[tuple[Slot, Noted, Verdict]], history: History, refused: list[str]
    ) -> list[Fresh]:
        designs = [self._design(noted, verdict) for _, noted, verdict in passed]
        outcomes = self.engineer.checks(designs, self.task)
        fresh: list[Fresh] = []
        with self.record.together():
            for (slot, noted, verdict), design, outcome in zip(
                passed, designs, outcomes, strict=True
            ):
                made = self._settled(noted, verdict, outcome)
                if made.verdict != ACCEPTED:
                    self._refuse("T0b", made, history)
                    refused.append(slot.arm)
                    continue
                self.record.proposed(made)
                self.watch.note(f"{self._said(made)}: accepted")
                values = outcome.values
                fresh.append(
                    Fresh(
                        noted.number, slot.arm, design, self._niche(design), noted.parents,
                        _number(values, "flops_per_token"), _number(values, "state_floats"),
                    )
                )  # fmt: skip
        return fresh

    def _settled(self, noted: Noted, verdict: Verdict, outcome: Outcome) -> Noted:
        label = verdict.known if verdict.rediscovery else ""
        if outcome.status == "failed":
            said = str(outcome.values.get("message", ""))
            return _with(noted, outcome.reason or "", verdict.digest, label, said)
        work = _number(outcome.values, "flops_per_token")
        if work > self.most:
            said = f"{work:,.0f} FLOPs per token, more than {self.most:,.0f}"
            return _with(noted, "cost", verdict.digest, label, said)
        effort = _number(outcome.values, "effort")
        if self.most_effort and effort > self.most_effort:
            said = (
                f"a forward pass takes {effort:,.0f} numbers per token, more than"
                f" {self.most_effort:,.0f}: loops over tokens, and states written down, do"
            )
            return _with(noted, "cost", verdict.digest, label, said)
        return _with(noted, ACCEPTED, verdict.digest, label, "")

    def _said(self, noted: Noted) -> str:
        """A proposal in a line: its number, who made it of whom, and by which edits."""
        parents = ", ".join(self.screen.seen.get(p, p) for p in noted.parents)
        what = "; ".join(e.what for e in noted.edits)
        made = f"#{noted.number} {noted.operator}" + (f" of {parents}" if parents else "")
        return self._named(f"{made}: {what}" if what else made)

    def _named(self, text: str) -> str:
        """Digests by the names of what was seen, else by their beginning."""
        return re.sub(
            r"[0-9a-f]{64}", lambda found: self.screen.seen.get(found[0], found[0][:8]), text
        )

    def _refuse(self, tier: str, noted: Noted, history: History) -> None:
        history.rejected[tier, noted.verdict] += 1
        self.record.proposed(noted)
        why = noted.note.partition("\n")[0]
        self.watch.note(
            f"{self._said(noted)}: rejected at {tier}, {noted.verdict}: {self._named(why)}"
        )


def _judgement(noted: Noted, verdict: Verdict) -> Noted:
    if verdict.status == "seen":
        return _with(noted, DUPLICATE, None, "", f"of {verdict.known}")
    return _with(noted, verdict.reason, None, "", verdict.said)


def _with(noted: Noted, verdict: str, candidate: str | None, label: str, note: str) -> Noted:
    return replace(noted, verdict=verdict, candidate=candidate, label=label, note=note)


def _number(values: Mapping[str, Json], name: str) -> float:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
