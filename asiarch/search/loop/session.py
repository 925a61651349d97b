"""A search over a store on this machine: run, budgets, workers and record in one place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asiarch import __version__
from asiarch.search.engineer import KINDS, Setting, step_job
from asiarch.search.executor import Batch, Kind, LocalProcesses
from asiarch.search.job import blob_name
from asiarch.search.lab import WALL, StoreLab
from asiarch.search.loop.panel import panel
from asiarch.search.loop.record import StoreRecord, machine, revision
from asiarch.search.loop.result import Found, Settings
from asiarch.search.loop.search import Search
from asiarch.search.loop.watch import Watch
from asiarch.search.researcher import Workshop
from asiarch.search.store import Store


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU-seconds: of jobs, and of the process that decides; `flops` are counted ones of jobs.
    All of one session, as is the number of `candidates`.
    """

    jobs: float
    bookkeeping: float
    flops: float
    candidates: float = 0.0

    @property
    def share(self) -> float:
        """Bookkeeping over what the jobs used."""
        return self.bookkeeping / self.jobs if self.jobs else 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """CPU milliseconds of a training step of a design on a task, and the share of its operators'
    time that is matrix products: a lower bound, as a profiler lengthens what is small.
    """

    design: str
    task: str
    milliseconds: float
    share: float


@dataclass(slots=True)
class Session:
    """An open run. `lab` says what is left of its time."""

    store: Store
    settings: Settings
    lab: StoreLab
    began: float
    before: Mapping[str, float]

    def search(self, watch: Watch | None = None) -> Found:
        """Runs the search to its end. Ctrl-C gives what runs back to the queue first."""
        record = StoreRecord(self.store, self.settings.run)
        record.event("machine", self.settings.run, machine(self.settings.workers))
        if commit := revision():
            record.event("revision", commit)
        try:
            return Search(self.settings, self.lab, record, watch).result()
        finally:
            self.lab.settle()

    def spent(self) -> Spent:
        """In this session, by this process and its children's jobs."""
        now = _charged(self.store, self.settings.run)
        jobs, flops, candidates = (
            now.get(resource, 0.0) - self.before.get(resource, 0.0)
            for resource in ("cpu_seconds", "flops", "candidates")
        )
        return Spent(jobs, time.process_time() - self.began, flops, candidates)

    def step(self) -> Step | None:
        """Measures a step of the panel's last member on the first task, in some seconds that no
        budget knows of; None where that cannot be had.
        """
        protocol, executor = self.settings.protocol, self.lab.executor
        if "step" not in executor.kinds:
            return None
        (design,) = panel(protocol.panel[-1:], Workshop())
        task = protocol.tiers[0].tasks[0]
        job = step_job(design, task, Setting(host=protocol.host))
        text = design.text.encode()
        handle = executor.submit(Batch((job,), {blob_name(text): text}))
        until = time.monotonic() + KINDS["step"].limits.seconds
        while time.monotonic() < until:
            report = executor.poll(0.2).get(handle)
            if report is not None:
                values = report.outcomes[0].values
                figures = values.get("milliseconds"), values.get("matmul_share")
                match figures:
                    case float(milliseconds), float(share):
                        return Step(design.name, task, milliseconds, share)
                    case _:
                        return None
        return None


@contextmanager
def session(
    path: Path,
    settings: Settings,
    budget: float | None = None,
    seen: Callable[[int, int], None] | None = None,
    kinds: Mapping[str, Kind] = KINDS,
) -> Generator[Session]:
    """Begins a run in a store, or goes on with it. `budget`: seconds of wall time in all.

    Raises StoreError: Conflict when the run was begun otherwise, or has used more than that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    protocol = settings.protocol
    with (
        Store(path) as store,
        LocalProcesses(kinds, slots=settings.workers) as executor,
    ):
        store.runs.begin(
            settings.run, protocol.to_json(), master=settings.master, arm=settings.arm.name,
            code=__version__,
        )  # fmt: skip
        store.budgets.cap(settings.run, WALL, budget)
        store.budgets.cap(settings.run, "candidates", settings.candidates)
        before = _charged(store, settings.run)
        lab = StoreLab(store, settings.run, executor, seen=seen)
        yield Session(store, settings, lab, began, before)


def _charged(store: Store, run: str) -> dict[str, float]:
    """What the run has used in all, by resource."""
    return {name: b.spent + b.overrun for name, b in store.budgets.of(run).items()}


def cores() -> int:
    """Cores that this process may use: one worker for each is the fastest on a CPU."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
