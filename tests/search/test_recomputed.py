"""What a report says of a search, beside the same numbers by another way: SQL and numpy alone.

`Recomputed` reads the file as a sceptic would and imports nothing of what it checks.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from asiarch.search.job import Job, Outcome, blob_name, failed
from asiarch.search.loop import ARMS, Found, Settings
from asiarch.search.loop.panel import panel
from asiarch.search.loop.session import session
from asiarch.search.report.collect import collect
from asiarch.search.report.data import Candidate, Estimate, ReportData
from asiarch.search.report.outcome import NOT_HELD, outcome
from asiarch.search.report.verdict import verdict
from asiarch.search.researcher import Workshop
from tests.search.fake import TINY, World, normal
from tests.search.test_ranking_commands import InProcess

RUN = "sceptic"
PROTOCOL = TINY.named(
    "sceptic", panel=(*TINY.panel, "panel.gla_mixer", "panel.conv_mixer"), select_seeds=1
)


@dataclass
class Failing(World):
    """A world where candidates are better than the panel by up to three sds, some break a law, and
    some of their runs die, on one task more often than on another.
    """

    panel: frozenset[str] = frozenset(
        blob_name(d.text.encode()) for d in panel(PROTOCOL.panel, Workshop())
    )

    def __call__(self, job: Job) -> Outcome:
        spec = job.spec
        if str(spec["program"]) not in self.panel:
            if job.kind == "check" and normal("law", spec["program"]) > 1.2:
                return failed("law", "planted", seconds=0.1)
            rare = 1.9 if "copy" in str(spec.get("task")) else 2.6
            dies = normal("dies", spec["program"], spec.get("task"), spec.get("seed")) > rare
            if job.kind == "train" and dies:
                return failed("nan", "planted", seconds=0.1)
        return super().__call__(job)

    def loss(self, program: str, op: str, task: str, seed: int) -> float:
        place = int(hashlib.sha256(program.encode()).hexdigest()[:4], 16) / 65536
        better = 0.0 if program in self.panel else 3.0 * place
        return super().loss(program, op, task, seed) - better


@dataclass
class Recomputed:
    """The run's numbers, from its file."""

    path: Path
    tasks: tuple[str, ...]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            return db.execute(sql, values).fetchall()

    @cached_property
    def bar(self) -> str:
        return self.rows("SELECT subject FROM events WHERE kind = 'bar' AND run = ?", RUN)[-1][0]

    @cached_property
    def panel(self) -> list[str]:
        sql = "SELECT candidate FROM proposals WHERE run = ? AND operator = 'panel' ORDER BY number"
        return [id for (id,) in self.rows(sql, RUN)]

    @cached_property
    def outcomes(self) -> Counter[str]:
        """What became of proposals, the panel's apart."""
        sql = "SELECT verdict FROM proposals WHERE run = ? AND operator != 'panel'"
        return Counter(v for (v,) in self.rows(sql, RUN))

    @cached_property
    def losses(self) -> dict[tuple[str, str, str], dict[int, float]]:
        """By candidate, task and role: the metric by seed's count; nan where a run failed."""
        sql = """SELECT candidate, json_extract(spec, '$.task'), role, k, status,
                 json_extract("values", '$.auc') FROM measurements
                 WHERE run = ? AND kind = 'train' AND status IS NOT NULL"""
        out: dict[tuple[str, str, str], dict[int, float]] = {}
        for id, task, role, k, status, value in self.rows(sql, RUN):
            ended = float(value) if status == "done" else math.nan
            out.setdefault((id, task, role), {})[k] = ended
        return out

    def pairs(self, id: str, task: str, role: str) -> np.ndarray:
        own, base = self.losses.get((id, task, role), {}), self.losses[self.bar, task, role]
        return np.array([base[k] - own[k] for k in sorted(own)])

    @cached_property
    def units(self) -> dict[str, float]:
        """The sd of one paired difference: of the panel, without rows' and columns' means."""
        return {task: self._unit(task) for task in self.tasks}

    def _unit(self, task: str) -> float:
        seeds = PROTOCOL.tiers[0].seeds[-1]
        x = np.array([[self.losses[c, task, "train"][k] for k in range(seeds)] for c in self.panel])
        left = x - x.mean(0) - x.mean(1)[:, None] + x.mean()
        return float(np.sqrt(2 * (left**2).sum() / (len(x) - 1) / (seeds - 1)))

    @cached_property
    def whole(self) -> list[str]:
        """Who has a run on every task and none that failed."""
        ids = {c for c, _, _ in self.losses}
        rows = {
            c: [self.losses.get((c, t, "train"), {0: math.nan}) for t in self.tasks] for c in ids
        }
        return sorted(
            c for c, r in rows.items() if all(math.isfinite(v) for x in r for v in x.values())
        )

    def spread(self, task: str) -> tuple[float, float]:
        """The pooled sd of paired differences and its degrees of freedom."""
        rows = [self.pairs(c, task, "train") for c in self.whole if c != self.bar]
        rows = [r for r in rows if len(r) > 1]
        centred = [r - r.mean() for r in rows]
        residual = sum(len(r) - 1 for r in rows)
        sigma = math.sqrt(sum(float((c**2).sum()) for c in centred) / residual)
        x = np.array([c[: min(map(len, rows))] for c in centred])
        n, s = x.shape
        worth = float(residual)
        if n >= 2 and s >= 3:
            x = x - x.mean(1, keepdims=True)
            between = n * float((x.mean(0) ** 2).sum()) / (s - 1)
            within = float(((x - x.mean(0)) ** 2).sum()) / ((n - 1) * (s - 1))
            ratio = between / within
            rho = max((ratio - 1) / (ratio - 1 + n), 0.0)
            worth /= 1 + (len(rows) - 1) * rho**2
        return sigma, max(worth, 1.0)

    def overall(self, id: str) -> Estimate:
        """The mean over tasks in units, with its 95 % interval."""
        pairs = {t: self.pairs(id, t, "train") for t in self.tasks}
        value = np.mean([pairs[t].mean() / self.units[t] for t in self.tasks])
        spreads = {t: self.spread(t) for t in self.tasks}
        parts = [(spreads[t][0] / self.units[t]) ** 2 / len(pairs[t]) for t in self.tasks]
        # An effect of d units is d / sqrt(2 df) unsure for the unit's sake.
        df = (len(self.panel) - 1) * (PROTOCOL.tiers[0].seeds[-1] - 1)
        parts += [(pairs[t].mean() / self.units[t]) ** 2 / (2 * df) for t in self.tasks]
        half = stats.t.ppf(0.975, min(df for _, df in spreads.values()))
        half *= math.sqrt(sum(parts)) / len(self.tasks)
        return Estimate(float(value), float(value - half), float(value + half))

    def confirmations(self) -> dict[str, tuple[bool, float, float, float, float]]:
        """Of the shortlist: confirmed, effect, interval that holds for all, Holm's p."""
        (listed,) = self.rows("SELECT shortlist FROM claims WHERE run = ?", RUN)
        ids: list[str] = json.loads(listed[0])
        x = np.array([
            np.mean([self.pairs(c, t, "confirm") / self.units[t] for t in self.tasks], axis=0)
            for c in ids
        ])  # fmt: skip
        n = x.shape[1]
        error = x.std(1, ddof=1) / math.sqrt(n)
        p = np.where(np.isfinite(error), stats.t.sf(x.mean(1) / error, n - 1), 1.0)
        adjusted, largest = np.zeros(len(p)), 0.0
        for place, i in enumerate(np.argsort(p, kind="stable")):
            largest = max(largest, min(1.0, float(p[i]) * (len(p) - place)))
            adjusted[i] = largest
        reach = stats.t.ppf(1 - 0.05 / (2 * len(p)), n - 1) * error
        return {
            c: (adjusted[i] <= 0.05, *map(float, (x[i].mean(), x[i].mean() - reach[i],
                                                  x[i].mean() + reach[i], adjusted[i])))
            for i, c in enumerate(ids)
        }  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Found, ReportData]]:
    path = tmp_path_factory.mktemp("sceptic") / "s.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asiarch.search.loop.session.LocalProcesses", InProcess)
        patch.setattr("asiarch.search.lab.POLL", 0.0)
        patch.setattr(InProcess, "ran", 0)
        patch.setattr(InProcess, "most", None)
        patch.setattr(InProcess, "world", Failing())
        settings = Settings(PROTOCOL, ARMS["full"], 3, RUN, 30, 1)
        with session(path, settings) as opened:
            found = opened.search()
        # Another arm, which has the panel from the first one.
        with session(path, Settings(PROTOCOL, ARMS["null"], 3, f"{RUN}-null", 2, 1)) as opened:
            opened.search()
            yield path, found, collect(opened.store, RUN)


@pytest.fixture(scope="module")
def again(searched: tuple[Path, Found, ReportData]) -> Recomputed:
    return Recomputed(searched[0], PROTOCOL.tiers[0].tasks)


def close(a: Estimate, b: Estimate) -> bool:
    pairs = ((a.value, b.value), (a.low, b.low), (a.high, b.high))
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in pairs)


def by_id(data: ReportData) -> dict[str, Candidate]:
    return {c.id: c for c in data.candidates}


def test_the_world_has_everything_that_is_counted(
    searched: tuple[Path, Found, ReportData], again: Recomputed
) -> None:
    _, found, _ = searched
    assert found.history is not None
    assert found.history.failed
    assert found.history.rejected
    assert {v.confirmed for v in found.verdicts} == {True, False}
    assert any(v.reason for v in found.verdicts)
    partly = {c for c, t, r in again.losses if r == "train"} - set(again.whole)
    assert any(  # of somebody one task is whole and another is not
        all(math.isfinite(v) for v in again.losses.get((c, t, "train"), {}).values())
        for c in partly for t in again.tasks
    )  # fmt: skip


def test_units_and_the_bar(searched: tuple[Path, Found, ReportData], again: Recomputed) -> None:
    _, found, data = searched
    assert found.yardstick is not None
    assert found.yardstick.bar.id == again.bar
    assert data.asked.baseline == by_id(data)[again.bar].name
    for task in again.tasks:
        assert math.isclose(found.yardstick.sigma[task], again.units[task], rel_tol=1e-9)


def test_effects_and_intervals(searched: tuple[Path, Found, ReportData], again: Recomputed) -> None:
    """Of everybody without a failed run; who has one has no effect and a reason."""
    _, found, data = searched
    assert found.history is not None
    people = by_id(data)
    measured = {c for c, _, role in again.losses if role == "train"}
    assert len(again.whole) > 10
    for id in measured:
        shown = people[id].overall
        if id == again.bar:
            assert shown.value == 0
        elif id in again.whole:
            assert close(shown, again.overall(id))
            member = found.history.members[id]
            assert math.isclose(member.effect, shown.value, rel_tol=1e-9, abs_tol=1e-12)
        else:
            assert not shown.known, "a run failed: no effect of the others' stands in for it"
            assert people[id].reason == "nan"
            assert id not in found.history.members


def test_counts(searched: tuple[Path, Found, ReportData], again: Recomputed) -> None:
    _, found, data = searched
    history = found.history
    assert history is not None
    proposed = [c for c in data.candidates if not c.panel]
    assert len(proposed) == sum(again.outcomes.values()) == history.proposed
    assert again.outcomes["accepted"] == len(history.found()) + len(history.failed)
    rejected = sum(again.outcomes.values()) - again.outcomes["accepted"]
    assert rejected == sum(n for (_, why), n in history.rejected.items() if why != "no proposal")
    raced = [c for c in again.whole if c not in again.panel]
    text = " ".join(verdict(data).said)
    assert f"{len(proposed)} candidates were proposed" in text
    assert f"{rejected} turned away before any training" in text
    assert f"{len(raced)} measured" in text
    found_again = again.confirmations().values()
    assert f"{len(found_again)} measured again on fresh seeds" in text
    assert f"{sum(1 for stands, *_ in found_again if stands)} of them passed" in text
    ((charged,),) = again.rows(
        "SELECT sum(amount) FROM charges WHERE run = ? AND resource = 'candidates'", RUN
    )
    assert charged == history.candidates


def test_confirmations(searched: tuple[Path, Found, ReportData], again: Recomputed) -> None:
    _, _, data = searched
    people = by_id(data)
    found = again.confirmations()
    assert {c for c, p in people.items() if p.claim} == {c for c, f in found.items() if f[0]}
    for id, (stands, effect, low, high, p) in found.items():
        if not math.isfinite(effect):
            assert not stands
            assert not people[id].confirmed.known
            assert people[id].reason == "nan"
            assert outcome(people[id], claims=True) == NOT_HELD
            continue
        assert close(people[id].confirmed, Estimate(effect, low, high))
        assert math.isclose(people[id].p, p, rel_tol=1e-6, abs_tol=1e-15)


def test_costs(searched: tuple[Path, Found, ReportData], again: Recomputed) -> None:
    _, _, data = searched
    sql = """SELECT resource, sum(amount) FROM charges WHERE run = ? GROUP BY resource"""
    for resource, amount in again.rows(sql, RUN):
        shown = float(data.asked.spent[resource].replace(",", ""))
        assert math.isclose(shown, amount, rel_tol=0.01, abs_tol=0.5)
    assert data.compute_unit == "FLOPs"
    # What a run uses is its compute, whoever trained it.
    for name, run in (("full", RUN), ("null", f"{RUN}-null")):
        sql = "SELECT sum(flops) FROM outcomes WHERE job IN (SELECT job FROM uses WHERE run = ?)"
        ((flops,),) = again.rows(sql, run)
        (arm,) = [a for a in data.discoveries if a.arm == name]
        assert math.isclose(arm.compute[-1], flops, rel_tol=1e-12)
    ((shared,),) = again.rows(
        "SELECT count(*) FROM uses JOIN outcomes USING (job) JOIN jobs ON key = job"
        " WHERE uses.run != jobs.run AND flops > 0"
    )
    assert shared > 0
    (arm,) = [a for a in data.discoveries if a.arm == "full"]
    claimed = sum(1 for stands, *_ in again.confirmations().values() if stands)
    assert arm.count[-1] == claimed
