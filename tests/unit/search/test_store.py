"""The store as a file: its schema, what it refuses, what it says, what it keeps."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from asiarch.search.job import done, failed
from asiarch.search.store import (
    BudgetExhausted,
    Candidate,
    Conflict,
    Edit,
    NotAStore,
    Proposal,
    Retries,
    Store,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreNewer,
    WallClock,
    follow,
    migrate,
)
from asiarch.search.store.migrate import VERSION
from tests.unit.search.support import Clock, jobs, problems, query


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock):
    with Store(tmp_path / "store.db", clock=clock) as store:
        store.runs.begin("r", {"alpha": 0.05}, master=7)
        yield store


# ---- the schema and its versions -----------------------------------------------------------------


A, B = (job.key for job in jobs(2))


def version_1(path: Path) -> None:
    """A store as version 1 left it, with something in every table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate.migrate(db, path, to=1)
        for statement in (
            f"INSERT INTO blobs VALUES ('sha256:{'0' * 64}', 2, CAST('op' AS BLOB))",
            "INSERT INTO runs VALUES ('old', 3, '{}', 'hash', 1.0)",
            f"""INSERT INTO jobs VALUES ('{A}', 'k', '{{"number":0}}', 'old', 1.0)""",
            f"""INSERT INTO jobs VALUES ('{B}', 'k', '{{"number":1}}', 'old', 1.0)""",
            f"""INSERT INTO outcomes VALUES
            ('{A}', 'done', NULL, '{{"loss":0.5}}', 1, 2, 't', 'o', 2)""",
            f"INSERT INTO outcome_blobs VALUES ('{A}', 'curve', 'sha256:{'0' * 64}')",
            'INSERT INTO queue (job, run, "group", cost, needs, priority, state, ready)'
            f""" VALUES ('{B}', 'old', '', 1, '{{"cpu_seconds":1.0}}', 0, 'queued', 0)""",
            "INSERT INTO budgets VALUES ('old', 'cpu_seconds', 5, 1.5)",
            f"INSERT INTO reservations VALUES ('old', 'cpu_seconds', '{B}', 1)",
            f"INSERT INTO charges VALUES ('{A}', 't', 'cpu_seconds', 'old', 1.5, 0, 2)",
            "INSERT INTO events (at, run, kind, subject, data)"
            f""" VALUES (1, 'old', 'leased', 't', '{{"jobs":["{A}"]}}')""",
            "INSERT INTO events (at, run, kind, subject, data)"
            f" VALUES (2, 'old', 'done', '{A}', '{{}}')",
        ):
            db.execute(statement)


def test_a_store_of_version_1_is_brought_to_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    version_1(path)
    tables = ("blobs", "jobs", "outcomes", "outcome_blobs", "queue", "budgets", "charges", "events")
    before = {table: query(path, f"SELECT * FROM {table}") for table in tables}
    with Store(path) as store:
        run = store.runs.find("old")
        assert run
        assert (run.master, run.arm, run.code) == (3, "full", "")
        assert store.jobs.outcomes([A]) == {A: done({"loss": 0.5}, seconds=1, flops=2)}
        assert store.knowledge.add(Candidate("c", "op C", "C", {}))
        # What was queued is leased, and charged to the old run's budget.
        lease = store.jobs.lease("w")
        assert lease
        assert lease.keys == (B,)
        store.jobs.give_back(lease, "")
    for table in tables:
        if table != "queue":
            assert set(before[table]) <= set(query(path, f"SELECT * FROM {table}"))
    assert problems(path) == []
    assert query(path, "PRAGMA user_version") == [(VERSION,)]
    # The old file is kept as it was.
    kept = tmp_path / "store.db.v1"
    assert query(kept, "PRAGMA user_version") == [(1,)]
    assert query(kept, "SELECT * FROM jobs") == before["jobs"]


def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    version_1(tmp_path / "old.db")
    schemas = []
    for name in ("old.db", "new.db"):
        Store(tmp_path / name).close()
        sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        schemas.append(query(tmp_path / name, sql))
    assert schemas[0] == schemas[1]
    tables = [sql for kind, name, sql in schemas[1] if kind == "table" and name[:6] != "sqlite"]
    assert all("STRICT" in sql for sql in tables)


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    version_1(path)
    before = query(path, "SELECT sql FROM sqlite_schema")
    apply = migrate._apply

    def half(db: sqlite3.Connection, name: str) -> None:
        apply(db, name)
        if name == "0002.sql":
            raise sqlite3.OperationalError("planted")

    monkeypatch.setattr(migrate, "_apply", half)
    with pytest.raises(StoreError, match="planted"):
        Store(path)
    assert query(path, "SELECT sql FROM sqlite_schema") == before
    assert query(path, "PRAGMA user_version") == [(1,)]


def test_several_open_an_old_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    version_1(path)
    code = f"from asiarch.search.store import Store; Store({str(path)!r}).close()"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    assert problems(path) == []


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreNewer, match=rf"version {VERSION + 1}, this program knows up to"):
        Store(path)
    assert path.read_bytes() == before


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(NotAStore, match="another program"):
        Store(path)
    (tmp_path / "text").write_text("not a database at all, " * 100)
    with pytest.raises(NotAStore, match="no whole SQLite file"):
        Store(tmp_path / "text")
    with pytest.raises(NotAStore, match="its folder must be there"):
        Store(tmp_path / "nowhere" / "store.db")
    with pytest.raises(NotAStore, match="there is no store"):
        Store(tmp_path / "none.db", create=False)


def test_what_is_no_store_yet_stays_as_it_is(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(NotAStore, match="is empty"):
        Store(empty, create=False)
    assert empty.stat().st_size == 0
    Store(empty).close()
    with closing(sqlite3.connect(empty)) as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(NotAStore, match="has tables and no version"):
        Store(empty)


def test_a_commit_is_on_the_disk_when_it_returns(store: Store) -> None:
    """WAL alone loses the last commits with the power; FULL waits for the disk."""
    assert store.db.row("PRAGMA journal_mode") == ("wal",)
    assert store.db.row("PRAGMA synchronous") == (2,)
    assert store.db.row("PRAGMA foreign_keys") == (1,)


# ---- what goes wrong -----------------------------------------------------------------------------


def test_a_lock_that_is_held_too_long_is_said(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store(path, timeout=0.2) as store, closing(sqlite3.connect(path)) as other:
        store.runs.begin("r", {})
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"locked by another process for 0\.2 s.*fuser"):
            store.jobs.submit("r", jobs(1))
        # Reading goes on; and so does everything once the lock is free.
        assert store.jobs.unfinished() == 0
        other.rollback()
        assert store.jobs.submit("r", jobs(1))


def test_a_full_disk_is_said_and_nothing_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store(path) as store:
        store.runs.begin("r", {})
        (pages,) = store.db.row("PRAGMA page_count") or (0,)
        store.db.rows(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(StoreFull, match="make room"):
            store.jobs.submit("r", jobs(200))
        assert store.jobs.unfinished() == 0
        store.db.rows("PRAGMA max_page_count = 1000000")
        assert len(store.jobs.submit("r", jobs(200))) == 200
    assert problems(path) == []


WRITES = """
import resource, signal, sys
from asiarch.search.job import Job, done
from asiarch.search.store import Store, StoreError
path, limit = sys.argv[1], int(sys.argv[2])
store = Store(path)
store.runs.begin("r", {})
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for number in range(200):
    try:
        store.jobs.submit("r", [Job("k", {"number": number}, cost=1.0)])
        lease = store.jobs.lease("w")
        store.jobs.record(lease, [done({"number": number})])
    except StoreError as error:
        print(type(error).__name__, number)
        break
    sys.stderr.write(f"{number} ")
    sys.stderr.flush()
import os; os._exit(0)
"""


@pytest.mark.parametrize("extra", [4096, 9000, 20_000, 50_001, 120_000, 300_000])
def test_when_a_write_fails_what_was_recorded_stays(extra: int, tmp_path: Path) -> None:
    """The operating system refuses to let the file grow, at several moments of a run."""
    path = tmp_path / "store.db"
    Store(path).close()
    limit = path.stat().st_size + extra
    command = [sys.executable, "-c", WRITES, str(path), str(limit)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[:1] == ["StoreFull"], shown.stdout + shown.stderr
    recorded = len(shown.stderr.split())
    assert problems(path) == []
    ended = query(path, "SELECT count(*) FROM outcomes")[0][0]
    assert recorded <= ended <= recorded + 1
    with Store(path) as store:
        store.jobs.submit("r", jobs(200, again=True))
    assert problems(path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_only_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path).close()
    path.chmod(0o400)
    with pytest.raises(StoreError, match="only be read"):
        Store(path)


def test_a_job_that_was_altered_in_the_file_is_noticed(store: Store) -> None:
    store.jobs.submit("r", jobs(1))
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("DROP TRIGGER jobs_stay")
        db.execute("""UPDATE jobs SET spec = '{"number":7}'""")
        db.commit()
    with pytest.raises(StoreError, match="damaged"):
        store.jobs.lease("w")


def test_a_store_belongs_to_its_thread(store: Store) -> None:
    caught: list[Exception] = []

    def use() -> None:
        try:
            store.jobs.unfinished()
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert isinstance(caught[0], StoreError)
    assert "thread" in str(caught[0])


@pytest.mark.parametrize(
    "table", ["events", "outcomes", "charges", "jobs", "runs", "blobs", "candidates", "proposals"]
)
def test_what_happened_cannot_be_changed(table: str, store: Store) -> None:
    store.knowledge.add(Candidate("c", "op C", "C", {}))
    store.knowledge.propose(Proposal("r", 0, "grow", "op C", "C", "accepted", "c"))
    store.jobs.submit("r", jobs(1))
    lease = store.jobs.lease("w")
    assert lease
    store.jobs.record(lease, [done({})], used={"cpu_seconds": 1.0})
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = 9"):
        if "rowid" in change:
            column = query(store.path, f"SELECT name FROM pragma_table_info('{table}')")[1][0]
            change = f'UPDATE {table} SET "{column}" = "{column}"'
        with pytest.raises(Conflict, match="are never"), store.transaction():
            store.db.write(change)


# ---- parts ---------------------------------------------------------------------------------------


def test_a_run_goes_on_only_under_its_own_protocol(store: Store) -> None:
    first = store.runs.find("r")
    assert store.runs.begin("r", {"alpha": 0.05}, master=7) == first
    with pytest.raises(Conflict, match="protocol_hash"):
        store.runs.begin("r", {"alpha": 0.1}, master=7)
    with pytest.raises(Conflict, match="master 7, not 8"):
        store.runs.begin("r", {"alpha": 0.05}, master=8)
    store.runs.begin("r", {"alpha": 0.05}, master=7, code="2")
    assert [event.kind for event in store.events.since()] == ["begun", "resumed"]
    assert store.runs.all() == ["r"]


def test_a_blob_is_kept_once_and_compared_with_its_name(store: Store) -> None:
    name = store.blobs.put("op A")
    assert store.blobs.put(b"op A") == name
    assert store.blobs.text(name) == "op A"
    assert query(store.path, "SELECT count(*) FROM blobs") == [(1,)]
    with pytest.raises(KeyError, match="has no blob"):
        store.blobs.get("sha256:0")
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("DROP TRIGGER blobs_stay")
        db.execute("UPDATE blobs SET content = CAST('op B' AS BLOB)")
        db.commit()
    with pytest.raises(StoreError, match="damaged"):
        store.blobs.get(name)


def test_proposals_keep_their_edits_and_provenance(store: Store) -> None:
    edits = (Edit("splice", "line 3", "gate", {"cognition": ["gla"], "original": False}),)
    for id in ("parent", "child"):
        assert store.knowledge.add(Candidate(id, f"op {id}", "A", {"D": 64}, {"state": "matrix"}))
    assert not store.knowledge.add(Candidate("child", "op named_otherwise", "B", {}))
    proposals = [
        Proposal("r", 0, "panel", "op parent", "A", "accepted", "parent"),
        Proposal("r", 1, "splice", "op child", "A", "accepted", "child", ("parent",), edits),
        Proposal("r", 2, "grow", "op wrong", "A", "type", note="no type", label="x"),
    ]
    for proposal in proposals:
        assert store.knowledge.propose(proposal)
        assert not store.knowledge.propose(proposal)
    assert store.knowledge.proposals("r") == proposals
    assert store.knowledge.candidates("r") == ["parent", "child"]
    assert set(store.knowledge.candidates()) == {"parent", "child"}
    assert store.knowledge.candidate("child").text == "op child"
    assert store.knowledge.knows("child")
    assert not store.knowledge.knows("other")
    with pytest.raises(Conflict, match="another proposal 2"):
        store.knowledge.propose(Proposal("r", 2, "grow", "op other", "A", "accepted", "child"))
    with pytest.raises(Conflict, match="FOREIGN KEY"):
        store.knowledge.propose(Proposal("r", 3, "grow", "op", "A", "accepted", "nobody"))
    assert query(store.path, "SELECT parent, child FROM lineage") == [("parent", "child")]


def test_a_measurement_may_serve_several(store: Store) -> None:
    (job,) = jobs(1)
    for id in ("a", "b"):
        store.knowledge.add(Candidate(id, f"op {id}", "A", {}))
    store.jobs.submit("r", [job])
    store.knowledge.use("r", "a", [job], role="train", tier="T1")
    store.knowledge.use("r", "b", [job], role="select", tier="T1", k=2)
    store.knowledge.use("r", "b", [job], role="select", tier="T1", k=2)
    assert [m.outcome for m in store.knowledge.measurements("r")] == [None, None]
    lease = store.jobs.lease("w")
    assert lease
    store.jobs.record(lease, [failed("nan", "n")])
    (measured,) = store.knowledge.measurements("r", "b")
    assert (measured.role, measured.k, measured.job.key) == ("select", 2, job.key)
    assert measured.outcome
    assert measured.outcome.reason == "nan"


def test_a_claim_is_frozen_before_it_is_confirmed(store: Store) -> None:
    for id in ("a", "b", "c"):
        store.knowledge.add(Candidate(id, f"op {id}", "A", {}))
    claim = store.claims.freeze("r", ["a", "b"])
    assert store.claims.freeze("r", ["a", "b"]) == claim
    for wrong in ([], ["a", "a"], [str(number) for number in range(11)]):
        with pytest.raises(Conflict, match="shortlist"):
            store.claims.freeze("r", wrong)
    with pytest.raises(Conflict, match="no run"):
        store.claims.freeze("x", ["a"])
    for name in ("a", "c"):
        (job,) = jobs(1, name=name)
        store.jobs.submit("r", [job])
        store.knowledge.use("r", name, [job], role="confirm", tier="C")
        lease = store.jobs.lease("w")
        assert lease
        store.jobs.record(lease, [done({})])
    # Seen first, claimed afterwards.
    with pytest.raises(Conflict, match="before the shortlist was"):
        store.claims.freeze("r", ["c"])
    store.claims.judge(claim, "a", True, {"p": 0.01})
    store.claims.judge(claim, "a", True, {"p": 0.01})
    store.claims.judge(claim, "b", False, {"p": 0.4})
    with pytest.raises(Conflict, match="another verdict"):
        store.claims.judge(claim, "b", True, {"p": 0.01})
    with pytest.raises(Conflict, match="has no candidate"):
        store.claims.judge(claim, "c", True, {})
    assert store.claims.discoveries("r") == ["a"]


def test_events_become_lines_once_each(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    store.jobs.submit("r", jobs(3))
    assert follow(store, path) == 4
    assert follow(store, path) == 0
    # Killed in the middle of a line.
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    store.jobs.submit("r", jobs(1, more=True))
    assert follow(store, path) == 2
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[0] | {"data": 0} == {
        "id": 1, "at": 1000.0, "run": "r", "kind": "begun", "subject": "r", "data": 0,
    }  # fmt: skip


def test_caps_hold_for_what_is_no_job(store: Store) -> None:
    store.budgets.cap("r", "dollars", 1.0)
    store.budgets.reserve("r", "request 1", {"dollars": 0.7, "tokens": 1000.0})
    store.budgets.reserve("r", "request 1", {"dollars": 0.7})
    with pytest.raises(BudgetExhausted, match=r"has 0\.3 dollars left to reserve"):
        store.budgets.reserve("r", "request 2", {"tokens": 1.0, "dollars": 0.4})
    assert store.budgets.of("r")["tokens"].reserved == 1000.0
    used = {"request 1": {"dollars": 0.2, "tokens": 300.0}}
    assert store.budgets.settle("r", "1", used) == {"dollars": 0.2, "tokens": 300.0}
    assert store.budgets.settle("r", "1", used) == {"dollars": 0.0, "tokens": 0.0}
    assert store.budgets.of("r")["dollars"].left == pytest.approx(0.8)
    with pytest.raises(Conflict, match=r"cannot be 0\.1"):
        store.budgets.cap("r", "dollars", 0.1)
    with pytest.raises(ValueError, match="no budget"):
        store.budgets.cap("r", "euros", 1.0)
    # Beyond its cap, what was used is written down beside the charge.
    store.budgets.settle("r", "2", {"request 3": {"dollars": 3.0}})
    budget = store.budgets.of("r")["dollars"]
    assert (budget.spent, budget.overrun) == (1.0, pytest.approx(2.2))


def test_wall_time_is_reserved_before_it_is_lived(store: Store, clock: Clock) -> None:
    store.budgets.cap("r", "wall_seconds", 12.0)
    first = WallClock(store, "r", now=clock)
    for _ in range(7):
        assert first.tick()
        clock.now += 1
    budget = store.budgets.of("r")["wall_seconds"]
    assert budget.spent + budget.reserved >= 7
    # Killed here: what it had reserved counts as lived.
    second = WallClock(store, "r", now=clock)
    spent = store.budgets.of("r")["wall_seconds"].spent
    assert 7 <= spent <= 12
    lived = 0.0
    while second.tick():
        clock.now += 0.5
        lived += 0.5
    assert lived <= 12 - spent + 0.5
    second.stop()
    assert store.budgets.of("r")["wall_seconds"].spent == pytest.approx(12)
    assert not WallClock(store, "r", now=clock).tick()
    store.budgets.cap("r", "wall_seconds", None)
    third = WallClock(store, "r", now=clock)
    assert third.tick()
    third.stop()
    assert problems(store.path) == []


def test_a_job_without_a_cost_is_refused_under_a_cap(store: Store) -> None:
    store.jobs.submit("r", jobs(1, cost=0.0))
    store.budgets.cap("r", "cpu_seconds", 10.0)
    with pytest.raises(ValueError, match="give an estimate"):
        store.jobs.submit("r", jobs(1, cost=0.0, other=True))
    assert store.jobs.submit("r", jobs(1, cost=0.0, device="cuda"))


def test_a_failure_is_tried_again_while_everything_is_promised(store: Store, clock: Clock) -> None:
    """The charge of an attempt is missing from what the next one needs: half of it will do."""
    store.budgets.cap("r", "cpu_seconds", 4.0)
    store.jobs.submit("r", jobs(2, cost=2.0))
    for state in ("queued", "failed"):
        lease = store.jobs.lease("w")
        assert lease
        store.jobs.record(lease, [failed("infra", "x")], used={"cpu_seconds": 0.75})
        clock.now += 5
        assert store.jobs.state(lease.keys[0]) == state
    outcome = store.jobs.outcomes(lease.keys)[lease.keys[0]]
    assert "x; not tried again: 0.5 cpu_seconds are left" in str(outcome.values["message"])
    assert store.budgets.of("r")["cpu_seconds"].left == pytest.approx(0.5)
    store.budgets.cap("r", "cpu_seconds", 6.0)
    assert store.jobs.retry("r") == 1


def test_submitting_is_all_or_nothing(store: Store) -> None:
    store.budgets.cap("r", "cpu_seconds", 3.5)
    with pytest.raises(BudgetExhausted):
        store.jobs.submit("r", jobs(4))
    assert store.jobs.unfinished() == 0
    assert store.budgets.of("r")["cpu_seconds"].reserved == 0
    assert len(store.jobs.submit("r", jobs(3), reserve={"flops": 1e12})) == 3
    assert store.budgets.of("r")["flops"].reserved == 3e12


def test_the_order_is_priority_then_age_and_choices_hold(store: Store) -> None:
    store.runs.begin("s", {})
    low = store.jobs.submit("r", jobs(1))
    high = store.jobs.submit("s", jobs(2, kind="other", high=True), priority=5)
    assert [lease.keys for _ in range(3) if (lease := store.jobs.lease("w", run="r"))] == [
        tuple(low)
    ]
    assert store.jobs.lease("w", kinds=["k"]) is None
    assert [lease.keys for _ in range(3) if (lease := store.jobs.lease("w"))] == [
        (key,) for key in high
    ]


@pytest.mark.parametrize(("among", "taken"), [(1, [5]), (2, [3, 1, 1]), (8, [1, 1, 1, 1, 1])])
def test_the_last_of_a_group_are_shared_out(store: Store, among: int, taken: list[int]) -> None:
    """Nobody trains three runs one after the other while somebody else has none."""
    store.jobs.submit("r", jobs(5, "g"))
    found: list[int] = []
    while lease := store.jobs.lease("w", among=among):
        found.append(len(lease.jobs))
    assert found == taken


def test_failures_wait_longer_each_time(tmp_path: Path, clock: Clock) -> None:
    retries = Retries(attempts=5, wait=2.0, longest=5.0)
    with Store(tmp_path / "store.db", clock=clock, retries=retries) as store:
        store.runs.begin("r", {})
        store.jobs.submit("r", jobs(1))
        for delay in (2.0, 4.0, 5.0, 5.0):
            lease = store.jobs.lease("w")
            assert lease
            store.jobs.record(lease, [failed("infra", "x")])
            clock.now += delay - 0.1
            assert store.jobs.lease("w") is None
            clock.now += 0.2
        lease = store.jobs.lease("w")
        assert lease
        store.jobs.record(lease, [failed("infra", "the last")])
        clock.now += 1000
        assert store.jobs.lease("w") is None
        assert store.jobs.outcomes(lease.keys)[lease.keys[0]] == failed("infra", "the last")
        assert query(store.path, "SELECT count(*) FROM outcomes") == [(0,)]


def test_a_lease_of_the_dead_is_taken_at_once(store: Store) -> None:
    store.jobs.submit("r", jobs(2))
    for owner in ("living", "dead"):
        assert store.jobs.lease(owner, seconds=1e6)
    assert store.jobs.reclaim(lambda owner: owner == "dead") == 1
    assert store.jobs.unfinished() == 2
    assert query(store.path, "SELECT owner FROM leases") == [("living",)]


def test_one_transaction_for_several_parts(store: Store) -> None:
    """A proposal, its jobs and its budget: all of them or none."""

    def propose(wrong: bool) -> None:
        store.knowledge.add(Candidate("c", "op C", "C", {}))
        store.budgets.reserve("r", "c", {"candidates": 1})
        store.jobs.submit("r", jobs(1))
        if wrong:
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"), store.transaction():
        propose(True)
    assert not store.knowledge.knows("c")
    assert store.jobs.unfinished() == 0
    with store.transaction():
        propose(False)
    assert store.knowledge.knows("c")
    assert problems(store.path) == []
