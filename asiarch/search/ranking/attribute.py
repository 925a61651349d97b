"""Attribution of winners: every deletable component taken out, and put into others, and retrained.

Trials have the winner's budget of parameters, its seeds, and their own learning rate by the common
rule. What a deletion loses is causal; what a model or a count says of a component's motif is not,
and comes after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from asiarch.analysis.short import short
from asiarch.fuzz import tree
from asiarch.language import ast
from asiarch.language.parser import parse
from asiarch.search.analyst.attribution import HOSTS, Evidence
from asiarch.search.analyst.components import Component, Swap
from asiarch.search.analyst.delete import alone, deletions
from asiarch.search.analyst.motifs import motifs_of
from asiarch.search.analyst.pareto import Concentration, concentration
from asiarch.search.analyst.plan import Findings, Plan, Trial, plan, read
from asiarch.search.analyst.population import Population, associated
from asiarch.search.engineer import Design, Engineer, Scores
from asiarch.search.ranking.entrants import Entrants, NotRanked
from asiarch.search.stats.paired import pooled
from asiarch.search.stats.special import Array

TIER = "attribution"
FEWEST = 3
LEAST = 1e-9
UNIT = "sd"


@dataclass(frozen=True, slots=True)
class Planned:
    """A winner with its trials as designs, by label; by component of the plan its kind, and a title
    that says where it stands.
    """

    winner: Design
    plan: Plan
    designs: Mapping[str, Design]
    kinds: Mapping[str, str]
    titles: Mapping[str, str]


def planned(
    entrants: Entrants, winner: Design, hosts: Mapping[str, Design], most: int = HOSTS
) -> Planned:
    """All deletions, and grafts of each component on the first `most` hosts that take it."""
    texts = {name: (host.text, host.op) for name, host in hosts.items()}
    whole = plan(winner.text, winner.op, texts)
    kept = _limited(whole, most)
    sizes = {f"host {name}": dict(host.sizes) for name, host in hosts.items()}
    designs: dict[str, Design] = {}
    for trial in kept.trials:
        given = sizes.get(trial.against, dict(winner.sizes))
        try:
            made = entrants.design(trial.text, trial.op, trial.label, given)
        except NotRanked:
            continue
        # In the network of what it is paired with: who loses a convolution is given none.
        against = designs.get(trial.against)
        network = against.host if against else _network(entrants, made)
        designs[trial.label] = replace(made, host=network)
    there = tuple(t for t in kept.trials if t.label in designs and t.against in designs)
    found = {f"{n} {d.label}": d.component for n, d in enumerate(deletions(*_own(winner)))}
    return Planned(
        winner, Plan(there, kept.refused), designs, {n: c.kind for n, c in found.items()},
        _titles(found, alone(*_own(winner)), winner.op),
    )  # fmt: skip


def _network(entrants: Entrants, design: Design) -> str:
    """What host `conv` is for this one."""
    return "plain" if short(entrants.facts(design)) == "conv" else "always"


def _own(winner: Design) -> tuple[str, str]:
    return winner.text, winner.op


def _titles(found: Mapping[str, Component], text: str, op: str) -> dict[str, str]:
    """What each component is called: kind, text, and the value that it is in. None twice."""
    roots = {d.name.id: d for d in parse(text).program.definitions}
    titles: dict[str, str] = {}
    for name, c in found.items():
        places = {_value_of(roots[c.where], s) for s in c.swaps}
        where = (
            f" in {', '.join(sorted(places))}" if places and not c.what.startswith("all ") else ""
        )
        title = f"{c.kind} {c.what}{where}" + (f" of {c.where}" if c.where != op else "")
        titles[name] = title if title not in titles.values() else f"{title} ({name.split()[0]})"
    return titles


def _value_of(definition: ast.Definition, swap: Swap) -> str:
    """The name of the equation that a swap is in."""
    for node in tree.nodes(definition):
        if isinstance(node, ast.Equation) and node.span.start <= swap.start < node.span.end:
            return ", ".join(t.id for t in node.targets)
    return "the result"


def _limited(whole: Plan, most: int) -> Plan:
    count = Counter[str]()
    kept: list[Trial] = []
    for trial in whole.trials:
        if trial.role == "graft":
            count[trial.component] += 1
            if count[trial.component] > most:
                continue
        kept.append(trial)
    used = {t.against for t in kept if t.role == "graft"}
    kept = [t for t in kept if t.role != "host" or t.label in used]
    return Plan(tuple(kept), whole.refused)


@dataclass(frozen=True, slots=True)
class Attributed:
    """`findings` in sds of one paired difference, the mean over tasks; `by_task`: what each
    deletion loses, in nats. `kinds`: [kinds, seeds] for the question of concentration. `motifs`:
    by component, those that the winner has and the deletion has not.
    """

    winner: Design
    findings: Findings
    by_task: Mapping[str, Mapping[str, float]]
    kinds: Mapping[str, Array]
    reasons: Mapping[str, str]
    refused: Mapping[tuple[str, str], str]
    motifs: Mapping[str, tuple[str, ...]]
    titles: Mapping[str, str]

    def evidence(self, whose: str = "") -> list[Evidence]:
        """Causal rows: taken out of the winner, put into hosts (whose sample is hosts). `whose`:
        the winner's name, where there are several.
        """
        rows = [
            Evidence(
                self.titles[r.component], "causal", r.loss, r.low, r.high, 1, UNIT, winner=whose
            )
            for r in self.findings.removed
        ]
        return rows + [
            Evidence(
                self.titles[t.component],
                "causal",
                t.gain,
                t.low,
                t.high,
                t.hosts,
                UNIT,
                True,
                whose,
            )
            for t in self.findings.transferred
        ]

    def associated(self, found: Population, whose: str = "") -> list[Evidence]:
        """What the candidates of a search say of the components."""
        rows = associated(found, {self.titles[c]: motifs for c, motifs in self.motifs.items()})
        return [replace(row, winner=whose) for row in rows]


def attribute(engineer: Engineer, made: Planned, seeds: int) -> Attributed:
    """Trains all trials of a plan on the tasks of the protocol's first tier.

    Raises ValueError where the winner fails, or for fewer than three seeds.
    """
    if seeds < FEWEST:
        raise ValueError(f"a deletion is read from {FEWEST} seeds at least, not {seeds}")
    tier = engineer.protocol.tiers[0]
    designs = list({d.id: d for d in made.designs.values()}.values())
    scores = engineer.scores(designs, tier.tasks, range(seeds), tier=TIER, steps=tier.steps)
    lost = scores.failure(made.designs["winner"].id, tier.tasks)
    if lost is not None:
        raise ValueError(f"the winner does not train, {lost.reason}: {lost.said}")
    sigma = {t: _sigma(scores, made, t) for t in tier.tasks}
    losses = {label: _losses(scores, d, tier.tasks, sigma) for label, d in made.designs.items()}
    findings = read(made.plan, losses)
    reasons = {
        label: f"{s.reason}: {s.said}"
        for label in findings.failed
        if (s := scores.failure(made.designs[label].id, tier.tasks)) is not None
    }
    return Attributed(
        made.winner, findings, _by_task(scores, made, tier.tasks), _by_kind(made, losses), reasons,
        made.plan.refused, _motifs(made), made.titles,
    )  # fmt: skip


def _sigma(scores: Scores, made: Planned, task: str) -> float:
    """Of a paired difference on the task, over all trials but winner and hosts."""
    rows: list[Array] = []
    for t in made.plan.trials:
        if t.role in ("deletion", "graft"):
            pair = (made.designs[t.label].id, made.designs[t.against].id)
            row = scores.values(pair[0], task) - scores.values(pair[1], task)
            if np.isfinite(row).all():
                rows.append(row)
    if not rows:
        return 1.0
    return max(pooled(np.stack(rows)).sigma, LEAST)


def _losses(
    scores: Scores, design: Design, tasks: Sequence[str], sigma: Mapping[str, float]
) -> list[float | None]:
    total = sum((scores.values(design.id, t) / sigma[t] for t in tasks), np.zeros(1)) / len(tasks)
    return [float(x) if np.isfinite(x) else None for x in total]


def _by_task(scores: Scores, made: Planned, tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    own = {t: scores.values(made.designs["winner"].id, t) for t in tasks}
    return {
        trial.component: {
            t: float((scores.values(made.designs[trial.label].id, t) - own[t]).mean())
            for t in tasks
        }
        for trial in made.plan.trials
        if trial.role == "deletion"
    }


def _by_kind(made: Planned, losses: Mapping[str, Sequence[float | None]]) -> dict[str, Array]:
    """What the winner loses without a kind, by seed; without all of it where it has several."""
    own = np.array(losses["winner"], dtype=float)
    out: dict[str, Array] = {}
    for trial in made.plan.trials:
        if trial.role == "deletion":
            row = np.array(losses[trial.label], dtype=float) - own
            if np.isfinite(row).all():
                # Components of a kind come before all of them at once, which is so the last.
                out[made.kinds[trial.component]] = row
    return out


def concentrated(found: Sequence[Attributed], seed: int = 0) -> Concentration | None:
    """Do few kinds of components bring most of the gain of these winners? None without any."""
    kinds = sorted({k for a in found for k in a.kinds})
    if not kinds:
        return None
    seeds = min(len(row) for a in found for row in a.kinds.values())
    cube = np.full((len(found), len(kinds), seeds), np.nan)
    for i, a in enumerate(found):
        for k, row in a.kinds.items():
            cube[i, kinds.index(k)] = row[:seeds]
    return concentration(cube, np.random.default_rng(seed))


def _motifs(made: Planned) -> dict[str, tuple[str, ...]]:
    """The motifs that go with each component."""
    own = counted(made.designs["winner"])
    out: dict[str, tuple[str, ...]] = {}
    for trial in made.plan.trials:
        if trial.role == "deletion":
            gone = own - counted(made.designs[trial.label])
            if gone:
                out[trial.component] = tuple(sorted(gone))
    return out


def counted(design: Design) -> Counter[str]:
    """The motifs of a design at the width of the hosts."""
    return motifs_of(design.text, design.op, dict(design.sizes))
