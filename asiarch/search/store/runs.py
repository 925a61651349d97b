"""Runs: a protocol that was hashed before the first measurement, and a master seed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from asiarch.search.job import Json, canonical, digest
from asiarch.search.store.connection import Connection
from asiarch.search.store.errors import Conflict
from asiarch.search.store.events import Events


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was begun: nothing of it changes afterwards."""

    id: str
    master: int
    protocol: Json
    protocol_hash: str
    arm: str
    code: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a store."""

    db: Connection
    events: Events

    def begin(
        self, run: str, protocol: Json, *, master: int = 0, arm: str = "full", code: str = ""
    ) -> Run:
        """Begins a run, or goes on with it: the same call twice is one run.

        `protocol` is what claims are judged by: metric, margin, alpha, seeds, panel, tiers. `code`
        is the version that began the run; another one may go on with it, and an event says so.

        Raises Conflict when the run was begun with another protocol, master seed or arm: what
        was measured under one cannot be claimed under another.
        """
        wanted = Run(run, master, protocol, digest(protocol), arm, code)
        with self.db.transaction():
            found = self.find(run)
            if found is None:
                self.db.write(
                    "INSERT INTO runs (id, master, protocol, protocol_hash, at, arm, code)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        run,
                        master,
                        canonical(protocol),
                        wanted.protocol_hash,
                        self.events.clock(),
                        arm,
                        code,
                    ),
                )
                self.events.add("begun", run, {"protocol": wanted.protocol_hash}, run=run)
                return wanted
            for name in ("protocol_hash", "master", "arm"):
                was, now = getattr(found, name), getattr(wanted, name)
                if was != now:
                    raise Conflict(
                        f"run {run!r} in {self.db.path} was begun with {name} {was!r}, not {now!r}:"
                        " go on with the same settings, or begin a run of another name"
                    )
            if found.code != code:
                self.events.add("resumed", run, {"code": code}, run=run)
            return found

    def find(self, run: str) -> Run | None:
        """A run by its name."""
        row = self.db.row(
            "SELECT id, master, protocol, protocol_hash, arm, code FROM runs WHERE id = ?", (run,)
        )
        return Run(row[0], row[1], json.loads(row[2]), *row[3:]) if row else None

    def all(self) -> list[str]:
        """The names of all runs, oldest first."""
        return [name for (name,) in self.db.rows("SELECT id FROM runs ORDER BY at, id")]
