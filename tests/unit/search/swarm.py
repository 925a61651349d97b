"""Many processes on one store, killed at random: used by the tests and by the soak.

Here the processes do nothing but lease, beat and record, as fast as they can.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from asiarch.search.executor.owner import is_dead, own_name
from asiarch.search.job import Job, done, failed
from asiarch.search.store import Retries, Store
from tests.unit.search.support import problems, query

ROOT = Path(__file__).resolve().parents[3]
RETRIES = Retries(attempts=1000, losses=1000, wait=0.01, longest=0.05)


def fill(path: Path, count: int) -> None:
    """Jobs in groups of one to four, under a cap that leaves room for those that fail."""
    with Store(path) as store:
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", 3.0 * count)
        with store.transaction():
            for number in range(count):
                group = str(number // (1 + number % 4)) if number % 3 else ""
                store.jobs.submit("r", [Job("k", {"number": number}, group, 2.0)])


def work(path: str, seed: str) -> None:
    """One process: works until nothing is left."""
    rng, owner = random.Random(int(seed)), own_name()
    with Store(path, retries=RETRIES) as store:
        while store.jobs.unfinished():
            lease = store.jobs.lease(owner, seconds=rng.choice([0.02, 1.0, 60.0]))
            if lease is None:
                store.jobs.reclaim(is_dead)
                time.sleep(0.01)
                continue
            time.sleep(rng.choice([0.0, 0.002, 0.03]))
            used = {"cpu_seconds": 0.5 * len(lease.jobs)}
            if rng.random() < 0.3:
                store.jobs.beat(lease, seconds=1.0, used=used)
            outcome = failed("infra", "planned") if rng.random() < 0.05 else done({"x": 1})
            store.jobs.record(lease, [outcome] * len(lease.jobs), used=used, owner=owner)


def swarm(
    path: Path, *, count: int, processes: int, kills: int, seed: int, fault: str = ""
) -> list[str]:
    """Lets processes work on a store, kills some, and says what is wrong afterwards.

    `fault` is a line that each process runs first: a bug planted into the store.
    """
    fill(path, count)
    rng = random.Random(seed)
    running = [_start(path, rng, fault) for _ in range(processes)]
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, 0.15))
        which = rng.randrange(processes)
        running[which].kill()
        running[which].wait()
        running[which] = _start(path, rng, fault)
    statuses = [process.wait() for process in running]
    found = problems(path)
    if any(statuses):
        found.append(f"processes ended with {statuses}")
    ended = query(path, "SELECT count(*) FROM outcomes WHERE status = 'done'")[0][0]
    if ended != count:
        found.append(f"{ended} of {count} jobs are done")
    return found


def _start(path: Path, rng: random.Random, fault: str) -> subprocess.Popen[bytes]:
    own = f"from tests.unit.search.swarm import work; work({str(path)!r}, '{rng.randrange(10**9)}')"
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", f"{fault}\n{own}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL if fault else None,
    )
