"""Attribution: what is taken out is missed, what is put in helps, and all of it is said."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from asiarch.search.analyst.pareto import sentence
from asiarch.search.analyst.population import Member, associated, population
from asiarch.search.engineer import Design, Engineer
from asiarch.search.job import Job, Outcome, done
from asiarch.search.lab import FakeLab
from asiarch.search.protocol import QUICK
from asiarch.search.ranking import attribution_table as table
from asiarch.search.ranking.attribute import (
    Attributed,
    Planned,
    attribute,
    concentrated,
    planned,
)
from asiarch.search.ranking.entrants import Entrants
from asiarch.search.ranking.measure import ranked
from asiarch.search.report.collect import components
from asiarch.search.report.collect.associations import members
from asiarch.search.report.data import Asked, Candidate, Estimate
from asiarch.search.report.figures import attribution
from tests.search.fake import World, normal

TASKS = ("update.small", "copy.small")
PROTOCOL = ranked(QUICK, tasks=TASKS, seeds=6)
DECAY = "decay a in S"


@pytest.fixture(scope="module")
def made() -> Planned:
    entrants = Entrants()
    (winner,) = entrants.of_library("panel.gdn_mixer")
    hosts = {d.name: d for d in entrants.of_library("panel") if d.op in HOSTS}
    return planned(entrants, winner, hosts, 3)


HOSTS = ("linc_mixer", "lin_mixer", "delta_mixer", "retention_mixer", "conv_mixer")


def lab(made: Planned, fails: str = "") -> FakeLab:
    """A decay of the input is worth six sds wherever it stands, and nothing else is worth much."""
    decaying = {
        d.text for d in made.designs.values() if "exp(-exp(log_rate)" in d.text
    }  # fmt: skip
    world = World()
    from asiarch.search.job import blob_name

    good = {blob_name(text.encode()) for text in decaying}
    out = {d.id: blob_name(d.text.encode()) for d in made.designs.values()}

    def run(job: Job) -> Outcome:
        program = str(job.spec["program"])
        if job.kind == "train" and fails and program == out[made.designs[fails].id]:
            return World(failures={str(job.spec["op"]): "train nan"})(job)
        found = world(job)
        if job.kind == "check":
            return found
        task, seed = str(job.spec["task"]), job.spec["seed"]
        value = 3 + normal("s", task, seed) + 0.1 * normal(program, task, seed)
        return done({"auc": value - 0.6 * (program in good), "metrics": {}}, seconds=1.0)

    return FakeLab(run)


def found(made: Planned, fails: str = "") -> Attributed:
    engineer = Engineer(lab(made, fails), PROTOCOL, 0, "rank")
    engineer.calibrate(made.winner, TASKS)
    return attribute(engineer, made, 6)


def test_a_plan_has_all_deletions_and_three_hosts_at_most(made: Planned) -> None:
    grafts = Counter(t.component for t in made.plan.trials if t.role == "graft")
    assert max(grafts.values()) == 3
    assert set(made.designs) == {t.label for t in made.plan.trials}
    assert DECAY in made.titles.values()
    assert "conv conv[4] in k" in made.titles.values()
    assert len(set(made.titles.values())) == len(made.titles)
    used = {t.against for t in made.plan.trials if t.role == "graft"}
    assert {t.label for t in made.plan.trials if t.role == "host"} == used


def test_a_trial_is_in_the_network_of_what_it_is_paired_with(made: Planned) -> None:
    """Whoever loses its convolution is given none by the host, or nothing would be measured."""
    for t in made.plan.trials:
        assert made.designs[t.label].host == made.designs[t.against].host
    assert made.designs["winner"].host == "plain"
    hosts = {t.label: made.designs[t.label].host for t in made.plan.trials if t.role == "host"}
    assert hosts["host lin_mixer"] == "always"


def test_the_component_that_matters_is_needed_and_transfers(made: Planned) -> None:
    a = found(made)
    verdicts = {a.titles[r.component]: r.verdict for r in a.findings.removed}
    assert verdicts[DECAY] == "needed"
    assert sum(v == "needed" for v in verdicts.values()) <= 2
    moved = {a.titles[t.component]: t for t in a.findings.transferred}
    assert moved[DECAY].verdict == "transfers"
    assert moved[DECAY].hosts == 3
    assert a.by_task[next(c for c, t in a.titles.items() if t == DECAY)][TASKS[0]] > 0.4
    assert a.evidence()[0].component == DECAY


def test_a_deletion_that_does_not_train_is_said_and_has_no_number(made: Planned) -> None:
    label = next(t.label for t in made.plan.trials if "erase" in t.label)
    a = found(made, fails=label)
    assert "nan: planted nan" in a.reasons[label]
    assert not any("erase" in r.component for r in a.findings.removed)
    assert any(label in line for line in table.failures(a))


def test_a_winner_that_does_not_train_is_refused(made: Planned) -> None:
    with pytest.raises(ValueError, match="the winner does not train, nan"):
        found(made, fails="winner")
    with pytest.raises(ValueError, match="3 seeds"):
        attribute(Engineer(lab(made), PROTOCOL, 0, "rank"), made, 2)


def test_everything_is_printed_and_drawn(made: Planned) -> None:
    a = found(made)
    rows = a.evidence()
    assert any(r.grafted for r in rows)
    assert len(table.removed(a)) == len(a.findings.removed) + 1
    assert table.moved(a)[1][3] == "transfers"
    drawn = components(rows)
    decay = next(c for c in drawn if c.name == DECAY)
    assert decay.causal.low > 0
    assert (decay.grafted.low > 0, decay.hosts, decay.lineages) == (True, 3, 1)
    assert DECAY in attribution(drawn, Asked(unit="sd")).svg()
    answer = sentence(concentrated([a]))
    data = json.dumps(table.as_json([a], rows, answer), allow_nan=False)
    assert DECAY in data
    levels = [row[1] for row in table.evidence(rows)[1:]]
    assert set(levels) == {"causal", "causal, grafted"}


def test_the_question_of_few_components_needs_several_winners(made: Planned) -> None:
    a = found(made)
    assert "too few for an interval): open" in sentence(concentrated([a]))
    many = [a] * 8
    assert "yes." in sentence(concentrated(many))
    assert "nothing is known" in sentence(concentrated([]))


def test_associations_come_after_and_count_lineages() -> None:
    rng = np.random.default_rng(0)
    people: list[Member] = []
    for lineage in range(24):
        has = lineage % 2 == 0
        for _ in range(5):
            motifs = Counter({"mul(a, b)": 1} if has else {})
            motifs["add(c, d)"] = 1
            people.append(Member(motifs, 2.0 * has - 1 + rng.normal(0, 0.3), str(lineage)))
    motifs_of = {"decay": ("mul(a, b)",), "other": ("add(c, d)",)}
    rows = associated(population(people), motifs_of)
    assert [(r.component, r.level) for r in rows] == [("decay", "model"), ("decay", "lift")]
    model, lift = rows
    assert model.low > 0
    assert lift.low > 1
    assert lift.lineages == 12
    few = population(people[:10])
    assert associated(few, motifs_of) == []
    assert "10 candidates with an effect are of 2 lineages" in few.notes[0]


def test_planted_unpaired_deletions_find_nothing(made: Planned) -> None:
    """The winner on other seeds than what is taken out of it."""

    def unpaired(job: Job) -> Outcome:
        out = lab(made).function(job)
        if job.kind != "train":
            return out
        shift = 5 * normal("own", job.spec["program"], job.spec["seed"])
        return done({"auc": float(out.values["auc"]) + shift, "metrics": {}})  # type: ignore[arg-type]

    engineer = Engineer(FakeLab(unpaired), PROTOCOL, 0, "rank")
    engineer.calibrate(made.winner, TASKS)
    a = attribute(engineer, made, 6)
    assert {r.verdict for r in a.findings.removed} == {"open"}


def test_members_are_candidates_with_effects_under_their_oldest_ancestor() -> None:
    (first, second, _) = Entrants().of_library("panel")[:3]
    known = Estimate(1.0, 0.5, 1.5)

    def candidate(id: str, design: Design, parents: tuple[str, ...], **more: Any) -> Candidate:
        sizes = dict(design.sizes)
        return Candidate(id, id, design.text, design.op, sizes, parents=parents, **more)

    found = members(
        [
            candidate("a", first, (), overall=known),
            candidate("b", second, ("a",), overall=known),
            candidate("c", first, ("b", "x")),
            candidate("d", second, ("c",), overall=known),
            Candidate("broken", "broken", "op f", "f", overall=known),
        ]
    )
    assert [(m.lineage, m.effect) for m in found] == [("a", 1.0)] * 3
    assert found[1].motifs == found[2].motifs != found[0].motifs
