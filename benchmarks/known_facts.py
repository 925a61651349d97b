"""Do known facts of attention operators come out of the small tasks? Measured, with intervals.

    python benchmarks/known_facts.py            trains; writes docs/known_facts.md part by part
    python benchmarks/known_facts.py --write    the page from what the store has
    python benchmarks/known_facts.py --quick --store runs/quick.db --out runs/quick.md

It may be killed at any moment: the same command goes on. Passes of 2, 4 and 6 scoring seeds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asiarch.search.engineer import Design
from asiarch.search.ranking import table
from asiarch.search.ranking.effects import effects
from asiarch.search.ranking.entrants import Entrants
from asiarch.search.ranking.rank import Cell, ranking
from asiarch.search.stats.estimate import Estimate
from asiarch.search.stats.solved import chance
from asiarch.train.tasks import TASKS
from benchmarks.experiments import Found, Part, arguments, carried_out, circumstances

PASSES = (2, 4, 6)
DELTA = ("delta", "delta2", "gdn")
PLAIN = ("linc", "lin", "retention", "scalar")
RECALL = ("mqar.small", "recall.small", "update.small", "copy.small")
SMALL = (4, 8)
RULES = ("linc", "retention", "scalar", "gla", "delta", "gdn")
GUESSING = 0.97
"""Of the loss of a guess without memory: what is above it has learnt nothing."""


@dataclass(frozen=True)
class Verdict:
    """`said`: comes out, does not come out, reversed, open."""

    claim: str
    said: str
    numbers: str


def designs(quick: bool) -> tuple[dict[str, Design], dict[tuple[str, int], Design]]:
    """The panel by short name, and those with a state at small K = V."""
    entrants = Entrants()
    panel = {d.name.removesuffix("_mixer"): d for d in entrants.of_library("panel")}
    small: dict[tuple[str, int], Design] = {}
    for rule in RULES:
        for size in SMALL:
            (made,) = entrants.of_library(f"panel.{rule}_mixer", {"K": size, "V": size})
            small[rule, size] = Design(
                made.id, f"{rule} {size}x{size}", made.text, made.op, made.sizes
            )
        small[rule, 32] = panel[rule]
    if quick:
        panel = {n: panel[n] for n in ("linc", "delta", "delta2", "none")}
        small = {key: d for key, d in small.items() if key[0] in ("linc", "delta") and key[1] < 32}
    return panel, small


def parts(quick: bool) -> list[Part]:
    panel, small = designs(quick)

    def of(*names: str) -> tuple[Design, ...]:
        return tuple(panel[n] for n in names if n in panel)

    written = of(*PLAIN, "gla", *DELTA)
    everybody = tuple(panel.values())
    return [
        Part("overwriting", ("update.small",), written, panel["linc"]),
        Part("copying", ("copy.small",), written, panel["linc"]),
        Part("parity", ("parity.small",), everybody, panel["delta"]),
        Part("s3", ("s3.small",), everybody, panel["delta"]),
        Part("no memory", RECALL, of("none", "conv", "linc", "delta"), panel["linc"]),
        Part("small mqar", ("mqar.small",), tuple(small.values()), small["linc", 4]),
        Part("small recall", ("recall.small",), tuple(small.values()), small["linc", 4]),
    ]


# ---- what is claimed of each part ------------------------------------------------------------


def beats(found: Found, task: str, better: Design, worse: Design) -> tuple[str, Estimate]:
    """Does one learn faster than another? By the shrunk effect's interval."""
    e = effects(found.measured, worse).by.get((better.id, task))
    if e is None:
        return "not measured", Estimate()
    x = e.shrunk
    return ("comes out" if x.low > 0 else "reversed" if x.high < 0 else "open"), x


def overwriting(found: Found, task: str) -> Iterator[Verdict]:
    named = _named(found)
    for delta in DELTA:
        for plain in PLAIN:
            if delta in named and plain in named:
                said, x = beats(found, task, named[delta], named[plain])
                equal = _equal(found, task, named[delta], named[plain])
                claim = f"{delta} beats {plain} on {task} at {equal}"
                yield Verdict(claim, said, f"{table.interval(x, 3)} nats of area")


def tracking(found: Found, task: str) -> Iterator[Verdict]:
    """Learnt with strengths up to 2, by nothing else of the panel, and beyond the length."""
    named = _named(found)
    if "delta2" in named:
        for long, what in ((False, "learns"), (True, "beyond its training length learns")):
            p = _solved(found, named["delta2"], task, long)
            yield Verdict(f"delta2 {what} {task}", _sure(p, True), _chance(p, found.seeds))
    for name, design in named.items():
        if name != "delta2":
            p = _solved(found, design, task, False)
            yield Verdict(f"{name} does not learn {task}", _sure(p, False), _chance(p, found.seeds))


def without_memory(found: Found) -> Iterator[Verdict]:
    named = _named(found)
    for task in found.part.tasks:
        # Where no memory has learnt the task, to fail it says nothing.
        told = any(_solved(found, named[n], task, False).value > 0 for n in ("linc", "delta"))
        for name in ("none", "conv"):
            if name in named and named[name] in found.measured.designs.get(task, []):
                cell = _cell(found, named[name], task)
                share = cell.loss / TASKS[task].chance
                said = "does not come out" if share < GUESSING else "comes out" if told else "open"
                solved = _chance(cell.solved, found.seeds)
                yield Verdict(
                    f"{name} fails {task}", said, f"{share:.2f} of a guess's loss, {solved}"
                )


def small_states(found: Found, task: str) -> Iterator[Verdict]:
    """More state is better for each rule; at a small state the delta rule is better."""
    _, small = designs(False)
    there = {d.id for d in found.part.designs}
    for (rule, size), design in small.items():
        larger = small.get((rule, {4: 8, 8: 32}.get(size, 0)))
        if larger is not None and {design.id, larger.id} <= there:
            said, x = beats(found, task, larger, design)
            claim = f"{larger.name} beats {design.name} on {task}"
            yield Verdict(claim, said, f"{table.interval(x, 3)} nats of area")
    for better, worse in (("delta", "linc"), ("delta", "retention"), ("gdn", "scalar")):
        for size in (*SMALL, 32):
            one, other = small[better, size], small[worse, size]
            if {one.id, other.id} <= there:
                said, x = beats(found, task, one, other)
                claim = f"{better} beats {worse} on {task} at K = V = {size}"
                yield Verdict(claim, said, f"{table.interval(x, 3)} nats of area")


def verdicts(key: str, found: Found) -> Sequence[Verdict]:
    task = found.part.tasks[0]
    if key in ("overwriting", "copying"):
        return list(overwriting(found, task))
    if key in ("parity", "s3"):
        return list(tracking(found, task))
    return list(without_memory(found) if key == "no memory" else small_states(found, task))


def _named(found: Found) -> dict[str, Design]:
    return {d.name.removesuffix("_mixer"): d for d in found.part.designs}


def _cell(found: Found, design: Design, task: str) -> Cell:
    rows = _ranking(found).rows
    cell = next(r for r in rows if r.design.id == design.id).cell(task)
    assert cell is not None
    return cell


def _ranking(found: Found) -> table.Ranking:
    return ranking(
        found.measured, found.part.designs, [found.part.bar], bar=found.part.bar,
        parameters=found.parameters,
    )  # fmt: skip


def _solved(found: Found, design: Design, task: str, long: bool) -> Estimate:
    if design not in found.measured.designs.get(task, []):
        return chance([])
    cell = _cell(found, design, task)
    return cell.solved_long if long else cell.solved


def _sure(p: Estimate, wanted: bool) -> str:
    """A half decides, where the interval leaves it out."""
    if not p.known:
        return "not measured"
    if p.low <= 0.5 <= p.high:
        return "open"
    return "comes out" if (p.low > 0.5) == wanted else "does not come out"


def _chance(p: Estimate, seeds: int) -> str:
    return f"solved {table.probability(p, seeds)}"


def _equal(found: Found, task: str, one: Design, other: Design) -> str:
    a, b = (_cell(found, d, task).state_floats for d in (one, other))
    return f"{a:,.0f} state floats each" if a == b else f"{a:,.0f} and {b:,.0f} state floats"


# ---- the page --------------------------------------------------------------------------------

TITLES = {
    "overwriting": "Values that are overwritten",
    "copying": "Selective copying",
    "parity": "Parity",
    "s3": "Words in S3",
    "no memory": "No memory, no recall",
    "small mqar": "Write-once recall at a small state (MQAR)",
    "small recall": "Write-once recall at a small state (in context)",
}


def page(latest: Mapping[str, Found]) -> str:
    """All parts that were measured; those that were not are named."""
    lines = [
        "# Known facts, measured here", "",
        "Made by `python benchmarks/known_facts.py`. A positive effect: the first learns faster"
        " (area under the training loss on fresh data), shrunk over the part's operators, 95 %"
        " interval. P(solved) is of runs with an accuracy of 0.9 and decided where its interval"
        " (Jeffreys) leaves out a half. Everybody has one convolution of 4: its own, or the"
        " host's.", "",
        circumstances(latest.values()), "",
    ]  # fmt: skip
    each = {key: verdicts(key, found) for key, found in latest.items()}
    lines += ["## What comes out, and what does not", "", *_summary(each)]
    for key, title in TITLES.items():
        lines += [f"## {title}", ""]
        if key not in latest:
            lines += ["Not measured yet.", ""]
            continue
        rows = [["claim", "verdict", f"{latest[key].seeds} seeds"]]
        rows += [[v.claim, v.said, v.numbers] for v in each[key]]
        lines += [table.markdown(rows), ""]
        made = _ranking(latest[key])
        for task in latest[key].part.tasks:
            lines += [
                f"{task}, against {made.bar}:",
                "",
                table.markdown(table.by_task(made.rows, task)),
                "",
            ]
        lines += [f"Left out: {line}" for line in table.left_out(made)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(each: Mapping[str, Sequence[Verdict]]) -> Iterator[str]:
    rows = [["part", "come out", "open", "do not", "which do not"]]
    for key, found in each.items():
        against = [v for v in found if v.said in ("reversed", "does not come out")]
        count = [sum(v.said == s for v in found) for s in ("comes out", "open")]
        said = "; ".join(v.claim for v in against) or "-"
        rows.append([TITLES[key], *map(str, count), str(len(against)), said])
    yield table.markdown(rows)
    yield ""


def main() -> None:
    given = arguments(__doc__, "runs/known_facts.db", "docs/known_facts.md")
    passes = PASSES[:1] if given.quick else PASSES
    carried_out(given, [(seeds, p) for seeds in passes for p in parts(given.quick)], page)


if __name__ == "__main__":
    main()
