"""Children of a process that has imported torch compute with it, and run out of memory by it."""

from __future__ import annotations

from pathlib import Path

from asiarch.search.executor import Kind, Limits, LocalProcesses, Worker
from asiarch.search.job import Job
from asiarch.search.store import Store


def test_torch_is_shared_and_limited(tmp_path: Path) -> None:
    kinds = {"k": Kind("tests.unit.search.handlers:tensors", Limits(60.0, 1024 * 2**20))}
    with (
        Store(tmp_path / "store.db") as store,
        LocalProcesses(kinds, slots=2, preload=("torch",)) as executor,
    ):
        store.runs.begin("r", {})
        jobs = [Job("k", {"number": number}) for number in range(3)] + [Job("k", {"gib": 8})]
        keys = store.jobs.submit("r", jobs)
        Worker(store, executor).work()
        *well, large = (store.jobs.outcomes(keys)[key] for key in keys)
    assert [outcome.values for outcome in well] == [{"gradient": 8192.0, "threads": 1}] * 3
    assert large.reason == "oom"
