"""One rule for panel and candidates: pairing, the grid, what seeds are for, what failures are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from asiarch.search.engineer import (
    Engineer,
    Rate,
    confirmed,
    further,
    measure_panel,
    race,
)
from asiarch.search.engineer.design import of_library, sizes_of
from asiarch.search.lab import FakeLab, Request
from asiarch.search.protocol import QUICK
from asiarch.search.seeds import role_of
from tests.search.fake import BEST, TINY, World, design

TASKS = ("update.small", "copy.small")
PANEL = [design(f"panel {n}", f"p{n}") for n in range(4)]


def engineer(world: World, **changes: object) -> tuple[Engineer, FakeLab]:
    lab = FakeLab(world)
    protocol = TINY.named("tiny", **changes) if changes else TINY
    made = Engineer(lab, protocol, 0, "run")
    made.calibrate(PANEL[0], TASKS)
    return made, lab


def unfair(asked: Sequence[Request]) -> list[str]:
    """What is not the same for everybody, or what chose and scored with one seed."""
    rows: dict[str, set[tuple[object, ...]]] = {}
    grids: dict[str, set[tuple[object, ...]]] = {}
    said: list[str] = []
    for request in asked:
        s = request.job.spec
        if request.job.kind != "train":
            continue
        if role_of(int(s["seed"])) != request.role:  # type: ignore[arg-type]
            said.append("a seed of another role")
        row = (s["task"], s["seed"], s["parameters"], s["host"], s["steps"], request.role)
        rows.setdefault(request.candidate, set()).add(row)
        if request.role == "select":
            grids.setdefault(request.candidate, set()).add((s["task"], s["learning_rate"]))
    if len(set(map(frozenset, rows.values()))) > 1:
        said.append("other seeds, budgets or steps")
    if len(set(map(frozenset, grids.values()))) > 1:
        said.append("another grid of learning rates")
    return said


def test_everybody_has_the_same_seeds_and_rates_and_budget() -> None:
    made, lab = engineer(World())
    made.scores([PANEL[0], design("new", "fresh")], TASKS, range(3))
    made.scores([PANEL[0], design("new", "fresh")], TASKS, range(8), role="confirm", tier="C")
    assert unfair(lab.asked) == []
    assert {r.job.spec["parameters"] for r in lab.asked if r.job.kind == "train"} == {80_000}
    # What confirms is trained at the rate that selection chose.
    assert {r.job.spec["learning_rate"] for r in lab.asked if r.role == "confirm"} == {BEST}


def test_pairing_takes_out_what_seeds_share() -> None:
    made, _ = engineer(World(shared=50.0))
    scores = made.scores(PANEL, TASKS, range(8))
    paired = scores.paired([d.id for d in PANEL[1:]], PANEL[0].id, TASKS[0])
    assert paired.std(1, ddof=1).mean() < 2.0
    alone = scores.values(PANEL[1].id, TASKS[0])
    assert alone.std(ddof=1) > 10.0


def test_the_yardstick_is_the_panels() -> None:
    made, _ = engineer(World(quality=lambda program, op: 2.0 if op == "p2" else 0.0))
    found = measure_panel(made, PANEL, TINY.tiers[0])
    assert found.bar is PANEL[2]
    assert all(0.5 < s < 2.0 for s in found.sigma.values())
    # The mean over two independent tasks of differences of sd 1.
    assert 0.4 < found.spread.sigma < 1.1


def test_the_bar_is_among_those_that_may_be_it() -> None:
    made, _ = engineer(World(quality=lambda program, op: 2.0 if op == "p2" else 0.0))
    others = {d.id for d in PANEL} - {PANEL[2].id}
    found = measure_panel(made, PANEL, TINY.tiers[0], among=others)
    assert found.bar.id in others
    assert PANEL[2] in found.panel
    with pytest.raises(ValueError, match="nobody of the panel can be the bar"):
        measure_panel(made, PANEL, TINY.tiers[0], among=())


def test_a_member_of_the_panel_that_fails_is_left_out_with_its_reason() -> None:
    made, _ = engineer(World(failures={"p1": "train nan"}))
    found = measure_panel(made, PANEL, TINY.tiers[0])
    assert found.left_out == (("panel 1", "nan: planted nan"),)
    assert [d.name for d in found.panel] == ["panel 0", "panel 2", "panel 3"]


@pytest.mark.parametrize("reason", ["nan", "oom", "timeout", "cost", "compile"])
def test_a_failure_is_a_missing_value_with_a_reason(reason: str) -> None:
    made, _ = engineer(World(failures={"bad": f"train {reason}"}))
    yardstick = measure_panel(made, PANEL, TINY.tiers[0])
    good, bad = design("good", "good"), design("bad", "bad")
    first, second = race(made, yardstick, [good, bad], TINY.tiers[0])
    assert first.known
    assert first.verdict in ("promoted", "stopped", "measured")
    assert (second.verdict, second.reason) == ("failed", reason)
    assert math.isnan(second.effect)
    assert math.isnan(second.mean)
    alone = race(made, yardstick, [good], TINY.tiers[0])[0]
    assert alone.effect == first.effect
    assert alone.verdict == first.verdict


def test_a_rate_that_fails_is_out_and_an_edge_is_said() -> None:
    lab = FakeLab(World(rates=0.0))
    made = Engineer(lab, TINY, 0, "run")
    assert isinstance(made.rates([PANEL[0]], TASKS)[PANEL[0].id, TASKS[0]], Rate)
    assert Rate(1.0, (1.0, 2.0, 3.0)).edge
    assert not Rate(1.0, (2.0, 1.0, 3.0)).edge
    assert Rate(1.0, (2.0, 1.0, float("nan"))).sensitivity == 0.5


def test_without_selection_seeds_the_first_rate_is_everybodys() -> None:
    lab = FakeLab(World())
    made = Engineer(lab, QUICK, 0, "run")
    made.scores(PANEL[:1], TASKS, range(2))
    assert {r.role for r in lab.asked} == {"train"}
    assert {r.job.spec["learning_rate"] for r in lab.asked} == {QUICK.learning_rates[0]}


def test_a_race_trains_more_only_while_there_is_doubt() -> None:
    made, lab = engineer(World(quality=lambda p, op: {"great": 12.0, "poor": -12.0}.get(op, 0.0)))
    yardstick = measure_panel(made, PANEL, TINY.tiers[0])
    great, poor = race(made, yardstick, [design("g", "great"), design("p", "poor")], TINY.tiers[0])
    assert great.verdict == "promoted"
    assert great.low > 0
    assert poor.verdict == "stopped"
    assert poor.n == 2
    poor_jobs = {r.job.key for r in lab.asked if r.job.spec["op"] == "poor"}
    assert len(poor_jobs) == 2 * (3 + 2)  # two tasks: three rates on one seed, two scores


def test_further_seeds_of_a_parent_cost_only_the_new_ones() -> None:
    made, lab = engineer(World())
    yardstick = measure_panel(made, PANEL, TINY.tiers[0])
    lucky = design("lucky", "lucky")
    (raced,) = race(made, yardstick, [lucky], TINY.tiers[0])
    before = lab.ran
    effect, error, _ = further(made, yardstick, lucky, TINY.tiers[0], 10)
    seeds = 10 - raced.n
    assert lab.ran - before == len(TASKS) * (seeds + 2)  # the bar has eight
    assert error < raced.error
    assert math.isfinite(effect)


def test_a_claim_is_confirmed_on_fresh_seeds_and_audited() -> None:
    made, lab = engineer(World(quality=lambda p, op: 4.0 if op == "great" else 0.0))
    yardstick = measure_panel(made, PANEL, TINY.tiers[0])
    verdicts = confirmed(made, yardstick, [design("g", "great"), design("n", "null")])
    assert [v.confirmed for v in verdicts] == [True, False]
    assert set(verdicts[0].audit or {}) == set(TASKS)
    assert verdicts[1].audit is None
    seeds = {r.k for r in lab.asked if r.role == "confirm"}
    assert seeds == set(range(TINY.confirm_seeds))


def test_a_claim_with_a_missing_run_does_not_stand() -> None:
    made, _ = engineer(World(quality=lambda p, op: 9.0, failures={"bad": "train nan"}))
    yardstick = measure_panel(made, PANEL, TINY.tiers[0])
    (verdict,) = confirmed(made, yardstick, [design("b", "bad")])
    assert not verdict.confirmed
    assert verdict.reason.startswith("nan")
    assert "effect" not in verdict.evidence


def test_the_library_as_designs() -> None:
    (entry,) = of_library(["delta_net.delta_net"])
    assert sizes_of(entry.text, entry.op) == (("H", 2),)
    (open_,) = of_library(["lightning.lightning_attention"])
    assert sizes_of(open_.text, open_.op) is None
    with pytest.raises(KeyError, match=r"no mixer 'nothing\.there'; it has"):
        of_library(["nothing.there"])


def test_a_copy_differs_in_its_name_alone() -> None:
    first = design("one", "mixer")
    copy = first.renamed("other", "id", "copy")
    assert copy.text == first.text.replace("op mixer", "op other")
    assert (copy.op, copy.id, copy.name) == ("other", "id", "copy")


# ---- planted faults -------------------------------------------------------------------------


def test_planted_an_unpaired_baseline_loses_what_pairing_gains() -> None:
    """The same comparison with the bar on other seeds: its spread is that of the seeds."""
    world = World(shared=50.0)
    made, _ = engineer(world)
    scores = made.scores(PANEL, TASKS, range(8))
    other = made.scores(PANEL[:1], TASKS, range(8), role="test")
    paired = scores.paired([PANEL[1].id], PANEL[0].id, TASKS[0])
    unpaired = other.values(PANEL[0].id, TASKS[0]) - scores.values(PANEL[1].id, TASKS[0])
    assert np.std(unpaired) > 5 * np.std(paired)


def test_planted_a_rate_chosen_on_a_scoring_seed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    made, lab = engineer(World())
    own = Engineer.seed
    monkeypatch.setattr(
        Engineer, "seed", lambda self, role, k: own(self, "train" if role == "select" else role, k)
    )
    made.scores([PANEL[0], design("new", "fresh")], TASKS, range(3))
    assert unfair(lab.asked)[0] == "a seed of another role"


def test_planted_a_smaller_grid_for_the_candidate_is_seen() -> None:
    made, lab = engineer(World())
    made.scores([PANEL[0]], TASKS, range(3))
    made.protocol = TINY.named("other", learning_rates=(BEST,))
    made.scores([design("new", "fresh")], TASKS, range(3))
    assert unfair(lab.asked) == ["another grid of learning rates"]


def test_planted_another_budget_for_the_candidate_is_seen() -> None:
    made, lab = engineer(World())
    made.scores([PANEL[0]], TASKS, range(3))
    made.setting = replace(made.setting, parameters={})
    made.scores([design("new", "fresh")], TASKS, range(3))
    assert unfair(lab.asked) == ["other seeds, budgets or steps"]


def flattery() -> float:
    """The mean effect that confirmation gives the best of ten copies."""
    copies = [design(f"copy {n}", f"copy{n}") for n in range(10)]
    effects: list[float] = []
    for master in range(12):
        made = Engineer(FakeLab(World()), TINY, master, "run")
        yardstick = measure_panel(made, PANEL, TINY.tiers[0])
        raced = race(made, yardstick, copies, replace(TINY.tiers[0], seeds=(8,)))
        best = max(raced, key=lambda r: r.effect)
        effects += [v.effect for v in confirmed(made, yardstick, [best.design])]
    return float(np.mean(effects))


def test_planted_confirmation_on_the_seeds_that_selected_flatters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = flattery()
    own = Engineer.seed
    monkeypatch.setattr(
        Engineer, "seed", lambda self, role, k: own(self, "train" if role == "confirm" else role, k)
    )
    assert abs(honest) < 0.2 < flattery()
