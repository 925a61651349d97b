"""Wall time of a lab over a store: counted while it passes, so that a kill leaves little out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from asiarch.search.executor import Batch, Report
from asiarch.search.job import Job, done
from asiarch.search.lab import SETTLE, WALL, Request, StoreLab
from asiarch.search.store import Store


class Slow:
    """An executor whose one batch ends at the twentieth look."""

    slots = 1
    kinds = ("train",)

    def __init__(self) -> None:
        self.looks, self.batch = 0, Batch(())

    def submit(self, batch: Batch) -> str:
        self.batch = batch
        return "it"

    def poll(self, timeout: float = 0.0) -> dict[str, Report]:
        self.looks += 1
        if self.looks < 20 or not self.batch.jobs:
            return {}
        jobs, self.batch = self.batch.jobs, Batch(())
        return {"it": Report(tuple(done({"auc": 1.0}) for _ in jobs), {"cpu_seconds": 1.0})}

    def used(self, handle: str) -> Mapping[str, float]:
        return {}

    def cancel(self, handle: str) -> Mapping[str, float]:
        return {}

    def close(self) -> None:
        pass


def test_wall_time_is_charged_while_a_batch_runs(tmp_path: Path) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 5.0
        return now

    counted: list[float] = []
    with Store(tmp_path / "s.db") as store:
        store.runs.begin("r", {})
        store.budgets.cap("r", WALL, 10_000.0)

        def seen(done: int, total: int) -> None:
            if not done:
                counted.append(store.budgets.of("r")[WALL].spent)
                assert now - 5.0 - counted[-1] <= SETTLE + 20.0

        lab = StoreLab(store, "r", Slow(), seen=seen, clock=clock)
        lab.run([Request(Job("train", {"seed": 1}, cost=100.0))])
        assert len(set(counted)) > 1
        budget = store.budgets.of("r")[WALL]
        assert budget.reserved == 0.0
        assert now - budget.spent <= SETTLE
