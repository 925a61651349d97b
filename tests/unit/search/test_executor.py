"""Jobs in child processes: what they get, how they are stopped, what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asiarch.search.executor import Background, ExecutorError, Kind, Limits, LocalProcesses, Worker
from asiarch.search.executor.child import reason_of
from asiarch.search.executor.nursery import Nursery
from asiarch.search.executor.processes import children, started
from asiarch.search.job import Job, Outcome, blob_name
from asiarch.search.store import Retries, Store
from tests.unit.search.support import jobs, problems

HANDLERS = "tests.unit.search.handlers"
MIB = 2**20
LIMITS = Limits(seconds=30.0, memory=512 * MIB, processes=32)


@contextmanager
def working(
    path: Path, handler: str, *, limits: Limits = LIMITS, slots: int = 1, cap: float | None = None,
    attempts: int = 1, preload: tuple[str, ...] = (), width: int = 64, lease: float = 60.0,
) -> Iterator[tuple[Store, Worker]]:  # fmt: skip
    kinds = {"k": Kind(f"{HANDLERS}:{handler}", limits)}
    with (
        Store(path / "store.db", retries=Retries(attempts=attempts, wait=0.01)) as store,
        LocalProcesses(kinds, slots=slots, preload=preload) as executor,
    ):
        store.runs.begin("r", {})
        store.budgets.cap("r", "cpu_seconds", cap)
        yield store, Worker(store, executor, width=width, lease_seconds=lease)
    assert problems(path / "store.db") == []


def one(path: Path, handler: str, spec: dict[str, object], **options: object) -> Outcome:
    with working(path, handler, **options) as (store, worker):
        (key,) = store.jobs.submit("r", [Job("k", spec, cost=1.0)])
        worker.work()
        return store.jobs.outcomes([key])[key]


def gone(pid: int) -> bool:
    """Whether a process has ended, soon."""
    for _ in range(100):
        if started(pid) is None:
            return True
        time.sleep(0.05)
    return False


def test_jobs_are_run_and_charged(tmp_path: Path) -> None:
    with working(tmp_path, "trivial", slots=2, cap=100.0) as (store, worker):
        keys = store.jobs.submit("r", jobs(3, "g") + jobs(4, cost=2.0, alone=True))
        worker.work()
        outcomes = store.jobs.outcomes(keys)
        assert [outcomes[key].values["twice"] for key in keys] == [0, 2, 4, 0, 2, 4, 6]
        assert [outcomes[key].values["of"] for key in keys] == [3, 3, 3, 1, 1, 1, 1]
        budget = store.budgets.of("r")["cpu_seconds"]
        assert budget.reserved == 0
        assert 0 < budget.spent < 7
        # Once more is nothing more.
        assert store.jobs.submit("r", jobs(3, "g")) == []
        worker.work()
        assert store.budgets.of("r")["cpu_seconds"] == budget


def test_blobs_reach_the_child_and_come_back(tmp_path: Path) -> None:
    with working(tmp_path, "blob") as (store, worker):
        name = store.blobs.put("op A")
        (key,) = store.jobs.submit("r", [Job("k", {"program": name}, cost=1.0)])
        worker.work()
        assert store.jobs.outcomes([key])[key].values == {"size": 4}
        assert store.jobs.blob(key, "turned") == b"A po"
        assert store.budgets.of("r")["flops"].spent == 5.0
        with pytest.raises(KeyError, match="no blob"):
            store.jobs.blob(key, "other")


def test_a_blob_that_is_not_there_is_an_error_and_the_job_stays(tmp_path: Path) -> None:
    with working(tmp_path, "blob") as (store, worker):
        (key,) = store.jobs.submit("r", [Job("k", {"program": blob_name(b"?")}, cost=1.0)])
        with pytest.raises(KeyError, match="has no blob"):
            worker.work()
        assert store.jobs.state(key) == "queued"


def test_what_is_preloaded_is_there_and_threads_are_few(tmp_path: Path) -> None:
    outcome = one(tmp_path, "environment", {}, preload=("email.mime.text",))
    assert outcome.values == {
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "loaded": ["email.mime.text"],
        "leads": True,
    }


def test_what_is_made_before_the_forks_is_there_once(tmp_path: Path) -> None:
    assert one(tmp_path, "prepared", {}).values == {"made": 1, "here": False}


def test_a_module_that_cannot_be_preloaded_is_said(tmp_path: Path) -> None:
    said = r"(?s)did not start.*No module named 'no_such_module'"
    with working(tmp_path, "trivial", preload=("no_such_module",)) as (store, worker):
        store.jobs.submit("r", jobs(1))
        with pytest.raises(ExecutorError, match=said):
            worker.work()


@pytest.mark.parametrize(
    ("how", "reason", "message", "limits"),
    [
        ("raise", "infra", "RuntimeError: something of the machine", LIMITS),
        ("too few", "infra", "0 outcomes for 1 jobs", LIMITS),
        ("segfault", "infra", "died of SIGSEGV", LIMITS),
        ("kill", "infra", "died of SIGKILL", LIMITS),
        ("exit", "infra", "ended with status 3 and no result", LIMITS),
        ("allocate", "oom", "emory", LIMITS),
        ("allocate in children", "oom", "more than 200 MiB", Limits(30.0, 200 * MIB, 32)),
        ("fork", "oom", "more than 32 processes", LIMITS),
        ("hang", "timeout", "longer than 0.5 s", Limits(0.5)),
        ("spin without signals", "timeout", "longer than 0.5 s", Limits(0.5)),
    ],
)
def test_a_child_that_misbehaves_is_stopped_with_a_reason(
    how: str, reason: str, message: str, limits: Limits, tmp_path: Path
) -> None:
    outcome = one(tmp_path, "bad", {"how": how}, limits=limits)
    assert (outcome.status, outcome.reason) == ("failed", reason)
    assert message in str(outcome.values["message"])


@pytest.mark.parametrize("how", ["hang with family", "leave something behind"])
def test_nothing_that_a_job_started_outlives_it(how: str, tmp_path: Path) -> None:
    """Grandchildren go, those in sessions of their own included."""
    trace = tmp_path / "trace"
    one(tmp_path, "bad", {"how": how, "trace": str(trace)}, limits=Limits(3.0))
    family = [int(line.split()[1]) for line in trace.read_text().splitlines() if "family" in line]
    assert family
    assert all(gone(pid) for pid in family)


def test_a_failure_of_the_design_is_final(tmp_path: Path) -> None:
    outcome = one(tmp_path, "designs", {}, attempts=3)
    assert (outcome.reason, outcome.values["message"]) == ("nan", "at step 3")


def test_a_failure_of_the_machine_is_tried_again(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    outcome = one(tmp_path, "flaky", {"trace": str(trace)}, attempts=3)
    assert (outcome.status, outcome.values["tries"]) == ("done", 3)


def test_it_is_tried_only_so_often_and_then_when_asked(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with working(tmp_path, "flaky", attempts=2) as (store, worker):
        (key,) = store.jobs.submit("r", [Job("k", {"trace": str(trace)}, cost=1.0)])
        worker.work()
        assert store.jobs.outcomes([key])[key].reason == "infra"
        assert store.jobs.state(key) == "failed"
        assert store.jobs.retry() == 1
        worker.work()
        assert store.jobs.state(key) == "done"


def test_of_a_group_only_the_guilty_one_fails(tmp_path: Path) -> None:
    with working(tmp_path, "guilty") as (store, worker):
        keys = store.jobs.submit("r", jobs(3, "g"))
        worker.work()
        outcomes = store.jobs.outcomes(keys)
    assert [outcomes[key].reason for key in keys] == [None, "oom", None]


def test_a_job_that_the_budget_cannot_pay_is_stopped_and_kept(tmp_path: Path) -> None:
    limits = Limits(seconds=60.0)
    with working(tmp_path, "bad", limits=limits, cap=2.0, lease=0.8) as (store, worker):
        (key,) = store.jobs.submit("r", [Job("k", {"how": "spin without signals"}, cost=1.0)])
        worker.work()
        budget = store.budgets.of("r")["cpu_seconds"]
        assert budget.spent + budget.reserved <= 2.0
        assert budget.overrun == 0.0
        assert store.jobs.outcomes([key])[key].reason == "infra"
        assert "budget is used up" in str(store.jobs.outcomes([key])[key].values["message"])
        store.budgets.cap("r", "cpu_seconds", 50.0)
        assert store.jobs.retry("r") == 1


def test_jobs_of_an_interrupted_worker_are_given_back(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with working(tmp_path, "trivial", slots=2) as (store, worker):
        keys = store.jobs.submit("r", jobs(3, sleep=30.0, trace=str(trace)))

        def interrupted() -> bool:
            raise KeyboardInterrupt

        while not (trace.exists() and len(trace.read_text().splitlines()) == 2):
            worker.step()
        worker.wait = lambda seconds: interrupted()
        with pytest.raises(KeyboardInterrupt):
            worker.work()
        assert [store.jobs.state(key) for key in keys] == ["queued"] * 3
        assert worker.running == 0
        pids = [int(line.split()[1]) for line in trace.read_text().splitlines()]
        assert all(gone(pid) for pid in pids)


def test_when_the_nursery_is_killed_its_children_die_and_the_work_goes_on(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    before = set(children(os.getpid()))  # of earlier tests, on their way out
    with working(tmp_path, "trivial", attempts=3) as (store, worker):
        (key,) = store.jobs.submit("r", jobs(1, sleep=2.0, trace=str(trace)))
        while not trace.exists() or not trace.read_text().endswith("\n"):
            worker.step()
        (nursery,) = set(children(os.getpid())) - before
        os.kill(nursery, signal.SIGKILL)
        first = int(trace.read_text().split()[1])
        assert gone(first)
        worker.work()
        assert store.jobs.state(key) == "done"
        assert len(trace.read_text().splitlines()) == 2


def test_a_worker_in_the_background_does_what_is_asked_meanwhile(tmp_path: Path) -> None:
    kinds = {"k": Kind(f"{HANDLERS}:trivial", LIMITS)}
    with Store(tmp_path / "store.db") as store:
        store.runs.begin("r", {})
        with Background(store.path, lambda: LocalProcesses(kinds)) as background:
            for turn in range(3):
                keys = store.jobs.submit("r", jobs(2, turn=turn))
                background.wait(store, keys)
                assert all(
                    outcome.status == "done" for outcome in store.jobs.outcomes(keys).values()
                )
            (left,) = store.jobs.submit("r", jobs(1, sleep=60.0))
            while store.jobs.state(left) != "leased":
                time.sleep(0.02)
        assert store.jobs.state(left) == "queued"


def test_what_ends_a_worker_in_the_background_is_raised(tmp_path: Path) -> None:
    kinds = {"k": Kind("no_such_module:f", LIMITS)}
    with Store(tmp_path / "store.db") as store:
        store.runs.begin("r", {})
        keys = store.jobs.submit("r", jobs(1))
        background = Background(store.path, lambda: LocalProcesses(kinds))
        with pytest.raises(ExecutorError, match="no_such_module"), background:
            background.wait(store, keys)
        assert store.jobs.state(keys[0]) == "queued"


def test_a_worker_that_does_not_listen_holds_up_nothing() -> None:
    """The nursery goes on watching; what has ended is told when somebody reads again."""
    read, write = os.pipe()
    nursery = Nursery(0, write)
    for number in range(3000):
        nursery._tell(used="a", cpu=1.0, wall=float(number))
    for number in range(3000):
        nursery._tell(ended=str(number), status=0)
    heard = b""
    os.set_blocking(read, False)
    while nursery._untold:
        heard += os.read(read, 1 << 16)
        nursery._flush()
    heard += os.read(read, 1 << 16)
    lines = [json.loads(line) for line in heard.splitlines()]
    assert [line["ended"] for line in lines if "ended" in line] == [str(n) for n in range(3000)]
    assert 0 < sum("used" in line for line in lines) < 3000
    for end in (read, write, nursery.life, nursery._alive, nursery._wakeup, nursery._ring):
        os.close(end)


def test_errors_of_memory_are_told_from_others() -> None:
    class OutOfMemoryError(RuntimeError): ...

    for error in (
        MemoryError(),
        OutOfMemoryError("CUDA"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
    ):
        assert reason_of(error) == "oom"
    assert reason_of(RuntimeError("shape mismatch")) == "infra"
