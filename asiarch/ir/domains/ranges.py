"""Ranges: an interval for every value, and unit vectors. Parameters are any real numbers.

What a definition claims of its inputs holds inside of it and is required at every call: `required`
lists what was found there. A callee is run once for every combination of input ranges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asiarch.ir import interval as I
from asiarch.ir.domains.facts import Facts, Step
from asiarch.ir.function import ClaimInfo, Function
from asiarch.ir.interpreter import Frame, run
from asiarch.ir.interval import Range
from asiarch.ir.node import Node
from asiarch.ir.primitive import lookup
from asiarch.ir.rules import constant, static
from asiarch.ir.size import Size

Place = tuple[Function, Node]
"""A call, and the function (or block of one) that holds it."""


@dataclass(frozen=True, slots=True)
class Required:
    """A claim of a callee's input, and the range that a call gives it. `path`: the calls that lead
    there, outermost first, the one in question last.
    """

    claim: ClaimInfo
    callee: Function
    path: tuple[Place, ...]
    found: Range

    @property
    def holds(self) -> bool:
        _, low, high, low_open, high_open = self.claim.data
        return self.found.inside(low, high, low_open, high_open)


class Ranges(Facts):
    """The range domain. `function` is the one that runs: its axes have sizes."""

    def __init__(self) -> None:
        self.function: Function | None = None
        self.frame: Frame | None = None
        self.path: list[Place] = []
        self.required: dict[tuple[Node, int], Required] = {}
        self.known: dict[tuple[int, tuple[Range, ...]], tuple[Function, list[Range]]] = {}

    def begin(self, frame: Frame) -> None:
        self.function, self.frame = frame.function, frame
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
            return I.closed(_least(node.attr("value"), self._axes()), I.INF)
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
                return I.plain(primitive.image(I, values[0], self._count(node.attr("over"))))
            case "move":
                return _moved(node, values)
            case "range":
                size = self._size(node.type.axes[0])
                return I.closed(0, I.INF if size is None else size - 1)
            case "gather":
                return values[0] if node.attr("axis") not in values[0].unit else I.plain(values[0])
            case "keep":
                return I.top() if primitive.image is None else I.plain(primitive.image(I, *values))
            case "pointwise" if self._is_mean(node):
                assert self.frame is not None
                return I.plain(self.frame.values[node.args[0].args[0]])
            case _:
                return _pointwise(node, values)

    def _is_mean(self, node: Node) -> bool:
        """sum[C](x) / the number of its entries, where x has a range."""
        if node.op != "div" or node.args[0].op != "sum" or self.function is None:
            return False
        x = node.args[0].args[0]
        known = self.frame is not None and x in self.frame.values
        return known and static(node.args[1]) == self.function.numel(node.args[0].attr("over"))

    def _contract(self, node: Node, x: Range, y: Range) -> Range:
        over = node.attr("over")
        square = node.args[0] is node.args[1]
        if x.unit and x.unit == y.unit and set(x.unit) == set(over):
            return I.closed(0 if square else -1, 1)
        product = I.power(x, I.point(2)) if square else I.mul(x, y)
        return I.scale(I.plain(product), self._count(over))

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

    def _axes(self) -> set[str]:
        """Names that are the size of a value's axis: there is no value unless they are >= 1."""
        if self.function is None:
            return set()
        leaves = [*self.function.inputs, *(p.leaf for p in self.function.params)]
        return {a for leaf in leaves for a in leaf.type.axes}

    # -- time ------------------------------------------------------------------------------------

    def delay(self, node: Node, x: Range) -> Range:
        return I.with_zero(x)

    def window(self, node: Node, x: Range) -> Range:
        return I.with_zero(x)

    def cumulative(self, node: Node, x: Range) -> Range:
        match node.attr("which"):
            case "sum":
                return I.running(x)
            case "max":
                return I.plain(x)
            case _:
                return Range(x.low, I.INF, x.low_open)

    def whole(self, node: Node, x: Range) -> Range:
        match node.attr("which"):
            case "softmax":
                return I.closed(0, 1)
            case "mean" | "max" | "min":
                return I.plain(x)
            case "sum":
                return I.running(x)
            case _:
                return I.top()

    def attend(self, node: Node, *values: Any) -> Range:
        """Weights of a softmax sum to at most 1, others to anything. An empty set is 0."""
        body: Function = node.attr("body")
        inner = _Body(self)
        frame = run(body, inner, list(values))
        score, value = (I.plain(frame.values[o]) for o in body.outputs[1:3])
        match node.attr("weight"):
            case "softmax" | "stickbreaking":
                return I.with_zero(value)
            case "sigmoid":
                weight = I.between(score, "sigmoid", 0, 1)
            case "relu2":
                weight = I.power(I.maximum(score, I.point(0)), I.point(2))
            case _:
                weight = score
        return I.with_zero(I.running(I.plain(I.mul(weight, value))))

    def draw(self, node: Node, *values: Any) -> Range:
        return I.top()

    # -- functions -------------------------------------------------------------------------------

    def results(self, function: Function, values: list[Any]) -> list[Range]:
        key = id(function), tuple(values)
        if key not in self.known:
            saved = self.function, self.frame
            frame = run(function, self, values)
            self.function, self.frame = saved
            self.known[key] = function, [frame.values[o] for o in function.outputs]
        return self.known[key][1]

    def call(self, node: Node, *values: Any) -> list[Range]:
        callee: Function = node.attr("function")
        assert self.function is not None
        self.path.append((self.function, node))
        for index, claim in enumerate(callee.claims):
            if claim.kind == "range" and claim.data[0].op == "input":
                self._require(node, callee, index, values)
        theirs: dict[str, str] = {}
        for leaf, arg in zip(callee.inputs, node.args, strict=False):
            theirs.update(zip(arg.type.axes, leaf.type.axes, strict=False))
        outputs = self.results(callee, [_renamed(v, theirs) for v in values])
        self.path.pop()
        out: list[Range] = []
        for output, kind, found in zip(callee.outputs, node.attr("results"), outputs, strict=True):
            out.append(_renamed(found, dict(zip(output.type.axes, kind.axes, strict=False))))
        return out

    def _require(self, node: Node, callee: Function, index: int, values: Sequence[Range]) -> None:
        claim = callee.claims[index]
        found = values[callee.inputs.index(claim.data[0])]
        known = self.required.get((node, index))
        if known is not None:
            found = I.join(known.found, found)
        self.required[node, index] = Required(claim, callee, tuple(self.path), found)

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


class _Body(Ranges):
    """Inside an attend body: reads at t and at j have the stream's range."""

    def __init__(self, outer: Ranges) -> None:
        super().__init__()
        self.function = outer.function

    def begin(self, frame: Frame) -> None:
        return


# -- rules that need the node ----------------------------------------------------------------------


def _pointwise(node: Node, values: Sequence[Range]) -> Range:
    image = lookup(node.op).image
    if image is None:
        return I.top()
    if node.op == "mul" and node.args[0] is node.args[1]:
        return I.power(values[0], I.point(2))
    unit = _unit(node)
    return Range(-1.0, 1.0, unit=unit) if unit else image(I, *values)


def _unit(node: Node) -> tuple[str, ...]:
    """The axes along which x / norm, or x * (1 / norm), is a unit vector."""
    if node.op == "div":
        return _norm(*node.args)
    if node.op != "mul":
        return ()
    for x, factor in (node.args, node.args[::-1]):
        if factor.op == "div" and constant(factor.args[0]) == 1:
            return _norm(x, factor.args[1])
    return ()


def _norm(x: Node, divisor: Node) -> tuple[str, ...]:
    """The axes over which `divisor` is at least x's norm: sqrt(sum[C](x * x) + eps) and kin."""
    root = _enlarged(divisor, ("add", "maximum"))
    if root.op != "sqrt":
        return ()
    square = _enlarged(root.args[0], ("add", "maximum"))
    if square.op == "contract" and square.args == (x, x):
        return square.attr("over")
    if square.op == "sum" and _is_square(square.args[0], x):
        return square.attr("over")
    return ()


def _enlarged(node: Node, ops: tuple[str, ...]) -> Node:
    """The term without numbers >= 0 that are added to it, or that it is raised to."""
    while node.op in ops:
        left, right = node.args
        if (constant(right) or -1.0) > 0:
            node = left
        elif (constant(left) or -1.0) > 0:
            node = right
        else:
            break
    return node


def _is_square(node: Node, x: Node) -> bool:
    if node.op == "pow":
        return node.args[0] is x and constant(node.args[1]) == 2
    return node.op == "mul" and node.args == (x, x)


def _moved(node: Node, values: Sequence[Range]) -> Range:
    out = values[0]
    for value in values[1:]:
        out = I.join(out, value)
    match node.op:
        case "order" | "expand" | "stack":
            return out
        case "rename":
            return _renamed(out, dict(zip(node.args[0].type.axes, node.type.axes, strict=True)))
        case "pick" if node.attr("axis") not in out.unit:
            return out
        case _:
            return I.plain(out)


def _renamed(found: Range, axes: Mapping[str, str]) -> Range:
    """The range under other names of axes; a unit fact about an axis without one is lost."""
    if not found.unit:
        return found
    if not all(a in axes for a in found.unit):
        return I.plain(found)
    return I.with_unit(found, tuple(axes[a] for a in found.unit))


def _freed(old: Range, new: Range) -> Range:
    low = -I.INF if new.low < old.low else new.low
    high = I.INF if new.high > old.high else new.high
    return Range(low, high, new.low_open, new.high_open, new.unit)


def _meet(a: Range, b: Range) -> Range:
    low = max((a.low, a.low_open), (b.low, b.low_open))
    high = min((a.high, not a.high_open), (b.high, not b.high_open))
    return Range(low[0], high[0], low[1], not high[1], a.unit)


def _least(value: Size, axes: set[str]) -> float:
    """Names are whole numbers: sizes of axes at least 1, others at least 0."""
    total = 0.0
    for monomial, coefficient in value.terms:
        if any(not name.isidentifier() for name, _ in monomial):
            return -I.INF
        if coefficient < 0:
            if any(p > 0 for _, p in monomial):
                return -I.INF
            total += float(coefficient)
        elif all(p > 0 and name in axes for name, p in monomial):
            total += float(coefficient)
    return total


def ranges(function: Function) -> Frame:
    """A run with every node's range; inputs are any real numbers, or what a claim requires."""
    return run(function, Ranges(), [I.top()] * len(function.inputs))
