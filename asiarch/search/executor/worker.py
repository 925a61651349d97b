"""A worker: leases jobs from a store, has an executor run them, records what came of them.

Killed at any moment, it loses at most what was running: its leases go back to the queue, and what
it recorded is there. Several workers, in one process or many, may work on one store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from asiarch.search.executor.owner import is_dead, own_name
from asiarch.search.executor.protocol import Batch, Executor, Report
from asiarch.search.job import blobs_named
from asiarch.search.store import Lease, Store

POLL = 0.05


@dataclass(slots=True)
class _Held:
    lease: Lease
    beaten: float
    reserved: Mapping[str, float]


class Worker:
    """Works on a store with an executor; both belong to the caller, and to this thread.

    It leases what the executor has a handler for, of `run` if one is named. A lease lives for
    `lease_seconds` without a heartbeat; heartbeats come four times as often. `recorded`: jobs that
    have an outcome by it.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        run: str | None = None,
        lease_seconds: float = 60.0,
        width: int = 64,
        threads: int = 1,
    ) -> None:
        self.store = store
        self.executor = executor
        self.owner = own_name(f"{id(self):x}")
        self._run = run
        self._width = width
        self._seconds = lease_seconds
        self._beat = lease_seconds / 4
        # What a batch may use before it is seen to: news of it come five times a second.
        self._margin = 0.5 * threads
        self._held: dict[str, _Held] = {}
        self._looked = float("-inf")
        self.recorded = 0

    @property
    def running(self) -> int:
        """How many batches run now."""
        return len(self._held)

    def work(self, until: Callable[[], bool] | None = None) -> None:
        """Works until `until()` and nothing runs; by default until nobody has a job left to do.

        Interrupted by an exception (Ctrl-C), it gives back what it holds before that goes on.
        """
        until = until or (lambda: self.store.jobs.unfinished(self._run) == 0)
        self.serve(lambda: not self._held and until())

    def serve(self, until: Callable[[], bool]) -> None:
        """Works until `until()`, though something may still run: that is then given back."""
        try:
            while True:
                self.step()
                if until():
                    return
                self.wait(POLL)
        finally:
            self.stop()

    def step(self) -> None:
        """Records what has ended, beats, takes over from the dead, and leases for free slots."""
        self._ingest(self.executor.poll())
        now = time.monotonic()
        for handle, held in list(self._held.items()):
            used = self.executor.used(handle)
            short = any(
                amount + self._margin > held.reserved.get(resource, 0.0)
                for resource, amount in used.items()
            )
            if short or now - held.beaten >= self._beat:
                self._keep(handle, held, used)
        if now - self._looked >= self._beat:
            self._looked = now
            self.store.jobs.reclaim(is_dead)
        while len(self._held) < self.executor.slots and self._start():
            pass

    def wait(self, seconds: float) -> None:
        """Waits until something ends, at most so long, and records it."""
        self._ingest(self.executor.poll(seconds))

    def stop(self) -> None:
        """Ends what runs and gives its jobs back to the queue, blaming nobody."""
        self._ingest(self.executor.poll())
        for handle, held in list(self._held.items()):
            used = self.executor.cancel(handle)
            del self._held[handle]
            self.store.jobs.give_back(held.lease, "the worker was stopped", used=used)

    def _start(self) -> bool:
        lease = self.store.jobs.lease(
            self.owner,
            seconds=self._seconds,
            kinds=tuple(self.executor.kinds),
            run=self._run,
            width=self._width,
            among=self.executor.slots,
        )
        if lease is None:
            return False
        try:
            names = frozenset[str]().union(*(blobs_named(job.spec) for job in lease.jobs))
            handle = self.executor.submit(Batch(lease.jobs, self.store.blobs.take(sorted(names))))
        except BaseException as error:
            self.store.jobs.give_back(lease, f"it could not be started: {error}")
            raise
        reserved = self.store.budgets.reserved(lease.run, lease.keys)
        self._held[handle] = _Held(lease, time.monotonic(), reserved)
        return True

    def _keep(self, handle: str, held: _Held, used: Mapping[str, float]) -> None:
        held.beaten = time.monotonic()
        ahead = dict.fromkeys(used, 2 * self._margin)
        answer = self.store.jobs.beat(held.lease, seconds=self._seconds, used=used, ahead=ahead)
        if answer == "held":
            held.reserved = self.store.budgets.reserved(held.lease.run, held.lease.keys)
            return
        used = self.executor.cancel(handle)
        del self._held[handle]
        if answer == "broke":
            self.store.jobs.give_back(held.lease, "the budget is used up", used=used)

    def _ingest(self, reports: dict[str, Report]) -> None:
        for handle, report in reports.items():
            held = self._held.pop(handle, None)
            if held is None:
                continue
            reasons = {outcome.reason for outcome in report.outcomes}
            if len(report.outcomes) > 1 and reasons <= {"oom", "timeout"}:
                # Which of them it was shows when each runs alone.
                message = f"run alone: together {report.outcomes[0].values.get('message')}"
                self.store.jobs.give_back(held.lease, message, used=report.used, alone=True)
            elif self.store.jobs.record(
                held.lease, report.outcomes, used=report.used, owner=self.owner
            ):
                self.recorded += sum(outcome.reason != "infra" for outcome in report.outcomes)
