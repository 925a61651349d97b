"""A search of two real workers with children, killed at random: used by the tests and the soak."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from asiarch.search.executor.processes import children, started
from asiarch.search.job import Job
from asiarch.search.store import Store
from tests.unit.search.support import problems, query

ROOT = Path(__file__).resolve().parents[3]
COST = 3.0


def start(path: Path) -> subprocess.Popen[bytes]:
    """A worker process with two slots, whose temporary files are beside the store."""
    temporary = path.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "asiarch.search.executor", str(path), "--slots", "2"]
    command += ["--kind", "k=tests.unit.search.handlers:trivial", "--lease", "2"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )


def ended(process: subprocess.Popen[bytes]) -> str:
    """What a worker said, once it has ended otherwise than well."""
    assert process.stderr is not None
    with process.stderr:
        return process.stderr.read().decode() if process.wait() else ""


def killed_search(
    folder: Path, *, jobs: int, kills: int, seed: int
) -> tuple[list[str], Counter[str]]:
    """Runs jobs of 0.1 s with kills all the time; returns what is wrong then, and the victims."""
    path, trace = folder / "store.db", folder / "trace"
    _fill(path, trace, jobs)
    rng = random.Random(seed)
    workers = [start(path), start(path)]
    victims: Counter[str] = Counter()
    nurseries: set[int] = set()
    found: list[str] = []
    for number in range(kills):
        time.sleep(rng.uniform(0.1, 0.5))
        which = rng.randrange(2)
        nurseries |= set(children(workers[which].pid))
        kind = ("worker", "nursery", "child")[number % 3]
        victims[_kill_one(path, workers, which, kind)] += 1
        found += problems(path)
    with Store(path) as store:
        if not store.jobs.unfinished("r"):
            found.append("the kills came too late")
        store.jobs.retry()
    found += [said for worker in workers if (said := ended(worker))]
    lines = trace.read_text().splitlines()
    pids = nurseries | {int(line.split()[1]) for line in lines}
    found += [f"still running: {pid}" for pid in pids if started(pid)]
    return found + _lost_or_doubled(path, lines, jobs, kills), victims


def _fill(path: Path, trace: Path, jobs: int) -> None:
    with Store(path) as store, store.transaction():
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", COST * jobs)
        for number in range(jobs):
            # Pairs, as replicas of one candidate.
            group = str(number // 2) if number % 3 else ""
            spec = {"number": number, "sleep": 0.1, "trace": str(trace)}
            store.jobs.submit("r", [Job("k", spec, group, COST)])


def _kill_one(path: Path, workers: list[subprocess.Popen[bytes]], which: int, kind: str) -> str:
    pids = [] if kind == "worker" else _inner(workers[which].pid, kind)
    if pids:
        os.kill(pids[0], signal.SIGKILL)
        return kind
    workers[which].kill()
    ended(workers[which])
    workers[which] = start(path)
    return "worker"


def _inner(worker: int, kind: str) -> list[int]:
    """The nursery or a child of a worker, as soon as there is one; none after three seconds."""
    for _ in range(60):
        pids = children(worker)
        if kind == "child":
            pids = [child for nursery in pids for child in children(nursery)]
        if pids:
            return pids
        time.sleep(0.05)
    return []


def _lost_or_doubled(path: Path, lines: list[str], jobs: int, kills: int) -> list[str]:
    found = problems(path)
    done = query(path, "SELECT count(*) FROM outcomes WHERE status = 'done'")[0][0]
    if done != jobs:
        found.append(f"{done} of {jobs} jobs are done")
    # Every outcome is charged once, under the lease that it was recorded under.
    charged = query(
        path,
        "SELECT count(*) FROM charges WHERE resource = 'cpu_seconds'"
        " AND (subject, attempt) IN (SELECT job, token FROM outcomes)",
    )[0][0]
    if charged != jobs:
        found.append(f"{charged} charges for {jobs} jobs")
    ran = Counter(line.split()[0] for line in lines)
    # Two workers with two slots, of up to two jobs each.
    if sum(ran.values()) > jobs + 4 * kills:
        found.append(f"{sum(ran.values())} jobs were run for {jobs}: more than were interrupted")
    return found
