"""What the experiments on the small tasks share: one store, passes of more and more seeds, a page.

An experiment is a list of parts, each a ranking, with numbers of seeds: a first pass with few, so
that a table is there early, then more. What was trained stays in the store, and a killed experiment
goes on with the same command. The page is written anew after each part.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from asiarch import __version__
from asiarch.search.engineer import KINDS, Design, Engineer, jobs
from asiarch.search.executor import LocalProcesses
from asiarch.search.lab import Lab, OutOfBudget, StoreLab
from asiarch.search.protocol import FULL, Protocol
from asiarch.search.ranking import cost
from asiarch.search.ranking.entrants import Entrants
from asiarch.search.ranking.measure import REFERENCE, SEEDS, Measured, measure, ranked
from asiarch.search.ranking.session import (
    RANK,
    Heard,
    Known,
    begin,
    costs,
    introduce,
    run_name,
)
from asiarch.search.store import Store


@dataclass(frozen=True)
class Part:
    """Operators on tasks; `bar` is what tables compare with; `host`: conv, or plain."""

    key: str
    tasks: tuple[str, ...]
    designs: tuple[Design, ...]
    bar: Design
    host: str = "conv"


@dataclass(frozen=True)
class Found:
    """What was measured of a part, and with how many seeds."""

    part: Part
    measured: Measured
    parameters: Mapping[str, int]

    @property
    def seeds(self) -> int:
        return self.measured.seeds


@dataclass
class Bench:
    """A store, and workers unless nothing is to be trained."""

    store: Store
    executor: LocalProcesses | None
    steps: int
    entrants: Entrants = field(default_factory=Entrants)

    def protocol(self, part: Part, seeds: int) -> Protocol:
        return ranked(FULL, tasks=part.tasks, seeds=seeds, steps=self.steps, host=part.host)

    def found(self, part: Part, seeds: int) -> Found | None:
        """The part with so many seeds; None where the store lacks some of it and nobody trains."""
        protocol = self.protocol(part, seeds)
        run = run_name(RANK, protocol)
        (reference,) = self.entrants.of_library(REFERENCE)
        heard = Heard(self._lab(run, protocol, part, reference))
        engineer = Engineer(heard, protocol, 0, SEEDS, costs=costs(self.store))
        try:
            engineer.calibrate(reference, part.tasks)
            made = measure(engineer, heard, part.designs)
        except OutOfBudget:
            return None
        return Found(part, made, engineer.setting.parameters)

    def _lab(self, run: str, protocol: Protocol, part: Part, reference: Design) -> Lab:
        if self.executor is None:
            return Known(self.store)
        begin(self.store, run, protocol, 0)
        introduce(self.store, run, self.entrants, part.designs, [part.bar], [reference])
        return StoreLab(self.store, run, self.executor, seen=_seen)


_SAID = [-1, -1]


def _seen(done: int, total: int) -> None:
    """Where nobody looks, a line for each change."""
    if sys.stderr.isatty():
        print(f"\r  {done} of {total} jobs ", end="\n" if done == total else "", file=sys.stderr)
    elif [done, total] != _SAID:
        _SAID[:] = done, total
        print(f"  {done} of {total} jobs", file=sys.stderr, flush=True)


Page = Callable[[Mapping[str, Found]], str]


def arguments(doc: str, store: str, page: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path(store), help=f"where runs are ({store})")
    parser.add_argument("--out", type=Path, default=Path(page), help=f"the page ({page})")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--write", action="store_true", help="the page from the store; train nothing"
    )
    parser.add_argument(
        "--results", type=int, default=jobs.RESULTS, metavar="N",
        help="with --write: results of this number of the code, which today's would give otherwise",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true",
                        help="a few steps, to see it work: its numbers mean nothing")  # fmt: skip
    given = parser.parse_args()
    if given.results != jobs.RESULTS and not given.write:
        parser.error("--results reads what was measured before: give --write too")
    jobs.RESULTS = given.results
    return given


def carried_out(given: argparse.Namespace, passes: Sequence[tuple[int, Part]], page: Page) -> None:
    """Says what it takes, measures each part with so many seeds in this order, writes the page
    after each.
    """
    parts = list({part.key: part for _, part in passes}.values())
    with bench(given) as made:
        _say(made, parts, max(seeds for seeds, _ in passes), given.workers)
        latest: dict[str, Found] = {}
        for seeds, part in passes:
            print(f"{part.key}: {seeds} seeds", file=sys.stderr, flush=True)
            found = made.found(part, seeds)
            if found is not None:
                latest[part.key] = found
                if not given.write:
                    _write(given.out, page(latest))
        if latest:
            _write(given.out, page(latest))
        print(f"{given.out}: {len(latest)} of {len(parts)} parts")


@contextmanager
def bench(given: argparse.Namespace) -> Generator[Bench]:
    given.store.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        store = stack.enter_context(Store(given.store))
        workers = None
        if not given.write:
            workers = stack.enter_context(LocalProcesses(KINDS, slots=given.workers))
        yield Bench(store, workers, QUICK_STEPS if given.quick else 0)


QUICK_STEPS = 8


def _say(made: Bench, parts: Sequence[Part], seeds: int, workers: int) -> None:
    known = costs(made.store)
    each = {**cost.SECONDS, **known}
    share = 1.0 if not made.steps else 0.2
    cells = {(d.id, task, p.host) for p in parts for d in p.designs for task in p.tasks}
    runs = cost.runs(made.protocol(parts[0], seeds))
    total = sum(cost.CHECK + runs * each[task] * share for _, task, _ in cells)
    spent = sum(o for o in _spent(made.store))
    print(
        f"{len(cells)} cells (operator, task) of {runs} runs each: about"
        f" {cost.duration(total)} of one core, {cost.duration(total / workers)} with {workers}"
        f" workers; {cost.duration(spent)} of it is in the store",
        flush=True,
    )


def _spent(store: Store) -> Iterable[float]:
    """Seconds of the training runs that the store has, each once."""
    seen: dict[str, float] = {}
    for run in store.runs.all():
        for m in store.knowledge.measurements(run):
            if m.outcome is not None:
                seen[m.job.key] = m.outcome.seconds
    return seen.values()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


MARKS = (
    "`*`: nobody is as good at no more FLOPs and state; `!`: the best learning rate is the"
    " first or last of the grid, a better one may lie beyond."
)


def circumstances(found: Iterable[Found]) -> str:
    """A paragraph: when, on what, with what, how many runs, how long they took."""
    import torch

    each = list(found)
    runs = {(f.part.host, d.id, t, k): o for f in each for d in f.part.designs
            for t in f.part.tasks for k in range(f.seeds)
            if (o := f.measured.trained.get((d.id, t, k))) is not None}  # fmt: skip
    seconds = [o.seconds for o in runs.values()]
    seeds = sorted({f.seeds for f in each})
    rates = ", ".join(f"{r:g}" for r in FULL.learning_rates)
    hours, longest = sum(seconds) / 3600, max(seconds, default=0.0)
    return (
        f"{date.today().isoformat()}, {os.cpu_count()} cores of an {platform.machine()} CPU,"
        f" asiarch {__version__}, torch {torch.__version__}, Python {platform.python_version()}."
        f" Learning rates {rates}, chosen on one seed for each operator and task; scored on"
        f" {' or '.join(map(str, seeds))} others: {len(runs)} scoring runs, {hours:.2f} h of one"
        f" core, {longest:.0f} s the longest. Parameters within 2 % of the softmax network's by the"
        " channel mixer's width. Host `conv`: a convolution of 4 and a SiLU before every mixer"
        f" that has no convolution of its own. {MARKS}"
    )
