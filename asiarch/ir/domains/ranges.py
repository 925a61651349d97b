"""Ranges: an interval for every value, and unit vectors. Parameters are any real numbers."""

from __future__ import annotations

from typing import Any

from asiarch.ir import interval as I
from asiarch.ir.domains.facts import Facts, Step
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, run
from asiarch.ir.interval import Range
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup
from asiarch.ir.rules import constant


class Ranges(Facts):
    """The range domain. `sizes` are the axes of the function that runs."""

    def __init__(self) -> None:
        self.function: Function | None = None
        self.stack: list[Function | None] = []

    def begin(self, frame: Frame) -> None:
        self.function = frame.function
        for claim in frame.function.claims:
            if claim.kind != "range":
                continue
            node, low, high, low_open, high_open = claim.data
            if node.op == "input" and node in frame.values:
                frame.values[node] = _meet(
                    frame.values[node], Range(low, high, low_open, high_open)
                )

    def leaf(self, node: Node, frame: Frame) -> Range:
        value = constant(node)
        if value is not None:
            return I.point(value)
        if node.op == "size":
            return I.closed(_least(node), I.INF)
        if node.op == "position":
            return I.closed(0, I.INF)
        return I.top()

    def transfer(self, node: Node, *values: Any) -> Range:
        primitive = lookup(node.op)
        match primitive.kind:
            case "contract":
                return self._contract(node, *values)
            case "reduce":
                assert primitive.image is not None
                return primitive.image(I, values[0], self._count(node.attr("over")))
            case "move":
                return self._moved(node, *values)
            case "range":
                size = self._size(node.type.axes[0])
                return I.closed(0, I.INF if size is None else size - 1)
            case "gather":
                return values[0]
            case _:
                if primitive.image is None:
                    return I.top()
                if node.op == "div" and _is_unit(node):
                    over = node.args[1].args[0].args[0].attr("over")
                    return Range(-1.0, 1.0, unit=over)
                return primitive.image(I, *values)

    def _moved(self, node: Node, *values: Any) -> Range:
        out = values[0]
        for value in values[1:]:
            out = I.join(out, value)
        kept = node.op in ("order", "expand")
        return out if kept else Range(out.low, out.high, out.low_open, out.high_open)

    def _contract(self, node: Node, x: Range, y: Range) -> Range:
        over = node.attr("over")
        if x.unit and x.unit == y.unit and set(x.unit) <= set(over) and len(over) == len(x.unit):
            return I.closed(-1, 1)
        product = I.mul(x, y)
        count = self._count(over)
        return I.scale(Range(product.low, product.high, product.low_open, product.high_open), count)

    def _count(self, over: tuple[str, ...]) -> int | None:
        total = 1
        for axis in over:
            size = self._size(axis)
            if size is None:
                return None
            total *= size
        return total

    def _size(self, axis: str) -> int | None:
        return None if self.function is None else self.function.axes[axis].integer

    # -- time ------------------------------------------------------------------------------------

    def delay(self, node: Node, x: Range) -> Range:
        return I.join(x, I.point(0))

    def window(self, node: Node, x: Range) -> Range:
        return I.join(Range(x.low, x.high, x.low_open, x.high_open), I.point(0))

    def cumulative(self, node: Node, x: Range) -> Range:
        return I.running(x) if node.attr("which") == "sum" else Range(x.low, I.INF)

    def whole(self, node: Node, x: Range) -> Range:
        which = node.attr("which")
        if which == "softmax":
            return I.closed(0, 1)
        if which in ("mean", "max", "min"):
            return x
        return I.running(x) if which == "sum" else I.top()

    def attend(self, node: Node, *values: Any) -> Range:
        """A softmax mixes values and, for an empty set or a sink, 0."""
        body: Function = node.attr("body")
        frame = run(body, _Body(self), list(values))
        value = frame.values[body.outputs[2]]
        plain = Range(value.low, value.high, value.low_open, value.high_open)
        if node.attr("weight") == "softmax":
            return I.join(plain, I.point(0))
        return I.top() if value.low < 0 else I.closed(0, I.INF)

    # -- functions -------------------------------------------------------------------------------

    def results(self, function: Function, values: list[Any]) -> list[Range]:
        saved = self.function
        frame = run(function, self, values)
        self.function = saved
        return [frame.values[o] for o in function.outputs]

    def draw(self, node: Node, *values: Any) -> Range:
        return I.top()

    def join(self, a: Range | None, b: Range | None) -> Range | None:
        if a is None or b is None:
            return b if a is None else a
        return I.join(a, b)

    def widen(self, facts: list[Range], inputs: list[Range], step: Step) -> list[Range]:
        """Ends that move are set free; what still moves is any number."""
        for _ in range(3):
            after = [I.join(f, a) for f, a in zip(facts, step(facts), strict=True)]
            if after == facts:
                return facts
            facts = [_freed(f, a) for f, a in zip(facts, after, strict=True)]
        return [I.top()] * len(facts)

    def bottom(self, node: Node) -> Range | None:
        return None

    def carry(self, value: Range | None, initial: Range) -> Range:
        return initial if value is None else I.join(value, initial)


def _freed(old: Range, new: Range) -> Range:
    low = -I.INF if new.low < old.low else new.low
    high = I.INF if new.high > old.high else new.high
    return Range(low, high, new.low_open, new.high_open, new.unit)


class _Body(Ranges):
    """Inside an attend body: reads at t and at j have the stream's range."""

    def __init__(self, outer: Ranges) -> None:
        super().__init__()
        self.function = outer.function

    def begin(self, frame: Frame) -> None:
        return


def _meet(a: Range, b: Range) -> Range:
    low = max((a.low, a.low_open), (b.low, b.low_open))
    high = min((a.high, not a.high_open), (b.high, not b.high_open))
    return Range(low[0], high[0], low[1], not high[1], a.unit)


def _least(node: Node) -> float:
    """A name is at least 1; a size made of names, whatever it is at 1 if it only grows."""
    value = node.attr("value")
    if all(c > 0 for _, c in value.terms) and all(p > 0 for m, _ in value.terms for _, p in m):
        return float(value.evaluate(dict.fromkeys(value.symbols(), 1)))
    return -I.INF if any(c < 0 for _, c in value.terms) else 0.0


def _is_unit(node: Node) -> bool:
    """x / sqrt(sum[C](x * x) + eps): norm at most 1 along C, whatever x is."""
    x, root = node.args
    if root.op != "sqrt" or root.args[0].op != "add":
        return False
    total, eps = root.args[0].args
    if total.op != "sum" or (constant(eps) or -1.0) < 0:
        return False
    square = total.args[0]
    if square.op == "pow":
        return square.args[0] is x and constant(square.args[1]) == 2
    return square.op == "mul" and square.args == (x, x)


def ranges(function: Function) -> Frame:
    """A run with every node's range; inputs are any real numbers, or what a claim requires."""
    return run(function, Ranges(), [I.top()] * len(function.inputs))
