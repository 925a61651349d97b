"""`kill -9` at random moments, with several processes on one store: nothing is lost, nothing is
recorded or charged twice, and nothing is left running."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from asiarch.search.executor.owner import is_dead
from asiarch.search.executor.processes import started
from asiarch.search.job import Job
from asiarch.search.store import Store
from tests.unit.search.killing import ended, killed_search, start
from tests.unit.search.support import query
from tests.unit.search.swarm import swarm


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Workers, the processes that fork, and children, of two processes on one store."""
    found, victims = killed_search(tmp_path, jobs=240, kills=20, seed=1)
    assert found == []
    assert set(victims) == {"worker", "nursery", "child"}


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


def test_a_worker_that_is_killed_leaves_neither_processes_nor_files(tmp_path: Path) -> None:
    path, trace = tmp_path / "store.db", tmp_path / "trace"
    with Store(path) as store:
        store.runs.begin("r", {})
        spec = {"number": 0, "sleep": 60.0, "trace": str(trace)}
        (key,) = store.jobs.submit("r", [Job("k", spec, cost=1.0)])
        worker = start(path)
        while not trace.exists():
            time.sleep(0.05)
        assert list((tmp_path / "temporary").iterdir())
        worker.kill()
        ended(worker)
        for _ in range(100):
            left = [*(tmp_path / "temporary").iterdir()]
            if not left and started(int(trace.read_text().split()[1])) is None:
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"left behind: {left}")
        # Whoever looks next sees that the owner is dead, and need not wait for the lease to end.
        assert store.jobs.state(key) == "leased"
        assert store.jobs.reclaim(is_dead) == 1
        assert store.jobs.state(key) == "queued"


def test_what_is_wrong_with_a_command_is_said(tmp_path: Path) -> None:
    assert "there is no store" in ended(start(tmp_path / "none.db"))


def test_eight_processes_on_one_store_record_each_job_once(tmp_path: Path) -> None:
    assert swarm(tmp_path / "store.db", count=500, processes=8, kills=20, seed=3) == []


NO_TRANSACTION = """
from contextlib import contextmanager
from asiarch.search.store.connection import Connection
@contextmanager
def each_for_itself(self):
    self._depth += 1
    yield
    self._depth -= 1
Connection.transaction = each_for_itself
"""
ANY_LEASE = """
from asiarch.search.store.queue import Queue
Queue.held = lambda self, lease: True
"""


@pytest.mark.parametrize("fault", [NO_TRANSACTION, ANY_LEASE], ids=["torn steps", "any lease"])
def test_a_planted_fault_of_the_store_shows_among_processes(fault: str, tmp_path: Path) -> None:
    assert swarm(tmp_path / "s.db", count=60, processes=3, kills=6, seed=5, fault=fault) != []
