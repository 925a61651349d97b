"""What the compiler knows of each line: type, tokens that it reads, range of its values, its cost.

Then where every size was bound, the normal form of each recurrence, what a loss pulls on, and the
parameters. With sizes given by -D the facts are of that binding, else they are in the names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.files import Input, read, write
from asiarch.commands.support.sizes import add_sizes, check_sizes, choose
from asiarch.commands.support.terminal import BOLD, colored, columns, paint, print_diagnostics

if TYPE_CHECKING:
    from asiarch.analysis.report import Report
    from asiarch.ir.function import Function
    from asiarch.language.source import Source

SUMMARY = "facts about every line, and a picture"
WIDEST = 72  # characters of an equation that widen its column


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--op", metavar="NAME", help="one definition; all of them without")
    add_sizes(parser)
    parser.add_argument("--graph", metavar="FILE.svg", help="draw the definition there")


def run(arguments: argparse.Namespace) -> int:
    given = read(arguments.file)
    from asiarch.analysis.report import check

    report = check(given.text, given.name)
    print_diagnostics(report.diagnostics, report.source, others=report.sources)
    for number, function in enumerate(_functions(arguments, given, report)):
        if number:
            print()
        _show(function, report.source, dict(arguments.sizes))
        if arguments.graph:
            from asiarch.draw import graph_svg

            write(arguments.graph, graph_svg(function))
    return 0 if report.ok else 1


def _functions(arguments: argparse.Namespace, given: Input, report: Report) -> Iterator[Function]:
    """The definitions that are right and were asked for."""
    from asiarch.language.parser import parse

    sizes = dict(arguments.sizes)
    single = arguments.op is not None or sizes or arguments.graph
    if not single:
        yield from (op.facts.function for op in report.ops.values())
        return
    definition = choose(parse(given.text, given.name).program, given.name, arguments.op, "--op")
    name = definition.name.id
    if sizes:
        check_sizes(definition, sizes)
    if name not in report.ops:
        if report.ok:
            raise CommandError(f"`{name}` takes values of any type; show an op that calls it")
        return
    yield _concrete(given, name, sizes) if sizes else report.ops[name].facts.function


def _concrete(given: Input, name: str, sizes: dict[str, int]) -> Function:
    from asiarch import interface

    try:
        return interface.elaborate(given.text, name, sizes, given.name)
    except interface.SizeError as error:
        raise CommandError(str(error)) from None


def _show(function: Function, source: Source, given: Mapping[str, int]) -> None:
    from asiarch.analysis.ledger import Analyses
    from asiarch.commands.support.facts import Facts, loss_rows, recurrence_rows, size_rows

    found = Analyses().facts(function)
    print(_paint(f"{function.kind} {function.name}"))
    header = ("", "type", "reads", "range", "work")
    rows = [row.cells() for row in Facts(source.slice).rows(function)]
    _table([header, *rows])
    _section("sizes", size_rows(function, given))
    flat = found.flat or function
    for recurrence in found.recurrences:
        names = ", ".join(f"{s.name} {_axes(s.leaf.type.axes)}" for s in recurrence.states)
        _section(f"state {names}: {recurrence.cls}", list(recurrence_rows(flat, recurrence)))
    if function.losses:
        _section("the loss pulls", list(loss_rows(function)))
    _section("parameters", [(p.path, _axes(p.axes)) for p in flat.params])
    cost = found.cost
    _section(
        "in all",
        [(n, str(getattr(cost, n))) for n in ("work", "decode", "state", "params", "depth")],
    )


def _axes(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(axes)}]"


def _section(title: str, rows: Sequence[Sequence[str]]) -> None:
    if rows:
        print(_paint(f"  {title}"))
        _table(rows, "    ")


def _table(rows: Sequence[Sequence[str]], indent: str = "  ") -> None:
    for line in columns(rows, WIDEST):
        print(f"{indent}{line}".rstrip())


def _paint(text: str) -> str:
    return paint(text, BOLD, colored(sys.stdout))
