"""What the analyses say of each line of a function, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asiarch.commands.support.pull import NOTHING, pulls
from asiarch.commands.support.verdicts import grade_text
from asiarch.draw.equations import BLOCKS, Equations, bodies, heading
from asiarch.draw.expression import Writer
from asiarch.ir.domains.cost import Costs, Sum
from asiarch.ir.domains.grade import Grade, Grades
from asiarch.ir.domains.ranges import ranges
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame
from asiarch.ir.interval import Range
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Recurrence
from asiarch.ir.size import Size

Slice = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a program: `depth` blocks deep, its text, and the facts about its value."""

    depth: int
    text: str
    type: str = ""
    grade: str = ""
    range: str = ""
    work: str = ""

    def cells(self) -> tuple[str, ...]:
        return (f"{'  ' * self.depth}{self.text}", self.type, self.grade, self.range, self.work)


class Facts:
    """The analyses, run once per function; `text` gives the source of a span."""

    def __init__(self, text: Slice) -> None:
        self.text = text
        self.grades, self.costs = Grades(), Costs()

    def rows(self, function: Function, depth: int = 0) -> Iterator[Row]:
        """Every line of a function in order of the text, blocks with their own inside."""
        lines = Equations(function, calls=False)
        frames = (self.grades.frame(function)[0], ranges(function))
        work = self._work(function)
        order = {node: i for i, node in enumerate(function.nodes())}
        nodes = [n for n in lines.names if n.op not in ("input", "result") or not _of_block(n)]
        for node in sorted(nodes, key=lambda n: (_start(function, n), order[n])):
            if node.op == "input":
                if depth == 0:
                    yield self._row(function, lines, node, frames, depth, "")
            elif node.op in BLOCKS:
                yield Row(depth, heading(node), work=_size(work[node]))
                for label, body in bodies(node):
                    if label:
                        yield Row(depth, label)
                    yield from self.rows(body, depth + 1)
            else:
                paid = [n for n in lines.inside(node) if n in work]
                cost = _total(work.pop(n) for n in paid)
                yield self._row(function, lines, node, frames, depth, _size(cost))

    def _row(
        self,
        function: Function,
        lines: Equations,
        node: Node,
        frames: tuple[Frame, Frame],
        depth: int,
        work: str,
    ) -> Row:
        grade, found = (frame.values.get(node) for frame in frames)
        return Row(
            depth,
            self._text(function, lines, node),
            str(node.type),
            _grade(grade) if isinstance(grade, Grade) else "",
            str(found) if isinstance(found, Range) and found != Range() else "",
            work,
        )

    def _text(self, function: Function, lines: Equations, node: Node) -> str:
        """The equation as it is written, or as the term says where its place is not known."""
        if node.op == "input":
            return function.input_names[function.inputs.index(node)]
        name = lines.names[node] or ("loss" if node in function.losses else "return")
        span = function.spans.get(node)
        written = " ".join(self.text(span).split()) if span is not None else ""
        if written.startswith(f"{name} = "):
            return written
        mark = " = " if lines.names[node] else " "
        return f"{name}{mark}{written or lines.writer.text(node)}"

    def _work(self, function: Function) -> dict[Node, Size]:
        """Operations of every node over T tokens."""
        costs = self.costs
        costs.function, costs.numels = function, {}
        frame = Frame(function, costs)
        out: dict[Node, Size] = {}
        for node in function.nodes():
            costs.total = Sum()
            frame.values[node] = frame.evaluate(node)
            out[node] = costs.settle().get("work")
            costs.function, costs.numels = function, {}
        return out


def _of_block(node: Node) -> bool:
    return node.op == "result" and node.args[0].op in BLOCKS


def _start(function: Function, node: Node) -> int:
    """Where a line stands in the text; inputs first, what has no place last."""
    if node.op == "input":
        return -1
    span = function.spans.get(node)
    return span.end if span is not None else 1 << 30


def _grade(grade: Grade) -> str:
    if grade.whole:
        return "every token"
    return grade_text(grade.span) if grade.reads else "no token"


def _total(sizes: Iterator[Size]) -> Size:
    out = Size.of(0)
    for size in sizes:
        out = out + size
    return out


def _size(size: Size) -> str:
    return str(size) if size.terms else ""


# -- states and losses -----------------------------------------------------------------------------


def recurrence_rows(function: Function, found: Recurrence) -> Iterator[tuple[str, str]]:
    """The normal form of a recurrence: what it keeps, erases, writes, and how it is read."""
    names = function.hints
    writer = Writer(function, lambda n: names.get(n) if n.op != "input" else None)

    def text(node: Node) -> str:
        return writer.text_of(node)

    for state in found.states:
        whose = f"{state.name} starts from" if len(found.states) > 1 else "starts from"
        yield whose, text(state.initial)
    if found.decay is not None:
        yield "decay", text(found.decay)
    if found.tropical is not None:
        carry, other = text(found.tropical.carry), text(found.tropical.other)
        yield "larger of", f"the state + {carry}, and {other}"
    for erase in found.erases:
        where = "decayed" if erase.decayed else "before the token"
        yield "erase", f"{text(erase.u)} along {text(erase.w)} of the state {where}"
    for key, value in found.writes:
        yield "write", f"{text(key)} * {text(value)}" if key.type.axes else text(value)
    for read in found.reads:
        when = " before the token" if read.pre else ""
        yield "read", f"{text(read.q)}{when}" if read.q.type.axes else f"as a whole{when}"
    if found.note:
        yield "runs", found.note


def loss_rows(function: Function) -> Iterator[tuple[str, str]]:
    """What every loss pulls on: names and parameters, and which way minimising moves them."""
    lines = Equations(function, calls=False)
    frame = ranges(function)
    for loss in function.losses:
        moved = pulls(loss, frame.values, lambda n: lines.name(n) is not None)
        for node, way in moved.items():
            name = lines.name(node) or lines.writer.text_of(node)
            yield name, "stays (its slope is 0)" if way == NOTHING else way


# -- sizes -----------------------------------------------------------------------------------------


def size_rows(function: Function, given: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Every size with its value and who bound it, those of called definitions included."""
    rows: list[tuple[str, ...]] = []
    optional = {h.name.id for h in function.source.syntax.header if h.default is not None}
    for name, size in function.header.items():
        default = function.defaults.get(name)
        value = default if default is not None and str(size) == name else size
        by = "by -D" if name in given else "by its default" if name in optional else "to be given"
        rows.append((f"{name} = {value}" if str(value) != name else name, by))
    seen: dict[tuple[str, ...], None] = {}
    for name, by, value in function.bindings:
        seen[f"{name} = {value}", f"by {by}"] = None
    return rows + list(seen)
