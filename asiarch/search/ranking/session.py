"""What a measurement is made with: a store, workers, and a lab that keeps all that it heard."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from asiarch import __version__
from asiarch.search.archive import niche
from asiarch.search.engineer import KINDS, Design
from asiarch.search.executor import LocalProcesses
from asiarch.search.job import Outcome
from asiarch.search.lab import Lab, OutOfBudget, Request, Seen, StoreLab
from asiarch.search.protocol import Protocol
from asiarch.search.ranking.entrants import Entrants
from asiarch.search.store import Candidate, Proposal, Store

PANEL, GIVEN = "panel", "given"
ACCEPTED = "accepted"
PURPOSES = RANK, NOISE, ATTRIBUTE = "rank", "noise", "attribute"
"""What runs of a store are begun for that no search began."""


def run_name(purpose: str, protocol: Protocol, master: int = 0) -> str:
    """Of the run that measures under the protocol: the same again goes on with it. Another master
    seed is another run: no comparison mixes the two.
    """
    return f"{purpose} {protocol.hash[:12]}" + (f" seed {master}" if master else "")


def purpose(store: Store, run: str) -> str:
    """RANK, NOISE or ATTRIBUTE; of a search its arm."""
    begun = store.runs.find(run)
    arm = begun.arm if begun is not None else ""
    return run.partition(" ")[0] if arm == GIVEN else arm


@dataclass(slots=True)
class Heard:
    """A lab that keeps the outcomes of scoring runs by (candidate, task, seed's count), and of
    checks by (candidate, task).
    """

    lab: Lab
    trained: dict[tuple[str, str, int], Outcome] = field(
        default_factory=dict[tuple[str, str, int], Outcome]
    )
    checked: dict[tuple[str, str], Outcome] = field(default_factory=dict[tuple[str, str], Outcome])

    @property
    def left(self) -> float | None:
        """Of the lab behind it."""
        return self.lab.left

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        outcomes = self.lab.run(requests)
        for r, outcome in zip(requests, outcomes, strict=True):
            if r.job.kind == "train" and r.role == "train":
                self.trained[r.candidate, str(r.job.spec["task"]), r.k] = outcome
            elif r.job.kind == "check":
                self.checked[r.candidate, str(r.job.spec["network"])] = outcome
        return outcomes


@dataclass(frozen=True, slots=True)
class Known:
    """A lab that trains nothing: what a store has, or OutOfBudget."""

    store: Store

    @property
    def left(self) -> float | None:
        """Nothing is spent, so there is no cap."""
        return None

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        keys = [r.job.key for r in requests]
        known = self.store.jobs.outcomes(dict.fromkeys(keys))
        missing = [k for k in keys if k not in known or known[k].reason == "infra"]
        if missing:
            raise OutOfBudget(f"{len(missing)} of {len(keys)} runs are not in {self.store.path}")
        return [known[k] for k in keys]


@contextmanager
def opened(
    path: str | Path, run: str, protocol: Protocol, *, master: int, workers: int,
    seen: Seen | None = None,
) -> Generator[StoreLab]:  # fmt: skip
    """A lab on the file, which is made where there is none. Raises StoreError."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Store(path) as store, LocalProcesses(KINDS, slots=workers) as executor:
        begin(store, run, protocol, master)
        yield StoreLab(store, run, executor, seen=seen)


def begin(store: Store, run: str, protocol: Protocol, master: int) -> None:
    store.runs.begin(run, protocol.to_json(), master=master, arm=GIVEN, code=__version__)


def introduce(
    store: Store, run: str, entrants: Entrants, designs: Sequence[Design],
    panel: Sequence[Design], others: Sequence[Design] = (),
) -> None:  # fmt: skip
    """Writes down who is measured, so that `asiarch report` shows it: the panel as such. `others`:
    those that are looked at and not measured.
    """
    proposals = store.knowledge.proposals(run)
    there = {p.candidate for p in proposals}
    operators = {d.id: PANEL for d in panel}
    fresh = [d for d in designs if d.id not in there]
    with store.transaction():
        for d in (*fresh, *others):
            facts = {"niche": asdict(niche(entrants.facts(d)))}
            store.knowledge.add(Candidate(d.id, d.text, d.op, dict(d.sizes), facts))
        for number, d in enumerate(fresh, start=len(proposals)):
            store.knowledge.propose(
                Proposal(
                    run, number, operators.get(d.id, GIVEN), d.text, d.op, ACCEPTED, d.id,
                    label=d.name,
                )
            )  # fmt: skip


def costs(store: Store) -> dict[str, float]:
    """Mean seconds of a run of each task, of what the store has measured."""
    seen: dict[str, list[float]] = {}
    for run in store.runs.all():
        for m in store.knowledge.measurements(run):
            if m.job.kind == "train" and m.outcome is not None and m.outcome.status == "done":
                seen.setdefault(str(m.job.spec["task"]), []).append(m.outcome.seconds)
    return {task: sum(values) / len(values) for task, values in seen.items()}
