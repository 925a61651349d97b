"""Where jobs become outcomes: a search is a program over `Lab.run`, and nothing else of it waits.

A job that is known returns its outcome at once and costs nothing, so to go on with a search is to
run the same program again. `StoreLab` has a store and workers behind it, `FakeLab` a function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asiarch.search.executor import Executor, Worker
from asiarch.search.job import Job, Outcome
from asiarch.search.seeds import Role
from asiarch.search.store import BudgetExhausted, Store

POLL = 0.25
"""Seconds between looks at what others have done; what ends here is seen at once."""
WALL = "wall_seconds"
SETTLE = 30.0
"""Seconds of wall time, at most, that a `kill -9` leaves uncounted."""


class OutOfBudget(RuntimeError):
    """What is asked for does not fit into what is left; what was done before is kept."""


class LabError(RuntimeError):
    """The machine failed, not a design; the message says how."""


@dataclass(frozen=True, slots=True)
class Request:
    """A job, the contents of the blobs that it names, and which candidate it measures for what.

    Without a candidate it measures none (a calibration). `k` counts seeds of a role.
    """

    job: Job
    blobs: tuple[bytes, ...] = ()
    candidate: str = ""
    role: Role = "train"
    tier: str = ""
    k: int = 0


class Lab(Protocol):
    """Runs jobs; the same job twice is run once."""

    @property
    def left(self) -> float | None:
        """Seconds of wall time that are left; none where there is no cap."""
        ...

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        """An outcome for each request, in their order. A failure of a design is an outcome.

        Raises OutOfBudget, and LabError where the machine failed too often.
        """
        ...


Seen = Callable[[int, int], None]
"""Called often while a batch runs: jobs of it that are done, and all of it."""


@dataclass(slots=True)
class FakeLab:
    """A lab that computes outcomes by a function of the job; for tests and simulations.

    `most`: jobs that it runs before it is out of budget. `ran`: how many it has run.
    """

    function: Callable[[Job], Outcome]
    most: int | None = None
    ran: int = 0
    known: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    asked: list[Request] = field(default_factory=list[Request])
    left: float | None = None

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        self.asked.extend(requests)
        for request in requests:
            key = request.job.key
            if key not in self.known:
                if self.most is not None and self.ran >= self.most:
                    raise OutOfBudget(f"{self.ran} jobs were run")
                self.known[key] = self.function(request.job)
                self.ran += 1
        return [self.known[request.job.key] for request in requests]


class StoreLab:
    """A lab over a store and an executor, which belong to the caller.

    The run has begun. Its budget of wall time, where it has a cap, counts all that passes from here
    on: what is asked for later is refused, what runs then is stopped and queued again. Other
    processes may work on the same store; what they have done is taken from there.
    """

    def __init__(
        self,
        store: Store,
        run: str,
        executor: Executor,
        *,
        seen: Seen | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.name = run
        self.executor = executor
        self.seen = seen
        # One for all that is waited for: what a crash left reserved is settled with the next.
        self._subject = f"{run} wall time"
        self._clock = clock
        self._settled = clock()
        self._workers: dict[str, Worker] = {}
        self._known: dict[str, Outcome] = {}
        store.jobs.retry(run)

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        fresh = [r for r in requests if r.job.key not in self._known]
        if fresh:
            self._submit(fresh)
            missing = dict.fromkeys(r.job.key for r in fresh)
            self._read(missing)
            if missing:
                self._work(missing, [r.job for r in fresh])
        return [self._known[r.job.key] for r in requests]

    @property
    def left(self) -> float | None:
        """Seconds of wall time that are left; none where there is no cap."""
        budget = self.store.budgets.of(self.name).get(WALL)
        if budget is None or budget.cap is None:
            return None
        return max(0.0, budget.cap - budget.spent - (self._clock() - self._settled))

    def settle(self) -> None:
        """Charges the wall time that has passed since it was last charged."""
        now = self._clock()
        passed, self._settled = now - self._settled, now
        # An attempt of its own for every charge: no two have the same moment and process.
        attempt = f"{self.store.events.clock()!r} {id(self)}"
        self.store.budgets.settle(self.name, attempt, {self._subject: {WALL: passed}})

    def _submit(self, requests: Sequence[Request]) -> None:
        with self.store.transaction():
            for request in requests:
                for content in request.blobs:
                    self.store.blobs.put(content)
            self.store.jobs.submit(self.name, [r.job for r in requests])
            for r in requests:
                if r.candidate:
                    self.store.knowledge.use(
                        self.name, r.candidate, [r.job], role=r.role, tier=r.tier, k=r.k
                    )

    def _read(self, missing: dict[str, None]) -> None:
        """Takes from the store what has an outcome by now."""
        for key, outcome in self.store.jobs.outcomes(missing).items():
            if outcome.reason == "infra":
                raise LabError(
                    f"a job failed too often for no fault of a design: "
                    f"{outcome.values.get('message')}\nthe same command tries it again"
                )
            self._known[key] = outcome
            del missing[key]

    def _work(self, missing: dict[str, None], jobs: Sequence[Job]) -> None:
        waiting = [job for job in jobs if job.key in missing]
        self._reserve(sum(job.cost for job in waiting) / self.executor.slots)
        try:
            for run in sorted(self.store.jobs.runs_of(missing)):
                self._until_done(self._worker(run), missing, len(waiting))
        finally:
            self.settle()

    def _reserve(self, seconds: float) -> None:
        left = self.left
        if left is None:
            return
        if seconds > left:
            raise OutOfBudget(
                f"about {seconds:.0f} s are needed for what comes next, and {left:.0f} s are left"
            )
        try:
            self.store.budgets.reserve(self.name, self._subject, {WALL: seconds})
        except BudgetExhausted as error:
            raise OutOfBudget(str(error)) from None

    def _worker(self, run: str) -> Worker:
        if run not in self._workers:
            self._workers[run] = Worker(self.store, self.executor, run=run)
        return self._workers[run]

    def _until_done(self, worker: Worker, missing: dict[str, None], total: int) -> None:
        try:
            while missing:
                if self._clock() - self._settled >= SETTLE:
                    self.settle()
                if self.left == 0.0:
                    raise OutOfBudget("the time is used up; what was running is queued again")
                worker.step()
                worker.wait(POLL)
                self._read(missing)
                if self.seen is not None:
                    self.seen(total - len(missing), total)
        finally:
            worker.stop()
