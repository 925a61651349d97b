"""`kill -9` at random moments, with two processes on one store: nothing is lost, nothing is
recorded or charged twice, and nothing is left running."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from asiarch.search.executor.processes import children, started
from asiarch.search.job import Job
from asiarch.search.store import Store
from tests.unit.search.support import problems, query

ROOT = Path(__file__).resolve().parents[3]
KILLS = 20
JOBS = 240
COST = 3.0


def start(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "asiarch.search.executor", str(path), "--slots", "2"]
    command += ["--kind", "k=tests.unit.search.handlers:trivial", "--lease", "2"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def ended(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    with process.stderr:
        return process.stderr.read().decode() if process.wait() else ""


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    with Store(path) as store:
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", COST * JOBS)
        trace = str(tmp_path / "trace")
        for number in range(JOBS):
            # Pairs, as replicas of one candidate.
            group = str(number // 2) if number % 3 else ""
            spec = {"number": number, "sleep": 0.1, "trace": trace}
            store.jobs.submit("r", [Job("k", spec, group, COST)])
    return path


def test_twenty_kills_lose_nothing_and_double_nothing(filled: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    workers = [start(filled), start(filled)]
    victims: Counter[str] = Counter()
    nurseries: set[int] = set()
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 0.5))
        which = rng.randrange(2)
        found = children(workers[which].pid)
        nurseries |= set(found)
        inner = [pid for nursery in found for pid in children(nursery)]
        kind = rng.choice(["worker", "worker", "nursery", "child"])
        pids = {"worker": [workers[which].pid], "nursery": found, "child": inner}[kind]
        if kind == "worker" or not pids or workers[which].poll() is not None:
            victims["worker"] += 1
            workers[which].kill()
            ended(workers[which])
            workers[which] = start(filled)
        else:
            victims[kind] += 1
            os.kill(rng.choice(pids), signal.SIGKILL)
        assert problems(filled) == []
    with Store(filled) as store:
        assert store.jobs.unfinished("r") > 0, "the kills came too late"
        store.jobs.retry()
    for worker in workers:
        assert ended(worker) == ""
    assert min(victims.values()) >= 1
    assert problems(filled) == []
    assert query(filled, "SELECT count(*) FROM outcomes WHERE status = 'done'") == [(JOBS,)]
    # Every outcome is charged once, under the lease that it was recorded under.
    charged = "SELECT count(*) FROM charges WHERE resource = 'cpu_seconds' AND (subject, attempt)"
    assert query(filled, f"{charged} IN (SELECT job, token FROM outcomes)") == [(JOBS,)]
    ran = Counter(line.split()[0] for line in (tmp_path / "trace").read_text().splitlines())
    assert len(ran) == JOBS
    assert sum(ran.values()) <= JOBS + 4 * KILLS, "more was run again than was running"
    pids = {int(line.split()[1]) for line in (tmp_path / "trace").read_text().splitlines()}
    assert not [pid for pid in pids | nurseries if started(pid)]


def test_a_worker_that_is_asked_to_stop_gives_its_jobs_back(tmp_path: Path) -> None:
    path, trace = tmp_path / "store.db", tmp_path / "trace"
    with Store(path) as store:
        store.runs.begin("r", {})
        spec = {"number": 0, "sleep": 60.0, "trace": str(trace)}
        (key,) = store.jobs.submit("r", [Job("k", spec, cost=1.0)])
        worker = start(path)
        while not trace.exists():
            time.sleep(0.05)
        assert store.jobs.state(key) == "leased"
        worker.send_signal(signal.SIGINT)
        assert "its jobs are queued again" in ended(worker)
        assert worker.returncode == 130
        assert store.jobs.state(key) == "queued"
        assert query(path, "SELECT attempts, losses FROM queue") == [(0, 0)]


def test_what_is_wrong_with_a_command_is_said(tmp_path: Path) -> None:
    assert "there is no store" in ended(start(tmp_path / "none.db"))
