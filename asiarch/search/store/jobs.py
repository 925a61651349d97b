"""Jobs: asked for once, leased to one worker at a time, recorded once.

States: queued, leased (until it expires or is given back), done, failed (with a reason). An
outcome is final and its row's key is the job's: there can be no second one. Failures for the
reason `infra` are no outcomes: the job waits and is tried again, and after too many attempts it
is `failed` (`stuck` in the queue) until `retry`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from asiarch.search.job import Job, Json, Outcome, canonical, failed
from asiarch.search.store.blobs import Blobs
from asiarch.search.store.budgets import Budgets
from asiarch.search.store.connection import Connection, Row
from asiarch.search.store.errors import BudgetExhausted, StoreError
from asiarch.search.store.events import Events
from asiarch.search.store.lease import Beat, Lease, Retries, State

Usage = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a store."""

    db: Connection
    events: Events
    blobs: Blobs
    budgets: Budgets
    retries: Retries

    # ---- asking ------------------------------------------------------------------------------

    def submit(
        self, run: str, jobs: Sequence[Job], *, reserve: Usage | None = None, priority: int = 0
    ) -> list[str]:
        """Asks for jobs; returns the keys of those that nobody asked for before.

        All or none. A known job, done or not, is neither queued nor charged again. Each new one
        reserves its cost in the run's budget, and `reserve` beside it (flops). Higher priorities
        are leased first, then older ones.

        Raises BudgetExhausted when they do not fit, and ValueError for a job without a cost
        where the run has a cap on it.
        """
        new: list[str] = []
        with self.db.transaction():
            now = self.events.clock()
            for job in jobs:
                if self.db.write(
                    "INSERT INTO jobs (key, kind, spec, run, at) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (job.key, job.kind, canonical(job.spec), run, now),
                ):
                    self._queue(run, job, {**self._needs(run, job), **(reserve or {})}, priority)
                    new.append(job.key)
        return new

    def _needs(self, run: str, job: Job) -> dict[str, float]:
        resource = unit(job)
        if job.cost:
            return {resource: job.cost}
        budget = self.budgets.of(run).get(resource)
        if budget is not None and budget.cap is not None:
            raise ValueError(
                f"a job {job.kind!r} without a cost, while run {run!r} has a cap on {resource}:"
                " give an estimate, which is reserved until the job is measured"
            )
        return {}

    def _queue(self, run: str, job: Job, needs: Usage, priority: int) -> None:
        self.budgets.reserve(run, job.key, needs)
        self.db.write(
            'INSERT INTO queue (job, run, "group", cost, needs, priority, state, ready)'
            " VALUES (?, ?, ?, ?, ?, ?, 'queued', 0)",
            (job.key, run, job.group, job.cost, canonical(needs), priority),
        )
        self.events.add("queued", job.key, {"kind": job.kind, "group": job.group}, run=run)

    # ---- running -----------------------------------------------------------------------------

    def lease(
        self,
        owner: str,
        *,
        seconds: float = 60.0,
        kinds: Sequence[str] | None = None,
        run: str | None = None,
        width: int = 64,
    ) -> Lease | None:
        """The next jobs: all that are ready of the first one's group, at most `width`; or none.

        `kinds` and `run` narrow the choice. The lease ends after `seconds` without a heartbeat;
        leases of others that have expired are taken from them first.
        """
        if not self._worth_the_lock():
            return None
        with self.db.transaction():
            now = self.events.clock()
            self._sweep(now)
            head = self.db.row(
                'SELECT jobs.key, "group", alone, queue.run, jobs.kind'
                " FROM queue JOIN jobs ON jobs.key = queue.job"
                " WHERE state = 'queued' AND ready <= ?"
                " AND (? IS NULL OR jobs.kind IN (SELECT value FROM json_each(?)))"
                " AND (? IS NULL OR queue.run = ?)"
                " ORDER BY priority DESC, place LIMIT 1",
                (now, *(2 * (_listed(kinds),)), run, run),
            )
            if head is None:
                return None
            jobs = self._members(head, now, width)
            lease = Lease(uuid.uuid4().hex, head[3], jobs, now + seconds)
            self._take(lease, owner, now)
            return lease

    def _worth_the_lock(self) -> bool:
        """Whether anything may be leased now: idle workers ask often, and need not write."""
        now = self.events.clock()
        return bool(
            self.db.row(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM queue WHERE state = 'queued' AND ready <= ?)"
                " OR EXISTS (SELECT 1 FROM leases WHERE expires <= ?)",
                (now, now),
            )
        )

    def _members(self, head: Row, now: float, width: int) -> tuple[Job, ...]:
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
            f'SELECT kind, spec, "group", cost FROM queue JOIN jobs ON jobs.key = queue.job'
            f" WHERE {choice} ORDER BY place LIMIT ?",
            (*values, width),
        )
        return tuple(Job(row[0], json.loads(row[1]), row[2], row[3]) for row in rows)

    def _take(self, lease: Lease, owner: str, now: float) -> None:
        self.db.write(
            "INSERT INTO leases (token, owner, run, at, heartbeat, expires)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (lease.token, owner, lease.run, now, now, lease.expires),
        )
        self.db.write(
            "UPDATE queue SET state = 'leased', token = ?"
            " WHERE job IN (SELECT value FROM json_each(?))",
            (lease.token, _listed(lease.keys)),
        )
        self.events.add("leased", lease.token, {"jobs": lease.keys, "owner": owner}, run=lease.run)

    def beat(
        self,
        lease: Lease,
        *,
        seconds: float = 60.0,
        used: Usage | None = None,
        ahead: Usage | None = None,
    ) -> Beat:
        """Keeps a lease for `seconds` more. `used` is what its jobs have used in all so far.

        When that and `ahead` (what they may use until the next heartbeat) is more than they have
        reserved, more is reserved; `broke` when the cap does not allow it: stop them, and give
        the lease back.
        """
        with self.db.transaction():
            now = self.events.clock()
            held = self.db.write(
                "UPDATE leases SET heartbeat = ?, expires = ?, used = ? WHERE token = ?",
                (now, now + seconds, canonical(used or {}), lease.token),
            )
            if not held:
                return "lost"
            return "held" if self._funded(lease, used or {}, ahead or {}) else "broke"

    def _funded(self, lease: Lease, used: Usage, ahead: Usage) -> bool:
        total = self.budgets.reserved(lease.run, lease.keys)
        first = lease.keys[0]
        own = self.budgets.reserved(lease.run, (first,))
        needed = {
            resource: own.get(resource, 0.0) + short
            for resource in {*used, *ahead}
            if (
                short := used.get(resource, 0.0)
                + ahead.get(resource, 0.0)
                - total.get(resource, 0.0)
            )
            > 0
        }
        try:
            self.budgets.reserve(lease.run, first, needed)
        except BudgetExhausted:
            return False
        return True

    # ---- ending ------------------------------------------------------------------------------

    def record(
        self, lease: Lease, outcomes: Sequence[Outcome], *, used: Usage | None = None,
        owner: str = "",
    ) -> bool:  # fmt: skip
        """Records what came of a lease's jobs, one outcome each, and charges what they used.

        `used` (by resource, for all of them together) is split by the outcomes' seconds; flops
        are those of the outcomes. Outcomes of the reason `infra` are tried again. False, and
        nothing is written, when the lease was lost: another worker has the jobs or had them.
        """
        if len(outcomes) != len(lease.jobs):
            raise StoreError(f"{len(outcomes)} outcomes for {len(lease.jobs)} jobs")
        with self.db.transaction():
            if not self._still_held(lease):
                self.events.add("late", lease.token, {"jobs": lease.keys}, run=lease.run)
                return False
            shares = _shares(outcomes)
            amounts = {
                key: {
                    **{resource: amount * share for resource, amount in (used or {}).items()},
                    **({"flops": outcome.flops} if outcome.flops else {}),
                }
                for key, share, outcome in zip(lease.keys, shares, outcomes, strict=True)
            }
            self.budgets.settle(lease.run, lease.token, amounts)
            for key, outcome in zip(lease.keys, outcomes, strict=True):
                if outcome.reason == "infra":
                    # Alone from now on: of a group, one may have brought down all.
                    message = str(outcome.values.get("message", ""))
                    self._again(key, message, attempts=1, alone=True)
                else:
                    self._finish(lease, key, outcome, owner)
            self._drop(lease.token)
        return True

    def give_back(
        self, lease: Lease, message: str, *, used: Usage | None = None, alone: bool = False
    ) -> bool:
        """Ends a lease without outcomes and blames nobody: its jobs are queued again.

        `alone`: from now on each of them runs without its group. False when it was lost.
        """
        with self.db.transaction():
            if not self._still_held(lease):
                return False
            self._charge_evenly(lease.run, lease.token, lease.keys, used or {})
            for key in lease.keys:
                self._again(key, message, alone=alone)
            self._drop(lease.token)
            self.events.add("given back", lease.token, {"message": message}, run=lease.run)
        return True

    def sweep(self) -> int:
        """Takes leases that have expired from their owners; returns how many."""
        with self.db.transaction():
            return self._sweep(self.events.clock())

    def reclaim(self, dead: Callable[[str], bool]) -> int:
        """Takes leases from owners that are known to be dead; returns how many."""
        owners = [owner for (owner,) in self.db.rows("SELECT DISTINCT owner FROM leases")]
        gone = [owner for owner in owners if dead(owner)]
        if not gone:
            return 0
        with self.db.transaction():
            rows = self.db.rows(
                "SELECT token, owner, run, used FROM leases"
                " WHERE owner IN (SELECT value FROM json_each(?))",
                (_listed(gone),),
            )
            for row in rows:
                self._lose(row)
            return len(rows)

    def retry(self, run: str | None = None) -> int:
        """Queues again what failed for the reason `infra`, as far as budgets allow."""
        count = 0
        with self.db.transaction():
            rows = self.db.rows(
                "SELECT job FROM queue WHERE state = 'stuck' AND (? IS NULL OR run = ?)"
                " ORDER BY place",
                (run, run),
            )
            for (key,) in rows:
                self.db.write("UPDATE queue SET attempts = 0, losses = 0 WHERE job = ?", (key,))
                count += self._again(key, "asked to try again")
        return count

    def _sweep(self, now: float) -> int:
        rows = self.db.rows(
            "SELECT token, owner, run, used FROM leases WHERE expires <= ? ORDER BY at, token",
            (now,),
        )
        for row in rows:
            self._lose(row)
        return len(rows)

    def _lose(self, row: Row) -> None:
        token, owner, run, used = row
        keys = [key for (key,) in self.db.rows("SELECT job FROM queue WHERE token = ?", (token,))]
        self._charge_evenly(run, token, keys, json.loads(used))
        for key in keys:
            self._again(key, f"lost with {owner}", losses=1)
        self._drop(token)
        self.events.add("lost", token, {"jobs": keys, "owner": owner}, run=run)

    def _still_held(self, lease: Lease) -> bool:
        rows = self.db.rows("SELECT job FROM queue WHERE token = ?", (lease.token,))
        return {key for (key,) in rows} == set(lease.keys)

    def _charge_evenly(self, run: str, token: str, keys: Sequence[str], used: Usage) -> None:
        share = {resource: amount / max(1, len(keys)) for resource, amount in used.items()}
        self.budgets.settle(run, token, dict.fromkeys(keys, share))

    def _drop(self, token: str) -> None:
        self.db.write("DELETE FROM leases WHERE token = ?", (token,))

    def _finish(self, lease: Lease, key: str, outcome: Outcome, owner: str) -> None:
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

    def _again(
        self, key: str, message: str, *, attempts: int = 0, losses: int = 0, alone: bool = False
    ) -> bool:
        """Queues a job again that was leased or stuck; false when it is stuck (now, or still)."""
        row = self.db.row("SELECT run, needs, attempts, losses FROM queue WHERE job = ?", (key,))
        assert row is not None
        run, needs, tried, lost = row[0], json.loads(row[1]), row[2] + attempts, row[3] + losses
        stuck = tried >= self.retries.attempts or lost >= self.retries.losses
        if not stuck:
            try:
                self.budgets.reserve(run, key, needs)
            except BudgetExhausted as error:
                stuck, message = True, f"{message}; not tried again: {error}"
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

    # ---- reading -----------------------------------------------------------------------------

    def outcomes(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """The outcomes of those jobs that have one, without their blobs; `infra` for the stuck."""
        rows = self.db.rows(
            'SELECT job, status, reason, "values", seconds, flops, NULL FROM outcomes'
            " WHERE job IN (SELECT value FROM json_each(?1)) UNION ALL"
            " SELECT job, 'failed', 'infra', NULL, 0.0, 0.0, message FROM queue"
            " WHERE state = 'stuck' AND job IN (SELECT value FROM json_each(?1))",
            (_listed(keys),),
        )
        return {
            row[0]: failed("infra", row[6])
            if row[3] is None
            else Outcome(row[1], row[2], json.loads(row[3]), seconds=row[4], flops=row[5])
            for row in rows
        }

    def blob(self, key: str, name: str) -> bytes:
        """A blob of a job's outcome. Raises KeyError when there is none of this name."""
        row = self.db.row("SELECT blob FROM outcome_blobs WHERE job = ? AND name = ?", (key, name))
        if row is None:
            raise KeyError(f"the job {key} has no blob {name!r}")
        return self.blobs.get(row[0])

    def state(self, key: str) -> State | None:
        """A job's state; none for an unknown key."""
        row = self.db.row("SELECT state FROM job_states WHERE key = ?", (key,))
        return row[0] if row else None

    def unfinished(self, run: str | None = None) -> int:
        """How many jobs are queued or leased."""
        row = self.db.row(
            "SELECT count(*) FROM queue WHERE state != 'stuck' AND (? IS NULL OR run = ?)",
            (run, run),
        )
        return row[0] if row else 0


def unit(job: Job) -> str:
    """The resource that a job's cost is in."""
    device = str(job.spec.get("device") or "cpu")
    return "cpu_seconds" if device.startswith("cpu") else "gpu_seconds"


def _shares(outcomes: Sequence[Outcome]) -> list[float]:
    total = sum(outcome.seconds for outcome in outcomes)
    if not total:
        return [1 / len(outcomes)] * len(outcomes)
    return [outcome.seconds / total for outcome in outcomes]


def _listed(keys: Iterable[str] | None) -> str | None:
    return None if keys is None else json.dumps(list(keys))
