"""What the store and its executor add to a job: bookkeeping in milliseconds, jobs per second.

    python benchmarks/store.py [--jobs 400] [--rounds 3] [--folder DIR]

Two parts. The store alone: a job is submitted, leased, beaten once and recorded with a blob, each
step a transaction that waits for the disk; then the same with eight processes on one file. With
its worker: jobs that do nothing run in child processes forked from one that has imported torch,
beside a process that imports torch for itself; what a job costs beyond its own time is the
bookkeeping, of which a job of three seconds may have 3 % (90 ms). Read the ratios; the disk and
whatever else runs move the rest. Appends one line to `benchmarks/ledger/store.jsonl`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF

from asiarch.search.executor import Kind, LocalProcesses, Worker
from asiarch.search.job import Context, Job, Outcome, done
from asiarch.search.store import Store

LEDGER = Path(__file__).with_name("ledger") / "store.jsonl"
SECONDS = 3.0
PROCESSES = 8
CURVE = json.dumps([0.1 * number for number in range(200)]).encode()


def nothing(jobs: Sequence[Job], context: Context) -> list[Outcome]:
    return [Outcome("done", None, {"auc": 1.0}, {"curve": CURVE}, 0.0) for _ in jobs]


def drawn(count: int, first: int = 0) -> list[Job]:
    spec = {"program": "-" * 64, "task": "mqar.small", "learning_rate": 1e-2, "steps": 400}
    return [Job("k", {**spec, "seed": first + seed}, cost=3.0) for seed in range(count)]


def steps_alone(path: Path, count: int) -> dict[str, float]:
    """Milliseconds of each step of a job, median."""
    taken: dict[str, list[float]] = {"submit": [], "lease": [], "beat": [], "record": []}
    with Store(path) as store:
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", 1e9)
        for job in drawn(count):
            begun = time.perf_counter()
            store.jobs.submit("r", [job])
            submitted = time.perf_counter()
            lease = store.jobs.lease("w")
            assert lease
            leased = time.perf_counter()
            store.jobs.beat(lease, used={"cpu_seconds": 1.0}, ahead={"cpu_seconds": 1.0})
            beaten = time.perf_counter()
            outcome = Outcome("done", None, {"auc": 1.0}, {"curve": CURVE}, 3.0, 1e9)
            store.jobs.record(lease, [outcome], used={"cpu_seconds": 3.0})
            times = (begun, submitted, leased, beaten, time.perf_counter())
            for name, start, end in zip(taken, times, times[1:], strict=False):
                taken[name].append(1e3 * (end - start))
    return {name: statistics.median(values) for name, values in taken.items()}


def drain(path: str) -> None:
    """Leases and records until nothing is left; what each of the processes does."""
    with Store(path) as store:
        while lease := store.jobs.lease(str(os.getpid())):
            store.jobs.record(lease, [done({"auc": 1.0})], used={"cpu_seconds": 3.0})


def together(path: Path, count: int) -> float:
    """Jobs per second that processes lease and record from one file."""
    with Store(path) as store:
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", 1e9)
        store.jobs.submit("r", drawn(count))
        code = f"import sys; sys.path[:] = {sys.path!r}; import store; store.drain(sys.argv[1])"
        began = time.perf_counter()
        command = [sys.executable, "-c", code, str(path)]
        started = [subprocess.Popen(command) for _ in range(PROCESSES)]
        assert not any(process.wait() for process in started)
        taken = time.perf_counter() - began
        assert store.jobs.unfinished() == 0
    return count / taken


def with_children(path: Path, count: int) -> tuple[float, float]:
    """Milliseconds on the clock for each job that does nothing; CPU-seconds of all processes."""
    before = cpu()
    taken = on_the_clock(path, count)
    return taken, cpu() - before


def cpu() -> float:
    """CPU-seconds of this process and of those that it started and that have ended."""
    own, others = (resource.getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def on_the_clock(path: Path, count: int) -> float:
    kinds = {"k": Kind(f"{Path(__file__).stem}:nothing")}
    with (
        Store(path) as store,
        LocalProcesses(kinds, preload=("torch",)) as executor,
    ):
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", 1e9)
        worker = Worker(store, executor)
        store.jobs.submit("r", drawn(1, first=10**6))
        worker.work()
        store.jobs.submit("r", drawn(count))
        began = time.perf_counter()
        worker.work()
        return 1e3 * (time.perf_counter() - began) / count


def importing() -> float:
    """Milliseconds of a process that imports torch and ends."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return 1e3 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="on the disk to measure; default: the temporary one")
    parser.add_argument("--no-ledger", action="store_true")
    given = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        steps = steps_alone(folder / "alone.db", given.jobs)
        figures |= {f"{step}, ms": value for step, value in steps.items()}
        figures["all four, ms"] = sum(steps.values())
        figures[f"jobs per second, {PROCESSES} processes on one file"] = together(
            folder / "together.db", given.jobs
        )
        count = max(20, given.jobs // 8)
        clock, more, importer = list[float](), list[float](), list[float]()
        for turn in range(given.rounds):
            taken, many = with_children(folder / f"many{turn}.db", count)
            _, few = with_children(folder / f"few{turn}.db", 1)
            clock.append(taken)
            more.append(1e3 * (many - few) / (count - 1))
            importer.append(importing())
    figures["a job in a forked child, ms on the clock"] = statistics.median(clock)
    figures["a job in a forked child, ms of CPU"] = statistics.median(more)
    figures["a process that imports torch, ms on the clock"] = statistics.median(importer)
    for what in ("on the clock", "of CPU"):
        share = figures[f"a job in a forked child, ms {what}"] / (10 * SECONDS)
        figures[f"share of a job of {SECONDS:g} s, {what}, %"] = share
    print("| what | value |\n|---|---|")
    for what, value in figures.items():
        print(f"| {what} | {value:.2f} |")
    if not given.no_ledger:
        line = {
            "suite": "store",
            "date": datetime.date.today().isoformat(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "jobs": given.jobs,
            "figures": {what: round(value, 2) for what, value in figures.items()},
        }
        with LEDGER.open("a") as ledger:
            ledger.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
