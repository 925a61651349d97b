"""A winner is planned, retrained (here by a rule) and read: the path from program to finding."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from asiarch.analysis.report import check
from asiarch.search.analyst.attribution import ordered
from asiarch.search.analyst.plan import Plan, Trial, plan, read

PANEL = (files("asiarch.library") / "panel.asi").read_text()
HOSTS = {n: (PANEL, n) for n in ("lin_mixer", "linc_mixer", "delta_mixer", "softmax_mixer")}


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(PANEL, "gdn_mixer", HOSTS)


def loss(trial: Trial, rng: np.random.Generator, seeds: int = 8) -> list[float | None]:
    """A decay is worth 1 wherever it stands, and nothing else is worth anything."""
    shared = np.random.default_rng(0).normal(size=seeds)
    decays = "exp(-exp(log_rate)" in trial.text
    return list(3 - decays + shared + 0.1 * rng.normal(size=seeds))


def test_a_plan_is_paired_and_every_program_checks(planned: Plan) -> None:
    labels = {t.label for t in planned.trials}
    assert len(labels) == len(planned.trials)
    assert {t.role for t in planned.trials} == {"winner", "deletion", "host", "graft"}
    for t in planned.trials:
        assert t.against in labels
        assert t.component or t.role in ("winner", "host")
    for t in planned.trials[:: len(planned.trials) // 8]:
        assert check(t.text).ops[t.op].causal
    assert any("softmax" in host for _, host in planned.refused)


def test_what_matters_is_found_and_what_does_not_is_left_open(planned: Plan) -> None:
    rng = np.random.default_rng(1)
    found = read(planned, {t.label: loss(t, rng) for t in planned.trials})
    verdicts = {r.component: r.verdict for r in found.removed}
    assert {c for c, v in verdicts.items() if v == "needed"} == {
        c for c in verdicts if ": decay " in c
    }
    moved = {t.component: t for t in found.transferred}
    decay = next(t for c, t in moved.items() if ": decay " in c)
    assert decay.verdict == "transfers"
    assert sum(t.verdict == "transfers" for t in moved.values()) <= 2
    best, rows = ordered(found.evidence())[0]
    assert ": decay " in best
    assert {r.lineages for r in rows} == {1, 3}


def test_a_trial_that_fails_is_named_and_not_scored(planned: Plan) -> None:
    rng = np.random.default_rng(2)
    losses = {t.label: loss(t, rng) for t in planned.trials}
    broken = next(t for t in planned.trials if t.role == "deletion")
    losses[broken.label] = [None, *losses[broken.label][1:]]
    found = read(planned, losses)
    assert found.failed == (broken.label,)
    assert broken.component not in {r.component for r in found.removed}
    losses["winner"] = [None] * 8
    assert read(planned, losses).removed == ()
    with pytest.raises(KeyError):
        read(planned, {})
