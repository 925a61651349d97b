"""What a search writes down: proposals with edits and verdicts, the bar, the claim.

By natural keys: a program that runs again writes the same rows, and nothing that it decides is read
back but a shortlist that was frozen.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from asiarch import __version__
from asiarch.search.archive import Niche
from asiarch.search.engineer import Design, Verdict
from asiarch.search.job import Json
from asiarch.search.researcher import EditRecord
from asiarch.search.store import Candidate, Edit, Proposal, Store

PANEL = "panel"
ACCEPTED, DUPLICATE = "accepted", "duplicate"
ROOM = "room"
"""An event of a round: how many candidates it may measure; the last one counts."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A proposal with what became of it: accepted, duplicate, or a reason."""

    number: int
    operator: str
    text: str
    op: str
    verdict: str
    candidate: str | None = None
    parents: tuple[str, ...] = ()
    edits: tuple[EditRecord, ...] = ()
    label: str = ""
    note: str = ""


class Record(Protocol):
    """Where a search writes."""

    def together(self) -> AbstractContextManager[None]:
        """What is written inside is written in one go."""
        ...

    def candidate(self, design: Design, facts: Mapping[str, Json]) -> None: ...
    def proposed(self, noted: Noted) -> None: ...
    def charge(self, number: int) -> None:
        """A candidate of the budget, before anything of it is trained."""
        ...

    def charged_among(self, numbers: Iterable[int]) -> int:
        """How many of those proposals are candidates that were charged before."""
        ...

    def room(self, round: int) -> int | None:
        """How many candidates a round might measure when it was begun before; None for one that
        was not.
        """
        ...

    def give_room(self, round: int, room: int) -> None: ...
    def event(self, kind: str, subject: str, data: Json = None) -> None:
        """Once for each kind and subject."""
        ...

    def frozen(self) -> list[str]:
        """The shortlist that was frozen in this run, if one was."""
        ...

    def freeze(self, shortlist: Sequence[str]) -> None: ...
    def judge(self, verdict: Verdict) -> None: ...


@dataclass(slots=True)
class Memory:
    """A record in memory, for simulations."""

    noted: list[Noted] = field(default_factory=list[Noted])
    events: dict[tuple[str, str], Json] = field(default_factory=dict[tuple[str, str], Json])
    shortlist: list[str] = field(default_factory=list[str])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    charged: list[int] = field(default_factory=list[int])
    rooms: dict[int, int] = field(default_factory=dict[int, int])

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def candidate(self, design: Design, facts: Mapping[str, Json]) -> None:
        pass

    def proposed(self, noted: Noted) -> None:
        self.noted.append(noted)

    def charge(self, number: int) -> None:
        self.charged.append(number)

    def charged_among(self, numbers: Iterable[int]) -> int:
        return len(set(numbers) & set(self.charged))

    def room(self, round: int) -> int | None:
        return self.rooms.get(round)

    def give_room(self, round: int, room: int) -> None:
        self.rooms[round] = room

    def event(self, kind: str, subject: str, data: Json = None) -> None:
        self.events[kind, subject] = data

    def frozen(self) -> list[str]:
        return self.shortlist

    def freeze(self, shortlist: Sequence[str]) -> None:
        self.shortlist = list(shortlist)

    def judge(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


class StoreRecord:
    """A record in a store. The run has begun."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        before = [e for e in store.events.all() if e.run == run]
        self._told = {(e.kind, e.subject) for e in before}
        self._rooms: dict[int, int] = {}
        for event in before:
            if event.kind == ROOM and isinstance(event.data, int):
                self._rooms[int(event.subject)] = event.data

    def together(self) -> AbstractContextManager[None]:
        return self.store.transaction()

    def candidate(self, design: Design, facts: Mapping[str, Json]) -> None:
        made = Candidate(design.id, design.text, design.op, dict(design.sizes), facts)
        self.store.knowledge.add(made)

    def proposed(self, noted: Noted) -> None:
        edits = tuple(
            Edit(e.operator, e.where, e.what,
                 {**e.provenance.as_json(), "structural": e.structural})
            for e in noted.edits
        )  # fmt: skip
        self.store.knowledge.propose(
            Proposal(
                self.run, noted.number, noted.operator, noted.text, noted.op, noted.verdict,
                noted.candidate, noted.parents, edits, noted.label, noted.note,
            )
        )  # fmt: skip

    def charge(self, number: int) -> None:
        self.store.budgets.settle(self.run, "1", {self._subject(number): {"candidates": 1.0}})

    def charged_among(self, numbers: Iterable[int]) -> int:
        return self.store.budgets.charged(self.run, map(self._subject, numbers))

    def room(self, round: int) -> int | None:
        return self._rooms.get(round)

    def give_room(self, round: int, room: int) -> None:
        if self._rooms.get(round) != room:
            self._rooms[round] = room
            self.store.events.add(ROOM, str(round), room, run=self.run)

    def _subject(self, number: int) -> str:
        return f"{self.run} candidate {number}"

    def event(self, kind: str, subject: str, data: Json = None) -> None:
        if (kind, subject) not in self._told:
            self._told.add((kind, subject))
            self.store.events.add(kind, subject, data, run=self.run)

    def frozen(self) -> list[str]:
        return next(iter(self.store.claims.frozen(self.run).values()), list[str]())

    def freeze(self, shortlist: Sequence[str]) -> None:
        self.store.claims.freeze(self.run, shortlist)

    def judge(self, verdict: Verdict) -> None:
        claim = next(iter(self.store.claims.frozen(self.run)))
        self.store.claims.judge(claim, verdict.design.id, verdict.confirmed, verdict.evidence)


def facts_of(niche: Niche, check: Mapping[str, Json]) -> dict[str, Json]:
    """What a candidate's row says of its IR."""
    kept = ("parameters", "hidden", "flops_per_token", "state_floats")
    return {"niche": asdict(niche), **{name: check[name] for name in kept if name in check}}


def machine(workers: int) -> dict[str, Json]:
    """What the numbers of a run were measured on."""
    return {
        "cores": os.cpu_count() or 1,
        "workers": workers,
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "asiarch": __version__,
    }


def revision() -> str:
    """The commit of the code that runs, with + where it was changed since; empty where it is no
    checkout.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return ""
    said: list[str] = []
    for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"]):
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *command], capture_output=True, text=True, timeout=10,
                check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return ""
        said.append(done.stdout.strip())
    return said[0] + ("+" if said[1] else "")
