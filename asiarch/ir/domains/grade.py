"""Grades: for every value and input, the interval of offsets of the input's tokens that it may
read.

Join is hull, composition is sum. A program is causal when no interval of its results reaches above
0: the theorem of prefix non-interference (structural coeffects; see docs/language.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from asiarch.ir.domains.facts import Facts, Step
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, run
from asiarch.ir.node import Node
from asiarch.ir.offsets import Hulls, upper

INF = math.inf


@dataclass(frozen=True, slots=True)
class Reads:
    """Offsets [low, high] of one input; `cause` is the node that reached furthest ahead."""

    low: float
    high: float
    cause: Node | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reads) and (self.low, self.high) == (other.low, other.high)

    def __hash__(self) -> int:
        return hash((self.low, self.high))


@dataclass(frozen=True, slots=True)
class Grade:
    """reads: input leaf -> offsets. whole: depends on the length; anchored: on position."""

    reads: tuple[tuple[Node, Reads], ...] = ()
    whole: bool = False
    anchored: bool = False

    def of(self, leaf: Node) -> Reads | None:
        return next((r for n, r in self.reads if n is leaf), None)

    @property
    def span(self) -> tuple[float, float]:
        """The hull over all inputs; (0, 0) for a constant."""
        if not self.reads:
            return (0, 0)
        return min(r.low for _, r in self.reads), max(r.high for _, r in self.reads)

    @property
    def cause(self) -> Node | None:
        worst = max((r for _, r in self.reads), key=lambda r: r.high, default=None)
        return worst.cause if worst is not None else None


_NOTHING, _ANCHORED = Grade(), Grade(anchored=True)


def shifted(grade: Grade, low: float, high: float, cause: Node | None = None) -> Grade:
    """Composition with an offset interval."""
    reads = tuple(
        (n, Reads(r.low + low, r.high + high, cause if high > 0 and cause is not None else r.cause))
        for n, r in grade.reads
    )
    return Grade(reads, grade.whole, grade.anchored)


def joined(*grades: Grade) -> Grade:
    """The hull."""
    if len(grades) == 1:
        return grades[0]
    whole = anchored = False
    reading: list[Grade] = []
    for grade in grades:
        whole, anchored = whole or grade.whole, anchored or grade.anchored
        if grade.reads and not (reading and grade.reads is reading[-1].reads):
            reading.append(grade)
    if len(reading) < 2:
        one = reading[0] if reading else _NOTHING
        if one.whole is whole and one.anchored is anchored:
            return one
        return Grade(one.reads, whole, anchored)
    reads: dict[Node, Reads] = {}
    for grade in reading:
        for leaf, new in grade.reads:
            old = reads.get(leaf)
            if old is None:
                reads[leaf] = new
                continue
            if old.low <= new.low and old.high >= new.high:
                continue
            cause = old.cause if old.high >= new.high else new.cause
            reads[leaf] = Reads(min(old.low, new.low), max(old.high, new.high), cause)
    order = tuple(sorted(reads.items(), key=lambda item: id(item[0])))
    return Grade(order, whole, anchored)


def _freed(old: Grade, new: Grade) -> Grade:
    """`new` with the ends that moved since `old` at infinity."""
    reads: list[tuple[Node, Reads]] = []
    for leaf, after in new.reads:
        before = old.of(leaf) or after
        low = -INF if after.low < before.low else after.low
        high = INF if after.high > before.high else after.high
        reads.append((leaf, Reads(low, high, after.cause)))
    return Grade(tuple(reads), new.whole, new.anchored)


class Grades(Facts):
    """The grade domain. Summaries of callees are kept per function."""

    def __init__(self) -> None:
        self.summaries: dict[int, tuple[Function, list[Grade]]] = {}
        self.sizes: dict[str, int | None] = {}
        self.hulls = Hulls()

    def leaf(self, node: Node, frame: Frame) -> Grade:
        return _ANCHORED if node.op == "position" else _NOTHING

    def transfer(self, node: Node, *values: Any) -> Grade:
        return joined(*values)

    pointwise = contract = move = transfer

    def join(self, a: Grade, b: Grade) -> Grade:
        return joined(a, b)

    def widen(self, facts: list[Grade], inputs: list[Grade], step: Step) -> list[Grade]:
        """Ends that move are set free; if that does not settle, all read what any of them reads."""
        for _ in range(3):
            after = [joined(f, a) for f, a in zip(facts, step(facts), strict=True)]
            if after == facts:
                return facts
            facts = [_freed(f, a) for f, a in zip(facts, after, strict=True)]
        every = joined(*facts, *inputs)
        back = shifted(every, -INF, 0)
        if all(joined(back, after) == back for after in step([back] * len(facts))):
            return [back] * len(facts)
        return [Grade(shifted(every, -INF, INF).reads, True, True)] * len(facts)

    def bottom(self, node: Node) -> Grade:
        return Grade()

    def carry(self, value: Grade, initial: Grade) -> Grade:
        return joined(shifted(value, -1, -1), initial)

    # -- time ------------------------------------------------------------------------------------

    def delay(self, node: Node, x: Grade) -> Grade:
        steps = node.attr("steps")
        return shifted(x, -steps, -steps, node)

    def window(self, node: Node, x: Grade) -> Grade:
        size, dilation = self.window_size(node), node.attr("dilation").integer
        back = -INF if size is None or dilation is None else -(size - 1) * dilation
        return joined(shifted(x, back, 0))

    def window_size(self, node: Node) -> int | None:
        return self.sizes.get(node.attr("axis"))

    def begin(self, frame: Frame) -> None:
        self.sizes = {a: s.integer for a, s in frame.function.axes.items()}

    def cumulative(self, node: Node, x: Grade) -> Grade:
        return shifted(x, -INF, 0)

    def whole(self, node: Node, x: Grade) -> Grade:
        grade = shifted(x, -INF, INF, node)
        return Grade(grade.reads, True, grade.anchored)

    def attend(self, node: Node, *values: Any) -> Grade:
        body: Function = node.attr("body")
        found = self.hulls[body.outputs[0]]
        low = -INF if found.low is None or found.low.integer is None else found.low.integer
        high = upper(found.high)
        parts: list[Grade] = [Grade(anchored=found.anchored)]
        for leaf, value in zip(body.inputs, values, strict=True):
            if leaf.op == "at" and leaf.attr("which") == "j":
                ahead = 1 if leaf.attr("state") else 0
                parts.append(shifted(value, low + ahead, high + ahead, node))
            else:
                parts.append(value)
        return joined(*parts)

    # -- functions -------------------------------------------------------------------------------

    def results(self, function: Function, values: list[Any]) -> list[Grade]:
        summary = self.summary(function)
        return [self._composed(function, out, values) for out in summary]

    def summary(self, function: Function) -> list[Grade]:
        """Grades of the outputs over the function's own inputs."""
        known = self.summaries.get(id(function))
        if known is None:
            known = (function, self.frame(function)[1])
            self.summaries[id(function)] = known
        return known[1]

    def frame(self, function: Function) -> tuple[Frame, list[Grade]]:
        """A run with every node's grade."""
        saved = self.sizes
        inputs = [Grade(((leaf, Reads(0, 0)),)) for leaf in function.inputs]
        frame = run(function, self, inputs)
        self.sizes = saved
        return frame, [frame.values[o] for o in function.outputs]

    def _composed(self, function: Function, output: Grade, values: list[Any]) -> Grade:
        parts = [Grade(whole=output.whole, anchored=output.anchored)]
        for leaf, reads in output.reads:
            value = values[function.inputs.index(leaf)]
            parts.append(shifted(value, reads.low, reads.high, reads.cause))
        return joined(*parts)


def grade_of(function: Function) -> list[Grade]:
    """Grades of a function's outputs."""
    return Grades().summary(function)
