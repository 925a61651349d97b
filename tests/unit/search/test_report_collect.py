"""From a store to a report: effects are those of the runs, and nothing is made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from asiarch.search.analyst.attribution import Evidence
from asiarch.search.engineer import yardstick
from asiarch.search.engineer.design import Design
from asiarch.search.engineer.scores import Score
from asiarch.search.engineer.scores import Scores as EngineerScores
from asiarch.search.job import Job, done, failed
from asiarch.search.library import panel
from asiarch.search.protocol import QUICK, Protocol, Tier
from asiarch.search.ranking.measure import ranked
from asiarch.search.report import data as d
from asiarch.search.report.collect import collect, components, gains
from asiarch.search.report.collect.asked import _beyond, _chosen
from asiarch.search.report.collect.candidates import PANEL
from asiarch.search.report.collect.edits import edit_effects, share
from asiarch.search.report.collect.effects import Effects
from asiarch.search.report.collect.scores import Result, results, scores
from asiarch.search.report.example import GENES, program
from asiarch.search.report.page import page
from asiarch.search.report.verdict import verdict
from asiarch.search.stats.confirm import power
from asiarch.search.store import Candidate, Edit, Proposal, Store

from .support import Clock

TASKS = ("update.small", "copy.small")
RATES = (2e-3, 5e-3, 1.2e-2)
PROTOCOL = Protocol(
    name="small", metric="auc", panel=("a", "b"), tiers=(Tier("T1", TASKS, (2, 4), 0.05),),
    learning_rates=RATES, select_seeds=1, confirm_seeds=8, claim_tasks=TASKS,
)  # fmt: skip
RULES = {"sums": ("sum", 0.9), "decays": ("scalar", 0.5), "diagonals": ("diagonal", 0.4),
         "deltas": ("delta", 0.1), "gates": ("gated_delta", 0.0)}  # fmt: skip
SEEDS = (0, 1, 2, 3)


def loss(task: str, gap: float, seed: int, noise: float) -> float:
    """A task's own level, the seed's shift that all share, the design's gap, a little noise."""
    level = 2.0 if task == "update.small" else 1.0
    return level * (1 + gap) + 0.1 * seed + level * noise


class Search:
    """Fills a store as a loop would."""

    def __init__(self, store: Store) -> None:
        self.store, self.rng = store, np.random.default_rng(0)
        self.gaps: dict[str, float] = {}
        self.losses: dict[tuple[str, str, str, int], float] = {}
        self.number = 0
        self.checked: set[str] = set()

    def propose(
        self, run: str, id: str, rule: str, gap: float, *, operator: str = "replace",
        parents: tuple[str, ...] = (), edits: tuple[Edit, ...] = (), verdict: str = "accepted",
        label: str = "", note: str = "",
    ) -> None:  # fmt: skip
        genes = {g: v[0] for g, v in GENES.items()} | {"rule": rule, "scale": str(len(self.gaps))}
        text = program(genes)
        self.gaps.setdefault(id, gap)
        self.store.knowledge.add(Candidate(id, text, "mixer", {"D": 16, "H": 2}))
        known = id if verdict == "accepted" or id in self.checked else None
        self.store.knowledge.propose(
            Proposal(run, self.number, operator, text, "mixer", verdict, known, parents, edits,
                     label, note)
        )  # fmt: skip
        self.number += 1

    def train(
        self, run: str, id: str, role: str, seeds: tuple[int, ...], *, tier: str = "T1",
        rates: tuple[float, ...] = (5e-3,), fail: str = "",
    ) -> None:  # fmt: skip
        for task in TASKS:
            for seed in seeds:
                jobs = [
                    Job("train", {"program": id, "task": task, "seed": seed, "role": role,
                                  "learning_rate": rate, "run": run})
                    for rate in rates
                ]  # fmt: skip
                self.store.jobs.submit(run, jobs)
                self.store.knowledge.use(run, id, jobs, role=role, tier=tier, k=seed)  # type: ignore[arg-type]
                for _ in jobs:
                    self._end(id, task, role, fail)

    def check(self, run: str, id: str) -> None:
        job = Job("check", {"program": id, "network": TASKS[0], "run": run})
        self.store.jobs.submit(run, [job])
        self.store.knowledge.use(run, id, [job], role="train", tier="T0b")
        lease = self.store.jobs.lease("w", width=1)
        assert lease is not None
        self.store.jobs.record(lease, [failed("law", "token 3 differs", seconds=1)])

    def _end(self, id: str, task: str, role: str, fail: str) -> None:
        lease = self.store.jobs.lease("w", width=1)
        assert lease is not None
        (job,) = lease.jobs
        seed, rate = job.spec["seed"], job.spec["learning_rate"]
        assert isinstance(seed, int)
        assert isinstance(rate, float)
        value = loss(task, self.gaps[id], seed, 0.02 * float(self.rng.normal()))
        value += 0.2 * abs(math.log(rate / 5e-3))
        if fail:
            self.store.jobs.record(lease, [failed("nan", "at step 3", seconds=1, flops=1e9)])
            return
        self.losses[id, task, role, seed] = value
        values = {
            "auc": value, "curve": [value + 1, value, value - 0.5], "steps": 300,
            "metrics": {"solved": 1.0 if value < 2 else 0.0, "accuracy": 0.5},
            "parameters": 1000, "state_floats": 64 if task == TASKS[0] else 32,
            "flops_per_token": 5e3,
        }  # fmt: skip
        seconds = 3.0 if id == "gates" else 6.0
        self.store.jobs.record(lease, [done(values, seconds=seconds, flops=1e9)])


def fill(store: Store) -> Search:
    protocol = PROTOCOL.to_json()
    store.runs.begin("main", protocol, master=7, arm="full", code="0.1.0+test")
    search = Search(store)
    for name, (rule, gap) in RULES.items():
        search.propose("main", name, rule, gap, operator="panel", label=name)
        search.train("main", name, "select", (90,), rates=RATES)
        search.train("main", name, "train", SEEDS)
        search.train("main", name, "train", (50, 51), tier="T2")
    card = Edit("replace", "mixer", "gate", {"cognition": ["card-1"], "experience": []})
    own = Edit("insert", "mixer", "norm", {"cognition": [], "experience": [], "original": True})
    both = Edit("splice", "mixer", "read", {"cognition": ["c"], "experience": ["gates"]})
    for i, gap in enumerate((-0.15, 0.05, 0.05, 0.1, -0.1)):
        search.propose("main", f"new{i}", "gated_delta", gap, parents=("gates",),
                       edits=((card, own, card, both, own)[i],))  # fmt: skip
        search.train("main", f"new{i}", "train", SEEDS)
    search.propose("main", "broken", "sum", 0.0, parents=("sums",), edits=(own,))
    search.train("main", "broken", "train", (0,), fail="nan")
    search.propose("main", "unlawful", "sum", 0.0, parents=("sums",), edits=(own,))
    search.check("main", "unlawful")
    search.propose("main", "new0", "delta", 0.0, verdict="duplicate", label="gates", note="seen")
    search.propose("main", "wide", "delta", 0.0, verdict="cost", note="work is O(T^2)")
    search.checked.add("slow")  # refused for what T0b counted: it has a candidate
    search.propose("main", "slow", "delta", 0.0, verdict="cost", note="too many numbers")
    claim = store.claims.freeze("main", ["new0", "new4"])
    for id in ("gates", "new0", "new4"):
        search.train("main", id, "confirm", tuple(range(100, 108)), tier="C")
    # The verdict on new4 is not what its interval says: a store's verdict is what counts.
    audit = {"update.small": {"laws": {"ok": True, "said": "nothing later is read"}}}
    evidence = {"effect": 5.5, "low": 4.5, "high": 6.5, "p": 0.001, "audit": audit}
    store.claims.judge(claim, "new0", True, evidence)
    store.claims.judge(claim, "new4", False, {})
    store.runs.begin("luck", protocol, master=8, arm="null")
    search.train("luck", "gates", "train", (200,))
    store.runs.begin("elsewhere", protocol | {"alpha": 0.5}, master=9, arm="other")
    search.train("elsewhere", "gates", "train", (300,))
    return search


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Search]]:
    with Store(tmp_path_factory.mktemp("report") / "s.db", clock=Clock()) as store:
        yield store, fill(store)


@pytest.fixture(scope="module")
def collected(filled: tuple[Store, Search]) -> d.ReportData:
    return collect(filled[0], "main")


def by_name(data: d.ReportData) -> Mapping[str, d.Candidate]:
    return {c.id: c for c in data.candidates}


def test_effects_are_the_means_of_paired_differences(
    filled: tuple[Store, Search], collected: d.ReportData
) -> None:
    _, search = filled
    for id in ("sums", "new0", "new3"):
        for e in by_name(collected)[id].effects:
            role, seeds = (
                ("train", SEEDS) if e.stage == d.SELECTION else ("confirm", range(100, 108))
            )
            if id == "sums":
                seeds = (*SEEDS, 50, 51)
            wanted = [
                search.losses["gates", e.task, role, s] - search.losses[id, e.task, role, s]
                for s in seeds
            ]
            assert e.estimate.value == pytest.approx(sum(wanted) / len(wanted))
            assert e.seeds == len(wanted)
            assert e.estimate.low < e.estimate.value < e.estimate.high


def test_the_ceiling_is_what_is_beyond_the_bounds_of_a_candidate(collected: d.ReportData) -> None:
    assert collected.asked.ceiling == ()
    rows = [
        d.Candidate(e.name, e.name, e.text, e.op, arm=PANEL, overall=d.Estimate(float(n)))
        for n, e in enumerate(panel())
        if e.op in ("softmax_mixer", "softmaxc_mixer", "swa_mixer", "delta_mixer")
    ]
    assert len(rows) == 4
    above = sorted((r for r in rows if "softmax" in r.op), key=lambda r: -r.overall.value)
    best, other = (r.name for r in above)
    assert _beyond(rows) == (best, other)
    assert _beyond(rows[::-1]) == _beyond(rows)


def test_the_baseline_is_the_best_of_the_panel_unless_one_was_named(
    filled: tuple[Store, Search], collected: d.ReportData
) -> None:
    store, _ = filled
    assert collected.asked.baseline == "gates"
    assert by_name(collected)["gates"].overall == d.Estimate(0.0)
    store.events.add("bar", "deltas", run="main")
    named = collect(store, "main")
    store.events.add("bar", "gates", run="main")
    assert named.asked.baseline == "deltas"
    assert by_name(named)["gates"].overall.value > 0


def test_an_effect_over_tasks_is_in_sds_and_has_the_sign_of_better(collected: d.ReportData) -> None:
    rows = by_name(collected)
    assert rows["new0"].overall.low > 0 > rows["new3"].overall.high
    assert rows["sums"].overall.value < rows["decays"].overall.value < 0
    # gap -0.15 of a level of 1; a difference has sd 0.02 sqrt(2) of the level
    assert rows["new0"].overall.value == pytest.approx(0.15 / (0.02 * math.sqrt(2)), rel=0.5)


def test_the_unit_is_that_of_the_engineer_s_yardstick(filled: tuple[Store, Search]) -> None:
    store, search = filled
    table = scores(results(store.knowledge.measurements("main"), "auc"))
    effects = Effects(table, "gates", 0.95, panel=list(RULES))
    rows = {
        (id, task): [Score(search.losses[id, task, "train", s]) for s in (*SEEDS, 50, 51)]
        for id in RULES
        for task in TASKS
    }
    designs = [Design(id, id, "", "mixer") for id in RULES]
    for task in TASKS:
        wanted = yardstick._noise(EngineerScores(rows), designs, task)
        assert effects.units[task] == pytest.approx(wanted)


def test_a_claim_is_the_store_s_verdict_and_no_other(collected: d.ReportData) -> None:
    assert [c.id for c in collected.candidates if c.claim] == ["new0"]
    rows = by_name(collected)
    assert rows["new0"].confirmed == d.Estimate(5.5, 4.5, 6.5)
    assert rows["new0"].audit == ("update.small, laws: well, nothing later is read",)
    assert rows["new4"].confirmed.low > 0
    assert not rows["new4"].claim
    assert rows["new1"].confirmed == d.UNKNOWN
    assert rows["new0"].seeds == 8
    assert rows["new0"].p == 0.001
    assert verdict(collected).headline.startswith("1 claim: mixer 5 beats the baseline")


def test_failures_have_reasons_and_no_score(collected: d.ReportData) -> None:
    rows = by_name(collected)
    assert (rows["broken"].reason, rows["broken"].message) == ("nan", "at step 3")
    assert not rows["broken"].overall.known
    assert (rows["unlawful"].reached, rows["unlawful"].reason) == ("T0b", "law")
    assert rows["unlawful"].message == "token 3 differs"
    turned = {c.reason: c for c in collected.candidates if c.reached == "T0a"}
    assert turned["cost"].message == "work is O(T^2)"
    later = {c.reason: c for c in collected.candidates if c.reached == "T0b"}
    assert later["cost"].message == "too many numbers"
    assert len(rows) == len(collected.candidates)


def test_learning_rates_are_of_the_seeds_that_chose_them(collected: d.ReportData) -> None:
    assert collected.rates == RATES
    assert {c.name for c in collected.rate_curves} == set(RULES)
    assert all(c.panel and c.losses[1] == min(c.losses) for c in collected.rate_curves)


def test_provenance_is_counted_by_what_an_edit_cites(collected: d.ReportData) -> None:
    every, claimed = collected.shares
    assert (every.group, every.counts, every.others, every.lineages) == (
        "all edits",
        (2, 0, 4),
        1,
        2,
    )
    # An edit that cites both is half of each.
    assert [e.value for e in every.classes] == pytest.approx([2.5 / 7, 0.5 / 7, 4 / 7])
    assert not every.classes[0].bounded
    assert (claimed.counts, claimed.others) == ((1, 0, 0), 0)


def test_edit_effects_are_of_children_against_their_parents(collected: d.ReportData) -> None:
    rows = {e.operator: e for e in collected.edit_effects}
    assert set(rows) == {"replace", "insert", "splice"}
    assert rows["replace"].count == 2
    assert rows["replace"].better.value == 0.5
    assert rows["splice"].effect.value < 0
    assert rows["splice"].lineages == 1
    assert not rows["splice"].effect.bounded


def test_edit_effects_of_two_lineages_have_the_analyst_s_intervals(
    filled: tuple[Store, Search], collected: d.ReportData
) -> None:
    table = scores(results(filled[0].knowledge.measurements("main"), "auc"))
    effects = Effects(table, "gates", 0.95)
    moved = tuple(
        replace(c, parents=("deltas",)) if c.id == "new2" else c for c in collected.candidates
    )
    rows = {e.operator: e for e in edit_effects(moved, effects)}
    assert rows["replace"].lineages == 2
    assert rows["replace"].effect.bounded
    assert rows["replace"].effect.low < rows["replace"].effect.value


def test_evidence_of_the_analyst_is_shown_by_its_level() -> None:
    found = components(
        [
            Evidence("conv", "lift", 2.0, 0.5, 4.0, 3, ""),
            Evidence("gate", "model", 0.2, 0.1, 0.3, 5, ""),
            Evidence("conv", "causal", 0.1, 0.05, 0.15, 4, "sd"),
        ]
    )
    assert [c.name for c in found] == ["conv", "gate"]
    assert found[0].causal == d.Estimate(0.1, 0.05, 0.15)
    assert found[0].lift == d.Estimate(math.log(2), math.log(0.5), math.log(4))
    assert (found[0].lineages, found[0].model) == (4, d.UNKNOWN)
    assert found[1].causal == d.UNKNOWN


def test_shares_of_five_lineages_have_intervals_over_them(collected: d.ReportData) -> None:
    new = by_name(collected)["new0"]
    rows = [replace(new, id=f"c{i}") for i in range(30)]
    few = share("all", rows, {c.id: str(i % 6) for i, c in enumerate(rows)})
    assert (few.lineages, few.classes[0].bounded) == (6, True)
    mixed = [replace(c, edits=c.edits if i % 2 else ()) for i, c in enumerate(rows)]
    own = d.Edit("insert", source="original")
    mixed = [c if c.edits else replace(c, edits=(own,)) for c in mixed]
    # Whole lineages agree here: over them the share is far less sure than over edits.
    told = share("all", mixed, {c.id: str(i % 6) for i, c in enumerate(rows)}).classes[0]
    each = share("all", mixed, {c.id: c.id for c in rows}).classes[0]
    assert told.value == each.value == 0.5
    assert told.high - told.low > 1.5 * (each.high - each.low)


def test_few_kinds_of_edits_are_asked_about_on_the_way_to_each_lineage_s_best(
    filled: tuple[Store, Search], collected: d.ReportData
) -> None:
    store, search = filled
    effects = Effects(scores(results(store.knowledge.measurements("main"), "auc")), "gates", 0.95)
    rows = by_name(collected)
    # new4 was made of new0, which was made of the baseline: two steps of two kinds.
    moved = {c.id: replace(c, parents=("new0",)) if c.id == "new4" else c for c in rows.values()}
    way = gains._way(moved["new4"], list(moved.values()), effects)
    for kind, child, parent in (("insert", "new4", "new0"), ("replace", "new0", "gates")):
        wanted = [
            np.mean([
                (search.losses[parent, t, "train", s] - search.losses[child, t, "train", s])
                / effects.units[t]
                for t in TASKS
            ])
            for s in SEEDS
        ]  # fmt: skip
        assert way[kind] == pytest.approx(wanted)
    assert [c.id for c in gains.winners(collected.candidates)] == ["new0"]
    # Neither the panel nor the null arm won anything, however good they look.
    lucky = [replace(c, overall=d.Estimate(99.0)) if c.panel else c for c in rows.values()]
    lucky = [replace(c, arm=d.NULL) if c.id == "new0" else c for c in lucky]
    assert [c.id for c in gains.winners(lucky)] == ["new4"]
    assert "1 kind of edit" in collected.pareto_question
    bare = [replace(c, edits=()) for c in rows.values()]
    assert gains.edit_question(bare, effects) == ""


def test_edits_of_many_lineages_answer_the_question_of_few_kinds() -> None:
    effects, people = lineages_of_edits(lambda kind, rng: 3.0 * (kind == "a") + rng.normal(0, 0.1))
    said = gains.edit_question(people, effects)
    assert said.endswith("yes.")
    assert "The best 1 of 5 kinds of edits".lower() in said.lower()
    effects, people = lineages_of_edits(lambda kind, rng: 1.0 + rng.normal(0, 0.1))
    assert gains.edit_question(people, effects).endswith("no.")
    # planted: noise alone, where the best of five noisy kinds looks like most of the gain
    effects, people = lineages_of_edits(lambda kind, rng: 0.6 + rng.normal(0, 3.0))
    assert "yes" not in gains.edit_question(people, effects)


def lineages_of_edits(
    gain: Callable[[str, np.random.Generator], float], count: int = 8
) -> tuple[Effects, list[d.Candidate]]:
    """Lineages of one panel member and five children in a row, each by another kind of edit."""
    rng, found = np.random.default_rng(0), list[Result]()
    people: list[d.Candidate] = []
    for n in range(count):
        losses = np.full(8, 20.0)
        for step, kind in enumerate(("", "a", "b", "c", "d", "e")):
            id, parent = f"{n}-{step}", f"{n}-{step - 1}"
            losses = losses - [gain(kind, rng) if kind else rng.normal(0, 0.1) for _ in losses]
            for seed, loss in enumerate(losses):
                found.append(
                    Result(id, "T1", "train", "t", str(seed), 1.0, float(loss), "", "", 1.0, {})
                )
            made = (d.Edit(kind, source="original"),) if kind else ()
            people.append(
                d.Candidate(
                    id, id, arm="full" if kind else d.PANEL, parents=(parent,) if kind else (),
                    edits=made, overall=d.Estimate(float(20 - losses.mean())),
                )
            )  # fmt: skip
    return Effects(scores(found), "0-0", 0.95), people


def test_tiers_are_compared_over_the_panel(collected: d.ReportData) -> None:
    pairs = {(p.first, p.second): p for p in collected.tiers}
    assert pairs["T1", "T2"].rho.value == pytest.approx(1.0)
    assert pairs["T1", "T2"].count == 5


def test_arms_of_the_protocol_are_counted_against_all_compute(collected: d.ReportData) -> None:
    arms = {a.arm: a for a in collected.discoveries}
    assert set(arms) == {"full", "null"}
    assert arms["null"].count[-1] == 0
    assert arms["full"].count[-1] == 1
    jobs = 5 * (2 * 3 + 2 * 4 + 2 * 2) + 5 * 8 + 2 + 3 * 16
    assert arms["full"].compute[-1] == pytest.approx(jobs * 1e9)
    assert collected.compute_unit == "FLOPs"


def test_runs_of_another_store_count_as_compute_that_was_used(
    filled: tuple[Store, Search], collected: d.ReportData, tmp_path: Path
) -> None:
    """A result that was taken over has no event that tells of its end."""
    filled[0].db._db.execute("VACUUM INTO ?", (str(tmp_path / "s.db"),))
    job = Job("train", {"program": "new0", "task": TASKS[0], "seed": 77, "learning_rate": 5e-3})
    with Store(tmp_path / "s.db", clock=Clock()) as store:
        store.jobs.submit("elsewhere", [job])
        store.knowledge.use("main", "new0", [job], role="train", tier="T1", k=77)
        with store.transaction():
            store.db.write(
                "INSERT INTO outcomes VALUES (?, 'done', NULL, '{}', 1.0, 5e9, 't', 'w', 1e9)",
                (job.key,),
            )
        arms = {a.arm: a.compute[-1] for a in collect(store, "main").discoveries}
    before = {a.arm: a.compute[-1] for a in collected.discoveries}
    assert arms["full"] == pytest.approx(before["full"] + 5e9)
    assert arms["null"] == pytest.approx(before["null"])


def test_power_is_that_of_the_protocol_in_its_unit(collected: d.ReportData) -> None:
    assert collected.power is not None
    assert collected.power.seeds == 8
    # An effect of one sd of the difference over tasks is less than one sd of one task's.
    spread = collected.power.sigma
    assert 0.3 < spread < 1.2
    assert power(collected.power.detectable / spread, 8, 0.05, PROTOCOL.shortlist) == pytest.approx(
        0.8, abs=1e-6
    )


def test_costs_are_those_of_one_network(collected: d.ReportData) -> None:
    """The results of the other task come first, by name; its state is another."""
    assert collected.asked.cost_task == TASKS[0]
    rows = by_name(collected)
    assert {rows[n].state for n in ("new0", "gates", "sums")} == {64}


def test_what_the_search_said_of_a_tier_stands(
    filled: tuple[Store, Search], tmp_path: Path
) -> None:
    said = {"value": -0.2, "low": -0.8, "high": 0.5, "gates": False}
    filled[0].db._db.execute("VACUUM INTO ?", (str(tmp_path / "s.db"),))
    with Store(tmp_path / "s.db", clock=Clock()) as store:
        store.events.add("gate", "T2", said, run="main")
        pair = next(p for p in collect(store, "main").tiers if p.second == "T2")
    assert pair.rho == d.Estimate(-0.2, -0.8, 0.5)
    assert pair.count == len(RULES)


def test_the_rules_are_said_of_what_everybody_had(collected: d.ReportData) -> None:
    asked = collected.asked
    assert asked.rules["learning rates"].startswith("0.002, 0.005, 0.012 for everybody")
    assert "T1 2 then 4 paired seeds of update.small, copy.small" in asked.rules["screened by"]
    assert asked.rules["confirmed by"].startswith("8 fresh seeds of update.small, copy.small")
    assert asked.claim_tasks == tuple(sorted(TASKS))
    assert asked.chosen.startswith("the best of the panel within a candidate's bounds, on 1 seed")
    assert asked.command == ""


def test_how_the_baseline_was_chosen_is_said_of_searches() -> None:
    """Without seeds of its own the choice is made on those that score."""
    assert _chosen(PROTOCOL.to_json()).endswith(
        "on 1 seed that chose learning rates and scores nothing"
    )
    assert _chosen(QUICK.to_json()).endswith("on the seeds that score: they flatter it")
    assert _chosen(ranked(QUICK).to_json()) == ""


def test_what_was_measured_is_looked_at_closely(collected: d.ReportData) -> None:
    c = by_name(collected)["new0"]
    assert ("causal", "proved", "intervals") in c.ledger
    assert c.niche["transition"] == "dplr"
    assert "class" in c.code
    assert c.graph.startswith("<svg")
    assert c.time == pytest.approx(2.0)
    assert {k.task for k in c.curves} == set(TASKS)
    assert sum(k.baseline for k in c.curves) == len(TASKS)


def test_the_page_of_a_store(collected: d.ReportData, filled: tuple[Store, Search]) -> None:
    text = page(collected)
    assert "1 claim: mixer 5" in text
    assert collected.asked.protocol_hash in text
    assert page(collect(filled[0], "main")) == text


def test_a_run_without_anything(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", clock=Clock()) as store:
        store.runs.begin("empty", PROTOCOL.to_json())
        data = collect(store, "empty")
        assert data.candidates == ()
        assert "Nothing was proposed yet" in page(data)
        with pytest.raises(KeyError, match="it has empty"):
            collect(store, "other")


def test_a_screening_protocol_has_no_power_to_claim(tmp_path: Path) -> None:
    quick = asdict(PROTOCOL) | {"confirm_seeds": 0, "tiers": [], "learning_rates": [5e-3]}
    with Store(tmp_path / "s.db", clock=Clock()) as store:
        store.runs.begin(
            "quick", {k: list(v) if isinstance(v, tuple) else v for k, v in quick.items()}
        )
        data = collect(store, "quick")
        assert not data.asked.claims
        assert data.power is None
