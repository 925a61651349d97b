"""What a worker holds while it runs jobs, and how often they are tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asiarch.search.job import Job

State = Literal["queued", "leased", "done", "failed"]
Beat = Literal["held", "lost", "broke"]
"""A heartbeat's answer: go on; another may have the jobs; the budget has no more for them."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Jobs of one group, one worker's until `expires` (seconds since 1970) or its next heartbeat.

    The token is the proof: what is recorded under another one than the jobs have now is refused.
    """

    token: str
    run: str
    jobs: tuple[Job, ...]
    expires: float

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(job.key for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often infra failures are tried again: waiting 1, 2, 4 ... seconds, up to `longest`.

    `attempts` bounds those that a worker saw (a child that died), `losses` those where the worker
    itself vanished: it is large, since a search that is interrupted often is no fault of a job,
    and there, since a job may bring a machine down.
    """

    attempts: int = 3
    losses: int = 100
    wait: float = 1.0
    longest: float = 300.0

    def delay(self, attempts: int) -> float:
        """Seconds to wait after this many failed attempts."""
        return min(self.longest, self.wait * 2.0 ** min(attempts - 1, 30))
