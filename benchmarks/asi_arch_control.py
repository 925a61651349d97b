"""The gallery of ASI-Arch under control: against Gated DeltaNet and DeltaNet, parameters matched.

    python benchmarks/asi_arch_control.py            trains; writes docs/asi_arch_control.md
    python benchmarks/asi_arch_control.py --write    the page from what the store has
    python benchmarks/asi_arch_control.py --quick --store runs/quick.db --out runs/quick.md

One rule for all: the same host, budget of parameters and steps, one seed for the learning rate,
five others for the score. It may be killed at any moment: the same command goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asiarch.search.engineer import Design
from asiarch.search.protocol import FULL
from asiarch.search.ranking import table
from asiarch.search.ranking.effects import effects
from asiarch.search.ranking.entrants import Entrants
from asiarch.search.ranking.measure import Measured
from asiarch.search.ranking.rank import Ranking, ranking
from asiarch.search.stats.confirm import LEAST, confirm
from asiarch.search.stats.paired import composite
from benchmarks.experiments import Found, Part, arguments, carried_out, circumstances

PASSES = (2, 5)
TASKS = FULL.claim_tasks
FIRST = (
    "dual_scale_gate_net", "adaptive_mix_transformer", "sparse_gate_delta", "hier_gate_mem",
    "content_sharp_router", "fusion_conv_amg", "adaptive_fractal_gate_net",
    "dual_stage_path_gate_net", "adaptive_token_gate", "spectral_context_mixer",
)  # fmt: skip
"""Those that leave a channel mixer of more than a half of the others' width; then the rest."""
LONGEST = 90.0
BASELINES = ("gdn_mixer", "delta_mixer")


def designs() -> tuple[Design, Design, list[Design]]:
    """Gated delta, delta, and the gallery in the order in which it is measured."""
    entrants = Entrants()
    (gated,), (delta,) = (entrants.of_library(f"panel.{n}") for n in BASELINES)
    gallery = entrants.of_library("asi_arch")
    for i, d in enumerate(gallery):
        gallery[i] = Design(d.id, d.name.partition(".")[2], d.text, d.op, d.sizes)
    order = {name: place for place, name in enumerate(FIRST)}
    return gated, delta, sorted(gallery, key=lambda d: (order.get(d.name, len(order)), d.name))


def passes(quick: bool) -> Iterator[tuple[int, Part]]:
    """Ten of them on all tasks with all seeds, then everybody."""
    gated, delta, gallery = designs()
    if quick:
        yield PASSES[0], Part("update.small", TASKS[:1], (gated, delta, *gallery[:2]), gated)
        return
    for name, group in (("first", gallery[: len(FIRST)]), ("all", gallery)):
        for seeds in PASSES:
            for task in TASKS:
                yield seeds, Part(f"{name} {task}", (task,), (gated, delta, *group), gated)


def joined(latest: Mapping[str, Found]) -> tuple[Measured, dict[str, Found]] | None:
    """One measurement of all tasks that were measured with the same number of seeds."""
    by_task: dict[str, Found] = {}
    for found in latest.values():
        task = found.part.tasks[0]
        best = by_task.get(task)
        size = (found.seeds, len(found.part.designs))
        if best is None or size > (best.seeds, len(best.part.designs)):
            by_task[task] = found
    if not by_task:
        return None
    seeds = min(f.seeds for f in by_task.values())
    made = Measured(next(f.measured.protocol for f in by_task.values() if f.seeds == seeds))
    whole = made.protocol.tiers[0]
    made.protocol = made.protocol.named(
        made.protocol.name, tiers=(replace(whole, tasks=tuple(by_task)),)
    )
    checked, trained = {}, {}
    for task, found in by_task.items():
        own = found.measured
        made.designs[task] = own.designs[task]
        made.scores.rows |= {k: row[:seeds] for k, row in own.scores.rows.items() if k[1] == task}
        made.rates |= own.rates
        made.left_out += own.left_out
        checked |= own.checked
        trained |= own.trained
    made.checked, made.trained = checked, trained
    return made, by_task


def page(latest: Mapping[str, Found]) -> str:
    both = joined(latest)
    assert both is not None
    made, by_task = both
    found = next(iter(by_task.values()))
    gated = found.part.bar
    everybody = max((f.part.designs for f in by_task.values()), key=len)
    ranked = ranking(made, everybody, [gated], bar=gated, parameters=found.parameters)
    fitted = [r for r in ranked.rows if r.cells]
    lines = [
        "# ASI-Arch under control", "",
        "Made by `python benchmarks/asi_arch_control.py`. The architectures of the gallery"
        " (transcribed, see [asi_arch.md](asi_arch.md)) against Gated DeltaNet and DeltaNet, by one"
        " rule. Effects: baseline less architecture, positive is better; area under the training"
        " loss, over tasks in sds of one paired difference; 95 % intervals, shrunk over all. p:"
        " one-sided, of no effect against gated delta, by each architecture's own spread over"
        " seeds, by Holm over the architectures; it can be small where an interval by the pooled"
        " spread holds zero, and it says nothing of delta.", "",
        circumstances(by_task.values()), "",
        _slow(made), "",
        _chosen(ranked), "",
        *_edges(ranked),
        "## Over all tasks, against gated delta", "", table.markdown(_overall(ranked, made)), "",
        _verdict(ranked, made), "",
    ]  # fmt: skip
    for task in by_task:
        lines += [f"## {task}", "", table.markdown(table.by_task(fitted, task)), ""]
    lines += ["## Left out", ""]
    lines += [f"- {line}" for line in dict.fromkeys(table.left_out(ranked))] or [
        "Nothing of what was measured."
    ]
    return "\n".join(lines).rstrip() + "\n"


def _overall(ranked: Ranking, made: Measured) -> table.Table:
    rows = [r for r in ranked.rows if r.cells]
    head, *body = table.overall(rows)
    delta = next(r.design for r in rows if r.design.name == "delta_mixer")
    second = effects(made, delta).overall
    p = claims(made, ranked)
    head += ["channel mixer", "against delta, shrunk", "p to gated delta"]
    for cells, r in zip(body, rows, strict=True):
        against = second.get(r.design.id)
        cells += [
            f"{r.mean('hidden'):.0f}",
            table.interval(against.shrunk) if against else "-",
            f"{p[r.design.id]:.3f}" if r.design.id in p else "-",
        ]
    return [head, *body]


def claims(made: Measured, ranked: Ranking) -> dict[str, float]:
    """One-sided p values of being better than gated delta, by Holm over the gallery; none below
    five seeds.
    """
    bar = next(r.design for r in ranked.rows if r.design.name == ranked.bar)
    others = [
        r.design for r in ranked.rows if r.overall.raw.known and r.design.name not in BASELINES
    ]
    if not others or made.seeds < LEAST:
        return {}
    found = effects(made, bar)
    ids = [d.id for d in others]
    paired = {t: made.scores.paired(ids, bar.id, t) for t in found.sigma}
    p = confirm(composite(paired, found.sigma)).adjusted
    return dict(zip(ids, map(float, np.atleast_1d(p)), strict=True))


def _verdict(ranked: Ranking, made: Measured) -> str:
    rows = [r for r in ranked.rows if r.overall.raw.known and r.design.name not in BASELINES]
    better = [r.design.name for r in rows if r.overall.shrunk.low > 0]
    worse = [r.design.name for r in rows if r.overall.shrunk.high < 0]
    p = claims(made, ranked)
    sure = [r.design.name for r in rows if p.get(r.design.id, 1) <= FULL.alpha]
    test = f"By Holm's test: {', '.join(sure) or 'none'}." if p else "Too few seeds for a test."
    return (
        f"Of {len(rows)} architectures on {len(made.tasks)} tasks with {made.seeds} seeds, the"
        f" interval is above gated delta for {len(better)} ({', '.join(better) or 'none'}), below"
        f" for {len(worse)}, and open for {len(rows) - len(better) - len(worse)}. {test}"
    )


def _chosen(ranked: Ranking) -> str:
    """Which of the gallery were measured, and by which rule."""
    names = {d.name for d in designs()[2]}
    measured = {r.design.name for r in ranked.rows if r.cells} & names
    rest = sorted(names - measured)
    if not rest:
        return f"All {len(names)} that were transcribed, of 106 published, were measured."
    return (
        f"{len(measured)} of the {len(names)} that were transcribed, of 106 published: those whose"
        " own parameters leave, at this size, a channel mixer of more than half of the others'"
        f" width. Not measured: {', '.join(rest)}."
    )


def _edges(ranked: Ranking) -> Iterator[str]:
    """Tasks on which the grid of learning rates holds nobody's best inside of it."""
    cells = [c for r in ranked.rows for c in r.cells]
    tasks = [t for t in ranked.tasks if all(c.edge for c in cells if c.task == t)]
    if tasks:
        yield f"On {', '.join(tasks)} everybody's best learning rate is at the edge of the grid."
        yield ""


def _slow(made: Measured) -> str:
    over = {(i, t): o.seconds for (i, t, _), o in made.trained.items() if o.seconds > LONGEST}
    if not over:
        return f"No run took more than {LONGEST:.0f} s on its core."
    return f"{len(over)} cells have runs of more than {LONGEST:.0f} s on a core that was shared."


def main() -> None:
    given = arguments(__doc__, "runs/asi_arch_control.db", "docs/asi_arch_control.md")
    carried_out(given, [*passes(given.quick)], page)


if __name__ == "__main__":
    main()
