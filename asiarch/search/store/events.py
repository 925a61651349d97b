"""The log: what happened, in order, never changed.

Other tables say how things are; events say when they came to be so, and are what trackers read
(see `sink`). An event is written in the transaction of what it tells of: there is none without
the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asiarch.search.job import Json, canonical
from asiarch.search.store.connection import Connection

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Event:
    """`id` grows by one; `at` is in seconds since 1970; `subject` is what it is about, by key."""

    id: int
    at: float
    run: str | None
    kind: str
    subject: str
    data: Json


@dataclass(frozen=True, slots=True)
class Events:
    """The events of a store."""

    db: Connection
    clock: Clock

    def add(self, kind: str, subject: str, data: Json = None, *, run: str | None = None) -> None:
        """Appends an event."""
        with self.db.transaction():
            self.db.write(
                "INSERT INTO events (at, run, kind, subject, data) VALUES (?, ?, ?, ?, ?)",
                (self.clock(), run, kind, subject, canonical({} if data is None else data)),
            )

    def since(self, last: int = 0, *, limit: int = 10_000) -> list[Event]:
        """The events after number `last`, oldest first."""
        rows = self.db.rows(
            "SELECT id, at, run, kind, subject, data FROM events WHERE id > ? ORDER BY id LIMIT ?",
            (last, limit),
        )
        return [Event(*row[:-1], data=json.loads(row[-1])) for row in rows]

    def all(self) -> Iterator[Event]:
        """All events, oldest first."""
        last = 0
        while page := self.since(last):
            yield from page
            last = page[-1].id
