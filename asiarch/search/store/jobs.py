"""Jobs: asked for once, leased to one worker at a time, recorded once.

States: queued, leased (until it expires or is given back), done, failed (with a reason). An
outcome is final and its row's key is the job's: there can be no second one. Failures for the
reason `infra` are no outcomes: the job waits and is tried again, and after too many attempts it
is `failed` (`stuck` in the queue) until `retry`.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from asiarch.search.job import Job, Outcome, canonical, failed, unit
from asiarch.search.store.blobs import Blobs
from asiarch.search.store.budgets import Budgets
from asiarch.search.store.connection import Connection
from asiarch.search.store.errors import BudgetExhausted, StoreError
from asiarch.search.store.events import Events
from asiarch.search.store.lease import Beat, Lease, State
from asiarch.search.store.queue import Queue, Usage, listed


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a store."""

    db: Connection
    events: Events
    blobs: Blobs
    budgets: Budgets
    queue: Queue

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
                    self.queue.put(run, job, {**self._needs(run, job), **(reserve or {})}, priority)
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

    # ---- running -----------------------------------------------------------------------------

    def lease(
        self,
        owner: str,
        *,
        seconds: float = 60.0,
        kinds: Sequence[str] | None = None,
        run: str | None = None,
        width: int = 64,
        among: int = 1,
    ) -> Lease | None:
        """The next jobs: all that are ready of the first one's group, at most `width`; or none.

        `among`: how many ask for jobs; towards the end of the queue a group is shared out, so that
        none of them waits for another one's. `kinds` and `run` narrow the choice. The lease ends
        after `seconds` without a heartbeat; leases of others that have expired are taken from them
        first.
        """
        if not self.queue.worth_the_lock():
            return None
        with self.db.transaction():
            now = self.events.clock()
            self.queue.sweep(now)
            head = self.db.row(
                'SELECT jobs.key, "group", alone, queue.run, jobs.kind'
                " FROM queue JOIN jobs ON jobs.key = queue.job"
                " WHERE state = 'queued' AND ready <= ?"
                " AND (? IS NULL OR jobs.kind IN (SELECT value FROM json_each(?)))"
                " AND (? IS NULL OR queue.run = ?)"
                " ORDER BY priority DESC, place LIMIT 1",
                (now, *(2 * (listed(kinds),)), run, run),
            )
            if head is None:
                return None
            fair = self.queue.ready(now, kinds, run) / among
            jobs = self.queue.members(head, now, min(width, max(1, math.ceil(fair))))
            lease = Lease(uuid.uuid4().hex, head[3], jobs, now + seconds)
            self.queue.take(lease, owner, now)
            return lease

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
            if not self.queue.held(lease):
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
                    self.queue.again(key, message, attempts=1, alone=True)
                else:
                    self.queue.finish(lease, key, outcome, owner)
            self.queue.drop(lease.token)
        return True

    def give_back(
        self, lease: Lease, message: str, *, used: Usage | None = None, alone: bool = False
    ) -> bool:
        """Ends a lease without outcomes and blames nobody: its jobs are queued again.

        `alone`: from now on each of them runs without its group. False when it was lost.
        """
        with self.db.transaction():
            if not self.queue.held(lease):
                return False
            self.queue.charge_evenly(lease.run, lease.token, lease.keys, used or {})
            for key in lease.keys:
                self.queue.again(key, message, alone=alone)
            self.queue.drop(lease.token)
            self.events.add("given back", lease.token, {"message": message}, run=lease.run)
        return True

    def sweep(self) -> int:
        """Takes leases that have expired from their owners; returns how many."""
        with self.db.transaction():
            return self.queue.sweep(self.events.clock())

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
                (listed(gone),),
            )
            for row in rows:
                self.queue.lose(row)
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
                count += self.queue.again(key, "asked to try again")
        return count

    # ---- reading -----------------------------------------------------------------------------

    def outcomes(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """The outcomes of those jobs that have one, without their blobs; `infra` for the stuck."""
        rows = self.db.rows(
            'SELECT job, status, reason, "values", seconds, flops, NULL FROM outcomes'
            " WHERE job IN (SELECT value FROM json_each(?1)) UNION ALL"
            " SELECT job, 'failed', 'infra', NULL, 0.0, 0.0, message FROM queue"
            " WHERE state = 'stuck' AND job IN (SELECT value FROM json_each(?1))",
            (listed(keys),),
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

    def runs_of(self, keys: Iterable[str]) -> set[str]:
        """The runs that are charged for those jobs that are queued or leased."""
        rows = self.db.rows(
            "SELECT DISTINCT run FROM queue WHERE job IN (SELECT value FROM json_each(?))",
            (listed(keys),),
        )
        return {run for (run,) in rows}

    def unfinished(self, run: str | None = None) -> int:
        """How many jobs are queued or leased."""
        row = self.db.row(
            "SELECT count(*) FROM queue WHERE state != 'stuck' AND (? IS NULL OR run = ?)",
            (run, run),
        )
        return row[0] if row else 0


def _shares(outcomes: Sequence[Outcome]) -> list[float]:
    total = sum(outcome.seconds for outcome in outcomes)
    if not total:
        return [1 / len(outcomes)] * len(outcomes)
    return [outcome.seconds / total for outcome in outcomes]
