"""The store against a model of it: any order of asking, leasing, beating, crashing and ending.

Planted faults are run through the same machine and must be seen.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from asiarch.search.job import Job, Outcome, done, failed
from asiarch.search.store import BudgetExhausted, Lease, Retries, Store
from asiarch.search.store.budgets import Budgets
from asiarch.search.store.connection import Connection
from asiarch.search.store.queue import Queue
from tests.unit.search.support import Clock, problems

MEMORY = Path("/dev/shm")
CAP = 12.0
SECONDS = 10.0
RETRIES = Retries(attempts=3, losses=4, wait=2.0)
OUTCOMES = {"done": done({"x": 1.0}), "nan": failed("nan", "n"), "infra": failed("infra", "i")}


class StoreMachine(RuleBasedStateMachine):
    """The model: what was asked for, who holds what until when, and what ended how."""

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a folder: a test of logic need not wait for a disk.
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "store.db"
        self.clock = Clock()
        self.asked: dict[str, Job] = {}
        self.ended: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self.losses: dict[str, int] = {}
        # Lease, expiry, use so far; a lease whose worker has crashed stays here: its results
        # may still come late.
        self.held: list[tuple[Lease, float, float]] = []
        self.gone: set[str] = set()
        self.stores: list[Store] = []

    @initialize()
    def open(self) -> None:
        self.stores = [self._open(), self._open()]
        self.stores[0].runs.begin("r", {"alpha": 0.05})
        self.stores[0].budgets.cap("r", "cpu_seconds", CAP)

    def _open(self) -> Store:
        return Store(self.path, clock=self.clock, retries=RETRIES)

    def teardown(self) -> None:
        found = problems(self.path) if self.stores else []
        for store in self.stores:
            store.close()
        self.folder.cleanup()
        assert found == []

    # ---- what happens --------------------------------------------------------------------------

    @rule(
        numbers=st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True),
        group=st.sampled_from(["", "a", "b"]),
        cost=st.sampled_from([0.5, 1.0, 4.0]),
        which=st.booleans(),
    )
    def submit(self, numbers: list[int], group: str, cost: float, which: bool) -> None:
        jobs = [Job("k", {"number": number}, group, cost) for number in numbers]
        expected = [job for job in jobs if job.key not in self.asked]
        before = self.stores[0].budgets.of("r")["cpu_seconds"].left
        assert before is not None
        try:
            new = self.stores[which].jobs.submit("r", jobs)
        except BudgetExhausted:
            assert cost * len(expected) > before
            return
        assert cost * len(expected) <= before + 1e-9
        assert new == [job.key for job in expected]
        self.asked |= {job.key: job for job in expected}

    @rule(which=st.booleans(), width=st.sampled_from([1, 64]), among=st.sampled_from([1, 2, 8]))
    def lease(self, which: bool, width: int, among: int) -> None:
        lease = self.stores[which].jobs.lease(
            f"w{which}", seconds=SECONDS, width=width, among=among
        )
        self._expire()
        if lease is None:
            return
        assert len({job.group for job in lease.jobs}) == 1
        assert lease.jobs[0].group or len(lease.jobs) == 1
        for key in lease.keys:
            assert key in self.asked
            assert key not in self.ended
            assert self._holder(key) is None, "leased while another holds it"
        self.held.append((lease, self.clock.now + SECONDS, 0.0))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), which=st.booleans(), used=st.sampled_from([0.0, 0.5, 3.0]))
    def beat(self, data: st.DataObject, which: bool, used: float) -> None:
        index = data.draw(st.integers(0, len(self.held) - 1))
        lease, _, before = self.held[index]
        total = before + used
        answer = self.stores[which].jobs.beat(
            lease, seconds=SECONDS, used={"cpu_seconds": total}, ahead={"cpu_seconds": 0.5}
        )
        if not self._alive(lease):
            assert answer == "lost"
            return
        assert answer in ("held", "broke")
        self.held[index] = (lease, self.clock.now + SECONDS, total)
        if answer == "held":
            reserved = self.stores[which].budgets.reserved("r", lease.keys)["cpu_seconds"]
            assert reserved >= total + 0.5 - 1e-9

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        which=st.booleans(),
        used=st.sampled_from([0.0, 1.0, 20.0]),
        kind=st.sampled_from(sorted(OUTCOMES)),
        twice=st.booleans(),
    )
    def record(self, data: st.DataObject, which: bool, used: float, kind: str, twice: bool) -> None:
        lease, _, _ = self.held[data.draw(st.integers(0, len(self.held) - 1))]
        outcomes = [OUTCOMES[kind]] * len(lease.jobs)
        alive = self._alive(lease)
        for _ in range(1 + twice):
            written = self.stores[which].jobs.record(lease, outcomes, used={"cpu_seconds": used})
            assert written == alive
            if alive:
                self._end(lease, kind)
            alive = False

    @precondition(lambda self: self.held)
    @rule(data=st.data(), which=st.booleans(), alone=st.booleans())
    def give_back(self, data: st.DataObject, which: bool, alone: bool) -> None:
        lease, _, used = self.held[data.draw(st.integers(0, len(self.held) - 1))]
        alive = self._alive(lease)
        given = self.stores[which].jobs.give_back(
            lease, "stopped", used={"cpu_seconds": used}, alone=alone
        )
        assert given == alive
        if alive:
            self._end(lease, "given back")

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(which=st.booleans())
    def crash(self, which: bool) -> None:
        """A process is killed and another opens the file."""
        self.stores[which].close()
        self.stores[which] = self._open()

    @rule(which=st.booleans())
    def retry(self, which: bool) -> None:
        stuck = self._stuck()
        assert self.stores[which].jobs.retry("r") <= len(stuck)
        for key in stuck:
            self.failures[key] = self.losses[key] = 0

    @rule(which=st.booleans(), amount=st.sampled_from([0.5, 2.0]), number=st.integers(0, 2))
    def request(self, which: bool, amount: float, number: int) -> None:
        """Something that is no job spends from the same budget, and settles for less or more."""
        budgets = self.stores[which].budgets
        try:
            budgets.reserve("r", f"request {number}", {"cpu_seconds": amount})
        except BudgetExhausted:
            return
        used = {f"request {number}": {"cpu_seconds": amount * 1.5}}
        once = budgets.settle("r", f"{number} at {self.clock.now}", used)
        again = budgets.settle("r", f"{number} at {self.clock.now}", used)
        assert again == {"cpu_seconds": 0.0} or once == {"cpu_seconds": 0.0}

    # ---- the model -----------------------------------------------------------------------------

    def _expire(self) -> None:
        """What a lease of the store, or a look at it, does to leases that have run out."""
        for lease, expires, _ in list(self.held):
            if expires <= self.clock.now and self._alive(lease):
                self._end(lease, "lost")

    def _alive(self, lease: Lease) -> bool:
        return lease.token not in self.gone

    def _end(self, lease: Lease, how: str) -> None:
        self.gone.add(lease.token)
        for key in lease.keys:
            if how in ("done", "nan"):
                self.ended[key] = how
            elif how == "infra":
                self.failures[key] = self.failures.get(key, 0) + 1
            elif how == "lost":
                self.losses[key] = self.losses.get(key, 0) + 1

    def _holder(self, key: str) -> Lease | None:
        return next(
            (lease for lease, _, _ in self.held if key in lease.keys and self._alive(lease)), None
        )

    def _stuck(self) -> set[str]:
        outcomes = self.stores[0].jobs.outcomes(self.asked)
        return {key for key, outcome in outcomes.items() if outcome.reason == "infra"}

    # ---- what always holds -----------------------------------------------------------------------

    @invariant()
    def the_store_is_the_model(self) -> None:
        if not self.stores:
            return
        store = self.stores[0]
        outcomes = store.jobs.outcomes(self.asked)
        design = {key: o for key, o in outcomes.items() if o.reason != "infra"}
        assert {key: o.reason or "done" for key, o in design.items()} == self.ended
        for key in self.asked:
            state = store.jobs.state(key)
            if key in self.ended:
                assert state == ("done" if self.ended[key] == "done" else "failed")
            elif self._holder(key):
                assert state == "leased"
            else:
                assert state in ("queued", "failed"), f"{key} is lost: {state}"
        for key in set(outcomes) - set(design):
            tired = self.failures.get(key, 0) >= RETRIES.attempts
            lost = self.losses.get(key, 0) >= RETRIES.losses
            assert tired or lost or "not tried again" in str(outcomes[key].values["message"])

    @invariant()
    def the_books_balance(self) -> None:
        if self.stores:
            budget = self.stores[1].budgets.of("r").get("cpu_seconds")
            assert budget is None or budget.spent + budget.reserved <= CAP + 1e-9


QUICK = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_store_is_what_its_model_says() -> None:
    run_state_machine_as_test(StoreMachine, settings=QUICK)


# ---- planted faults ----------------------------------------------------------------------------


def lease_of_the_living(self: Queue, now: float) -> int:
    """Takes every lease, expired or not."""
    rows = self.db.rows("SELECT token, owner, run, used FROM leases")
    for row in rows:
        self.lose(row)
    return len(rows)


def charge_before_check(self: Budgets, run: str, resource: str) -> float:
    return math.inf


def any_lease_will_do(self: Queue, lease: Lease) -> bool:
    return all(
        self.db.row("SELECT 1 FROM queue WHERE job = ?", (key,)) is not None for key in lease.keys
    )


def count_every_attempt(self: Queue, lease: Lease, key: str, outcome: Outcome, owner: str) -> None:
    finish(self, lease, key, outcome, owner)
    self.db.write("UPDATE budgets SET spent = spent + 1 WHERE run = ?", (lease.run,))


def forget_the_rest(self: Queue, key: str, message: str, **_: Any) -> bool:
    self.db.write("DELETE FROM queue WHERE job = ?", (key,))
    return False


def never_stuck(self: Queue, key: str, message: str, **changes: Any) -> bool:
    return again(self, key, message, alone=changes.get("alone", False), losses=200)


finish, again = Queue.finish, Queue.again
FAULTS = {
    "lease without expiry check": (Queue, "sweep", lease_of_the_living),
    "leases never expire": (Queue, "sweep", lambda self, now: 0),
    "charge before check": (Budgets, "left", charge_before_check),
    "recorded by whoever comes": (Queue, "held", any_lease_will_do),
    "charged once more": (Queue, "finish", count_every_attempt),
    "job forgotten after a failure": (Queue, "again", forget_the_rest),
    "failures blamed too early": (Queue, "again", never_stuck),
    "reservations kept for ever": (Budgets, "settle", lambda self, run, attempt, amounts: {}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, method, fault = FAULTS[name]
    monkeypatch.setattr(owner, method, fault)
    # The same draws each time, and no shrinking. What fails must be a claim of the model.
    settled = settings(
        QUICK, max_examples=400, phases=[Phase.generate], database=None, derandomize=True
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(StoreMachine, settings=settled)


def test_a_missing_commit_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process that dies had only in its own transaction is not there."""
    path = tmp_path / "store.db"

    def recorded() -> bool:
        with Store(path) as store:
            store.runs.begin("r", {})
            (key,) = store.jobs.submit("r", [Job("k", {"at": str(path)})])
        with Store(path) as store:
            return store.jobs.state(key) == "queued"

    assert recorded()
    path = tmp_path / "other.db"
    real = Connection.transaction

    def open_ended(self: Connection) -> Any:
        if not self._depth:
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
        return real(self)

    monkeypatch.setattr(Connection, "transaction", open_ended)
    with pytest.raises(AssertionError):
        assert recorded()
