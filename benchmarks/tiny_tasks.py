"""The panel on the small tasks, beside what an independent implementation measured.

    python benchmarks/tiny_tasks.py                                    everything: about an hour
    python benchmarks/tiny_tasks.py --mixers delta none --tasks update parity
    python benchmarks/tiny_tasks.py --keep runs/tiny.jsonl             goes on where it stopped
    python benchmarks/tiny_tasks.py --seeds 3 --rates 0.012            other seeds, other rates
    python benchmarks/tiny_tasks.py --keep runs/tiny.jsonl --show      the table of what is kept

A cell is the best learning rate of each seed, as in the reference, whose rates are the default. It
agrees when the area under the training loss is within three deviations of a difference of two runs
(3 sqrt(2) sd, at least 0.1 nats), and the two are on the same side of solved. The sd is that of six
seeds of the reference: of the mixer itself where it was measured, else pooled over the three that
were; where a task has none, from its neighbour in `NEIGHBOURS`. 1 at the end if a cell does not
agree.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from asiarch.language.parser import parse
from asiarch.train.tasks import TASKS, Result, Run, host, train

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "tiny_tasks_reference.txt"
RATES = (2e-3, 5e-3, 1.2e-2)
NEIGHBOURS = {"mqar": "update", "noisy": "recall", "memorisation": "copy", "parity": "s3"}
LEAST = 0.1
"""Nats that no verdict rests on: other initial values, other text."""
LEARNT = 0.1
"""Of chance: a loss below it is solved, one above three times it is not."""


@dataclass(frozen=True)
class Measured:
    loss: float
    auc: float


@dataclass(frozen=True)
class Cell:
    """One mixer on one task: the best run of each seed."""

    mixer: str
    task: str
    loss: float
    auc: float
    accuracy: float
    long: float | None
    rate: float
    seconds: float


Reference = dict[str, dict[str, Measured]]


def reference() -> Reference:
    """By row, then by task; rows `sd.MIXER` hold deviations."""
    lines = [x for x in REFERENCE.read_text("utf-8").splitlines() if not x.startswith("#")]
    head, *rows = (line.split() for line in lines)
    return {
        row[0]: {
            task: Measured(*map(float, cell.split("/")))
            for task, cell in zip(head[1:], row[1:], strict=True)
            if cell != "-"
        }
        for row in rows
    }


def mixer_text(name: str) -> str:
    """The definition of `NAME_mixer` in the panel, alone."""
    panel = resources.files("asiarch.library").joinpath("panel.asi").read_text("utf-8")
    for definition in parse(panel).program.definitions:
        if definition.name.id == f"{name}_mixer":
            return panel[definition.span.start : definition.span.end]
    raise SystemExit(f"the panel has no {name}_mixer")


def runs_of(mixer: str, task: str, seeds: int, rates: Sequence[float]) -> list[Run]:
    """The reference's networks: no convolution of the host, as many parameters as `softmax`."""
    text = mixer_text(mixer)
    return [
        Run(text, f"{mixer}_mixer", f"{task}.small", "plain", seed, rate, parameters=_budget(task))
        for seed in range(seeds)
        for rate in rates
    ]


def _budget(task: str) -> int:
    """The network of `softmax` at hidden width 128."""
    vocabulary = TASKS[f"{task}.small"].vocabulary
    decoder = 64 * 64 if TASKS[f"{task}.small"].autoencoder else 0
    return 2 * (4 * 64 * 64 + 2 * 64 * 128 + 2 * 64) + 64 + 2 * 64 * vocabulary + decoder


def cell_of(mixer: str, task: str, runs: Sequence[Run], results: Sequence[Result]) -> Cell:
    """Means over seeds of each seed's best loss and best area."""
    best: dict[int, tuple[Run, Result]] = {}
    areas: dict[int, float] = {}
    for run, result in zip(runs, results, strict=True):
        if result.status != "done":
            continue
        if run.seed not in best or result.final_loss < best[run.seed][1].final_loss:
            best[run.seed] = run, result
        areas[run.seed] = min(areas.get(run.seed, math.inf), result.auc)
    if not best:
        raise SystemExit(f"{mixer} on {task}: {results[0].reason}: {results[0].detail}")
    chosen = [r for _, r in best.values()]
    longs = [r.metrics["accuracy_long"] for r in results if "accuracy_long" in r.metrics]
    return Cell(
        mixer,
        task,
        _mean(r.final_loss for r in chosen),
        _mean(areas.values()),
        _mean(r.metrics["accuracy"] for r in chosen),
        max(longs) if longs else None,
        next(iter(best.values()))[0].learning_rate,
        sum(r.seconds for r in results),
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def verdict(cell: Cell, known: Reference) -> str:
    """`ok`, or what does not agree."""
    theirs = known[cell.mixer][cell.task]
    far = abs(cell.auc - theirs.auc)
    chance = TASKS[f"{cell.task}.small"].chance
    sides = {_side(loss, chance) for loss in (cell.loss, theirs.loss)}
    if {"solved", "not"} <= sides:
        return "one is solved, the other not"
    tolerance = max(LEAST, 3 * math.sqrt(2) * deviation(cell.mixer, cell.task, known))
    return "ok" if far <= tolerance else f"area {far:.2f} apart, {tolerance:.2f} allowed"


def deviation(mixer: str, task: str, known: Reference) -> float:
    """Of the area, between seeds."""
    place = NEIGHBOURS.get(task, task)
    if f"sd.{mixer}" in known:
        return known[f"sd.{mixer}"][place].auc
    squares = [row[place].auc ** 2 for name, row in known.items() if name.startswith("sd.")]
    return math.sqrt(_mean(squares))


def _side(loss: float, chance: float) -> str:
    if loss < LEARNT * chance:
        return "solved"
    return "between" if loss < 3 * LEARNT * chance else "not"


def table(cells: Sequence[Cell], known: Reference) -> str:
    head = ["task", "mixer", "loss", "theirs", "area", "theirs", "accuracy", "long", "rate", "s"]
    lines = [" | ".join([*head, "verdict"]), "|".join(["---"] * (len(head) + 1))]
    for c in cells:
        theirs = known[c.mixer][c.task]
        long = "" if c.long is None else f"{c.long:.2f}"
        lines.append(
            f"{c.task} | {c.mixer} | {c.loss:.3f} | {theirs.loss:.3f} | {c.auc:.2f} | "
            f"{theirs.auc:.2f} | {c.accuracy:.2f} | {long} | {c.rate:g} | {c.seconds:.0f} | "
            f"{verdict(c, known)}"
        )
    return "\n".join(f"| {line} |" for line in lines)


def main() -> int:
    known = reference()
    arguments = taken(_parser(known))
    kept = {key: Cell(**line) for key, line in read(arguments.keep)}
    if arguments.show:
        return _told(merged(kept, arguments.seeds), known)
    torch.set_num_threads(1)
    cells: list[Cell] = []
    for task in arguments.tasks:
        for mixer in arguments.mixers:
            key = f"{mixer} {task} {arguments.seeds} {arguments.rates}"
            if key not in kept:
                runs = runs_of(mixer, task, arguments.seeds, arguments.rates)
                kept[key] = cell_of(mixer, task, runs, train(runs))
                write(arguments.keep, key, vars(kept[key]))
            cells.append(kept[key])
            print(table(cells[-1:], known).splitlines()[-1], file=sys.stderr, flush=True)
    return _told(cells, known)


def merged(kept: Mapping[str, Cell], seeds: int) -> list[Cell]:
    """What was kept of so many seeds, a cell by the best of all rates that were tried, by task."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for key, cell in kept.items():
        if key.split()[2] == str(seeds):
            found.setdefault((cell.task, cell.mixer), []).append(cell)
    order = {task: n for n, task in enumerate(TASKS)}
    return [_best(found[key]) for key in sorted(found, key=lambda k: order[f"{k[0]}.small"])]


def _best(cells: Sequence[Cell]) -> Cell:
    """Of one seed each, or means over the same ones."""
    longs = [c.long for c in cells if c.long is not None]
    return replace(
        min(cells, key=lambda c: c.loss),
        auc=min(c.auc for c in cells),
        long=max(longs) if longs else None,
        seconds=sum(c.seconds for c in cells),
    )


def _told(cells: Sequence[Cell], known: Reference) -> int:
    print(table(cells, known))
    wrong = [c for c in cells if verdict(c, known) != "ok"]
    print(f"{len(cells) - len(wrong)} of {len(cells)} cells agree")
    return 1 if wrong else 0


def read(path: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """What `write` has written."""
    if path is not None and path.exists():
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            yield line.pop("key"), line


def write(path: Path | None, key: str, values: Mapping[str, Any]) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps({"key": key, **values}) + "\n")


def taken(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, with those that both tables have; the host takes its embeddings from them."""
    parser.add_argument("--keep", type=Path, help="a file of results to go on from")
    parser.add_argument(
        "--embedded", type=float, default=host.EMBEDDED,
        help="deviation of the first values of embeddings, of which the reference says nothing",
    )  # fmt: skip
    given = parser.parse_args()
    if given.keep is not None and given.embedded != host.EMBEDDED:
        parser.error("--keep is for the host's own embeddings: leave it out, or --embedded")
    host.EMBEDDED = given.embedded
    return given


def _parser(known: Reference) -> argparse.ArgumentParser:
    mixers = [name for name in known if not name.startswith("sd.")]
    tasks = list(known["delta"])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mixers", nargs="+", choices=mixers, default=mixers, metavar="MIXER")
    parser.add_argument("--tasks", nargs="+", choices=tasks, default=tasks, metavar="TASK")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--show", action="store_true", help="the table of FILE; train nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
