"""What an executor is: pure data goes in, pure data comes out, and it knows no store.

The worker (see `worker`) stands between a store and an executor: it leases, submits, keeps the
lease alive, and records. An executor may run a batch twice or lose it: the store records once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asiarch.search.job import Job, Outcome, Reason, failed

MIB = 2**20


class ExecutorError(RuntimeError):
    """An executor cannot run anything: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch may use: `seconds` of wall time for each of its jobs, `memory` in bytes and
    `processes` for all of it together. A batch that goes beyond is killed, with all it started.
    """

    seconds: float = 600.0
    memory: int = 4096 * MIB
    processes: int = 64


@dataclass(frozen=True, slots=True)
class Kind:
    """How jobs of a kind are run: the entry `module:function` of their handler, and limits."""

    entry: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that run together, of one kind, with the blobs that they name."""

    jobs: tuple[Job, ...]
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


@dataclass(frozen=True, slots=True)
class Report:
    """How a batch ended: an outcome for each job, and what was used by all of them together."""

    outcomes: tuple[Outcome, ...]
    used: Mapping[str, float]


class Executor(Protocol):
    """Runs batches; not for use from several threads at once."""

    @property
    def slots(self) -> int:
        """How many batches run at once."""
        ...

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of jobs that it can run."""
        ...

    def submit(self, batch: Batch) -> str:
        """Starts a batch; returns its handle. Raises ExecutorError when nothing can be run."""
        ...

    def poll(self, timeout: float = 0.0) -> dict[str, Report]:
        """The batches that have ended since the last call, waiting for one up to `timeout` s."""
        ...

    def used(self, handle: str) -> Mapping[str, float]:
        """What a running batch has used so far, by the resources of a budget."""
        ...

    def cancel(self, handle: str) -> Mapping[str, float]:
        """Ends a batch and all that it started; there is no report of it. Returns what it used."""
        ...

    def close(self) -> None:
        """Cancels what runs and lets go of everything; a second call does nothing."""
        ...


def ended(jobs: Sequence[Job], reason: Reason, message: str, used: Mapping[str, float]) -> Report:
    """The report of a batch that was ended as one."""
    seconds = used.get("gpu_seconds", used.get("cpu_seconds", 0.0)) / len(jobs)
    outcome = failed(reason, message, seconds=seconds)
    return Report((outcome,) * len(jobs), used)
