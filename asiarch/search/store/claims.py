"""Claims: a shortlist that was frozen and hashed before it was confirmed, then its verdicts.

A discovery is a candidate of a frozen shortlist that was confirmed under the hash of the run's
protocol. Jobs of the role `confirm` that were measured before the freezing refute the claim.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from asiarch.search.job import Json, canonical, digest
from asiarch.search.store.connection import Connection
from asiarch.search.store.errors import Conflict
from asiarch.search.store.events import Events
from asiarch.search.store.runs import Runs

LONGEST = 10


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a store's runs."""

    db: Connection
    events: Events
    runs: Runs

    def freeze(self, run: str, shortlist: Sequence[str]) -> str:
        """Freezes a shortlist of candidates, in order; returns the claim's id, its hash.

        The same call twice is one claim.

        Raises Conflict for an unknown run, more than ten candidates or one twice, and when one of
        them has already been measured for confirmation without being in a claim.
        """
        with self.db.transaction():
            begun = self.runs.find(run)
            if begun is None:
                raise Conflict(f"the store {self.db.path} has no run {run!r}")
            if not 0 < len(set(shortlist)) == len(shortlist) <= LONGEST:
                raise Conflict(f"a shortlist is of 1 to {LONGEST} different candidates")
            claim = digest([run, begun.protocol_hash, list(shortlist)])
            if self.db.row("SELECT 1 FROM claims WHERE id = ?", (claim,)):
                return claim
            peeked = self.db.rows(
                "SELECT DISTINCT uses.candidate FROM uses JOIN outcomes USING (job)"
                " WHERE uses.run = ? AND uses.role = 'confirm'"
                " AND uses.candidate IN (SELECT value FROM json_each(?))",
                (run, canonical(list(shortlist))),
            )
            if peeked:
                raise Conflict(
                    f"{peeked[0][0][:12]} was measured for confirmation before the shortlist was"
                    " frozen: what was seen cannot be claimed; begin a run with other seeds"
                )
            self.db.write(
                "INSERT INTO claims (id, run, protocol_hash, shortlist, at) VALUES (?, ?, ?, ?, ?)",
                (claim, run, begun.protocol_hash, canonical(list(shortlist)), self.events.clock()),
            )
            self.events.add("frozen", claim, {"shortlist": list(shortlist)}, run=run)
        return claim

    def judge(self, claim: str, candidate: str, confirmed: bool, evidence: Json) -> None:
        """Writes the verdict on a candidate of a claim, once.

        Raises Conflict for a candidate that is not on the shortlist and for another verdict.
        """
        with self.db.transaction():
            row = self.db.row("SELECT run, shortlist FROM claims WHERE id = ?", (claim,))
            if row is None or candidate not in json.loads(row[1]):
                raise Conflict(f"the claim {claim[:12]} has no candidate {candidate[:12]}")
            found = self.db.row(
                "SELECT confirmed, evidence FROM verdicts WHERE claim = ? AND candidate = ?",
                (claim, candidate),
            )
            if found is not None:
                if found != (int(confirmed), canonical(evidence)):
                    raise Conflict(f"{candidate[:12]} has another verdict in claim {claim[:12]}")
                return
            self.db.write(
                "INSERT INTO verdicts (claim, candidate, confirmed, evidence, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (claim, candidate, int(confirmed), canonical(evidence), self.events.clock()),
            )
            kind = "confirmed" if confirmed else "not confirmed"
            self.events.add(kind, candidate, {"claim": claim}, run=row[0])

    def frozen(self, run: str) -> dict[str, list[str]]:
        """The claims of a run, oldest first: id to shortlist."""
        rows = self.db.rows(
            "SELECT id, shortlist FROM claims WHERE run = ? ORDER BY at, id", (run,)
        )
        return {id: json.loads(shortlist) for id, shortlist in rows}

    def verdicts(self, run: str) -> dict[str, tuple[bool, Json]]:
        """The latest verdict on each candidate of a run: confirmed or not, and the evidence."""
        rows = self.db.rows(
            "SELECT verdicts.candidate, confirmed, evidence FROM verdicts"
            " JOIN claims ON claims.id = verdicts.claim WHERE run = ? ORDER BY verdicts.at",
            (run,),
        )
        return {candidate: (bool(yes), json.loads(said)) for candidate, yes, said in rows}

    def discoveries(self, run: str) -> list[str]:
        """The candidates that were confirmed, in order."""
        rows = self.db.rows(
            "SELECT DISTINCT candidate FROM discoveries WHERE run = ? ORDER BY at, candidate",
            (run,),
        )
        return [id for (id,) in rows]
