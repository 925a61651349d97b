"""The queue's rows: how a job moves between waiting, leased, stuck and ended.

Each method is a step inside somebody's transaction (see `jobs`), and keeps what must always be
so: a leased job has a lease, and a job in the queue has its reservation unless it is stuck.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asiarch.search.job import Job, Json, Outcome, canonical
from asiarch.search.store.blobs import Blobs
from asiarch.search.store.budgets import Budgets
from asiarch.search.store.connection import Connection, Row
from asiarch.search.store.errors import StoreError
from asiarch.search.store.events import Events
from asiarch.search.store.lease import Lease, Retries

Usage = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of a store."""

    db: Connection
    events: Events
    blobs: Blobs
    budgets: Budgets
    retries: Retries

    def put(self, run: str, job: Job, needs: Usage, priority: int) -> None:
        """Queues a job that nobody asked for before, and reserves what an attempt needs."""
        self.budgets.reserve(run, job.key, needs)
        self.db.write(
            'INSERT INTO queue (job, run, "group", cost, needs, priority, state, ready)'
            " VALUES (?, ?, ?, ?, ?, ?, 'queued', 0)",
            (job.key, run, job.group, job.cost, canonical(needs), priority),
        )
        self.events.add("queued", job.key, {"kind": job.kind, "group": job.group}, run=run)

    def worth_the_lock(self) -> bool:
        """Whether anything may be leased now: idle workers ask often, and need not write."""
        now = self.events.clock()
        return bool(
            self.db.row(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM queue WHERE state = 'queued' AND ready <= ?)"
                " OR EXISTS (SELECT 1 FROM leases WHERE expires <= ?)",
                (now, now),
            )
        )

    def ready(self, now: float, kinds: Sequence[str] | None, run: str | None) -> int:
        """How many jobs could be leased now."""
        row = self.db.row(
            "SELECT count(*) FROM queue JOIN jobs ON jobs.key = queue.job"
            " WHERE state = 'queued' AND ready <= ?"
            " AND (? IS NULL OR jobs.kind IN (SELECT value FROM json_each(?)))"
            " AND (? IS NULL OR queue.run = ?)",
            (now, *(2 * (listed(kinds),)), run, run),
        )
        return int(row[0]) if row else 0

    def members(self, head: Row, now: float, width: int) -> tuple[Job, ...]:
        """The jobs to lease with the head of the queue (key, group, alone, run, kind)."""
        key, group, alone, run, kind = head
        if not group or alone:
            choice, values = "job = ?", (key,)
        else:
            choice = (
                "\"group\" = ? AND alone = 0 AND state = 'queued' AND ready <= ?"
                " AND queue.run = ? AND kind = ?"
            )
            values = (group, now, run, kind)
        rows = self.db.rows(
            'SELECT kind, spec, "group", cost, key FROM queue JOIN jobs ON jobs.key = queue.job'
            f" WHERE {choice} ORDER BY place LIMIT ?",
            (*values, width),
        )
        jobs = tuple(Job(row[0], json.loads(row[1]), row[2], row[3]) for row in rows)
        for job, row in zip(jobs, rows, strict=True):
            if job.key != row[4]:
                raise StoreError(f"the store {self.db.path} is damaged: {row[4]} was altered")
        return jobs

    def take(self, lease: Lease, owner: str, now: float) -> None:
        """Makes jobs an owner's."""
        self.db.write(
            "INSERT INTO leases (token, owner, run, at, heartbeat, expires)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (lease.token, owner, lease.run, now, now, lease.expires),
        )
        self.db.write(
            "UPDATE queue SET state = 'leased', token = ?"
            " WHERE job IN (SELECT value FROM json_each(?))",
            (lease.token, listed(lease.keys)),
        )
        self.events.add("leased", lease.token, {"jobs": lease.keys, "owner": owner}, run=lease.run)

    def sweep(self, now: float) -> int:
        """Takes leases that have expired by now from their owners; returns how many."""
        rows = self.db.rows(
            "SELECT token, owner, run, used FROM leases WHERE expires <= ? ORDER BY at, token",
            (now,),
        )
        for row in rows:
            self.lose(row)
        return len(rows)

    def lose(self, row: Row) -> None:
        """Takes a lease (token, owner, run, used) from an owner that is gone."""
        token, owner, run, used = row
        keys = [key for (key,) in self.db.rows("SELECT job FROM queue WHERE token = ?", (token,))]
        self.charge_evenly(run, token, keys, json.loads(used))
        for key in keys:
            self.again(key, f"lost with {owner}", losses=1)
        self.drop(token)
        self.events.add("lost", token, {"jobs": keys, "owner": owner}, run=run)

    def held(self, lease: Lease) -> bool:
        """Whether a lease still holds all of its jobs."""
        rows = self.db.rows("SELECT job FROM queue WHERE token = ?", (lease.token,))
        return {key for (key,) in rows} == set(lease.keys)

    def charge_evenly(self, run: str, token: str, keys: Sequence[str], used: Usage) -> None:
        """Charges for jobs what was used by all of them together."""
        share = {resource: amount / max(1, len(keys)) for resource, amount in used.items()}
        self.budgets.settle(run, token, dict.fromkeys(keys, share))

    def drop(self, token: str) -> None:
        """Forgets a lease whose jobs have gone elsewhere."""
        self.db.write("DELETE FROM leases WHERE token = ?", (token,))

    def finish(self, lease: Lease, key: str, outcome: Outcome, owner: str) -> None:
        """Writes an outcome down: the job leaves the queue for good."""
        self.db.write("DELETE FROM queue WHERE job = ?", (key,))
        self.db.write(
            'INSERT INTO outcomes (job, status, reason, "values", seconds, flops, token, owner, at)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                outcome.status,
                outcome.reason,
                canonical(outcome.values),
                outcome.seconds,
                outcome.flops,
                lease.token,
                owner,
                self.events.clock(),
            ),
        )
        for name, content in outcome.blobs.items():
            self.db.write(
                "INSERT INTO outcome_blobs (job, name, blob) VALUES (?, ?, ?)",
                (key, name, self.blobs.put(content)),
            )
        data: dict[str, Json] = {"seconds": outcome.seconds}
        if outcome.reason:
            data["reason"] = outcome.reason
        self.events.add(outcome.status, key, data, run=lease.run)

    def again(
        self, key: str, message: str, *, attempts: int = 0, losses: int = 0, alone: bool = False
    ) -> bool:
        """Queues a job again that was leased or stuck; false when it is stuck (now, or still)."""
        row = self.db.row("SELECT run, needs, attempts, losses FROM queue WHERE job = ?", (key,))
        assert row is not None
        run, needs, tried, lost = row[0], json.loads(row[1]), row[2] + attempts, row[3] + losses
        stuck = tried >= self.retries.attempts or lost >= self.retries.losses
        if not stuck and (short := self._fund(run, key, needs)):
            stuck, message = True, f"{message}; not tried again: {short}"
        ready = self.events.clock() + self.retries.delay(tried) if attempts else 0.0
        self.db.write(
            "UPDATE queue SET state = ?, token = NULL, attempts = ?, losses = ?, ready = ?,"
            " message = ?, alone = max(alone, ?) WHERE job = ?",
            ("stuck" if stuck else "queued", tried, lost, ready, message, int(alone), key),
        )
        self.events.add(
            "stuck" if stuck else "requeued", key, {"message": message, "attempts": tried}, run=run
        )
        return not stuck

    def _fund(self, run: str, key: str, needs: Usage) -> str:
        """Reserves for another attempt, or says what lacks.

        What the last attempt was charged may be missing while everything else is promised to
        others: half of what is needed will do, and more is asked for when it is used up.
        """
        left = {resource: self.budgets.left(run, resource) for resource in needs}
        for resource, amount in needs.items():
            if left[resource] < amount / 2:
                return f"{left[resource]:g} {resource} are left of the budget, it needs {amount:g}"
        granted = {resource: min(amount, left[resource]) for resource, amount in needs.items()}
        self.budgets.reserve(run, key, granted)
        return ""


def listed(keys: Iterable[str] | None) -> str | None:
    """Keys as the JSON that `json_each` reads."""
    return None if keys is None else json.dumps(list(keys))
