"""What tests of the store share: a clock that is turned by hand, and jobs with nothing in them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asiarch.search.job import Job


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def jobs(count: int, group: str = "", *, kind: str = "k", cost: float = 1.0, **spec: Any):
    return [Job(kind, {"number": number, **spec}, group, cost) for number in range(count)]


def query(path: Path, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """What another program sees in the file."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


def problems(path: Path) -> list[str]:
    """What is wrong with a store, whatever happened to it: nothing may ever be."""
    found = [str(row) for row in query(path, "PRAGMA integrity_check") if row != ("ok",)]
    found += [f"refers to nothing: {row}" for row in query(path, "PRAGMA foreign_key_check")]
    checks = {
        "neither queued nor ended": "SELECT key FROM jobs WHERE key NOT IN (SELECT job FROM queue)"
        " AND key NOT IN (SELECT job FROM outcomes)",
        "queued and ended": "SELECT job FROM queue JOIN outcomes USING (job)",
        "lease of nothing": "SELECT token FROM leases WHERE token NOT IN"
        " (SELECT token FROM queue WHERE token IS NOT NULL)",
        "reserved, and not queued": "SELECT subject FROM reservations"
        " WHERE subject IN (SELECT key FROM jobs) AND subject NOT IN (SELECT job FROM queue)",
        "over its cap": "SELECT * FROM budget_states WHERE spent + reserved > cap * (1 + 1e-12)",
        "spent is not what was charged": "SELECT run, resource, spent, total FROM budgets"
        " LEFT JOIN (SELECT run, resource, sum(amount) AS total FROM charges"
        " GROUP BY run, resource) USING (run, resource)"
        " WHERE abs(spent - coalesce(total, 0)) > 1e-9 * (1 + spent)",
        "ended twice in the log": "SELECT subject, count(*) FROM events"
        " WHERE kind IN ('done', 'failed') GROUP BY subject HAVING count(*) != 1",
        "ended without the log": "SELECT job FROM outcomes WHERE job NOT IN"
        " (SELECT subject FROM events WHERE kind IN ('done', 'failed'))",
        "logged without an end": "SELECT subject FROM events WHERE kind IN ('done', 'failed')"
        " AND subject NOT IN (SELECT job FROM outcomes)",
    }
    for name, sql in checks.items():
        found += [f"{name}: {row}" for row in query(path, sql)]
    return found + shared_leases(path)


def shared_leases(path: Path) -> list[str]:
    """Jobs that the log gives to two owners at once, or ends for somebody who has none of them."""
    found, holder = [], dict[str, str]()
    log = "SELECT kind, subject, data FROM events ORDER BY id"
    for kind, subject, data in query(path, log):
        if kind == "leased":
            for key in json.loads(data)["jobs"]:
                if key in holder:
                    found.append(f"leased twice: {key}")
                holder[key] = subject
        elif kind in ("done", "failed") and holder.pop(subject, None) is None:
            found.append(f"ended without a lease: {subject}")
        elif kind in ("requeued", "stuck"):
            holder.pop(subject, None)
    return found
