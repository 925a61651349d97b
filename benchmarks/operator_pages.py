"""A page for every definition of the library, its picture, and an index.

    python benchmarks/operator_pages.py            writes docs/operators/, prints the index
    python benchmarks/operator_pages.py --check    writes nothing; 1 if a page is not current

A page is made of the text, of what the analyses say of it with symbols for sizes, and of the rows
of docs/oracles.md that name the definition. Nothing is compiled or run.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from asiarch.analysis.report import OpReport, Report, check
from asiarch.commands.support.facts import Facts, recurrence_rows, size_rows
from asiarch.commands.support.verdicts import bound, grade_text, growth, recurrence_text
from asiarch.draw import graph_svg
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.recurrence import Recurrence, recurrences
from asiarch.language.parser import parse

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "asiarch" / "library"
FOLDER = ROOT / "docs" / "operators"
MOST = 40  # terms of a cost that are spelled out
NUMBERS = {"D": 16, "L": 4}  # sizes of what has none, where a page needs numbers
EQUAL, GRAPH = "## Equal to", "## Graph"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is there")
    arguments = parser.parse_args()
    made = pages()
    if arguments.check:
        wrong = stale(made)
        print("\n".join(wrong) or f"{len(made)} files are current")
        return 1 if wrong else 0
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(made["README.md"])
    return 0


def stale(made: dict[str, str], oracles_too: bool = True) -> list[str]:
    """Files that are missing, left over, or say something else; oracles may be left out."""
    there = {f.name: f.read_text(encoding="utf-8") for f in FOLDER.glob("*")}
    if not oracles_too:
        there, made = ({n: unmeasured(t) for n, t in x.items()} for x in (there, made))
    return sorted(n for n in {*there, *made} if there.get(n) != made.get(n))


def unmeasured(text: str) -> str:
    return re.sub(rf"{EQUAL}\n.*?(?={GRAPH}\n)", "", text, flags=re.DOTALL)


def pages() -> dict[str, str]:
    """Every file of docs/operators by its name."""
    out: dict[str, str] = {}
    index: list[tuple[str, ...]] = []
    for file in sorted(LIBRARY.glob("*.asi")):
        if file.stem == "prelude":
            continue
        text = file.read_text(encoding="utf-8")
        report = check(text, f"asiarch/library/{file.name}")
        for definition in parse(text).program.definitions:
            name, op = definition.name.id, report.ops[definition.name.id]
            span = definition.span
            out[f"{name}.md"] = page(file, name, text[span.start : span.end], report, op)
            out[f"{name}.svg"] = graph_svg(op.facts.function)
            index.append(row(file, name, op))
    head = ("definition", "file", "class of each state", "work", "state")
    body = [
        "# Operators",
        "Made by `python benchmarks/operator_pages.py`. Work is its growth with the length; the "
        "state is what decoding keeps.",
        table(head, index),
    ]
    out["README.md"] = "\n\n".join(body) + "\n"
    return out


def row(file: Path, name: str, op: OpReport) -> tuple[str, ...]:
    found = normal_forms(file, name, op)[1]
    kinds = classes(op) or ", ".join(f"{r.states[0].name}: {r.cls}" for r in found)
    return (f"[{name}]({name}.md)", file.name, kinds, growth(op.work), bound(op.state))


def classes(op: OpReport) -> str:
    return ", ".join(recurrence_text(r) for r in op.recurrences)


def page(file: Path, name: str, text: str, report: Report, op: OpReport) -> str:
    claims = [(code(e.claim), e.verdict, e.by) for e in op.ledger]
    parts = [f"# {name}", *remarks(file.read_text(encoding="utf-8"), text)]
    parts += [f"From `asiarch/library/{file.name}`:", f"```asi\n{text}\n```"]
    parts += [table(("claim", "verdict", "by"), claims), cost(op)]
    found = list(states(file, name, op))
    parts += ["## States", *found] if found else []
    parts += lines(report, op)
    sizes = [tuple(map(code, r)) for r in size_rows(op.facts.function, {})]
    parts += ["## Sizes", table(("size", "bound"), sizes)] if sizes else []
    if op.facts.flat is not None and op.facts.flat.params:
        rows = [(code(p.path), code(f"[{', '.join(p.axes)}]")) for p in op.facts.flat.params]
        parts += ["## Parameters", table(("path", "axes"), rows)]
    parts += equal_to(f"{file.stem}.{name}")
    parts += [GRAPH, f"![{name}]({name}.svg)"]
    return "\n\n".join(parts) + "\n"


def remarks(whole: str, text: str) -> list[str]:
    """The comments at the head of the file and above the definition."""
    first = re.match(r"(?:#.*\n)+", whole)
    above = re.search(r"(?:^#.*\n)+\Z", whole[: whole.index(text)], re.M)
    found = dict.fromkeys(m.group(0) for m in (first, above) if m is not None)
    return [re.sub(r"^# ?", "", block, flags=re.M).strip() for block in found]


def cost(op: OpReport) -> str:
    rows = [("reads the tokens", grade_text(op.grade), "")]
    for name in ("work", "depth", "decode", "state", "params"):
        size = getattr(op, name)
        rows.append((name, (growth if name in ("work", "depth") else bound)(size), spelled(size)))
    return table(("", "growth", "exactly"), rows)


def spelled(size: Any) -> str:
    return code(str(size)) if len(size.terms) <= MOST else f"{len(size.terms)} terms"


def normal_forms(file: Path, name: str, op: OpReport) -> tuple[Function | None, list[Recurrence]]:
    """With symbols for sizes; where a loop of a symbolic number hides the states, with numbers."""
    if op.recurrences or "state " not in file.read_text(encoding="utf-8"):
        return op.facts.flat, op.facts.recurrences
    header = op.facts.function.source.syntax.header
    sizes = {h.name.id: NUMBERS.get(h.name.id, 2) for h in header if h.default is None}
    text = file.read_text(encoding="utf-8")
    flat = flatten(elaborate(text, name, sizes, str(file)))
    return flat, recurrences(flat)


def states(file: Path, name: str, op: OpReport) -> Iterator[str]:
    """The normal form of each recurrence, or its class alone where the flat form is too large."""
    flat, found = normal_forms(file, name, op)
    if flat is None or not found:
        if op.recurrences:
            yield classes(op)
        return
    for recurrence in found:
        names = (f"`{s.name} [{', '.join(s.leaf.type.axes)}]`" for s in recurrence.states)
        rows = [
            (label, text if label == "runs" else code(text))
            for label, text in recurrence_rows(flat, recurrence)
        ]
        yield f"{', '.join(names)}: **{recurrence.cls}**"
        yield table(("", ""), rows)


def lines(report: Report, op: OpReport) -> list[str]:
    """Type, tokens read, range and work of every line."""
    found = Facts(report.source.slice).rows(op.facts.function)
    cells = [
        (code(c[0].strip()), code(c[1]), *c[2:4], code(c[4])) for c in (r.cells() for r in found)
    ]
    return ["## Lines", table(("line", "type", "reads", "range", "work"), cells)]


@cache
def oracles() -> list[list[str]]:
    """The rows of docs/oracles.md."""
    file = ROOT / "docs" / "oracles.md"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("| ") and "---" not in line]  # fmt: skip


def equal_to(label: str) -> list[str]:
    found = [r for r in oracles() if len(r) > 6 and r[1] == f"`{label}`" and r[3][:1].isdigit()]
    if not found:
        return []
    head = ("reference", "largest error", "gradient")
    rows = [(r[2], r[3], r[6]) for r in found]
    return [
        "## Equal to",
        "In float64, of the largest value ([how](../oracles.md)):",
        table(head, rows),
    ]


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


if __name__ == "__main__":
    sys.exit(main())
