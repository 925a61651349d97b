"""Candidates, the proposals that brought them up, their edits, and what was measured of them.

A candidate's id is the hash of its canonical IR: who proposes it again proposes the same row. A
proposal is a run's n-th, whatever became of it: rejected ones are kept with their verdict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asiarch.search.job import Job, Json, Outcome, canonical
from asiarch.search.seeds import Role
from asiarch.search.store.blobs import Blobs
from asiarch.search.store.connection import Connection, Row
from asiarch.search.store.errors import Conflict
from asiarch.search.store.events import Events


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program's op with the sizes of its free axes; `facts` are read from its IR."""

    id: str
    text: str
    op: str
    sizes: Mapping[str, int]
    facts: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a proposal: operator, place, what it did, and the items it came from."""

    operator: str
    where: str
    what: str
    provenance: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True)
class Proposal:
    """A run's n-th proposal and its verdict: `accepted`, `duplicate`, or why it is refused.

    `candidate` is none for a program that has no canonical form; `label` says `rediscovery` and
    the like; `operator` is the bandit's arm.
    """

    run: str
    number: int
    operator: str
    text: str
    op: str
    verdict: str
    candidate: str | None = None
    parents: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    label: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A job that was run for a candidate, and its outcome if it has one."""

    candidate: str
    tier: str
    role: Role
    k: int
    job: Job
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a store knows of candidates."""

    db: Connection
    events: Events
    blobs: Blobs

    def add(self, candidate: Candidate) -> bool:
        """Keeps a candidate; false when it is known, whatever it was then called."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    "INSERT INTO candidates (id, program, op, sizes, facts, at)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        candidate.id,
                        self.blobs.put(candidate.text),
                        candidate.op,
                        canonical(candidate.sizes),
                        canonical(candidate.facts),
                        self.events.clock(),
                    ),
                )
            )

    def candidate(self, id: str) -> Candidate:
        """A candidate by its id. Raises KeyError when there is none."""
        row = self.db.row("SELECT program, op, sizes, facts FROM candidates WHERE id = ?", (id,))
        if row is None:
            raise KeyError(f"the store {self.db.path} has no candidate {id!r}")
        return Candidate(
            id, self.blobs.text(row[0]), row[1], json.loads(row[2]), json.loads(row[3])
        )

    def knows(self, id: str) -> bool:
        """Whether a candidate was seen before, in any run."""
        return self.db.row("SELECT 1 FROM candidates WHERE id = ?", (id,)) is not None

    def candidates(self, run: str | None = None) -> list[str]:
        """The ids of a run's accepted candidates (of all that are known) in order of proposal."""
        if run is None:
            rows = self.db.rows("SELECT id FROM candidates ORDER BY at, id")
        else:
            rows = self.db.rows(
                "SELECT candidate FROM proposals WHERE run = ? AND verdict = 'accepted'"
                " ORDER BY number",
                (run,),
            )
        return [id for (id,) in rows]

    def propose(self, proposal: Proposal) -> bool:
        """Keeps a proposal with its parents and edits; false when it is there already.

        Raises Conflict when the run has another proposal of this number.
        """
        with self.db.transaction():
            program = self.blobs.put(proposal.text)
            row = self.db.row(
                "SELECT program, op, verdict FROM proposals WHERE run = ? AND number = ?",
                (proposal.run, proposal.number),
            )
            if row is not None:
                if row == (program, proposal.op, proposal.verdict):
                    return False
                raise Conflict(
                    f"run {proposal.run!r} has another proposal {proposal.number} already: it was"
                    " begun by another version of asiarch, or where numbers round otherwise. Go"
                    " on with that version on that machine, or begin a run with another seed"
                )
            number = self.db.insert(
                "INSERT INTO proposals (run, number, operator, program, op, candidate, verdict,"
                " label, note, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    proposal.run,
                    proposal.number,
                    proposal.operator,
                    program,
                    proposal.op,
                    proposal.candidate,
                    proposal.verdict,
                    proposal.label,
                    proposal.note,
                    self.events.clock(),
                ),
            )
            self._detail(number, proposal)
            self.events.add(
                "proposed",
                proposal.candidate or program,
                {"number": proposal.number, "verdict": proposal.verdict, "label": proposal.label},
                run=proposal.run,
            )
            return True

    def _detail(self, number: int, proposal: Proposal) -> None:
        for place, parent in enumerate(proposal.parents):
            self.db.write(
                "INSERT INTO parents (proposal, place, candidate) VALUES (?, ?, ?)",
                (number, place, parent),
            )
        for place, edit in enumerate(proposal.edits):
            self.db.write(
                'INSERT INTO edits (proposal, place, operator, "where", what, provenance)'
                " VALUES (?, ?, ?, ?, ?, ?)",
                (number, place, edit.operator, edit.where, edit.what, canonical(edit.provenance)),
            )

    def proposals(self, run: str) -> list[Proposal]:
        """A run's proposals in order."""
        rows = self.db.rows(
            "SELECT id, number, operator, program, op, verdict, candidate, label, note"
            " FROM proposals WHERE run = ? ORDER BY number",
            (run,),
        )
        return [
            Proposal(
                run,
                row[1],
                row[2],
                self.blobs.text(row[3]),
                row[4],
                row[5],
                row[6],
                parents=self._parents(row[0]),
                edits=self._edits(row[0]),
                label=row[7],
                note=row[8],
            )
            for row in rows
        ]

    def _parents(self, number: int) -> tuple[str, ...]:
        rows = self.db.rows(
            "SELECT candidate FROM parents WHERE proposal = ? ORDER BY place", (number,)
        )
        return tuple(id for (id,) in rows)

    def _edits(self, number: int) -> tuple[Edit, ...]:
        rows = self.db.rows(
            'SELECT operator, "where", what, provenance FROM edits WHERE proposal = ?'
            " ORDER BY place",
            (number,),
        )
        return tuple(Edit(*row[:3], provenance=json.loads(row[3])) for row in rows)

    def use(
        self, run: str, candidate: str, jobs: Sequence[Job], *, role: Role, tier: str, k: int = 0
    ) -> None:
        """Says that submitted jobs measure a candidate; the same call twice is one."""
        with self.db.transaction():
            for job in jobs:
                self.db.write(
                    "INSERT INTO uses (run, candidate, job, role, tier, k, at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (run, candidate, job.key, role, tier, k, self.events.clock()),
                )

    def used(self, run: str) -> dict[str, float]:
        """The jobs that a run has asked for a candidate, whoever ran them, and when first."""
        sql = "SELECT job, min(at) FROM uses WHERE run = ? GROUP BY job ORDER BY 2, 1"
        return dict(self.db.rows(sql, (run,)))

    def measurements(self, run: str, candidate: str | None = None) -> list[Measurement]:
        """What was or will be measured in a run (of a candidate), in a fixed order."""
        rows = self.db.rows(
            'SELECT candidate, tier, role, k, kind, spec, status, reason, "values", seconds, flops'
            " FROM measurements WHERE run = ?1 AND (?2 IS NULL OR candidate = ?2)"
            " ORDER BY candidate, tier, role, k, job",
            (run, candidate),
        )
        return [_measurement(row) for row in rows]


def _measurement(row: Row) -> Measurement:
    candidate, tier, role, k, kind, spec, status, reason, values, seconds, flops = row
    outcome = (
        Outcome(status, reason, json.loads(values), seconds=seconds, flops=flops)
        if status
        else None
    )
    return Measurement(candidate, tier, role, k, Job(kind, json.loads(spec)), outcome)
