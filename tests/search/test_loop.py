"""The search is one program: the same archive whoever runs its jobs, and after whatever crash."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from asiarch.search.engineer import engineer
from asiarch.search.job import Job, Outcome, blob_name, failed
from asiarch.search.lab import FakeLab
from asiarch.search.loop import ARMS, Found, Memory, Search, Settings, plan
from asiarch.search.loop import search as loop
from asiarch.search.loop.arms import Asked
from asiarch.search.loop.panel import panel
from asiarch.search.loop.record import StoreRecord
from asiarch.search.loop.session import session
from asiarch.search.loop.watch import Silent
from asiarch.search.protocol import Protocol, Tier
from asiarch.search.report.collect import collect
from asiarch.search.researcher import Proposal, Workshop
from asiarch.search.researcher.proposers import Proposer, View
from asiarch.search.store import Conflict, Store
from tests.search import fake_search
from tests.search.fake import TINY, World

COUNT = 8
BUDGET = 15.0
"""Seconds; a busy machine needs some of them for the panel of a world that trains nothing."""


def found(
    world: World | None = None, arm: str = "full", count: int | None = COUNT, master: int = 0,
    protocol: Protocol = TINY, most: int | None = None,
) -> tuple[Found, Memory, FakeLab]:  # fmt: skip
    lab, record = FakeLab(world or World(), most), Memory()
    made = Settings(protocol, ARMS[arm], master, "run", count)
    return Search(made, lab, record).result(), record, lab


@pytest.mark.parametrize("arm", sorted(ARMS))
def test_the_same_settings_give_the_same_archive(arm: str) -> None:
    first, record, _ = found(arm=arm, count=2)
    second, _, _ = found(arm=arm, count=2)
    assert first.archive() == second.archive()
    assert first.history is not None
    assert len(first.history.found()) == 2
    assert record.charged == [n.number for n in record.noted if n.verdict == "accepted"][3:]
    other, _, _ = found(arm=arm, count=2, master=1)
    assert other.archive() != first.archive()


def test_a_smaller_number_of_candidates_is_the_beginning_of_a_larger_one() -> None:
    few, few_noted, _ = found(count=5)
    many, many_noted, _ = found(count=9)
    assert list(few_noted.noted) == many_noted.noted[: len(few_noted.noted)]
    assert few.history is not None
    assert many.history is not None
    assert len(few.history.found()) == 5


def test_a_search_that_is_out_of_budget_goes_on_where_it_was() -> None:
    whole, _, lab = found()
    cut, _, _ = found(most=lab.ran // 2)
    assert "jobs were run" in cut.ended
    again, _, _ = found(most=lab.ran)
    assert again.archive() == whole.archive()


class Clocked(FakeLab):
    """Its time is up once it has run `hours` jobs."""

    hours = 0

    @property
    def left(self) -> float | None:
        return 1e9 if self.ran < self.hours else 0.0

    @left.setter
    def left(self, value: float | None) -> None:
        pass


def clocked(hours: int, before: tuple[Memory, Clocked] | None = None) -> tuple[Memory, Clocked]:
    """A search until its time is up, of what another one knew."""
    lab, record = Clocked(World()), Memory()
    lab.hours = hours
    if before is not None:
        lab.known, record.rooms, record.charged = (
            dict(before[1].known), dict(before[0].rooms), list(before[0].charged),
        )  # fmt: skip
    Search(Settings(TINY, ARMS["full"], 0, "run", None), lab, record).result()
    return record, lab


@dataclass
class Repeating:
    """A proposer that proposes one and the same program in half of the slots."""

    inner: Proposer

    @property
    def name(self) -> str:
        return self.inner.name

    def propose(self, view: View, rng: np.random.Generator) -> Proposal:
        if rng.random() < 0.5:
            return Proposal(GOOD, "mixer", (), (), (), self.name, digest=GOOD)
        return self.inner.propose(view, rng)


def test_a_search_that_goes_on_with_less_time_left_draws_what_it_drew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slot that was judged after the last one that was measured stays in the past of the later
    rounds, though there is no time for another.
    """
    made = Asked.proposers
    monkeypatch.setattr(
        Asked, "proposers", lambda self: {n: Repeating(p) for n, p in made(self).items()}
    )
    first = clocked(600)
    again = clocked(0, first)
    noted = [(n.number, n.text, n.verdict) for n in first[0].noted]
    assert [(n.number, n.text, n.verdict) for n in again[0].noted] == noted
    assert again[1].ran == 0
    assert ends_refused(noted)
    more = clocked(200, first)
    assert [(n.number, n.text, n.verdict) for n in more[0].noted][: len(noted)] == noted
    assert len(more[0].noted) > len(noted)


def ends_refused(noted: Sequence[tuple[int, str, str]]) -> bool:
    """Is the last slot of some round but the last a duplicate?"""
    verdicts = {number: verdict for number, _, verdict in noted}
    lasts = range(len(TINY.panel) + loop.ROUND - 1, max(verdicts), loop.ROUND)
    return any(verdicts.get(number) == "duplicate" for number in lasts)


def test_the_room_of_a_round_is_kept_in_the_store(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        for run in ("mine", "other"):
            store.runs.begin(run, {"name": "tiny"})
        mine = StoreRecord(store, "mine")
        assert mine.room(0) is None
        mine.give_room(0, 2)
        mine.give_room(0, 5)
        mine.give_room(1, 1)
        assert (mine.room(0), mine.room(1)) == (5, 1)
        again = StoreRecord(store, "mine")
        assert (again.room(0), again.room(1), again.room(2)) == (5, 1, None)
        assert StoreRecord(store, "other").room(0) is None


def test_softmax_attention_is_the_ceiling_and_not_the_bar() -> None:
    """It is the best by far here, and no candidate may do what it does."""
    with_softmax = TINY.named("ceiling", panel=("panel.softmax_mixer", *TINY.panel))
    (softmax, *_) = panel(with_softmax.panel, Workshop())
    best = blob_name(softmax.text.encode())
    world = World(quality=lambda program, op: 9.0 if program == best else 0.0)

    class Told(Silent):
        notes: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    settings = Settings(with_softmax, ARMS["full"], 0, "run", 1)
    result = Search(settings, FakeLab(world), Memory(), Told()).result()
    assert result.yardstick is not None
    assert result.yardstick.bar.name != softmax.name
    assert softmax.id in {d.id for d in result.yardstick.panel}
    assert any(n.startswith(f"the ceiling is {softmax.name}") for n in Told.notes)


def test_what_takes_many_times_the_bar_is_rejected_for_its_cost() -> None:
    known = {blob_name(d.text.encode()) for d in panel(TINY.panel, Workshop())}

    def slow(job: Job) -> Outcome:
        made = World()(job)
        if job.kind != "check":
            return made
        taken = 100.0 if job.spec["program"] in known else 1e6
        return replace(made, values={**made.values, "effort": taken})

    lab, record = FakeLab(slow), Memory()
    result = Search(Settings(TINY, ARMS["full"], 0, "run", 6), lab, record).result()
    assert result.history is not None
    assert result.history.rejected["T0b", "cost"] == 6
    assert not result.history.found()
    said = next(n.note for n in record.noted if n.verdict == "cost")
    assert said.startswith("a forward pass takes 1,000,000 numbers per token, more than 400")


def test_a_promoted_parent_that_fails_on_a_further_seed_is_not_on_the_shortlist() -> None:
    """The others are, and a shortlist that was frozen before names it all the same."""
    few = TINY.named("few", claim_tasks=("copy.small",), shortlist=10)
    whole, record, lab = found(World(quality=better), "hillclimb", 12, protocol=few)
    assert whole.history is not None
    used = next(id for id, n in whole.history.uses.items() if n >= 2 and id != whole.history.bar)
    member = whole.history.members[used]
    assert used in record.shortlist
    last = max(
        int(str(r.job.spec["seed"]))
        for r in lab.asked
        if r.candidate == used and r.role == "train" and r.k == member.n - 1
    )

    def dies(job: Job) -> Outcome:
        own = job.spec["program"] == blob_name(member.design.text.encode())
        if own and job.spec.get("seed") == last:
            return failed("oom", "planted")
        return World(quality=better)(job)

    memory = Memory()
    settings = Settings(few, ARMS["hillclimb"], 0, "run", 12)
    search = Search(settings, FakeLab(dies), memory)
    made = search.result()
    assert made.history is not None
    assert used not in made.history.members
    assert next(r.reason for r in made.history.failed if r.design.id == used) == "oom"
    assert memory.shortlist
    assert used not in memory.shortlist
    frozen = Memory(shortlist=[used])
    assert [v.design.id for v in Search(settings, FakeLab(dies), frozen).result().verdicts] == [
        used
    ]


def test_a_parent_stays_where_the_bar_fails_on_a_further_seed() -> None:
    short = TINY.named("short", tiers=(Tier("T1", TINY.tiers[0].tasks, (2,), 0.1),))
    whole, _, lab = found(World(quality=better), "hillclimb", 12, protocol=short)
    assert whole.history is not None
    bar = whole.history.members[whole.history.bar].design
    late = {
        r.job.spec["seed"]
        for r in lab.asked
        if r.candidate == bar.id and r.role == "train" and r.k >= 2
    }
    parents = [m for m in whole.history.found() if m.n > m.first]
    assert parents
    assert late

    def dies(job: Job) -> Outcome:
        if job.spec["program"] == blob_name(bar.text.encode()) and job.spec.get("seed") in late:
            return failed("nan", "planted")
        return World(quality=better)(job)

    made = Search(
        Settings(short, ARMS["hillclimb"], 0, "run", 12), FakeLab(dies), Memory()
    ).result()
    assert made.history is not None
    assert {m.design.id for m in parents[:1]} <= set(made.history.members)
    assert not made.history.failed


def test_a_claim_on_a_task_that_no_panel_is_measured_on_is_refused_at_once() -> None:
    other = TINY.named("other", claim_tasks=("parity.small",))
    with pytest.raises(ValueError, match=r"parity\.small of claim_tasks is not among"):
        found(protocol=other)


def better(program: str, op: str) -> float:
    return 4.0 * (program not in PANEL_PROGRAMS)


PANEL_PROGRAMS = {blob_name(d.text.encode()) for d in panel(TINY.panel, Workshop())}


# ---- real workers, real crashes ----------------------------------------------------------------


def archive(store: Path, workers: int, count: int = COUNT) -> str:
    made = fake_search.settings("full", count, workers)
    with session(store, made, kinds=fake_search.KINDS) as opened:
        return opened.search().archive()


def test_any_number_of_workers_gives_the_same_archive_byte_for_byte(tmp_path: Path) -> None:
    made = [archive(tmp_path / f"{n}.db", n, 3) for n in (1, 2, 8)]
    assert made[0] == made[1] == made[2]
    assert '"members"' in made[0]


def test_kill_9_at_any_moment_then_the_same_command_gives_the_same_archive(tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole.db", 2, 4)
    store = tmp_path / "killed.db"
    command = [sys.executable, "-m", "tests.search.fake_search", str(store), "full", "4", "2"]
    draws = random.Random(0)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["."])}
    for _ in range(5):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        _wait_for_more(store, process)
        time.sleep(draws.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert archive(store, 2, 4) == whole
    with Store(store) as opened:
        count = "SELECT count(*), count(DISTINCT job) FROM outcomes"
        rows, jobs = opened.db.rows(count)[0]
        assert rows == jobs
        budget = opened.budgets.of("short-full-0")["candidates"]
        assert (budget.spent, budget.reserved, budget.overrun) == (4.0, 0.0, 0.0)


def _wait_for_more(store: Path, process: subprocess.Popen[bytes]) -> None:
    """Until a job is done that was not."""
    before = _outcomes(store)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None and _outcomes(store) <= before:
        time.sleep(0.05)


def _outcomes(store: Path) -> int:
    if not store.exists():
        return 0
    with Store(store) as opened:
        return int(opened.db.rows("SELECT count(*) FROM outcomes")[0][0])


def test_a_budget_of_time_is_not_overshot_and_more_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engineer, "GUESS", fake_search.PAUSE)
    monkeypatch.setattr(plan, "CHECK", fake_search.PAUSE)
    made = fake_search.settings("full", None, 2)
    with session(tmp_path / "s.db", made, BUDGET, kinds=fake_search.KINDS) as opened:
        result = opened.search()
    assert result.ended
    with Store(tmp_path / "s.db") as store:
        budget = store.budgets.of(made.run)["wall_seconds"]
        assert budget.spent <= BUDGET
    with session(tmp_path / "s.db", made, BUDGET, kinds=fake_search.KINDS) as opened:
        again = opened.search()
    # What was measured costs nothing: with no time left, all of it is there.
    assert result.history is not None
    assert again.history is not None
    assert list(again.history.members) == list(result.history.members)
    limited = replace(made, candidates=1)
    with (
        pytest.raises(Conflict, match="its cap cannot be 1"),
        session(tmp_path / "s.db", limited, None, kinds=fake_search.KINDS),
    ):
        pass


def test_a_run_goes_on_under_its_own_settings_only(tmp_path: Path) -> None:
    archive(tmp_path / "s.db", 1, 1)
    made = fake_search.settings("full", 1, 1)
    other = replace(made, protocol=made.protocol.named("other"))
    with (
        pytest.raises(Conflict, match="begun with protocol_hash"),
        session(tmp_path / "s.db", other, kinds=fake_search.KINDS),
    ):
        pass


# ---- what is refused ----------------------------------------------------------------------------

GOOD = """op mixer[D](x: Seq[D]) -> Seq[D] where causal {
  state S[D]
  S = 0.9 * S[t-1] + linear[D](x)
  return S * x
}
"""


class Scripted:
    """Proposes given texts, one a slot; then variations of a good one."""

    name = "full"

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def propose(self, view: object, rng: np.random.Generator) -> Proposal:
        if self.texts:
            text, op = self.texts.pop(0), "mixer"
        else:
            number = int(rng.integers(1, 10**9))
            text, op = GOOD.replace("0.9", f"0.{number:09d}"), "mixer"
        return Proposal(text, op, (), (), (), self.name, digest=text)


def test_what_is_refused_is_written_down_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        GOOD,
        GOOD.replace("linear[D](x)", "linear[D](x[t+1])"),
        GOOD.replace("linear[D](x)", "linear[D](y)"),
        GOOD.replace("S * x", "attend j where j <= t { score: x[t] @ x[j]  value: S[j] }"),
        GOOD.replace("S = 0.9", "U = 0.9").replace("state S", "state U").replace("S[t-1]", "U[t-1]")
        .replace("return S", "return U"),
        GOOD.replace("0.9", "0.8"),
    ]  # fmt: skip
    scripted = Scripted(texts)
    monkeypatch.setattr(Asked, "proposers", lambda self: {"full": scripted})
    result, record, _ = found(count=2)
    noted = sorted(record.noted, key=lambda n: n.number)[3:]
    verdicts = [(n.verdict, bool(n.note)) for n in noted]
    assert verdicts == [
        ("accepted", False), ("causal", True), ("type", True), ("cost", True),
        ("duplicate", True), ("accepted", False),
    ]  # fmt: skip
    assert result.history is not None
    assert result.history.rejected == {
        ("T0a", "causal"): 1, ("T0a", "type"): 1, ("T0a", "cost"): 1, ("T0a", "duplicate"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("reason", ["compile", "law", "cost"])
def test_what_fails_T0b_is_a_candidate_that_is_never_trained(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(Asked, "proposers", lambda self: {"full": Scripted([GOOD])})
    world = World(failures={"mixer": f"check {reason}"})
    result, record, lab = found(world, count=2)
    assert {n.verdict for n in record.noted[3:]} == {reason}
    assert all(n.note == f"planted {reason}" and n.candidate for n in record.noted[3:])
    assert not [r for r in lab.asked if r.job.spec["op"] == "mixer" and r.job.kind == "train"]
    assert result.history is not None
    assert not result.history.found()


@pytest.mark.parametrize("reason", ["nan", "oom", "timeout"])
def test_a_candidate_that_fails_has_a_reason_and_no_score(
    monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(Asked, "proposers", lambda self: {"full": Scripted([GOOD])})
    result, _, _ = found(World(failures={"mixer": f"train {reason}"}), count=2)
    assert result.history is not None
    assert not result.history.found()
    assert [r.reason for r in result.history.failed] == [reason, reason]
    assert all(math.isnan(r.effect) for r in result.history.failed)


def test_an_arm_that_has_nothing_to_say_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Same:
        def propose(self, view: object, rng: object) -> Proposal:
            return Proposal(GOOD, "mixer", (), (), (), "full", digest="same")

    monkeypatch.setattr(Asked, "proposers", lambda self: {"full": Same()})
    monkeypatch.setattr(loop, "BARREN", 3)
    result, _, _ = found(count=5)
    assert result.ended == "3 rounds brought nothing new"


# ---- luck and truth -----------------------------------------------------------------------------

SIMULATED = TINY.named(
    "simulated",
    tiers=(
        Tier("T1", ("update.small", "copy.small"), (2, 3, 8), 0.4),
        Tier("T2", ("bytes.small",), (5, 8), 0.5),
    ),
    panel=tuple(f"panel.{n}_mixer" for n in ("linc", "delta", "scalar", "gdn", "gla", "lin")),
)
RUNS = 20
NULL_RUNS = 40


def simulated(effect: float, runs: int) -> tuple[int, int]:
    """Runs that claim what was planted, and runs with a false claim, of the null arm with one copy
    in six better by `effect` sds of what is compared.
    """
    hits = false = 0
    for master in range(runs):
        planted: list[str] = []

        def quality(program: str, op: str, planted: list[str] = planted) -> float:
            if op.endswith("_mixer") or not effect:
                return 0.0
            if not planted:
                planted.append(op)
            return effect * math.sqrt(0.5) if op == planted[0] else 0.0

        result, _, _ = found(World(quality), "null", 6, master, SIMULATED)
        claimed = {v.design.op for v in result.verdicts if v.confirmed}
        hits += bool(claimed & set(planted))
        false += bool(claimed - set(planted))
    return hits, false


def test_a_planted_effect_of_1_6_sigma_is_found() -> None:
    assert simulated(1.6, RUNS)[0] >= 0.8 * RUNS


def test_a_null_run_claims_nothing() -> None:
    assert simulated(0.0, NULL_RUNS)[1] <= 0.05 * NULL_RUNS


def test_parents_that_are_used_often_get_further_seeds() -> None:
    result, _, lab = found(arm="hillclimb", count=18)
    assert result.history is not None
    bar = result.history.bar
    used = {id: n for id, n in result.history.uses.items() if n >= 2 and id != bar}
    grown = [m for id in used if (m := result.history.members.get(id)) and m.n > m.first]
    assert not used or grown or all(result.history.members[i].n >= 8 for i in used)
    assert lab.ran


def test_a_frozen_shortlist_is_confirmed_as_it_is() -> None:
    quality = World(lambda program, op: 0.0 if op.endswith("_mixer") else 3.0)
    first, record, lab = found(quality, "null", 4, 0, SIMULATED)
    assert record.shortlist
    again = Memory(shortlist=record.shortlist[:1])
    made = Settings(SIMULATED, ARMS["null"], 0, "run", 4)
    second = Search(made, lab, again).result()
    assert [v.design.id for v in second.verdicts] == record.shortlist[:1]
    assert first.verdicts


def test_what_is_too_good_is_audited_and_stays() -> None:
    quality = World(lambda program, op: 0.0 if op.endswith("_mixer") else 9.0)
    result, record, _ = found(quality, "null", 2)
    assert result.history is not None
    audits = [subject for kind, subject in record.events if kind == "audit"]
    assert audits == [m.design.id for m in result.history.found()]


def test_a_budget_that_ends_amid_a_race_keeps_what_was_measured() -> None:
    _, _, lab = found(count=6)
    ended = [found(count=6, most=lab.ran - cut)[0] for cut in range(1, 60, 7)]
    kept = [len(f.history.found()) for f in ended if f.history is not None]
    assert len(set(kept)) <= 2
    assert kept[0] == 6
    assert all("jobs were run" in f.ended for f in ended[1:])


def test_what_is_written_is_what_a_report_reads(tmp_path: Path) -> None:
    """Of the arm whose parents are of the literature, which nobody has measured."""
    made = fake_search.settings("random", 2, 2)
    with session(tmp_path / "s.db", made, kinds=fake_search.KINDS) as opened:
        result = opened.search()
        data = collect(opened.store, made.run)
        proposals = opened.store.knowledge.proposals(made.run)
        parents = [p for p in proposals[-1].parents if not opened.store.knowledge.knows(p)]
        claims = opened.store.claims.frozen(made.run)
        assert len(opened.store.events.since()) > 0
    assert parents == []
    assert proposals[-1].edits
    assert result.history is not None
    assert result.yardstick is not None
    assert data.asked.baseline == result.yardstick.bar.name
    measured = {c.id for c in data.candidates if c.overall.known}
    assert {m.design.id for m in result.history.found()} <= measured
    assert [list(claims.values())] == [[[v.design.id for v in result.verdicts]]] or not claims


def seeds_of(lab: FakeLab, role: str) -> set[int]:
    jobs = [r.job.spec for r in lab.asked if r.job.kind == "train" and r.role == role]
    return {int(str(spec["seed"])) for spec in jobs}


def test_runs_share_what_they_measure_but_not_what_confirms() -> None:
    quality = World(lambda program, op: 0.0 if op.endswith("_mixer") else 3.0)
    labs = {name: FakeLab(quality) for name in ("first", "second")}
    for name, lab in labs.items():
        Search(Settings(TINY, ARMS["null"], 0, name, COUNT), lab, Memory()).result()
    first, second = labs.values()
    for role in ("train", "select"):
        assert seeds_of(first, role) == seeds_of(second, role) != set()
    assert seeds_of(first, "confirm")
    assert not seeds_of(first, "confirm") & seeds_of(second, "confirm")
