"""Rankings: effects with intervals, what is left out and said, Pareto marks, A/A, resumption."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from asiarch.search.engineer import Design, Engineer
from asiarch.search.job import Job, Outcome, done
from asiarch.search.lab import FakeLab, OutOfBudget
from asiarch.search.protocol import FULL, QUICK
from asiarch.search.ranking import noise as aa
from asiarch.search.ranking import table
from asiarch.search.ranking.effects import _overall, best, effects, estimated
from asiarch.search.ranking.entrants import Entrants, NotRanked, distinct
from asiarch.search.ranking.measure import Measured, measure, ranked
from asiarch.search.ranking.rank import Ranking, ranking
from asiarch.search.ranking.session import Heard, Known, begin, costs, introduce
from asiarch.search.stats.paired import pooled
from asiarch.search.store import Store
from tests.search.fake import BEST, World, design

TASKS = ("update.small", "copy.small")
PANEL = [design(f"panel {n}", f"p{n}") for n in range(5)]
PROTOCOL = ranked(FULL.named("tiny", learning_rates=(2e-3, BEST, 5e-2)), tasks=TASKS, seeds=4)


def measured(world: World, designs: Sequence[Design] = PANEL) -> tuple[Measured, FakeLab]:
    lab = FakeLab(world)
    heard = Heard(lab)
    engineer = Engineer(heard, PROTOCOL, 0, "rank")
    engineer.calibrate(PANEL[0], TASKS)
    return measure(engineer, heard, designs), lab


def made(world: World, designs: Sequence[Design] = PANEL, **more: object) -> Ranking:
    return ranking(measured(world, designs)[0], designs, PANEL, **more)  # type: ignore[arg-type]


def test_a_large_effect_is_found_with_its_size_and_the_rest_is_left_open() -> None:
    better = design("better", "better")
    world = World(quality=lambda program, op: 6.0 if op == "better" else 0.0)
    found = made(world, [*PANEL, better])
    assert found.rows[0].design == better
    first = found.rows[0]
    assert first.overall.shrunk.low > 0
    for cell in first.cells:
        assert cell.effect.raw.low < 6.0 < cell.effect.raw.high
        assert cell.effect.shrunk.value < cell.effect.raw.value
        assert cell.seeds == 4
        assert cell.learning_rate == BEST
        assert not cell.edge
    assert found.bar in {d.name for d in PANEL}


def test_nothing_is_clear_of_zero_where_nothing_differs() -> None:
    clear = 0
    for n in range(12):
        people = [design(f"null {n} {i}", f"n{n}_{i}") for i in range(5)]
        lab = FakeLab(World())
        heard = Heard(lab)
        engineer = Engineer(heard, PROTOCOL, n, "rank")
        found = ranking(measure(engineer, heard, people), people, people[:1])
        clear += sum(r.overall.shrunk.clear for r in found.rows)
    assert clear <= 5  # of 48 comparisons at 95 %


def test_the_bar_is_chosen_on_selection_seeds_alone() -> None:
    """Made better on scoring seeds only, a member of the panel is not the bar for it."""
    world = World()

    def cheat(job: Job) -> Outcome:
        out = world(job)
        if job.kind == "train" and job.spec["op"] == "p3" and int(job.spec["seed"]) & 3 == 0:  # type: ignore[call-overload]
            return done({**out.values, "auc": float(out.values["auc"]) - 50})  # type: ignore[arg-type]
        return out

    plain, _ = measured(world)
    lucky, _ = measured(cheat)  # type: ignore[arg-type]
    assert best(plain, PANEL) == best(lucky, PANEL)
    assert ranking(lucky, PANEL, PANEL).rows[0].design == PANEL[3]


def test_what_cannot_be_matched_or_trained_is_left_out_and_said() -> None:
    bad, worse = design("big", "big"), design("nan", "nan")
    world = World(failures={"big": "check cost", "nan": "train nan"})
    found = made(world, [*PANEL, bad, worse])
    said = {(x.name, x.task): (x.reason, x.said) for x in found.left_out}
    assert said["big", TASKS[0]] == ("cost", "planted cost")
    assert said["nan", TASKS[1]] == ("nan", "planted nan")
    row = next(r for r in found.rows if r.design == bad)
    assert not row.overall.raw.known
    assert row.cells == ()
    assert any("big on update.small: cost" in line for line in table.left_out(found))
    # Nobody else's numbers move because of it.
    alone = made(world)
    assert [c.metric for c in alone.rows[0].cells] == [
        c.metric for c in next(r for r in found.rows if r.design == alone.rows[0].design).cells
    ]


def test_pareto_marks_are_those_that_nobody_beats() -> None:
    world = World(quality=lambda program, op: {"p0": 0.0, "p1": 8.0}.get(op, -8.0))

    def costly(job: Job) -> Outcome:
        out = world(job)
        if job.kind == "check" and job.spec["op"] == "p1":
            return done({**out.values, "flops_per_token": 2e5})
        return out

    found, _ = measured(costly)  # type: ignore[arg-type]
    rows = {r.design.op: r for r in ranking(found, PANEL, PANEL).rows}
    assert rows["p1"].pareto
    assert rows["p0"].pareto
    assert not rows["p2"].pareto


def test_an_edge_of_the_grid_is_flagged() -> None:
    def rising(job: Job) -> Outcome:
        out = World()(job)
        if job.kind != "train":
            return out
        return done({**out.values, "auc": -math.log(float(job.spec["learning_rate"]))})  # type: ignore[arg-type]

    found, _ = measured(rising)  # type: ignore[arg-type]
    rows = ranking(found, PANEL, PANEL).rows
    assert all(c.edge for r in rows for c in r.cells)
    assert table.EDGE in table.overall(rows)[1][1]


def test_tables_and_json_hold_every_operator() -> None:
    found = made(World(), [*PANEL, design("x|y", "other")], apart=[PANEL[1].id])
    whole = table.overall(found.rows)
    assert len(whole) == 7
    assert all(len(row) == len(whole[0]) for row in whole)
    text = table.markdown(table.by_task(found.rows, TASKS[0]))
    assert "x\\|y" in text
    assert text.count("\n") == 7
    data = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert {r["design"]["name"] for r in data["rows"]} >= {"x|y", "panel 1"}
    assert [r["design"]["name"] for r in data["rows"] if r["apart"]] == ["panel 1"]


def test_a_ranking_of_more_operators_trains_only_the_new_ones() -> None:
    lab = FakeLab(World())
    heard = Heard(lab)
    engineer = Engineer(heard, PROTOCOL, 0, "rank")
    measure(engineer, heard, PANEL)
    before = lab.ran
    measure(engineer, heard, [*PANEL, design("new", "fresh")])
    assert lab.ran - before == len(TASKS) * (1 + 3 + 4)


def test_a_killed_ranking_goes_on_where_it_stopped() -> None:
    world = World()
    whole, full = measured(world)
    known: dict[str, Outcome] = {}
    for most in (7, 40, 10_000):
        lab = FakeLab(world, most=most, known=known)
        heard = Heard(lab)
        engineer = Engineer(heard, PROTOCOL, 0, "rank")
        try:
            engineer.calibrate(PANEL[0], TASKS)
            found = measure(engineer, heard, PANEL)
        except OutOfBudget:
            continue
        assert ranking(found, PANEL, PANEL).as_json() == ranking(whole, PANEL, PANEL).as_json()
    assert len(known) == full.ran


def test_two_seeds_are_the_least() -> None:
    with pytest.raises(ValueError, match="2 scoring seeds"):
        ranked(QUICK, seeds=1)
    protocol = ranked(QUICK, tasks=["mqar.small"], seeds=5, host="plain")
    assert protocol.tiers[0].tasks == ("mqar.small",)
    assert not protocol.claims
    assert protocol.hash != ranked(QUICK, tasks=["mqar.small"], seeds=5).hash


def covered(bar: float, seeds: int) -> float:
    """How often shrunk intervals hold the truth; `bar`: sd of the baseline's runs over others'."""
    rng = np.random.default_rng(0)
    hits = []
    for true in rng.normal(0, 0.5, (150, 8)):
        values = true[:, None] + rng.normal(size=(8, seeds)) + bar * rng.normal(size=seeds)
        found = estimated(values)
        hits += [e.shrunk.low < v < e.shrunk.high for v, e in zip(true, found, strict=True)]
    return float(np.mean(hits))


def covered_in_sds(true: float, seeds: int, doubted: bool) -> float:
    """How often intervals over two tasks, in sds that are estimated too, hold an effect."""
    rng, hits = np.random.default_rng(5), 0
    for _ in range(400):
        tables = {t: rng.normal(size=(4, seeds)) for t in TASKS}
        for x in tables.values():
            x[0] += true
        spreads = {t: pooled(x) for t, x in tables.items()}
        found = _overall(
            {t: {str(i): row for i, row in enumerate(x)} for t, x in tables.items()},
            {t: s.sigma for t, s in spreads.items()},
            {t: s.df if doubted else math.inf for t, s in spreads.items()},
        )["0"].raw
        hits += found.low <= true <= found.high
    return hits / 400


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_the_sd_that_effects_are_in_is_an_estimate_too(seeds: int) -> None:
    assert covered_in_sds(0.0, seeds, True) > 0.93
    assert covered_in_sds(4.0, seeds, True) > 0.93


def test_planted_an_sd_taken_for_known_is_too_narrow() -> None:
    assert covered_in_sds(4.0, 3, False) < 0.85


@pytest.mark.parametrize(("bar", "seeds"), [(1.0, 4), (2.0, 8)])
def test_intervals_cover_what_they_say(bar: float, seeds: int) -> None:
    assert 0.92 < covered(bar, seeds) < 0.99


def test_planted_errors_taken_for_independent_are_too_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All differences share the runs of one baseline: shrinking them as if not is seen."""
    monkeypatch.setattr("asiarch.search.ranking.effects._shared", lambda values: 0.0)
    assert covered(1.0, 4) < 0.9


# ---- who enters ------------------------------------------------------------------------------


def test_operators_of_files_and_of_the_library() -> None:
    entrants = Entrants()
    (delta,) = entrants.of_library("delta_net.delta_net")
    assert delta.sizes == (("H", 2),)
    assert len(entrants.of_library("panel")) >= 12
    small = entrants.of_library("panel.linc_mixer", {"K": 4, "V": 4})[0]
    assert dict(small.sizes) == {"H": 2, "K": 4, "V": 4}
    assert entrants.convolves(small)
    assert not entrants.convolves(entrants.of_library("panel.lin_mixer")[0])
    text = small.text + "\n" + design("x", "wrap").text.replace("linear[D](x)", "linc_mixer(x)")
    assert [d.op for d in entrants.of_text(text, "two.asi")] == ["wrap"]
    assert [d.op for d in entrants.of_text(text, "two.asi", "linc_mixer")] == ["linc_mixer"]
    assert distinct([delta, delta]) == [delta]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("op f[D](x: Seq[D]) -> Seq[D] where causal {\n  return x[t+1]\n}\n", "broken.asi"),
        ("op f[D](x: Seq[D], y: Seq[D]) -> Seq[D] where causal {\n  return x + y\n}\n", "no mixer"),
        (
            "op f[D, N](x: Seq[D]) -> Seq[D] where causal {\n"
            "  return linear[N -> D](linear[N](x))\n}\n",
            "-D N=16",
        ),
    ],
)
def test_what_cannot_enter_is_told_why(text: str, said: str) -> None:
    with pytest.raises(NotRanked, match=said):
        Entrants().of_text(text, "broken.asi")


def test_a_name_that_the_library_lacks() -> None:
    with pytest.raises(NotRanked, match="no mixer of that name"):
        Entrants().of_library("nothing.there")


# ---- the store -------------------------------------------------------------------------------


def test_the_store_has_who_was_measured_and_a_lab_that_trains_nothing(tmp_path: Path) -> None:
    entrants = Entrants()
    people = entrants.of_library("panel")[:3]
    with Store(tmp_path / "s.db") as store:
        begin(store, "r", PROTOCOL, 0)
        for _ in range(2):
            introduce(store, "r", entrants, people, people[:2])
        (new,) = entrants.of_library("delta_net.delta_net")
        introduce(store, "r", entrants, [*people, new], people[:2])
        rows = store.knowledge.proposals("r")
        assert [p.operator for p in rows] == ["panel", "panel", "given", "given"]
        assert costs(store) == {}
        engineer = Engineer(Known(store), PROTOCOL, 0, "rank")
        with pytest.raises(OutOfBudget, match="not in"):
            engineer.checks(people, TASKS[0])


# ---- A against A -----------------------------------------------------------------------------


def floors(world: World, runs: int = 24) -> aa.Floor:
    engineer = Engineer(FakeLab(world), PROTOCOL, 0, "rank")
    return aa.floor(engineer, PANEL[0], TASKS[0], runs)


def test_the_noise_floor_gives_back_what_the_world_has() -> None:
    """Runs of sd sqrt(shared^2 + 1/2): half of a paired difference's variance is each run's own."""
    found = floors(World(shared=2.0), 180)
    assert found.pool.shape == (60, 3)
    assert found.sigma.low < math.sqrt(4.5) < found.sigma.high
    assert found.paired.low < 1.0 < found.paired.high
    assert found.noise.rho.low < 4 / 4.5 < found.noise.rho.high


def test_copies_are_one_operator_under_other_names() -> None:
    made = aa.copies(PANEL[0])
    assert len({d.id for d in made}) == len({d.op for d in made}) == 3
    entrants = Entrants()
    assert len({entrants.design(d.text, d.op, d.name).id for d in made}) == 1


def test_a_floor_without_enough_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="9 runs at least"):
        floors(World(), 6)
    with pytest.raises(ValueError, match="24 runs failed, nan"):
        floors(World(failures={"p0": "train nan", "p0_1": "train nan", "p0_2": "train nan"}))


def test_the_protocol_on_the_tasks_that_were_measured() -> None:
    assert aa.restricted(FULL, ["update.small", "copy.small", "compression.small", "bytes.small"]) is FULL  # fmt: skip # noqa: E501
    less = aa.restricted(FULL, TASKS)
    assert [t.name for t in less.tiers] == ["T1"]
    assert less.claim_tasks == TASKS
    with pytest.raises(ValueError, match="none of them"):
        aa.restricted(FULL, ["mqar.small"])


def test_errors_and_power_of_the_protocol_on_the_floor() -> None:
    engineer = Engineer(FakeLab(World()), PROTOCOL, 0, "rank")
    pools = {t: aa.floor(engineer, PANEL[0], t, 60).pool for t in TASKS}
    found = aa.simulated(aa.restricted(FULL, TASKS), pools, 100)
    assert found.worst.family.low <= 0.05
    assert found.power.found.value > 0.2
    with pytest.raises(ValueError, match="claims nothing"):
        aa.simulated(QUICK, pools, 10)


# ---- planted faults --------------------------------------------------------------------------


def test_planted_unpaired_seeds_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each design on seeds of its own: intervals become those of the seeds."""
    honest = effects(measured(World())[0], PANEL[0]).by[PANEL[1].id, TASKS[0]].raw
    world = World()
    whole, _ = measured(world)
    rng = np.random.default_rng(0)
    for key in whole.scores.rows:
        row = whole.scores.rows[key]
        whole.scores.rows[key] = [row[i] for i in rng.permutation(len(row))]
    shuffled = effects(whole, PANEL[0]).by[PANEL[1].id, TASKS[0]].raw
    assert shuffled.high - shuffled.low > 2 * (honest.high - honest.low)


def test_planted_a_copy_with_the_same_weights_has_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aa, "copies", lambda d: [d] * 3)
    found = floors(World())
    assert found.noise.rho.value == 1.0
    assert found.paired.value == 0.0
