"""Six seeds of three mixers beside six of an independent implementation, at one learning rate.

    python benchmarks/tiny_seeds.py                       six tasks, three mixers: half an hour
    python benchmarks/tiny_seeds.py --tasks update
    python benchmarks/tiny_seeds.py --keep runs/seeds.jsonl      goes on where it stopped

Areas under the training loss are compared by Welch's test, losses are shown beside them (they are
at both ends of a jump, far from normal). 1 at the end where an area differs by Holm's test over
the cells shown, at 0.05. The networks are those of `tiny_tasks.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asiarch.search.stats.multiple import holm
from asiarch.search.stats.special import t_cdf
from asiarch.train.tasks import train
from benchmarks.tiny_tasks import read, runs_of, taken, write

REFERENCE = Path(__file__).resolve().with_name("tiny_seeds_reference.txt")
RATE, SEEDS = 6e-3, 6
ALPHA = 0.05


@dataclass(frozen=True)
class Spread:
    mean: float
    deviation: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.deviation:.3f})"


@dataclass(frozen=True)
class Theirs:
    mixer: str
    task: str
    loss: Spread
    area: Spread


@dataclass(frozen=True)
class Ours:
    losses: list[float]
    areas: list[float]
    seconds: float


def reference() -> list[Theirs]:
    lines = [x for x in REFERENCE.read_text("utf-8").splitlines() if not x.startswith("#")]
    rows = [line.split() for line in lines[1:]]
    return [Theirs(m, t, _spread(loss), _spread(area)) for m, t, loss, area in rows]


def _spread(cell: str) -> Spread:
    return Spread(*map(float, cell.split("/")))


def measured(mixer: str, task: str) -> Ours:
    results = train(runs_of(mixer, task, SEEDS, [RATE]))
    losses, areas = [r.final_loss for r in results], [r.auc for r in results]
    known = [x for x in (*losses, *areas) if x is not None]
    if len(known) < 2 * SEEDS:
        failed = next(r for r in results if r.status != "done")
        raise SystemExit(f"{mixer} on {task}: {failed.reason}: {failed.detail}")
    return Ours(known[:SEEDS], known[SEEDS:], sum(r.seconds for r in results))


def welch(ours: Sequence[float], theirs: Spread) -> float:
    """Two-sided p that two means of so many seeds are one (Welch 1947)."""
    own = float(np.var(ours, ddof=1)) / len(ours)
    other = theirs.deviation**2 / SEEDS
    freedom = (own + other) ** 2 / (own**2 / (len(ours) - 1) + other**2 / (SEEDS - 1))
    t = (float(np.mean(ours)) - theirs.mean) / (own + other) ** 0.5
    return 2 * float(t_cdf(-abs(t), freedom))


def table(found: Sequence[tuple[Theirs, Ours]]) -> tuple[list[str], int]:
    """Markdown, and how many areas differ."""
    p = holm([welch(ours.areas, theirs.area) for theirs, ours in found])
    head = "task | mixer | area | theirs | p (Holm) | loss | theirs | s a run"
    lines = [head, "|".join(["---"] * 8)]
    for (theirs, ours), value in zip(found, p, strict=True):
        lines.append(
            f"{theirs.task} | {theirs.mixer} | {_own(ours.areas)} | {theirs.area} | {value:.3f} | "
            f"{_own(ours.losses)} | {theirs.loss} | {ours.seconds / len(ours.areas):.0f}"
        )
    return [f"| {line} |" for line in lines], int(np.sum(p < ALPHA))


def _own(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def main() -> int:
    known = reference()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("mixer", "task"):
        choices = list(dict.fromkeys(getattr(x, name) for x in known))
        parser.add_argument(
            f"--{name}s", nargs="+", choices=choices, default=choices, metavar=name.upper()
        )
    given = taken(parser)
    torch.set_num_threads(1)
    kept = {cell: Ours(**line) for cell, line in read(given.keep)}
    found: list[tuple[Theirs, Ours]] = []
    for theirs in known:
        if theirs.mixer not in given.mixers or theirs.task not in given.tasks:
            continue
        cell = f"{theirs.mixer} {theirs.task}"
        if cell not in kept:
            kept[cell] = measured(theirs.mixer, theirs.task)
            write(given.keep, cell, vars(kept[cell]))
        found.append((theirs, kept[cell]))
        print(cell, _own(kept[cell].areas), theirs.area, file=sys.stderr, flush=True)
    lines, wrong = table(found)
    print("\n".join(lines))
    print(f"{len(found) - wrong} of {len(found)} areas agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
