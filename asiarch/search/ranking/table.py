"""A ranking as tables of texts: over all tasks, task by task, and what was left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from asiarch.search.ranking.rank import Cell, Ranking, Row
from asiarch.search.stats.estimate import Estimate

Table = list[list[str]]
"""A header row, then the others."""

EDGE, PARETO = "!", "*"
NOTES = (
    f"{PARETO} on the Pareto set of effect, FLOPs per token and state; {EDGE} the best learning"
    " rate is the grid's first or last",
    "effects: baseline less operator, positive is better; shrunk by all operators, 95 % intervals",
)


def overall(rows: Sequence[Row]) -> Table:
    """Effects over all tasks, in sds of one paired difference, and costs."""
    head = ["operator", "", "effect, sd", "shrunk", "parameters", "state", "FLOPs/token", "s/run"]
    return [head, *([*_named(r), *_effects(r), *_costs(r)] for r in rows)]


def by_task(rows: Sequence[Row], task: str) -> Table:
    """One task: effects in nats, P(solved), beyond the training length, the learning rate."""
    cells = [(r, c) for r in rows if (c := r.cell(task)) is not None]
    cells.sort(key=lambda pair: pair[1].metric)
    long = any(math.isfinite(c.accuracy_long) for _, c in cells)
    head = ["operator", "area", "effect, nats", "shrunk", "loss", "accuracy", "P(solved)"]
    head += ["long accuracy", "P(solved long)"] if long else []
    head += ["rate", "sensitivity", "seeds"]
    return [head, *(_cell(r, c, long) for r, c in cells)]


def left_out(ranking: Ranking) -> Iterator[str]:
    """A sentence for each operator and task without a score."""
    for x in ranking.left_out:
        yield f"{x.name} on {x.task}: {x.reason}: {x.said}"


def markdown(table: Table) -> str:
    head, *rows = table
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines[: len(rows) + 2])


def interval(x: Estimate, places: int = 2) -> str:
    """`+0.12 [-0.01, +0.25]`, or what is known of it."""
    if not x.known:
        return "-"
    if not math.isfinite(x.low):
        return f"{x.value:+.{places}f}"
    return f"{x.value:+.{places}f} [{x.low:+.{places}f}, {x.high:+.{places}f}]"


def probability(x: Estimate, seeds: int) -> str:
    """`5/8 [0.31, 0.87]`."""
    if not x.known:
        return "-"
    return f"{round(x.value * seeds)}/{seeds} [{x.low:.2f}, {x.high:.2f}]"


def _named(row: Row) -> list[str]:
    edge = EDGE if any(c.edge for c in row.cells) else ""
    return [row.design.name, (PARETO if row.pareto else "") + edge]


def _effects(row: Row) -> list[str]:
    return [interval(row.overall.raw), interval(row.overall.shrunk)]


def _costs(row: Row) -> list[str]:
    names = ("parameters", "state_floats", "flops_per_token")
    seconds = row.mean("seconds")
    took = f"{seconds:.1f}" if math.isfinite(seconds) else "-"
    return [*(_count(row.mean(n)) for n in names), took]


def _cell(row: Row, c: Cell, long: bool) -> list[str]:
    out = [
        row.design.name, f"{c.metric:.3f}", interval(c.effect.raw, 3), interval(c.effect.shrunk, 3),
        f"{c.loss:.3f}", _share(c.accuracy), probability(c.solved, c.seeds),
    ]  # fmt: skip
    if long:
        out += [_share(c.accuracy_long), probability(c.solved_long, c.seeds)]
    rate = f"{c.learning_rate:g}{EDGE if c.edge else ''}"
    spread = f"{c.sensitivity:.3f}" if math.isfinite(c.sensitivity) else "-"
    return [*out, rate, spread, str(c.seeds)]


def _share(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _count(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "-"
