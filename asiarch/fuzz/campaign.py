"""A run over many seeds: draw, check, shrink what fails, go on. Interrupted, it says where."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asiarch.fuzz.checks import EVERY, Case, first_failure, judged
from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import CAUSAL, Policy
from asiarch.fuzz.program import Program
from asiarch.fuzz.shrink import shrink, signature

SHRINKING = 60.0
MOST_SHRUNK = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """`program` is shrunk; `said` is what the check says of it."""

    seed: int
    check: str
    said: str
    program: Program


@dataclass(slots=True)
class Outcome:
    """`next` is the first seed that was not tried."""

    first: int
    next: int
    failures: list[Failure] = field(default_factory=list[Failure])
    counts: Counter[str] = field(default_factory=Counter[str])
    not_judged: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    @property
    def programs(self) -> int:
        return self.next - self.first


Progress = Callable[[Outcome], None]


def run(
    first: int,
    programs: int,
    *,
    policy: Policy = CAUSAL,
    checks: Sequence[str] = EVERY,
    seconds: float | None = None,
    shrinking: float = SHRINKING,
    progress: Progress | None = None,
) -> Outcome:
    """Programs of the seeds `first`, `first + 1`, ... until their number or the time is reached.

    A failure of a kind seen before is counted and not shrunk again.
    """
    outcome, start = Outcome(first, first), time.monotonic()
    seen: set[tuple[str, str]] = set()
    try:
        while outcome.programs < programs:
            if seconds is not None and time.monotonic() - start > seconds:
                break
            _one(outcome, seen, policy, checks, shrinking)
            outcome.seconds = time.monotonic() - start
            if progress is not None:
                progress(outcome)
    except KeyboardInterrupt:
        outcome.seconds = time.monotonic() - start
        raise Interrupted(outcome) from None
    return outcome


class Interrupted(KeyboardInterrupt):
    """Carries what was done."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("interrupted")
        self.outcome = outcome


def _one(
    outcome: Outcome,
    seen: set[tuple[str, str]],
    policy: Policy,
    checks: Sequence[str],
    shrinking: float,
) -> None:
    seed = outcome.next
    program = draw(random.Random(seed), policy)
    failure, left = judged(Case(program, seed), checks)
    outcome.not_judged.update(left.keys())
    outcome.next = seed + 1
    if failure is None:
        return
    outcome.counts[failure[0]] += 1
    kind = signature(failure)
    if kind in seen:
        return
    seen.add(kind)
    if len(seen) <= MOST_SHRUNK:
        program, failure = smallest(program, seed, failure, checks, shrinking)
    outcome.failures.append(Failure(seed, *failure, program))


def smallest(
    program: Program, seed: int, failure: tuple[str, str], checks: Sequence[str], seconds: float
) -> tuple[Program, tuple[str, str]]:
    """A small program that fails the same check in the same way, and what is said of it."""
    wanted = signature(failure)
    needed = [c for c in checks if c in ("accepted", failure[0])]

    def fails(candidate: Program) -> bool:
        found = first_failure(Case(candidate, seed), needed)
        return found is not None and signature(found) == wanted

    small = shrink(program, fails, seconds)
    return small, first_failure(Case(small, seed), needed) or failure


def write(failure: Failure, folder: Path) -> Path:
    """The failure as a file that `asiarch fuzz --replay` runs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{failure.check}_{failure.seed}.asi"
    said = failure.said.strip().splitlines()[0]
    path.write_text(f"# {failure.check}: {said}\n# seed {failure.seed}\n{failure.program.file}",
                    encoding="utf-8")  # fmt: skip
    return path
