"""A report of made-up data, to see what a report looks like before there is one.

`python -m asiarch.search.report.example FOLDER` writes `report.html` and each figure there, with
names of figures (`forest lineage`) only those. The programs are real ones of the language; every
number of theirs is drawn from a simple model, and the page says so at its top.
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from asiarch.search.report import data as d

GENES: dict[str, tuple[str, ...]] = {
    "rule": ("sum", "scalar", "diagonal", "delta", "gated_delta"),
    "gate": ("none", "sigmoid", "silu"),
    "norm": ("none", "l2", "rms"),
    "conv": ("none", "short"),
    "read": ("after", "before"),
    "scale": tuple(str(i) for i in range(12)),
}
UPDATES = {
    "sum": ("S[t-1] + k * v", "none"),
    "scalar": ("a * S[t-1] + k * v", "scalar"),
    "diagonal": ("a * S[t-1] + k * v", "diagonal"),
    "delta": ("S[t-1] + b * k * (v - k @ S[t-1])", "householder"),
    "gated_delta": ("a * S[t-1] + b * k * (v - k @ (a * S[t-1]))", "householder"),
}
GAINS = {
    "sum": -0.09,
    "scalar": -0.03,
    "diagonal": -0.02,
    "delta": 0.0,
    "gated_delta": 0.03,
    "sigmoid": 0.006,
    "silu": 0.012,
    "l2": 0.01,
    "rms": 0.026,
    "short": 0.03,
    "before": -0.015,
}
PANEL: dict[str, Mapping[str, str]] = {
    "linear_attention": {"rule": "sum"},
    "retention": {"rule": "scalar"},
    "mamba2": {"rule": "scalar", "conv": "short", "gate": "silu"},
    "gla": {"rule": "diagonal", "gate": "silu"},
    "hgrn2": {"rule": "diagonal", "gate": "sigmoid"},
    "delta_net": {"rule": "delta", "conv": "short", "norm": "l2"},
    "gated_delta_net": {"rule": "gated_delta", "conv": "short", "norm": "l2", "gate": "silu"},
    "no_memory": {"rule": "sum", "read": "before"},
}
ARMS = ("full", "evolution", "random", d.NULL)
TASKS = ("update", "mqar", "bytes")
REASONS = (("T0a", "duplicate", 9), ("T0a", "cost", 4), ("T0a", "causal", 1), ("T0b", "law", 1),
           ("T1", "nan", 2), ("T1", "timeout", 1), ("T1", "effect", 0))  # fmt: skip
SIGMA, GRID = 0.02, (2e-3, 5e-3, 1.2e-2)


def program(genes: Mapping[str, str]) -> str:
    """The text of a mixer."""
    rule = genes["rule"]
    conv = " |> conv[4] |> silu" if genes["conv"] == "short" else ""
    norm = {"none": "", "l2": " |> l2norm[K]", "rms": " |> rmsnorm[K]"}[genes["norm"]]
    lines = [
        f"q = x |> linear[H, K]{conv}{norm}",
        f"k = x |> linear[H, K]{conv}{norm}",
        f"v = x |> linear[H, V]{conv}",
    ]
    if "delta" in rule:
        lines.append("b = x |> linear[H] |> sigmoid")
    if rule in ("scalar", "gated_delta"):
        lines.append("a = sigmoid(linear[H](x) + 4)")
    if rule == "diagonal":
        lines.append("a = sigmoid(linear[H, K](x) + 4)")
    lines += ["", "state S[H, K, V]", f"S = {UPDATES[rule][0]}"]
    read = "S" if genes["read"] == "after" else "S[t-1]"
    lines.append(f"o = {1 + int(genes['scale']) / 8:g} * q @ {read}  # what the state answers")
    out = "rmsnorm[V](o)"
    if genes["gate"] != "none":
        out += f" * {genes['gate']}(linear[H, V](x))"
    body = "".join(
        f"  {line}\n" if line else "\n" for line in [*lines, "", f"return linear[H, V -> D]({out})"]
    )
    return f"op mixer[D, H, K = D / H, V = D / H](x: Seq[D]) -> Seq[D] where causal {{\n{body}}}\n"


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
            asked=_asked(self.count),
            candidates=tuple(self.rows),
            power=_POWER,
            discoveries=tuple(_discoveries()),
            components=_COMPONENTS,
            pareto_question=(
                "The strongest fifth of the components brings 61 % (43 to 78 %) of the gain "
                "measured by deletion."
            ),
            shares=_SHARES,
            tiers=_TIERS,
            rates=GRID,
            rate_curves=rates,
            edit_effects=tuple(_edit_effects(self.rng)),
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
            niche=_niche(genes),
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
            effects = tuple(replace(e, p=min(8 * p, 1.0)) for e in effects)
            claim = pooled.low > 0 and c.arm != d.NULL
            self.rows[self.rows.index(c)] = replace(
                c,
                confirmed=pooled,
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


def _niche(genes: Mapping[str, str]) -> dict[str, str]:
    return {
        "state": "matrix",
        "transition": UPDATES[genes["rule"]][1],
        "gating": genes["gate"],
        "attention": "none",
        "conv": genes["conv"],
        "read": genes["read"],
    }


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


def _asked(count: int) -> d.Asked:
    return d.Asked(
        title="made-up data",
        protocol="full",
        claims=True,
        tasks=TASKS,
        baseline="gated_delta_net",
        protocol_hash="3f9a1c0e77b2d845",
        seed="0",
        command="asiarch search --protocol full --budget 3h",
        started="2026-11-29 09:00 UTC",
        ended="2026-11-29 12:00 UTC",
        code="0.1.0",
        budget={"wall time": "3 h", "candidates": str(count)},
        spent={"CPU": "5.8 h", "wall time": "3.0 h", "training runs": "2,114"},
        machine={"kind": "2 cores of an x86-64 CPU"},
        versions={"python": "3.11", "torch": "2.13.0", "numpy": "2.3"},
        warning="Every number here is made up, to show what a report looks like.",
    )


_POWER = d.Power(
    alpha=0.05,
    seeds=16,
    sigma=SIGMA,
    rho=0.42,
    power=0.8,
    detectable=0.016,
    error=d.Estimate(0.041, 0.036, 0.047),
    simulations=5000,
)
_COMPONENTS = (
    d.Component(
        "short conv",
        d.Estimate(0.031, 0.024, 0.038),
        d.Estimate(0.21, 0.15, 0.27),
        d.Estimate(1.1, 0.4, 1.8),
        14,
    ),
    d.Component(
        "decay of the state",
        d.Estimate(0.027, 0.019, 0.035),
        d.Estimate(0.12, 0.05, 0.19),
        d.Estimate(0.6, -0.1, 1.3),
        11,
    ),
    d.Component(
        "output gate",
        d.Estimate(0.012, 0.003, 0.021),
        d.Estimate(0.04, -0.01, 0.09),
        d.Estimate(0.2, -0.5, 0.9),
        12,
    ),
    d.Component(
        "norm of keys",
        d.Estimate(0.004, -0.004, 0.012),
        d.Estimate(0.03, 0.0, 0.06),
        d.Estimate(0.5, -0.2, 1.2),
        9,
    ),
    d.Component(
        "read before the write",
        d.UNKNOWN,
        d.Estimate(-0.02, -0.05, 0.01),
        d.Estimate(-0.7, -1.6, 0.2),
        4,
    ),
)
_SHARES = (
    d.Share("all edits", (148, 71, 19), 6),
    d.Share("edits of what passed", (9, 6, 1)),
)
_TIERS = (
    d.TierPair("T1", "T2", d.Estimate(0.71, 0.22, 0.91), 10),
    d.TierPair("T1", "C", d.Estimate(0.66, 0.12, 0.9), 10),
    d.TierPair("T2", "C", d.Estimate(0.38, -0.3, 0.81), 10),
)


def _discoveries() -> Iterator[d.Discoveries]:
    grid = tuple(i * 2e13 for i in range(31))
    most = {"full": 3.0, "evolution": 2.0, "random": 1.0, d.NULL: 0.0}
    for arm, end in most.items():
        count = tuple(round(end * (i / 30) ** 0.8 * 3) / 3 for i in range(31))
        fits = (
            (
                d.Fit(
                    "poisson",
                    f"{end / 6:.2f} per 1e14",
                    tuple(end * i / 30 for i in range(31)),
                    14.2,
                ),
                d.Fit(
                    "power",
                    "exponent 0.8 (0.3 to 1.6)",
                    tuple(end * (i / 30) ** 0.8 for i in range(31)),
                    15.8,
                ),
                d.Fit(
                    "saturating",
                    f"to {2 * end:.1f}",
                    tuple(2 * end * i / (30 + i) for i in range(31)),
                    15.9,
                ),
            )
            if end
            else ()
        )
        low = tuple(max(c - 1, 0.0) for c in count) if end else count
        yield d.Discoveries(
            arm, grid, count, low, tuple(c + (1 if end else 0) for c in count), 3, fits
        )


def _edit_effects(rng: random.Random) -> Iterator[d.EditEffect]:
    for operator in ("replace", "splice", "wrap", "insert", "delete"):
        for what in ("rule", "gate", "conv", "norm"):
            count = rng.randint(1, 24)
            value, size = rng.gauss(-0.01, 0.02), SIGMA / math.sqrt(count)
            share = min(max(0.45 + 8 * value, 0.0), 1.0)
            half = 0.6 / math.sqrt(count)
            yield d.EditEffect(
                operator,
                what,
                count,
                max(count // 3, 1),
                d.Estimate(value, value - 2 * size, value + 2 * size)
                if count > 1
                else d.Estimate(value),
                d.Estimate(share, max(share - half, 0), min(share + half, 1)),
            )


def main(folder: str, *names: str) -> None:
    """Writes the page and all figures, or only the figures that are named."""
    from asiarch.search.report.page import page
    from asiarch.search.report.sections import pictures

    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    made = example(code=not names)
    texts = {f"{f.name}.svg": f.svg() for f in pictures(made) if not names or f.name in names}
    if not names:
        texts["report.html"] = page(made)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
        print(f"{root / name}  {len(text.encode()) / 1000:.0f} kB")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m asiarch.search.report.example FOLDER [FIGURE ...]")
    main(*sys.argv[1:])
