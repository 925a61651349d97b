"""The course of the made-up search: candidates drawn one after the other, measured, confirmed."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from asiarch.search.report import data as d
from asiarch.search.report.example.design import (
    ARMS,
    GAINS,
    GENES,
    GRID,
    PANEL,
    REASONS,
    SIGMA,
    TASKS,
    UPDATES,
    niche,
    program,
)
from asiarch.search.report.example.parts import (
    ASSOCIATIONS,
    COMPONENTS,
    POWER,
    SHARES,
    TIERS,
    asked,
    discoveries,
    edit_effects,
)


def example(count: int = 300, seed: int = 0, *, code: bool = True) -> d.ReportData:
    """Made-up data of a search with `count` candidates beside the panel, the same for a seed."""
    return _Maker(count, random.Random(seed), code).data()


class _Maker:
    """Draws candidates one after the other; keeps their genes."""

    def __init__(self, count: int, rng: random.Random, code: bool) -> None:
        self.count, self.rng, self.code = count, rng, code
        self.genes: dict[str, dict[str, str]] = {}
        self.true: dict[str, float] = {}
        self.rows: list[d.Candidate] = []

    def data(self) -> d.ReportData:
        for name, genes in PANEL.items():
            full = {g: values[0] for g, values in GENES.items()} | dict(genes)
            self._add(name, d.PANEL, full, (), ())
        for order in range(self.count):
            self._propose(order)
        self._confirm()
        if self.code:
            self._pictures()
        rates = tuple(self._rates())
        return d.ReportData(
            asked=asked(self.count),
            candidates=tuple(self.rows),
            power=POWER,
            discoveries=tuple(discoveries()),
            components=COMPONENTS,
            associations=ASSOCIATIONS,
            pareto_question=(
                "The strongest fifth of the components brings 61 % (43 to 78 %) of the gain "
                "measured by deletion."
            ),
            shares=SHARES,
            tiers=TIERS,
            rates=GRID,
            rate_curves=rates,
            edit_effects=tuple(edit_effects(self.rng)),
        )

    def _propose(self, order: int) -> None:
        arm = ARMS[order % len(ARMS)]
        ranked = sorted(
            (c for c in self.rows if c.overall.known and c.arm in (arm, d.PANEL)),
            key=lambda c: -c.overall.value,
        )
        if arm == d.NULL:
            parent = next(c for c in self.rows if c.name == "gated_delta_net")
            self._add(f"again-{order}", arm, self.genes[parent.id], (parent.id,), (), order)
            return
        pool = ranked[:10] if arm != "random" else ranked
        parent = self.rng.choice(pool)
        genes = dict(self.genes[parent.id])
        edits: list[d.Edit] = []
        for gene in self.rng.sample(list(GENES), self.rng.choice((1, 1, 2))):
            new = self.rng.choice([v for v in GENES[gene] if v != genes[gene]])
            operator = self.rng.choice(("replace", "splice", "wrap", "insert", "delete"))
            source = self.rng.choices(d.CLASSES, (6, 3, 1))[0]
            edits.append(d.Edit(operator, gene, f"{genes[gene]} to {new}", source, ("card-17",)))
            genes[gene] = new
        other = self.rng.choice(pool)
        parents = (
            (parent.id,) if self.rng.random() < 0.8 or other is parent else (parent.id, other.id)
        )
        self._add(f"{genes['rule']}-{order}", arm, genes, parents, tuple(edits), order)

    def _add(
        self, name: str, arm: str, genes: Mapping[str, str], parents: tuple[str, ...],
        edits: tuple[d.Edit, ...], order: int = 0,
    ) -> None:  # fmt: skip
        text = program(genes)
        key = hashlib.sha256(f"{name} {text}".encode()).hexdigest()[:12]
        self.genes[key] = dict(genes)
        gain = sum(GAINS.get(v, 0.0) for v in genes.values()) - 0.082
        gain += 0.009 * math.sin(int(genes["scale"])) - (0.4 if name == "no_memory" else 0.0)
        self.true[key] = 0.0 if arm == d.NULL else gain
        turned = None
        if arm not in (d.PANEL, d.NULL):
            turned = self.rng.choices([*REASONS, None], [*(w for *_, w in REASONS), 40])[0]
        row = d.Candidate(
            id=key,
            name=name,
            text=text,
            op="mixer",
            sizes={"D": 64, "H": 2},
            arm=arm,
            order=order,
            parents=parents,
            edits=edits,
            reached="T1",
            niche=niche(genes),
            near=(d.Near("gated_delta_net", 0.3, ""), d.Near("delta_net", 0.45, "")),
            ledger=(
                ("causal", "proved", "by intervals"),
                ("work <= O(T)", "proved", "by polynomial 7 * H * K * T * V"),
            ),
            facts={"work": "O(T)", "decode state": "H * K * V", "class": UPDATES[genes["rule"]][1]},
        )
        if turned and turned[0] != "T1":
            self.rows.append(
                replace(row, reached=turned[0], reason=turned[1], message=_said(turned[1]))
            )
            return
        self.rows.append(self._measured(row, genes, turned[1] if turned else ""))

    def _measured(self, row: d.Candidate, genes: Mapping[str, str], reason: str) -> d.Candidate:
        rng, true = self.rng, self.true[row.id]
        seeds = 8 if row.panel else rng.choice((2, 2, 3, 8))
        flops = 2.1e5 * (1.3 if genes["conv"] == "short" else 1) * rng.uniform(0.95, 1.05)
        row = replace(
            row,
            parameters=rng.uniform(78e3, 80e3),
            flops=flops,
            seeds=seeds,
            state=2048 * (1 + 0.06 * (genes["conv"] == "short")) * rng.choice((0.5, 1, 1, 2)),
            time=math.nan if rng.random() < 0.05 else flops * rng.uniform(2, 5) * 1e-5,
        )
        if reason:
            curves = (_curve(rng, "update", 0, broken=reason == "nan"),)
            return replace(row, reason=reason, message=_said(reason), curves=curves)
        effects = tuple(self._effect(task, true, seeds, d.SELECTION) for task in TASKS)
        overall = _pooled(effects)
        known = {"reason": "effect", "message": "its lower bound is below zero"}
        turned = known if overall.low <= 0 and not row.panel and row.arm != d.NULL else {}
        curves = [
            _curve(rng, t, k, gain=e.estimate.value)
            for t, e in zip(TASKS, effects, strict=True)
            for k in range(2)
        ]
        curves += [_curve(rng, t, 0, baseline=True) for t in TASKS]
        return replace(
            row,
            overall=overall,
            shrunk=0.6 * overall.value,
            effects=effects,
            curves=tuple(curves),
            reached="T2" if overall.low > 0 else "T1",
            **turned,
        )

    def _effect(self, task: str, true: float, seeds: int, stage: str) -> d.Effect:
        size = SIGMA / math.sqrt(seeds)
        value = self.rng.gauss(true, size)
        rate = self.rng.choice(GRID)
        chance = min(max(0.5 + 3 * true, 0.02), 0.98)
        return d.Effect(
            task,
            stage,
            seeds,
            d.Estimate(value, value - 2.3 * size, value + 2.3 * size),
            shrunk=0.6 * value,
            baseline="gated_delta_net",
            learning_rate=rate,
            edge=rate != GRID[1],
            solved=d.Estimate(chance, max(chance - 0.2, 0), min(chance + 0.2, 1)),
        )

    def _confirm(self) -> None:
        shortlist = sorted(
            (c for c in self.rows if not c.panel and c.overall.low > 0 and not c.reason),
            key=lambda c: -c.overall.low,
        )[:8]
        for c in shortlist:
            effects = tuple(self._effect(t, self.true[c.id], 16, d.CONFIRMATION) for t in TASKS)
            pooled = _pooled(effects)
            p = math.erfc(max(pooled.value, 0) / (SIGMA / math.sqrt(48)) / math.sqrt(2)) / 2
            claim = pooled.low > 0 and c.arm != d.NULL
            self.rows[self.rows.index(c)] = replace(
                c,
                confirmed=pooled,
                p=min(8 * p, 1.0),
                claim=claim,
                reached="C",
                seeds=16,
                effects=(*c.effects, *effects),
                audit=("causality, shuffled labels and train/test overlap: nothing found",)
                if claim
                else (),
            )

    def _pictures(self) -> None:
        """Emitted code for what was measured, graphs for what was confirmed and for the panel."""
        from asiarch import interface
        from asiarch.draw import graph_svg

        emitted: dict[str, str] = {}
        for i, c in enumerate(self.rows):
            if not c.overall.known:
                continue
            if c.text not in emitted:
                emitted[c.text] = interface.emit(c.text, "mixer", dict(c.sizes), bare=True)
            notable = c.panel or c.confirmed.known
            graph = (
                graph_svg(interface.elaborate(c.text, "mixer", dict(c.sizes))) if notable else ""
            )
            self.rows[i] = replace(c, code=emitted[c.text], graph=graph)

    def _rates(self) -> Iterator[d.RateCurve]:
        for c in self.rows[:60]:
            best = self.rng.choice((5e-3, 5e-3, 1.2e-2))
            losses = [1.3 + 0.03 * math.log(r / best) ** 2 * self.rng.uniform(0.5, 2) for r in GRID]
            if c.reason in ("", "effect"):
                yield d.RateCurve(c.name, tuple(losses), c.panel)


def _said(reason: str) -> str:
    return {
        "duplicate": "its canonical IR is that of gated_delta_net in the library",
        "cost": "work is O(T^2), the protocol wants O(T)",
        "causal": "`o` reads x[t+1]",
        "law": "one step at a time and the whole sequence differ at token 3",
        "nan": "the loss was not finite at step 140",
        "timeout": "stopped after 90 s, the limit of one run",
    }.get(reason, "")


def _pooled(effects: tuple[d.Effect, ...]) -> d.Estimate:
    value = sum(e.estimate.value for e in effects) / len(effects)
    half = sum(e.estimate.high - e.estimate.low for e in effects) / 2 / len(effects) ** 1.5
    return d.Estimate(value, value - half, value + half)


def _curve(
    rng: random.Random, task: str, seed: int, *, gain: float = 0.0, baseline: bool = False,
    broken: bool = False,
) -> d.Curve:  # fmt: skip
    jump = rng.uniform(30, 60) - 100 * gain
    losses = [0.3 + 2.2 / (1 + math.exp((i - jump) / 9)) + rng.gauss(0, 0.04) for i in range(100)]
    if broken:
        losses[46:] = [math.nan] * 54
    return d.Curve(task, str(seed), tuple(losses), 300, baseline)
