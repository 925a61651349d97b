"""What the analyst says of effects, importance, concentration and provenance, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.search.analyst.attribution import Evidence, ordered, removals, transfer
from asiarch.search.analyst.effects import EditEffect, table
from asiarch.search.analyst.model import importances, mixed
from asiarch.search.analyst.pareto import concentration, sentence
from asiarch.search.analyst.provenance import PAPER, Edit, classes, shares


def edits(rng: np.random.Generator, true: dict[str, float]) -> list[EditEffect]:
    found = []
    for kind, mean in true.items():
        for lineage in range(rng.integers(3, 9)):
            luck = rng.normal(0, 0.6)
            for _ in range(rng.integers(1, 9)):
                effect = mean + luck + rng.normal(0, 0.3)
                found.append(EditEffect(kind, effect, 0.3, f"{kind}{lineage}"))
    return found


def test_the_table_covers_what_edits_do_and_one_lineage_is_one_vote() -> None:
    rng = np.random.default_rng(1)
    hits = total = naive = 0
    for _ in range(60):
        true = {f"kind {k}": rng.normal(-0.3, 0.5) for k in range(10)}
        made = edits(rng, true)
        for row in table(made):
            hits += row.low <= true[row.kind] <= row.high
            each = np.array([e.effect for e in made if e.kind == row.kind])
            half = 1.96 * each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.inf
            naive += abs(each.mean() - true[row.kind]) < half
            total += 1
    assert hits / total > 0.92
    assert naive / total < 0.75  # planted: edits of one family counted as independent


def test_the_table_ranks_and_shrinks() -> None:
    rng = np.random.default_rng(2)
    rows = table(edits(rng, {"good": 3.0, "bad": -2.0, "a": 0.0, "b": 0.1, "c": -0.1}))
    assert rows[0].kind == "good"
    assert rows[0].better > 0.95
    assert rows[-1].kind == "bad"
    with pytest.raises(ValueError, match="two lineages"):
        table([EditEffect("a", 1.0, 0.1, "x")])


def designs(rng: np.random.Generator, effect: float, lineages: int = 20):
    family = np.repeat(np.arange(lineages), 6)
    x = (rng.random((len(family), 4)) < 0.5).astype(float)
    y = effect * x[:, 0] + rng.normal(size=lineages)[family] * 0.5 + rng.normal(size=len(family))
    return x, y, list(family)


def test_importance_finds_what_matters_on_unseen_lineages() -> None:
    rng = np.random.default_rng(3)
    x, y, family = designs(rng, 3.0)
    found = importances(x, y, family, ["a", "b", "c", "d"], seed=0)
    assert found.usable
    assert found.importances[0].feature == "a"
    assert found.importances[0].value > 5 * abs(found.importances[1].value)
    nothing = importances(*designs(rng, 0.0)[:2], family, ["a", "b", "c", "d"], seed=0)
    assert not nothing.usable
    with pytest.raises(ValueError, match="as many lineages"):
        importances(x[:6], y[:6], family[:6], ["a", "b", "c", "d"], seed=0)


def test_a_lineage_that_is_recognised_does_not_pass_for_knowledge() -> None:
    """Planted: with children in both halves, marks of the family predict."""
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(20), 8)
    y = rng.normal(size=20)[family] + 0.1 * rng.normal(size=160)
    marks = rng.normal(size=(20, 3))[family]
    assert not importances(marks, y, list(family), ["a", "b", "c"], seed=0).usable
    assert importances(marks, y, list(range(160)), ["a", "b", "c"], seed=0).score > 0.5


def test_the_mixed_model_covers_and_knows_of_lineages() -> None:
    rng = np.random.default_rng(5)
    hits, runs = 0, 60
    for _ in range(runs):
        family = np.repeat(np.arange(14), 5)
        x = rng.random((14, 1))[family].round()  # a motif of whole lineages
        y = 0.5 * x[:, 0] + rng.normal(size=14)[family] + 0.4 * rng.normal(size=len(family))
        term = mixed(x, y, list(family), ["m"]).terms[0]
        hits += term.low <= 0.5 <= term.high
    assert hits / runs > 0.95 - 3.5 * (0.05 / runs) ** 0.5
    found = mixed(*designs(rng, 2.0), ["a", "b", "c", "d"])
    assert found.terms[0].low > 1
    assert 0 < found.between < 0.6
    with pytest.raises(ValueError, match="leave it out"):
        mixed(np.ones((60, 1)), rng.normal(size=60), list(range(30)) * 2, ["a"])
    with pytest.raises(ValueError, match="need 6 lineages"):
        mixed(np.ones((5, 4)), np.ones(5), [0, 1, 2, 3, 4], ["a", "b", "c", "d"])


def test_concentration_is_not_made_by_noise() -> None:
    rng = np.random.default_rng(6)
    level = np.full((12, 10, 6), 0.3) + rng.normal(0, 2.0, (12, 10, 6))
    raw = level.mean((0, 2))
    planted = np.sort(raw)[-2:].sum() / raw.sum()  # chosen and measured on the same seeds
    found = concentration(level, rng)
    assert found.top == 2
    assert planted > 0.3
    assert found.share.low < 0.2 < found.share.high
    assert found.answer != "yes"


def test_few_components_that_bring_most_are_told() -> None:
    rng = np.random.default_rng(7)
    losses = np.zeros((12, 10, 6))
    losses[:, :2] = 2.0
    losses[:, 2:] = 0.05
    losses += rng.normal(0, 0.2, losses.shape)
    losses[::3, 5:] = np.nan  # not every winner has every component
    assert concentration(losses, rng).answer == "yes"
    even = np.ones((12, 10, 6)) + rng.normal(0, 0.2, (12, 10, 6))
    assert concentration(even, rng).answer == "no"
    assert concentration(losses[:3], rng).answer == "open"


def test_the_interval_of_a_share_covers_it() -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(80):
        true = np.array([2.0, 2.0, *([0.25] * 8)])
        x = true[None, :, None] * rng.gamma(4, 0.25, (12, 10, 1)) + rng.normal(0, 0.4, (12, 10, 6))
        share = concentration(x, rng).share
        hits += share.low <= 4 / 6 <= share.high
    assert hits / 80 > 0.95 - 3.5 * (0.05 / 80) ** 0.5


def test_provenance_counts_what_is_shown() -> None:
    known = {"card": {"m1"}, "past": {"m2"}, "other": {"m9"}}
    assert classes(Edit({"m1"}, ("card",), (), "a"), known) == {"cognition": 1.0}
    assert classes(Edit({"m2"}, ("card",), ("past",), "a"), known) == {"experience": 1.0}
    assert classes(Edit({"m1", "m2"}, ("card",), ("past",), "a"), known) == {
        "cognition": 0.5, "experience": 0.5,
    }  # fmt: skip
    # planted: a citation of something that has nothing of the edit
    assert classes(Edit({"m1"}, ("other", "unknown"), (), "a"), known) == {"original": 1.0}
    assert classes(Edit(set(), ("card",), (), "a", exact=True), known) == {"cognition": 1.0}
    made = [Edit({"m1"}, ("card",), (), f"l{i}") for i in range(6)]
    made += [Edit({"m3"}, (), (), f"l{i}") for i in range(6)]
    found = shares(made, known, np.random.default_rng(0))
    assert sum(s.share.value for s in found) == pytest.approx(1)
    assert found[0].share.value == 0.5
    assert sum(PAPER.values()) == pytest.approx(1)


def test_deletions_are_read_with_all_of_them_in_mind() -> None:
    rng = np.random.default_rng(9)
    runs, wrong, single = 300, 0, 0
    for _ in range(runs):
        winner = rng.normal(size=8)
        without = {f"c{k}": winner + rng.normal(size=8) for k in range(8)}
        found = removals(winner, without)
        wrong += any(r.verdict != "open" for r in found)
        single += any(abs(r.loss) * 8**0.5 > 2.36 * np.std(
            without[r.component] - winner, ddof=1) for r in found)  # fmt: skip
    assert wrong / runs <= 0.05 + 3 * (0.05 / runs) ** 0.5
    assert single / runs > 0.2  # planted: each deletion tested alone
    winner = rng.normal(size=8)
    found = removals(winner, {"needed": winner + 2 + 0.3 * rng.normal(size=8),
                              "burden": winner - 2 + 0.3 * rng.normal(size=8),
                              "failed": np.full(8, np.nan)})  # fmt: skip
    assert [(r.component, r.verdict) for r in found] == [
        ("needed", "needed"),
        ("burden", "harmful"),
    ]


def test_transfer_is_a_matter_of_hosts() -> None:
    rng = np.random.default_rng(10)
    good = {f"h{i}": 1 + 0.2 * rng.normal(size=5) for i in range(4)}
    assert transfer("gate", good).verdict == "transfers"
    assert transfer("gate", dict(list(good.items())[:2])).verdict == "too few hosts"
    # planted: many seeds on hosts that disagree
    split = {"a": 2 + 0.1 * rng.normal(size=100), "b": -1 + 0.1 * rng.normal(size=100),
             "c": 0.1 * rng.normal(size=100)}  # fmt: skip
    assert transfer("gate", split).verdict == "open"


def test_what_was_retrained_comes_before_what_was_counted() -> None:
    rows = [
        Evidence("gate", "lift", 3.0, 2.0, 4.5, 40, "times"),
        Evidence("gate", "causal", 0.1, 0.05, 0.15, 1, "nats"),
        Evidence("conv", "lift", 9.0, 8.0, 10.0, 60, "times"),
        Evidence("conv", "model", 0.2, 0.1, 0.3, 60, "nats"),
    ]
    found = ordered(rows)
    assert [name for name, _ in found] == ["gate", "conv"]
    assert [e.level for e in found[0][1]] == ["causal", "lift"]
    assert [e.level for e in found[1][1]] == ["model", "lift"]


def test_losses_without_a_gain_have_no_share_and_no_warning() -> None:
    found = concentration(-np.ones((6, 4, 4)), np.random.default_rng(0))
    assert not np.isfinite(found.share.value)
    assert found.answer == "open"
    assert sentence(found) == (
        "Taken out one by one, components bring no gain in all that could be shared out."
    )
